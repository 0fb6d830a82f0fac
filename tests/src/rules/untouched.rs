//! Frames that are somebody else's business, or the kernel's: not a byte of them may change.

use super::{Case, Expect, case, discover, from_client, from_server, offer};
use crate::generate::Spec;
use crate::generate::spec::Checksum;
use crate::oracle::world::{S0, World};

const DISCOVER: &[u8] = &[53, 1, 1, 255];

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let request = |name, change: &dyn Fn(&mut Spec), expect| {
        let mut spec = from_client(world, 1, discover(DISCOVER));
        change(&mut spec);
        case(name, spec, expect)
    };
    let transit = |name, destination: [u8; 4]| {
        request(
            name,
            &move |spec| {
                (spec.source, spec.destination) = ([192, 168, 60, 100], destination);
                spec.destination_mac = crate::oracle::world::mac(spec.device);
            },
            Expect::Passed("transit"),
        )
    };
    vec![
        transit("a renewal on its way to the server is transit", [10, 0, 41, 10]),
        transit("an address of ours in another VRF is not ours here", [10, 9, 0, 2]),
        transit("a subnet's broadcast is not the relay's", [192, 168, 60, 255]),
        case(
            "an ACK on its way to a client that renews is transit",
            {
                let mut spec = from_server(world, 1, offer(world, 1, &[255], 300));
                (spec.destination, spec.destination_port) = ([192, 168, 60, 100], 68);
                spec
            },
            Expect::Ignored("client_port"),
        ),
        request(
            "a VLAN that no interface names",
            &|spec| spec.tags = vec![(0x8100, 101)],
            Expect::Passed("no_interface"),
        ),
        request(
            "an inner VLAN that no interface names",
            &|spec| spec.tags = vec![(0x88a8, 200), (0x8100, 31)],
            Expect::Passed("no_interface"),
        ),
        request(
            "a request on a port with servers only",
            &|spec| spec.device = S0,
            Expect::Passed("no_interface"),
        ),
        request(
            "a broadcast to somebody else's Ethernet address",
            &|spec| spec.destination_mac = [2, 9, 9, 9, 9, 9],
            Expect::Passed("other_host"),
        ),
        request(
            "a unicast to our IP address and somebody else's Ethernet address",
            &|spec| (spec.destination, spec.destination_mac) = ([192, 168, 60, 2], [2, 9, 9, 9, 9, 9]),
            Expect::Passed("other_host"),
        ),
        request(
            "a renewal that a bridge forwards to somebody else",
            &|spec| (spec.destination, spec.destination_mac) = ([10, 0, 41, 10], [2, 9, 9, 9, 9, 9]),
            Expect::Passed("other_host"),
        ),
        request(
            "a broken request on a port with servers only is none of our business",
            &|spec| (spec.device, spec.checksum) = (S0, Checksum::Off(1)),
            Expect::Passed("no_interface"),
        ),
        request(
            "a request with IP options on such a port",
            &|spec| (spec.device, spec.ip_options) = (S0, vec![1; 4]),
            Expect::Passed("no_interface"),
        ),
        request(
            "a first fragment of a request on such a port",
            &|spec| (spec.device, spec.fragment) = (S0, 0x2000),
            Expect::Passed("no_interface"),
        ),
        request(
            "an empty datagram on such a port",
            &|spec| (spec.device, spec.message) = (S0, vec![]),
            Expect::Passed("no_interface"),
        ),
        request(
            "an op of 3 on such a port",
            &|spec| {
                spec.device = S0;
                spec.message[0] = 3;
            },
            Expect::Passed("no_interface"),
        ),
        request(
            "three tags are more than a relay reads",
            &|spec| spec.tags = vec![(0x8100, 1); 3],
            Expect::Ignored("not_ipv4"),
        ),
        request("an unknown tag", &|spec| spec.tags = vec![(0x9100, 1)], Expect::Ignored("not_ipv4")),
        request("ARP", &|spec| spec.ethertype = 0x0806, Expect::Ignored("not_ipv4")),
        request("IPv6", &|spec| spec.ethertype = 0x86dd, Expect::Ignored("not_ipv4")),
        request(
            "version 6 under the EtherType of IPv4",
            &|spec| spec.version_ihl = 0x65,
            Expect::Ignored("not_ipv4"),
        ),
        request("a header length below 20", &|spec| spec.version_ihl = 0x44, Expect::Ignored("not_ipv4")),
        request("TCP to port 67", &|spec| spec.protocol = 6, Expect::Ignored("not_udp")),
        request("a later fragment has no ports", &|spec| spec.fragment = 0x2001, Expect::Ignored("not_udp")),
        request("the last fragment has no ports", &|spec| spec.fragment = 0x00b9, Expect::Ignored("not_udp")),
        request("DNS", &|spec| spec.destination_port = 53, Expect::Ignored("not_dhcp")),
        request("port 68", &|spec| spec.destination_port = 68, Expect::Ignored("client_port")),
        request(
            "a first fragment waits for the others",
            &|spec| spec.fragment = 0x2000,
            Expect::SlowPath("fragment"),
        ),
        // The daemon has taken the options out by the time it asks; what still has some has a damaged header.
        request(
            "IP options go to the slow path",
            &|spec| spec.ip_options = vec![0x94, 4, 0, 0],
            Expect::Dropped("ip_checksum"),
        )
        .slow("ip_options"),
        request(
            "40 octets of IP options go there too",
            &|spec| spec.ip_options = vec![1; 40],
            Expect::Dropped("ip_checksum"),
        )
        .slow("ip_options"),
    ]
}
