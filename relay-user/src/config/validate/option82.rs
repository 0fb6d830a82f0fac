//! `[interface.option82]`: the relay agent information option (RFC 3046).

use super::{
    super::{
        domain::{Numbering, Option82, Vss},
        error::Report,
        file::{self, TextOr},
    },
    values::{identifier, keyword, number},
};

/// Longest VPN name: sub-option 151 with its type byte, and 152 behind it, within the 255 bytes of the option.
const MAX_VPN_NAME: usize = 250;

/// Checks the table at `key`.
pub(super) fn relay_information(key: &str, wire: file::Option82, report: &mut Report<'_>) -> Option82 {
    let file::Option82 {
        policy,
        trusted,
        circuit_id,
        remote_id,
        link_selection,
        server_id_override,
        flags,
        vss,
        relay_id,
        numbering,
    } = wire;
    let server_id_override = server_id_override.unwrap_or(false);
    let numbering = keyword(&format!("{key}.numbering"), numbering.as_deref(), report);
    // Cisco's is older than the flags.
    if server_id_override && flags == Some(false) && numbering == Numbering::Rfc {
        report.warning(
            &format!("{key}.flags"),
            "server_id_override without flags hides from servers whether a renewal came by unicast",
            "RFC 5107 wants both: remove flags = false",
        );
    }
    if numbering == Numbering::Cisco && vss.is_some() {
        report.warning(
            &format!("{key}.vss"),
            "with Cisco's numbering 152 is the server identifier override, and no server can say by it that it ignored the VPN",
            "make sure that every server of the group looks at sub-option 151: an address from another VPN is not noticed",
        );
    }
    let mut id = |name: &str, value: Option<_>| {
        value.and_then(|value| identifier(&format!("{key}.{name}"), value, report))
    };
    let circuit_id = id("circuit_id", circuit_id);
    let remote_id = id("remote_id", remote_id);
    let relay_id = id("relay_id", relay_id);
    Option82 {
        policy: keyword(&format!("{key}.policy"), policy.as_deref(), report),
        trusted: trusted.unwrap_or(false),
        circuit_id,
        remote_id,
        link_selection,
        server_id_override,
        flags: flags.unwrap_or(true),
        vss: vss.and_then(|vss| virtual_subnet(&format!("{key}.vss"), vss, report)),
        relay_id,
        numbering,
    }
}

fn virtual_subnet(key: &str, wire: TextOr<file::VpnId>, report: &mut Report<'_>) -> Option<Vss> {
    match wire {
        TextOr::Text(name) if name == "global" => Some(Vss::Global),
        TextOr::Text(name) => {
            let printable = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
            if printable && (1..=MAX_VPN_NAME).contains(&name.len()) {
                return Some(Vss::Name(name));
            }
            report.error(
                key,
                format!("{name:?} cannot be the name of a VPN"),
                format!("write 1 to {MAX_VPN_NAME} printable ASCII characters, {{ oui = 4, index = 1 }} or \"global\""),
            );
            None
        }
        TextOr::Table(file::VpnId { oui, index }) => {
            for (name, value) in [("oui", oui), ("index", index)] {
                if value.is_none() {
                    let key = format!("{key}.{name}");
                    report.error(
                        &key,
                        "half of the VPN identifier is missing",
                        "write { oui = 4, index = 1 }",
                    );
                }
            }
            let oui = number(&format!("{key}.oui"), oui, 0, 0..=0xff_ffff, "24 bits, RFC 2685", report);
            let index =
                number(&format!("{key}.index"), index, 0, 0..=u32::MAX.into(), "32 bits, RFC 2685", report);
            Some(Vss::VpnId { oui, index })
        }
    }
}
