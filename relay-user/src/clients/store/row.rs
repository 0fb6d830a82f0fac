//! One row: a lease under the name of its interface, with its end by two clocks.
//!
//! Within one boot, which the kernel's boot identifier names, the boot clock counts: a jump of wall time changes nothing.
//! After a reboot only wall time tells how much of a lease is left; it is never taken to be more than the lease
//! was when it was acknowledged, so that a machine that wakes up in 1970 does not keep leases for decades.
//! Interfaces have names in the file because their indexes are those of one configuration. Integers are little-endian.

use std::{
    fs, io,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::clients::{
    BootTime,
    client::{Hardware, Lease},
    key::{IDENTITY_LEN, Identity, Key},
    table::Row,
};

/// What the clocks show at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The boot clock.
    pub boot: BootTime,
    /// Since 1970-01-01 UTC.
    pub wall: Duration,
    /// Which boot it is.
    pub boot_id: [u8; 16],
}

impl Clocks {
    /// What they show now.
    ///
    /// # Errors
    /// `/proc/sys/kernel/random/boot_id` cannot be read, or there is no boot clock.
    pub fn now() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let boot_id = u128::from_str_radix(&digits, 16).map_err(io::Error::other)?.to_be_bytes();
        Ok(Self { boot: BootTime::now()?, wall: wall(), boot_id })
    }

    /// The same boot, now.
    ///
    /// # Errors
    /// There is no boot clock.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self { boot: BootTime::now()?, wall: wall(), boot_id: self.boot_id })
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A row as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Name of the interface; rows of one share it.
    pub interface: Arc<str>,
    /// The lease by the present boot clock. The index of the interface is 0: whoever reads knows the present one.
    pub row: Row,
}

/// Octets of a value of the present schema.
const VALUE_LEN: usize = 8 + 8 + 8 + 16 + 3 * 4 + 3 * 4 + 2 * 17 + 1;

/// The key in the file.
pub(super) fn key(interface: &str, key: &Key) -> Vec<u8> {
    let mut octets = Vec::with_capacity(2 + interface.len() + 4 + IDENTITY_LEN);
    octets.extend_from_slice(&(interface.len() as u16).to_le_bytes());
    octets.extend_from_slice(interface.as_bytes());
    octets.extend_from_slice(&key.vrf.to_le_bytes());
    octets.extend_from_slice(&key.identity.to_octets());
    octets
}

/// What [`key`] was made of; `None` for what it cannot have made.
fn parse_key(octets: &[u8]) -> Option<(&str, Key)> {
    let (len, rest) = octets.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(u16::from_le_bytes(*len).into())?;
    let (vrf, rest) = rest.split_first_chunk::<4>()?;
    let identity = Identity::from_octets(rest.try_into().ok()?);
    let name = std::str::from_utf8(name).ok()?;
    Some((name, Key { interface: 0, vrf: u32::from_le_bytes(*vrf), identity }))
}

/// The value in the file.
pub(super) fn value(row: &Row, clocks: &Clocks) -> Vec<u8> {
    let Row { key: _, hardware, on_link, lease } = row;
    let left = lease.expires.since(clocks.boot);
    let (wall, boot) = match lease.expires {
        BootTime::NEVER => (u64::MAX, u64::MAX),
        expires => ((clocks.wall + left).as_millis() as u64, expires.nanos()),
    };
    let mut octets = Vec::with_capacity(VALUE_LEN);
    octets.extend_from_slice(&wall.to_le_bytes());
    octets.extend_from_slice(&boot.to_le_bytes());
    octets.extend_from_slice(&lease.since.nanos().to_le_bytes());
    octets.extend_from_slice(&clocks.boot_id);
    for address in [lease.address, lease.server, lease.server_id] {
        octets.extend_from_slice(&address.octets());
    }
    for seconds in [lease.seconds, lease.t1, lease.t2] {
        octets.extend_from_slice(&seconds.to_le_bytes());
    }
    for Hardware { len, octets: address } in [hardware, &lease.hardware] {
        octets.push(*len);
        octets.extend_from_slice(address);
    }
    octets.push(u8::from(*on_link));
    octets
}

/// The row of a key and a value; `None` when they are not a row, or its lease is over. `last` is the name of the row
/// before, which most rows share.
pub(super) fn parse(key: &[u8], value: &[u8], clocks: &Clocks, last: &mut Arc<str>) -> Option<Stored> {
    let (interface, key) = parse_key(key)?;
    let mut reader = Reader(value);
    let (wall, boot, since) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let boot_id = reader.take::<16>()?;
    let [address, server, server_id] =
        [reader.take::<4>()?, reader.take()?, reader.take()?].map(Ipv4Addr::from);
    let (seconds, t1, t2) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let hardware = reader.hardware()?;
    let leased_to = reader.hardware()?;
    let [on_link] = reader.take()?;
    if !reader.0.is_empty() {
        return None;
    }
    let same_boot = boot_id == clocks.boot_id;
    let expires = if wall == u64::MAX {
        BootTime::NEVER
    } else if same_boot {
        BootTime::from_nanos(boot)
    } else {
        let left = Duration::from_millis(wall).saturating_sub(clocks.wall);
        clocks.boot.after(left.min(Duration::from_secs(seconds.into())))
    };
    // After a reboot the ACK is from before the boot clock began.
    let since = if same_boot { BootTime::from_nanos(since) } else { BootTime::default() };
    let lease = Lease { address, hardware: leased_to, server, server_id, seconds, t1, t2, since, expires };
    if expires <= clocks.boot {
        return None;
    }
    if **last != *interface {
        *last = interface.into();
    }
    Some(Stored { interface: last.clone(), row: Row { key, hardware, on_link: on_link != 0, lease } })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn hardware(&mut self) -> Option<Hardware> {
        let [len] = self.take()?;
        Some(Hardware { len, octets: self.take()? })
    }
}
