//! Requests that are relayed.

use super::{Case, Expect, OTHER_RELAY, discover, from_client, message, patched, relayed};
use crate::generate::spec::Checksum;
use crate::lab::build::{BOOTREQUEST, Bootp};
use crate::oracle::world::World;

const HOPS: usize = 3;
const SECS: usize = 8;
const GIADDR: usize = 24;
const DISCOVER: &[u8] = &[53, 1, 1, 255];

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let plain = || discover(DISCOVER);
    let hops = |hops: u8| patched(plain(), HOPS, &[hops]);
    let chained = |options: &[u8]| patched(patched(discover(options), GIADDR, &OTHER_RELAY), HOPS, &[3]);
    let ok = |name, message| relayed(world, name, 1, message);
    let many = |count| [vec![53, 1, 1], [224, 1, 0].repeat(count), vec![255]].concat();
    let bare = |options: &[u8]| message(&Bootp::new(BOOTREQUEST, None, super::CLIENT), options, 0);
    vec![
        ok("a DISCOVER gets hops + 1 and our giaddr", plain()),
        ok("plain BOOTP without a vendor area is relayed", plain()[..236].to_vec()),
        ok("plain BOOTP with an empty vendor area is relayed", patched(plain(), 236, &[0; 8])),
        ok("a cookie without options is not needed to relay", bare(&[])),
        ok("a message type that no RFC knows is relayed", discover(&[53, 1, 99, 255])),
        ok("hops 15 is below a limit of 16", hops(15)),
        relayed(world, "hops 3 is below a limit of 4", 2, hops(3)),
        relayed(world, "hops 0 is below a limit of 1", 4, hops(0)),
        ok("a foreign giaddr is kept, only hops changes", chained(DISCOVER)),
        ok(
            "a foreign giaddr vouches for the option 82 of its relay",
            chained(&[53, 1, 1, 82, 4, 1, 2, 7, 7, 255]),
        ),
        ok("a relay's unicast to our address is relayed", chained(DISCOVER)).with(|spec| {
            spec.destination = [192, 168, 60, 2];
            spec.destination_mac = crate::oracle::world::mac(crate::oracle::world::C0);
            (spec.source, spec.source_port) = (OTHER_RELAY, 67);
        }),
        ok("a request from port 67 is a request", plain()).with(|spec| spec.source_port = 67),
        ok("a broadcast to our own Ethernet address is taken", plain())
            .with(|spec| spec.destination_mac = crate::oracle::world::mac(crate::oracle::world::C0)),
        relayed(
            world,
            "a trusted interface may bring option 82 itself, and gets no second one",
            13,
            discover(&[53, 1, 1, 82, 3, 1, 1, 7, 255]),
        ),
        ok("a TTL of 1 does not matter, the datagram is new", plain()).with(|spec| spec.ttl = 1),
        ok("don't fragment, type of service and identification are not taken over", plain())
            .with(|spec| (spec.fragment, spec.tos, spec.identification) = (0x4000, 0xfe, 777)),
        ok("no END is accepted when the last option ends with the message", bare(&[53, 1, 1, 61, 2, 9, 9])),
        ok("no END and only padding behind the last option is accepted", discover(&[53, 1, 1, 61, 2, 9, 9])),
        ok("padding between options is walked over", discover(&[0, 0, 53, 1, 1, 0, 61, 2, 9, 9, 0, 0, 255])),
        ok("END as the very last octet is found", bare(DISCOVER)),
        ok("an option may end with the message exactly", bare(&[53, 1, 1, 60, 1, 9])),
        ok("what stands behind END is kept and not read", discover(&[53, 1, 1, 255, 82, 200, 1, 53, 9])),
        ok("0xff filler behind END is kept", [discover(DISCOVER), vec![0xff; 40]].concat()),
        ok("option 53 need not come first", discover(&[61, 2, 9, 9, 53, 1, 3, 255])),
        ok("70 options are walked", discover(&many(70))),
        ok("120 options are relayed by the slow path", discover(&many(120))).slow("many_options"),
        ok("hlen 16 is allowed", patched(plain(), 2, &[16])),
        ok("hlen 0 and another htype are relayed", patched(plain(), 1, &[32, 0])),
        ok("file and sname are not touched", patched(plain(), 44, &[0xaa; 192])),
        ok("an odd length sums right", [plain(), vec![7]].concat()),
        ok("1472 octets fit the MTU of every server", [plain(), vec![3; 1172]].concat()),
        ok(
            "1473 octets do not, and the kernel fragments them for the daemon",
            [plain(), vec![3; 1173]].concat(),
        )
        .slow("egress_mtu"),
        ok(
            "a frame the fast path cannot read is relayed by the slow path",
            [plain(), vec![3; 1800]].concat(),
        )
        .slow("too_long"),
        ok("octets behind the datagram do not leave the relay", plain())
            .with(|spec| (spec.slack, spec.padding) = (vec![0xdd; 7], vec![0xcc; 18])),
        ok("a checksum left to the network card is completed", plain())
            .with(|spec| spec.checksum = Checksum::Partial),
        zero_checksum(world),
        relayed(world, "udp_checksum = always computes the one that is missing", 2, plain())
            .with(|spec| spec.checksum = Checksum::Zero),
        relayed(world, "one tag is taken off and its interface found by it", 2, plain()),
        relayed(world, "two tags are taken off and their interface found by them", 3, plain()),
        relayed(world, "the priority in a tag does not matter", 2, plain())
            .with(|spec| spec.tags[0].1 |= 0xf000),
        ok("VLAN 0 is a priority, not a VLAN", plain()).with(|spec| spec.tags = vec![(0x8100, 0x6000)]),
        case_unresolved(world),
        sums_to_zero(world, "a copy's checksum that comes out as zero is sent as all ones", [0; 4]),
        sums_to_zero(
            world,
            "a checksum that is zero before a server's address is added is still one",
            world.groups[0].servers[0].address,
        ),
    ]
}

/// A request with such `secs` that the sum over the copy for the first server, less `without`, is all ones.
fn sums_to_zero(world: &World, name: &'static str, without: [u8; 4]) -> Case {
    let Expect::Server(copy) = relayed(world, name, 1, discover(DISCOVER)).expect else {
        unreachable!("a request is relayed to servers")
    };
    // The checksum is what the sum lacks of all ones; it goes into `secs`, which was zero.
    let half = |octets: &[u8]| u32::from(octets[0]) << 8 | u32::from(octets[1]);
    let lacking = half(&copy[40..42]) + half(&without[..2]) + half(&without[2..]);
    let secs = (lacking & 0xffff) + (lacking >> 16);
    relayed(world, name, 1, patched(discover(DISCOVER), SECS, &(secs as u16).to_be_bytes()))
}

fn zero_checksum(world: &World) -> Case {
    let mut case = relayed(world, "a checksum of zero stays zero", 1, discover(DISCOVER))
        .with(|spec| spec.checksum = Checksum::Zero);
    if let Expect::Server(frame) = &mut case.expect {
        frame[40..42].fill(0);
    }
    case
}

fn case_unresolved(world: &World) -> Case {
    let spec = from_client(world, 5, discover(DISCOVER));
    Case { spec, ..relayed(world, "without any resolved server the slow path relays", 5, discover(DISCOVER)) }
        .slow("no_next_hop")
}
