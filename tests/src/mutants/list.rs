//! The mutants, by the rule that each breaks.

use super::Mutant;

const fn mutant(name: &'static str, file: &'static str, from: &'static str, to: &'static str) -> Mutant {
    Mutant { name, file, from, to }
}

/// The list.
pub const MUTANTS: [Mutant; 44] = [
    mutant("hops grow by two", "request.rs", "&datagram, [hlen, hops + 1]", "&datagram, [hlen, hops + 2]"),
    mutant(
        "a foreign giaddr is overwritten",
        "request.rs",
        "(false, _) => giaddr,",
        "(false, _) => interface.giaddr,",
    ),
    mutant(
        "one hop above the limit passes",
        "request.rs",
        "if hops >= interface.max_hops",
        "if hops > interface.max_hops",
    ),
    mutant("the old giaddr stays in the checksum", "request.rs", "        .without_quad(giaddr)\n", ""),
    mutant("a NAK is unicast", "delivery.rs", "message == bootp::message::NAK || !reachable", "!reachable"),
    mutant(
        "the broadcast flag goes before ciaddr",
        "delivery.rs",
        "if ciaddr != ipv4::UNSPECIFIED {",
        "if ciaddr != ipv4::UNSPECIFIED && flags & bootp::BROADCAST_FLAG == 0 {",
    ),
    mutant(
        "END is walked over",
        "options.rs",
        "if code == option::PAD {",
        "if code == option::PAD || code == option::END {",
    ),
    mutant("an option may not end with the message", "options.rs", "if at + len > end", "if at + len >= end"),
    mutant("replies are padded to 299", "wire/bootp.rs", "MIN_LEN: usize = 300", "MIN_LEN: usize = 299"),
    mutant(
        "the last octet of option 82 is left",
        "options.rs",
        "found.agent_len = frame.opaque(len);",
        "found.agent_len = frame.opaque(len - 1);",
    ),
    mutant(
        "the UDP length lacks its header",
        "headers.rs",
        "(self.len + udp::HEADER_LEN) as u16",
        "self.len as u16",
    ),
    mutant("a checksum left to the card is refused", "packet.rs", " && field != pseudo.partial()", ""),
    mutant(
        "a checksum that comes out as zero says there is none",
        "checksum.rs",
        "{ [0xff, 0xff] }",
        "{ [0, 0] }",
    ),
    mutant(
        "a server's address is missing in its copy's checksum",
        "copy.rs",
        ".without_pair(checksum).quad(server.address)",
        ".without_pair(checksum)",
    ),
    mutant(
        "plain BOOTP gets option 82",
        "request.rs",
        "let insert = direct && inserts && packet.options.message != bootp::message::BOOTP;",
        "let insert = direct && inserts;",
    ),
    mutant(
        "a relay's request without option 82 gets ours",
        "request.rs",
        "let insert = direct && inserts &&",
        "let insert = inserts &&",
    ),
    mutant(
        "plain BOOTP gets the giaddr of DHCP",
        "request.rs",
        "(true, bootp::message::BOOTP) => interface.address,",
        "(true, bootp::message::BOOTP) => interface.giaddr,",
    ),
    mutant(
        "a trusted client's option 82 gets a second one",
        "request.rs",
        "flag::APPEND if !direct => INSERT,",
        "flag::APPEND => INSERT,",
    ),
    mutant(
        "the policy discard is for trusted clients too",
        "request.rs",
        "if !direct && policy == flag::DISCARD {",
        "if policy == flag::DISCARD {",
    ),
    mutant(
        "option 82 in file is not looked for",
        "request.rs",
        "agents += overload::agents(frame, packet, false).ok_or(Reason::Truncated)?;",
        "",
    ),
    mutant("an address in the servers' VRF is not ours", "request.rs", " || local(interface.server_vrf)", ""),
    mutant(
        "secs are never taken for swapped",
        "request.rs",
        "[high, 0] if high != 0 => (high as u16, true),",
        "[high, 0] if high != 0 => (u16::from_be_bytes(field), true),",
    ),
    mutant(
        "max_message_size is one octet less",
        "request/insert.rs",
        "let mut limit = interface.max_message;",
        "let mut limit = interface.max_message - 1;",
    ),
    mutant(
        "the egress MTU does not limit what is inserted",
        "request/insert.rs",
        "if egress < limit {",
        "if egress < limit && false {",
    ),
    mutant(
        "of option 57 only the first octet counts",
        "request/insert.rs",
        "u16::from_be_bytes([high, low])",
        "u16::from_be_bytes([high, 0])",
    ),
    mutant(
        "option 57 of any length counts",
        "request/insert.rs",
        "Some([_, 2, high, low])",
        "Some([_, _, high, low])",
    ),
    mutant(
        "option 82 grows the message although there is padding",
        "request/insert.rs",
        "} else if wanted < packet.len {",
        "} else if wanted > packet.len {",
    ),
    mutant(
        "flags are those of a broadcast",
        "request/insert.rs",
        "packet.destination != ipv4::BROADCAST",
        "packet.destination != packet.destination",
    ),
    mutant("END is not behind ours", "agent.rs", "let total = len + 1;", "let total = len;"),
    mutant(
        "a server may ignore the VPN",
        "reply/recognise.rs",
        "if owner.vss_ignored != 0 {",
        "if owner.vss_ignored > 1 {",
    ),
    mutant(
        "a trusted interface keeps ours",
        "reply/recognise.rs",
        "if trusted { Removed::One { at: first.0, len: first.1 } }",
        "if trusted { Removed::Nothing }",
    ),
    mutant(
        "every option 82 is foreign to a trusted interface",
        "reply/recognise.rs",
        "if interface.flags & flag::TRUSTED != 0 {",
        "if interface.flags & flag::TRUSTED == 0 {",
    ),
    mutant(
        "the remote-id is not compared",
        "reply/recognise.rs",
        "if remote.is_some_and(|remote|",
        "if remote.is_some_and(|remote| false &&",
    ),
    mutant(
        "of a sub-option that occurs twice the last counts",
        "reply/recognise.rs",
        "place.get_or_insert(value);",
        "*place = Some(value);",
    ),
    mutant(
        "152 among foreign sub-options is accepted",
        "reply/recognise.rs",
        "control = true;",
        "control = false;",
    ),
    mutant(
        "a sub-option without a length is accepted",
        "reply/recognise.rs",
        "if !rest.is_empty() {",
        "if rest.len() > 1 {",
    ),
    mutant(
        "a client of another giaddr may be known",
        "reply/recognise.rs",
        ".filter(|&index| env.interface(index).is_some_and(fits))",
        "",
    ),
    mutant(
        "no client is remembered",
        "request.rs",
        "if direct && interface.realm != 0 {",
        "if direct && interface.realm == 1 {",
    ),
    mutant(
        "clients behind another relay are remembered",
        "request.rs",
        "if direct && interface.realm != 0 {",
        "if interface.realm != 0 {",
    ),
    mutant("Cisco's 152 is VSS-control", "reply/recognise.rs", "if control && !cisco {", "if control {"),
    mutant(
        "of ours twice one is left",
        "reply.rs",
        "matches!(removed, Removed::Ours { .. })",
        "matches!(removed, Removed::Nothing)",
    ),
    mutant(
        "replies with option 90 are padded",
        "reply.rs",
        "let padded = !authenticated && kept",
        "let padded = kept",
    ),
    mutant(
        "a client gets the answer to a leasequery",
        "reply/recognise.rs",
        "message::LEASEUNASSIGNED..=message::LEASEACTIVE",
        "message::LEASEUNASSIGNED..=message::LEASEUNKNOWN",
    ),
    mutant("what hides in sname is left", "overload.rs", "if used & 2 != 0 {", "if used & 4 != 0 {"),
];
