//! The configuration file as it may be written: wire types, nothing checked but keys and TOML types.
//!
//! Every key is optional and every number wide here, so that a wrong value is refused by the checks of
//! `validate`, which can say what would be right, and not by the TOML reader, which cannot.
//! What each key means is said in `xdp-dhcrelay.example.toml` (a test fails when one is missing there) and on the
//! domain type of the same name.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Settings of the daemon as a whole.
    pub(super) relay: Option<Relay>,
    /// Groups of servers.
    pub(super) server_group: Option<Vec<ServerGroup>>,
    /// Ports that replies arrive on.
    pub(super) upstream: Option<Vec<Upstream>>,
    /// Client-facing interfaces.
    pub(super) interface: Option<Vec<Interface>>,
}

/// `[relay]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Relay {
    pub(super) fast_path: Option<String>,
    pub(super) xdp_mode: Option<String>,
    pub(super) max_hops: Option<i64>,
    pub(super) max_message_size: Option<i64>,
    pub(super) clients_max: Option<i64>,
    pub(super) leasequery: Option<String>,
    pub(super) leasequery_rate: Option<i64>,
    pub(super) state_dir: Option<String>,
    pub(super) bpffs_dir: Option<String>,
    pub(super) control_socket: Option<String>,
    pub(super) metrics_listen: Option<String>,
    pub(super) dscp: Option<i64>,
    pub(super) udp_checksum: Option<String>,
}

/// `[[server_group]]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerGroup {
    pub(super) name: Option<String>,
    pub(super) vrf: Option<String>,
    pub(super) affinity: Option<String>,
    pub(super) servers: Option<Vec<TextOr<Server>>>,
}

/// A server with more than its address.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) address: Option<String>,
    pub(super) vrf: Option<String>,
    pub(super) min_secs: Option<i64>,
}

/// `[[upstream]]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upstream {
    pub(super) name: Option<String>,
}

/// `[[interface]]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Interface {
    pub(super) name: Option<String>,
    pub(super) vlan: Option<Vlan>,
    pub(super) members: Option<bool>,
    pub(super) server_group: Option<String>,
    pub(super) address: Option<String>,
    pub(super) giaddr: Option<String>,
    pub(super) smart_relay: Option<i64>,
    pub(super) smart_relay_addresses: Option<Vec<String>>,
    pub(super) rate_limit: Option<i64>,
    pub(super) clients_max: Option<i64>,
    pub(super) host_routes: Option<bool>,
    pub(super) option82: Option<Option82>,
}

/// `[interface.option82]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Option82 {
    pub(super) policy: Option<String>,
    pub(super) trusted: Option<bool>,
    pub(super) circuit_id: Option<TextOr<Hex>>,
    pub(super) remote_id: Option<TextOr<Hex>>,
    pub(super) link_selection: Option<bool>,
    pub(super) server_id_override: Option<bool>,
    pub(super) flags: Option<bool>,
    pub(super) vss: Option<TextOr<VpnId>>,
    pub(super) relay_id: Option<TextOr<Hex>>,
    pub(super) numbering: Option<String>,
}

/// Raw bytes, two hexadecimal digits each.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hex {
    pub(super) hex: Option<String>,
}

/// An RFC 2685 VPN identifier.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VpnId {
    pub(super) oui: Option<i64>,
    pub(super) index: Option<i64>,
}

/// A string, or a table where the string does not say enough.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum TextOr<T> {
    /// The short form.
    Text(String),
    /// The long form.
    Table(T),
}

/// Names the table form in an error message.
pub(super) trait TableForm {
    /// The table as one would write it.
    const FORM: &'static str;
}

impl TableForm for Server {
    const FORM: &'static str = r#"{ address = "192.0.2.1", min_secs = 3 }"#;
}

impl TableForm for Hex {
    const FORM: &'static str = r#"{ hex = "0a0b" }"#;
}

impl TableForm for VpnId {
    const FORM: &'static str = "{ oui = 4, index = 1 }";
}

// Not `#[serde(untagged)]`: that would buffer the table and lose which key of it is wrong, and where.
impl<'de, T: Deserialize<'de> + TableForm> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + TableForm> Visitor<'de> for TextOrVisitor<T> {
            type Value = TextOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a string or a table such as {}", T::FORM)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Table)
            }
        }

        deserializer.deserialize_any(TextOrVisitor(PhantomData))
    }
}

/// `vlan`: one tag, or outer and inner.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Vlan {
    /// `vlan = 100`
    One(i64),
    /// `vlan = [100, 7]`; the number of tags is checked later.
    Stack(Vec<i64>),
}

impl<'de> Deserialize<'de> for Vlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VlanVisitor;

        impl<'de> Visitor<'de> for VlanVisitor {
            type Value = Vlan;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a VLAN number, or [outer, inner]")
            }

            fn visit_i64<E: de::Error>(self, tag: i64) -> Result<Self::Value, E> {
                Ok(Vlan::One(tag))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut tags = Vec::new();
                while let Some(tag) = seq.next_element()? {
                    tags.push(tag);
                }
                Ok(Vlan::Stack(tags))
            }
        }

        deserializer.deserialize_any(VlanVisitor)
    }
}

#[cfg(test)]
mod tests;
