//! Frames that are dropped, each under its own reason.

use super::{Case, Expect, case, discover, from_client, from_server, offer, patched};
use crate::generate::Spec;
use crate::generate::spec::Checksum;
use crate::oracle::world::World;

const GIADDR: usize = 24;
const DISCOVER: &[u8] = &[53, 1, 1, 255];

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = requests(world);
    cases.extend(replies(world));
    cases.extend(damaged(world));
    cases
}

fn requests(world: &World) -> Vec<Case> {
    let on = |name, number, message, reason| {
        case(name, from_client(world, number, message), Expect::Dropped(reason))
    };
    let hops = |hops: u8| patched(discover(DISCOVER), 3, &[hops]);
    let giaddr = |giaddr: [u8; 4]| patched(discover(DISCOVER), GIADDR, &giaddr);
    let fixed = |at, octet: u8| patched(discover(DISCOVER), at, &[octet]);
    let options = |name, options: &[u8]| on(name, 1, discover(options), "malformed_options");
    let bare = |name, options: &[u8]| {
        let mut message = discover(options);
        message.truncate(240 + options.len());
        on(name, 1, message, "malformed_options")
    };
    vec![
        on("hops 16 is the limit of 16", 1, hops(16), "hop_limit"),
        on("hops 17 is above it", 1, hops(17), "hop_limit"),
        on("hops 255 does not wrap", 1, hops(255), "hop_limit"),
        on("hops 4 is the limit of 4", 2, hops(4), "hop_limit"),
        on("hops 5 is above it", 2, hops(5), "hop_limit"),
        on("hops 1 is the limit of 1", 4, hops(1), "hop_limit"),
        on("our own giaddr from outside is a loop", 1, giaddr([192, 168, 60, 2]), "own_giaddr"),
        on("any address of ours as giaddr is a forgery", 1, giaddr([10, 0, 41, 2]), "own_giaddr"),
        on("another interface's giaddr is a forgery", 1, giaddr([192, 168, 70, 2]), "own_giaddr"),
        on("a shared loopback giaddr is a forgery", 1, giaddr([10, 255, 0, 5]), "own_giaddr"),
        on("any address of ours in the servers' VRF is a forgery", 8, giaddr([10, 255, 0, 3]), "own_giaddr"),
        on("so is our own loopback giaddr", 8, giaddr([10, 255, 0, 8]), "own_giaddr"),
        on("so is the one the servers are reached from", 3, giaddr([10, 9, 0, 2]), "own_giaddr"),
        on("our giaddr in the servers' VRF is a forgery", 3, giaddr([10, 255, 0, 3]), "own_giaddr"),
        on(
            "option 82 from an untrusted client",
            1,
            discover(&[53, 1, 1, 82, 2, 1, 0, 255]),
            "untrusted_option82",
        ),
        on(
            "an empty option 82 from an untrusted client",
            1,
            discover(&[82, 0, 53, 1, 1, 255]),
            "untrusted_option82",
        ),
        on("op 3 is neither request nor reply", 1, fixed(0, 3), "bad_op"),
        on("op 0 is neither", 1, fixed(0, 0), "bad_op"),
        on("hlen 17 is longer than chaddr", 1, fixed(2, 17), "bad_hlen"),
        on("hlen 255 is longer than chaddr", 1, fixed(2, 255), "bad_hlen"),
        on("a BOOTREPLY from a client", 1, offer(world, 1, &[255], 300), "reply_from_client_port"),
        bare("an option that lacks its length", &[53, 1, 1, 60]),
        bare("an option that runs one octet past the end", &[53, 1, 1, 60, 4, 1, 2, 3]),
        bare("an option that runs far past the end", &[53, 1, 1, 60, 255, 1, 2, 3]),
        options("option 53 of two octets", &[53, 2, 1, 1, 255]),
        options("option 53 of none", &[53, 0, 255]),
        on("a message of 235 octets", 1, discover(DISCOVER)[..235].to_vec(), "truncated"),
        on("no message at all", 1, vec![], "truncated"),
    ]
}

fn replies(world: &World) -> Vec<Case> {
    let drop = |name, change: &dyn Fn(&mut Spec), reason| {
        let mut spec = from_server(world, 1, offer(world, 1, &[255], 300));
        change(&mut spec);
        case(name, spec, Expect::Dropped(reason))
    };
    let giaddr = |spec: &mut Spec, giaddr: [u8; 4]| spec.message[GIADDR..GIADDR + 4].copy_from_slice(&giaddr);
    vec![
        drop(
            "a reply from an address that is no server's",
            &|spec| spec.source = [10, 0, 41, 99],
            "unknown_server",
        ),
        drop("a reply from a server of another VRF", &|spec| spec.source = [10, 9, 0, 10], "unknown_server"),
        drop("a reply whose giaddr is zero", &|spec| giaddr(spec, [0; 4]), "wrong_giaddr"),
        drop(
            "a reply whose giaddr is not where it was sent",
            &|spec| giaddr(spec, [192, 168, 70, 2]),
            "wrong_giaddr",
        ),
        drop(
            "a reply to an address of ours that is nobody's giaddr",
            &|spec| {
                giaddr(spec, [10, 0, 41, 2]);
                spec.destination = [10, 0, 41, 2];
            },
            "wrong_giaddr",
        ),
        drop("a broadcast reply", &|spec| spec.destination = [255; 4], "wrong_giaddr"),
        drop(
            "a broadcast reply with a giaddr to match",
            &|spec| {
                giaddr(spec, [255; 4]);
                spec.destination = [255; 4];
            },
            "wrong_giaddr",
        ),
        drop("a reply with malformed options", &|spec| spec.message[241] = 200, "malformed_options"),
        drop("a reply with a bad hlen", &|spec| spec.message[2] = 17, "bad_hlen"),
    ]
}

fn damaged(world: &World) -> Vec<Case> {
    let drop = |name, change: &dyn Fn(&mut Spec), reason| {
        let mut spec = from_client(world, 1, discover(DISCOVER));
        change(&mut spec);
        case(name, spec, Expect::Dropped(reason))
    };
    vec![
        drop("a wrong IP header checksum", &|spec| spec.ip_checksum_off = 1, "ip_checksum"),
        drop("a wrong UDP checksum", &|spec| spec.checksum = Checksum::Off(1), "udp_checksum"),
        drop(
            "a wrong UDP checksum in a tagged frame",
            &|spec| {
                spec.tags = vec![(0x8100, 100)];
                spec.checksum = Checksum::Off(0x100);
            },
            "udp_checksum",
        ),
        drop("an IP length beyond the frame", &|spec| spec.total_off = 1, "ip_length"),
        drop("an IP length without room for UDP", &|spec| spec.total_off = -301, "ip_length"),
        drop("a UDP length beyond the IP length", &|spec| spec.udp_off = 1, "udp_length"),
        drop(
            "a UDP length that only fits with the Ethernet padding",
            &|spec| {
                spec.udp_off = 4;
                spec.padding = vec![0; 18];
            },
            "udp_length",
        ),
        drop("a UDP length below its own header", &|spec| spec.udp_off = -301, "udp_length"),
        drop("a UDP length of zero", &|spec| spec.udp_off = -308, "udp_length"),
    ]
}
