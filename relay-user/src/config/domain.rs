//! The configuration as the rest of the daemon sees it: real types, defaults filled in, right in itself.
//!
//! A value of these types comes only out of [`Config::load`] and [`Config::from_str`]; what depends on the machine
//! (addresses left out, interface indexes) is added by [`Config::resolve`].

use std::{
    collections::BTreeSet,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::Serialize;

use super::{error::Problem, file::File, source::Source, template::Template};

/// The fan-out of one message: copies one program run makes. More servers than this are refused.
pub const MAX_SERVERS_PER_GROUP: usize = 32;

/// The most clients that the lease table may be told to take: 4 GB of them.
pub const CLIENTS_MAX: u32 = 10_000_000;
/// Clients of an interface in the lease table, unless it says otherwise: as many as a /16 has addresses.
pub const INTERFACE_CLIENTS: u32 = 65_536;

/// Addresses that a smart relay goes through behind the first.
pub const MAX_FURTHER: usize = relay_common::smart::MAX_ADDRESSES - 1;

/// A configuration that is right in itself. Serialises as the file that would say the same with every default written.
#[derive(Clone, Debug, Serialize)]
#[serde(into = "File")]
pub struct Config {
    /// The daemon as a whole.
    pub relay: Relay,
    /// At least one.
    pub groups: Vec<ServerGroup>,
    /// Empty: the ports are found from the routes to the servers.
    pub upstreams: Vec<Upstream>,
    /// At least one.
    pub interfaces: Vec<Interface>,
    pub(super) warnings: Vec<Problem>,
    pub(super) source: Source,
}

// Equal means: says the same. Lines and comments may differ, which is what a reload asks.
impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        let Self { relay, groups, upstreams, interfaces, warnings: _, source: _ } = self;
        *relay == other.relay
            && *groups == other.groups
            && *upstreams == other.upstreams
            && *interfaces == other.interfaces
    }
}

/// A value that is written as one of a few words.
pub trait Keyword: Copy + Default + 'static {
    /// Each word with its value.
    const WORDS: &'static [(&'static str, Self)];
}

macro_rules! keyword {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl Keyword for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
    };
}

keyword! {
    /// What happens when XDP cannot be attached.
    FastPath {
        /// Start-up fails.
        #[default]
        Require = "require",
        /// The slow path carries the port, with a warning.
        Prefer = "prefer",
        /// XDP is not used at all.
        Off = "off",
    }
}

keyword! {
    /// How XDP is attached.
    XdpMode {
        /// Native where the driver has it, else generic.
        #[default]
        Auto = "auto",
        /// In the driver, or not at all.
        Native = "native",
        /// In the network stack, with any driver.
        Generic = "generic",
    }
}

keyword! {
    /// Whether servers are asked for leases (RFC 4388).
    Leasequery {
        /// Never.
        #[default]
        Off = "off",
        /// After a start without stored leases or with old ones, and about clients that the table does not know.
        Auto = "auto",
    }
}

keyword! {
    /// The UDP checksum toward servers for messages that came without one.
    UdpChecksum {
        /// Zero stays zero.
        #[default]
        Keep = "keep",
        /// Computed in any case.
        Always = "always",
    }
}

keyword! {
    /// Which servers of a group get a message that concerns a lease (RFC 5107 in use).
    Affinity {
        /// The server whose lease it is, all of them when that one does not answer.
        #[default]
        Auto = "auto",
        /// All of them, always.
        Off = "off",
    }
}

keyword! {
    /// What is done with a request that already carries option 82 (RFC 3046 section 2.1.1).
    Policy {
        /// The request is dropped.
        #[default]
        Discard = "discard",
        /// Relayed with the option as it is.
        Forward = "forward",
        /// Ours is added behind the one that is there.
        Append = "append",
        /// Ours takes the place of the one that is there.
        Replace = "replace",
    }
}

keyword! {
    /// Which codes the sub-options for link selection and server identifier override have.
    Numbering {
        /// 5 (RFC 3527) and 11 (RFC 5107).
        #[default]
        Rfc = "rfc",
        /// 150 and 152, as Cisco's relays had them before the RFCs.
        Cisco = "cisco",
    }
}

/// `[relay]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relay {
    /// Whether XDP must, may or must not be used.
    pub fast_path: FastPath,
    /// Where in the receive path XDP runs.
    pub xdp_mode: XdpMode,
    /// Requests that arrive with as many hops or more are dropped. 1 to 255.
    pub max_hops: u8,
    /// Bytes of DHCP message (UDP payload) with option 82; a larger one goes on without it. 576 to 9000.
    pub max_message_size: u16,
    /// Clients in the lease table at most, on all interfaces together. 1 to [`CLIENTS_MAX`].
    pub clients_max: u32,
    /// Whether servers are asked for leases that the table does not know.
    pub leasequery: Leasequery,
    /// Leasequeries a second to each server at most. 1 to 1000.
    pub leasequery_rate: u16,
    /// Directory of what outlives a restart.
    pub state_dir: PathBuf,
    /// Directory on a BPF file system for pinned maps and links.
    pub bpffs_dir: PathBuf,
    /// Unix socket of `status`, `leases` and the like.
    pub control_socket: PathBuf,
    /// HTTP listener for metrics; `None`: no listener.
    pub metrics_listen: Option<SocketAddr>,
    /// DSCP of what the relay sends, 0 to 63 (not shifted).
    pub dscp: u8,
    /// UDP checksums toward servers.
    pub udp_checksum: UdpChecksum,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            fast_path: FastPath::default(),
            xdp_mode: XdpMode::default(),
            max_hops: 16,
            max_message_size: 1472,
            clients_max: 262_144,
            leasequery: Leasequery::default(),
            leasequery_rate: 100,
            state_dir: "/var/lib/xdp-dhcrelay".into(),
            bpffs_dir: "/sys/fs/bpf/xdp-dhcrelay".into(),
            control_socket: "/run/xdp-dhcrelay/control.sock".into(),
            metrics_listen: None,
            dscp: 48,
            udp_checksum: UdpChecksum::default(),
        }
    }
}

/// `[[server_group]]`: servers that each get a copy of every message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerGroup {
    /// Unique.
    pub name: String,
    /// VRF device that servers are reached through which name none; `None`: the main table.
    pub vrf: Option<String>,
    /// Whether messages about a lease go to its server alone.
    pub affinity: Affinity,
    /// 1 to [`MAX_SERVERS_PER_GROUP`], each address once.
    pub servers: Vec<Server>,
}

impl ServerGroup {
    /// The VRF device that a server of the group is reached through; `None`: the main table.
    pub fn vrf_of<'a>(&'a self, server: &'a Server) -> Option<&'a str> {
        server.vrf.as_deref().or(self.vrf.as_deref())
    }

    /// The VRF devices of its servers, each once.
    pub fn server_vrfs(&self) -> BTreeSet<Option<&str>> {
        self.servers.iter().map(|server| self.vrf_of(server)).collect()
    }
}

/// One server of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Where requests are sent, and the only address replies are taken from.
    pub address: Ipv4Addr,
    /// VRF device it is reached through; `None`: that of its group.
    pub vrf: Option<String>,
    /// Messages whose `secs` field is lower are not sent to this server. Seconds.
    pub min_secs: u16,
}

/// `[[upstream]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// Network device that server replies arrive on.
    pub name: String,
}

/// `[[interface]]`: one client-facing interface.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interface {
    /// Network device whose link the clients are on: a port, a VLAN device, a bond, a bridge.
    pub name: String,
    /// Tags of the clients' frames on that device.
    pub vlan: VlanTags,
    /// For a bridge: requests are taken at its member ports, before it floods them.
    pub members: bool,
    /// Index into [`Config::groups`].
    pub group: usize,
    /// Our address on the client subnet; `None`: the device's first.
    pub address: Option<Ipv4Addr>,
    /// What requests carry in giaddr; `None`: the address.
    pub giaddr: Option<Ipv4Addr>,
    /// DISCOVERs of one client without an answer after which the next address has its turn; `None`: the first stays.
    pub smart_relay: Option<u8>,
    /// The addresses behind the first; `None`: one of each further subnet of the device.
    pub smart_relay_addresses: Option<Vec<Ipv4Addr>>,
    /// Requests per second; `None`: no limit.
    pub rate_limit: Option<u32>,
    /// Clients of this interface in the lease table at most. 1 to [`CLIENTS_MAX`].
    pub clients_max: u32,
    /// Whether each bound client gets a /32 route and a neighbour entry.
    pub host_routes: bool,
    /// `None`: no option 82 is added.
    pub option82: Option<Option82>,
}

/// 802.1Q or QinQ tags, 1 to 4094. An inner tag comes only with an outer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct VlanTags {
    /// The tag next to the MAC addresses; `None`: untagged.
    pub outer: Option<u16>,
    /// The second tag.
    pub inner: Option<u16>,
}

impl fmt::Display for VlanTags {
    /// `100`, `100.7`, or `0` for untagged: the form of the `{vlan}` placeholder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.outer, self.inner) {
            (Some(outer), Some(inner)) => write!(f, "{outer}.{inner}"),
            (outer, _) => write!(f, "{}", outer.unwrap_or(0)),
        }
    }
}

/// `[interface.option82]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Option82 {
    /// For requests that already carry the option.
    pub policy: Policy,
    /// Whether a request with option 82 and giaddr 0 is accepted (RFC 3046 section 2.1).
    pub trusted: bool,
    /// Sub-option 1.
    pub circuit_id: Option<Identifier>,
    /// Sub-option 2.
    pub remote_id: Option<Identifier>,
    /// Sub-option 5; `None`: exactly when giaddr is not the address.
    pub link_selection: Option<bool>,
    /// Sub-option 11.
    pub server_id_override: bool,
    /// Sub-option 10, sent together with sub-option 11.
    pub flags: bool,
    /// Sub-option 151, sent together with 152 unless that is Cisco's.
    pub vss: Option<Vss>,
    /// Sub-option 12.
    pub relay_id: Option<Identifier>,
    /// The codes of link selection and server identifier override.
    pub numbering: Numbering,
}

/// The value of an identifying sub-option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Identifier {
    /// Text with placeholders.
    Template(Template),
    /// The bytes themselves, at least one.
    Bytes(Vec<u8>),
}

/// Virtual subnet selection (RFC 6607).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Vss {
    /// Type 0: the name of a VPN, ASCII.
    Name(String),
    /// Type 1: an RFC 2685 identifier.
    VpnId {
        /// 24 bits.
        oui: u32,
        /// 32 bits.
        index: u32,
    },
    /// Type 255: the global, default VPN.
    Global,
}

impl Vss {
    /// Whether a server is in the VPN that clients are in, by the VRFs of both, `None` being the main table. That one is a VPN
    /// only if `vss` says that it is the global one: what the configuration calls by another name there is one that this
    /// machine has no VRF for.
    pub fn is_near<T: PartialEq>(vss: Option<&Self>, clients: Option<T>, server: Option<T>) -> bool {
        clients == server && (server.is_some() || vss == Some(&Self::Global))
    }
}
