//! Replies: option 82 is taken out wherever it stands, the rest is kept, in order, and padded to 300.

use super::{CLIENT, Case, LEASED, OTHER_RELAY, delivered, offer};
use crate::generate::spec::Checksum;
use crate::oracle::world::{C1, S1, World, mac};

const AGENT: &[u8] = &[82, 6, 1, 4, b'e', b't', b'h', b'0'];
const HOST: &[u8] = &[12, 3, b'f', b'o', b'o'];

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let to = |name, number, padded, given: &[&[u8]], left: &[&[u8]]| {
        let given = offer(world, number, &given.concat(), padded);
        delivered(world, name, number, given, offer(world, number, &left.concat(), 300), (CLIENT, LEASED))
    };
    let short = |name, given, left| to(name, 1, 0, given, left);
    let vendor = [&[60, 55][..], &[b'v'; 55]].concat();
    let long = [&[43, 200][..], &[9; 200]].concat();
    let end: &[u8] = &[255];
    let mut cases = vec![
        short("an OFFER goes to chaddr and yiaddr without ARP", &[HOST, end], &[HOST, end]),
        short("option 82 in front of the others is taken out", &[AGENT, HOST, end], &[HOST, end]),
        short(
            "option 82 between the others is taken out",
            &[HOST, AGENT, &vendor, end],
            &[HOST, &vendor, end],
        ),
        short("option 82 in last place is taken out", &[HOST, AGENT, end], &[HOST, end]),
        short(
            "option 82 before an option 60 of 55 octets loses none of it",
            &[AGENT, &vendor, end],
            &[&vendor, end],
        ),
        short("option 82 without END behind it is taken out", &[HOST, AGENT], &[HOST]),
        short("an empty option 82 is taken out", &[HOST, &[82, 0], end], &[HOST, end]),
        short(
            "padding around option 82 stays where it is",
            &[&[0], AGENT, &[0, 0], HOST, end],
            &[&[0, 0, 0], HOST, end],
        ),
        short("option 82 twice is taken out twice", &[AGENT, HOST, AGENT, end], &[HOST, end])
            .slow("many_options"),
        short("option 82 split over two instances side by side is taken out", &[AGENT, AGENT, end], &[end])
            .slow("many_options"),
        short("option 82 behind END is not an option", &[HOST, end, AGENT], &[HOST, end, AGENT]),
        to(
            "a message of 300 shrinks and is padded with zeros again",
            1,
            300,
            &[AGENT, HOST, end],
            &[HOST, end],
        ),
        short("a message that stays above 300 is not padded", &[AGENT, &long, end], &[&long, end]),
        to("a reply on VLAN 100 is tagged again", 2, 300, &[HOST, AGENT, end], &[HOST, end]),
        to(
            "a reply to a doubly tagged client is tagged twice, from the servers' VRF",
            3,
            300,
            &[AGENT, end],
            &[end],
        ),
        to(
            "a port that cannot take redirected frames gets its replies by the slow path",
            4,
            300,
            &[end],
            &[end],
        )
        .slow("no_redirect"),
        short("any of the server ports will do, also one with clients behind it", &[HOST, end], &[HOST, end])
            .with(|spec| (spec.device, spec.destination_mac) = (C1, mac(C1))),
        short("any server of the VRF may answer", &[HOST, end], &[HOST, end])
            .with(|spec| (spec.device, spec.source, spec.destination_mac) = (S1, [10, 0, 43, 10], mac(S1))),
        short("a reply without a checksum gets one", &[HOST, AGENT, end], &[HOST, end])
            .with(|spec| spec.checksum = Checksum::Zero),
        short("a reply whose checksum was left to the card is completed", &[HOST, end], &[HOST, end])
            .with(|spec| spec.checksum = Checksum::Partial),
        short(
            "Ethernet padding of a short reply does not get into the message",
            &[HOST, AGENT, end],
            &[HOST, end],
        )
        .with(|spec| spec.padding = vec![0xcc; 18]),
        short(
            "octets between the UDP and the IP length do not get into the message",
            &[AGENT, HOST, end],
            &[HOST, end],
        )
        .with(|spec| spec.slack = vec![0xdd; 60]),
    ];
    for hops in [0, 1, 16, 255] {
        let hopped = |options: &[u8]| super::patched(offer(world, 1, options, 300), 3, &[hops]);
        let expected = hopped(&[255]);
        cases.push(delivered(
            world,
            "hops of a reply mean nothing and are kept",
            1,
            hopped(&[255]),
            expected,
            (CLIENT, LEASED),
        ));
    }
    // An interface whose client-side MTU is 576.
    let large = |len: usize| [&[43, 255][..], &[9; 255], &vec![0; len - 244 - 257]].concat();
    cases.extend([
        to("548 octets fit a client MTU of 576", 7, 0, &[&large(548), end], &[&large(548), end]),
        to(
            "549 octets do not, and the kernel fragments them for the daemon",
            7,
            0,
            &[&large(549), end],
            &[&large(549), end],
        )
        .slow("egress_mtu"),
        to(
            "what fits once option 82 is out is relayed",
            7,
            0,
            &[AGENT, &large(548), end],
            &[&large(548), end],
        ),
    ]);
    cases.push(super::case(
        "a giaddr that stands for two interfaces is ambiguous",
        super::from_server(world, 6, super::patched(offer(world, 6, &[255], 300), 4, &[0xbe, 0xef])),
        super::Expect::Dropped("ambiguous_giaddr"),
    ));
    cases.push(super::case(
        "a reply to another relay of a chain is transit",
        super::from_server(world, 1, super::patched(offer(world, 1, &[255], 300), 24, &OTHER_RELAY)),
        super::Expect::Passed("transit"),
    ));
    let last = cases.len() - 1;
    cases[last].spec.destination = OTHER_RELAY;
    for (kind, name) in [
        (11, "DHCPLEASEUNASSIGNED is for the relay, not for a client"),
        (12, "DHCPLEASEUNKNOWN is for the relay, not for a client"),
        (13, "DHCPLEASEACTIVE is for the relay, not for a client"),
    ] {
        for options in
            [&[53, 1, kind, 255][..], &[53, 1, kind, 82, 2, 9, 0, 255], &[53, 1, kind, 52, 1, 3, 255]]
        {
            let mut message = offer(world, 1, &[], 0);
            message.truncate(240);
            message.extend(options);
            cases.push(super::case(
                name,
                super::from_server(world, 1, message),
                super::Expect::Passed("lease_answer"),
            ));
        }
    }
    cases.extend([10u8, 14].map(|kind| {
        let mut given = offer(world, 1, &[], 0);
        given.truncate(240);
        given.extend([53, 1, kind, 255]);
        let mut expected = given.clone();
        expected.resize(300, 0);
        delivered(
            world,
            "a reply of a type next to those of leasequery is a client's",
            1,
            given,
            expected,
            (CLIENT, LEASED),
        )
    }));
    cases
}
