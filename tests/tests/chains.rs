//! What comes from another relay, what is refused, and what is none of the relay's business, in every mode: on the wire
//! on both sides of the relay, and in its counters.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "chains/lower_relay.rs"]
mod lower_relay;
#[path = "chains/refused.rs"]
mod refused;
#[path = "chains/untouched.rs"]
mod untouched;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use relay_tests::lab::frame::Packet;
use relay_tests::subject::Mode;
use relay_user::control::model::{Count, Stats};

const DEADLINE: Duration = Duration::from_secs(20);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
/// A relay below ours: its address on our client's subnet, and on its own client subnet.
const LOWER: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 5);
const LOWER_GIADDR: Ipv4Addr = Ipv4Addr::new(192, 168, 70, 1);

fn has(packet: &Packet, xid: u32) -> bool {
    packet.bootp().is_ok_and(|bootp| bootp.xid() == xid)
}

/// How often each reason was counted, for an interface or for none, by the path that decides in this mode.
fn reasons(stats: &Stats, mode: Mode) -> BTreeMap<(u32, String), u64> {
    let of_interfaces = stats.interfaces.iter().map(|interface| (interface.index, &interface.reasons));
    let all = of_interfaces.chain([(0, &stats.unattributed)]);
    let counts =
        all.flat_map(|(index, reasons)| reasons.iter().map(move |(name, count)| (index, name, count)));
    let decided = counts.filter(|(.., count)| !count.is_zero()).map(|(index, name, count)| {
        let Count { fast, slow } = *count;
        let (right, wrong) = if mode.is_fast() { (fast, slow) } else { (slow, fast) };
        assert_eq!(wrong, 0, "{mode:?}: {name} was decided by the other path: {stats:?}");
        ((index, name.clone()), right)
    });
    decided.collect()
}
