//! Whether a giaddr is one of this machine's own: a request that comes in with it went round in a loop, or is forged.

use crate::Env;
use crate::abi::{AddressKey, flag};

/// Whether an address belongs to this machine, in the clients' VRF or in that of a server of an interface.
#[inline(always)]
pub fn is_ours<E: Env + ?Sized>(env: &E, vrf: u32, interface: u32, address: [u8; 4]) -> bool {
    let Some(interface) = env.interface(interface) else { return false };
    let local = |vrf| env.address(AddressKey { vrf, address }).is_some_and(|found| found.local != 0);
    address == interface.giaddr
        || local(vrf)
        || local(interface.server_vrf)
        || interface.flags & flag::SEVERAL_VRFS != 0 && env.is_local_to_servers(interface.group, address)
}
