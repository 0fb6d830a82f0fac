//! The map `leases`: who is bound to which address, for other BPF programs as well as for our own.
//!
//! The key is what a program has in its hands that forwards a packet to or from a client: the routing table of the VRF and the
//! IPv4 address. The client table of the daemon writes it, a batch at a time.

use bytemuck::{Pod, Zeroable};

use super::HolderKey;

/// Key of `leases`: a client's address within its VRF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct LeaseKey {
    /// Routing table of the client's VRF, 0 for the main table.
    pub vrf: u32,
    /// The address.
    pub address: [u8; 4],
}

/// Value of `leases`: what is known of the client that holds the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Lease {
    /// When it ends, in nanoseconds of `CLOCK_BOOTTIME` (`bpf_ktime_get_boot_ns`); all ones: never.
    pub expires: u64,
    /// Lease time of the last ACK, seconds; all ones: without end (RFC 2131 section 3.3).
    pub seconds: u32,
    /// Index of the client-facing interface, in `interfaces`.
    pub interface: u32,
    /// Where the last ACK came from.
    pub server: [u8; 4],
    /// The client's hardware address, zeros behind `hlen`.
    pub chaddr: [u8; 16],
    /// Octets of `chaddr` that count.
    pub hlen: u8,
    /// One of [`lease_state`].
    pub state: u8,
    /// Always 0.
    pub zero: u16,
}

/// Values of [`Lease::state`].
pub mod lease_state {
    /// The client holds the lease.
    pub const BOUND: u8 = 1;
    /// It holds it, and has asked its server to extend it.
    pub const RENEWING: u8 = 2;
    /// It holds it, and has asked all servers to extend it.
    pub const REBINDING: u8 = 3;
}

impl Lease {
    /// The server of this client's lease, if it has not been asked yet to extend it: from now on it has been.
    #[inline(always)]
    pub fn renew(&mut self, key: &HolderKey) -> Option<[u8; 4]> {
        let renews = self.is_of(key) && self.state == lease_state::BOUND;
        if renews {
            self.state = lease_state::RENEWING;
        }
        renews.then_some(self.server)
    }

    /// Whether it is the lease of this client; only clients with an Ethernet address are asked about.
    #[inline(always)]
    pub fn is_of(&self, key: &HolderKey) -> bool {
        let [a, b, c, d, e, f, ..] = self.chaddr;
        self.interface == key.interface && self.hlen == 6 && key.chaddr == [a, b, c, d, e, f]
    }
}
