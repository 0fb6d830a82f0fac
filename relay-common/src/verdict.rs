//! What is done with a frame, and the reason wherever it is not relayed.
//!
//! One macro holds the reasons: the enum, the index into the counters, the label in `stats` and in metrics, and
//! the sentence in `docs/reasons.md` cannot drift apart.

/// What becomes of a frame that is not relayed by the path that looked at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not DHCP: the network stack has it, nothing is counted.
    Ignored,
    /// DHCP, but none of the relay's business: the network stack has it, untouched.
    Passed,
    /// The relay's business, but not for the fast path: XDP passes it and the daemon relays it.
    SlowPath,
    /// Refused.
    Dropped,
}

impl Class {
    /// The word used in tables.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Passed => "passed",
            Self::SlowPath => "slow path",
            Self::Dropped => "dropped",
        }
    }
}

macro_rules! reasons {
    ($($class:ident { $($name:ident $label:literal $meaning:literal)+ })+) => {
        /// Why a frame was not relayed by the path that looked at it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Reason { $($(#[doc = $meaning] $name,)+)+ }

        impl Reason {
            /// Every reason, in the order of its counter.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// The label in `stats` and in metrics.
            pub const fn label(self) -> &'static str {
                match self { $($(Self::$name => $label,)+)+ }
            }

            /// One sentence for people.
            pub const fn meaning(self) -> &'static str {
                match self { $($(Self::$name => $meaning,)+)+ }
            }

            /// What becomes of the frame.
            #[inline(always)]
            pub const fn class(self) -> Class {
                match self { $($(Self::$name)|+ => Class::$class,)+ }
            }

            /// Index of its counter.
            #[inline(always)]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

reasons! {
    Ignored {
        NotIpv4 "not_ipv4" "The frame does not carry IPv4, or has more than two VLAN tags."
        NotUdp "not_udp" "The packet is not UDP."
        NotDhcp "not_dhcp" "The datagram is not for port 67."
        ClientPort "client_port" "The datagram is for port 68: a server's answer to a client that it reaches without the relay."
    }
    Passed {
        NoInterface "no_interface" "A request on a port and VLAN that no `[[interface]]` names."
        OtherHost "other_host" "The frame is for the Ethernet address of somebody else."
        Transit "transit" "The datagram is for an address that is not the relay's, such as a renewal on its way to the server."
        LeaseAnswer "lease_answer" "A server's answer to a leasequery (RFC 4388), which is for the relay itself: the daemon reads it, no client gets it."
    }
    SlowPath {
        Fragment "fragment" "A fragment: the kernel puts it together before the daemon sees it."
        IpOptions "ip_options" "The IPv4 header has options."
        TooLong "too_long" "The frame is longer than the fast path reads."
        ManyOptions "many_options" "More DHCP options than the fast path walks."
        NoRoom "no_room" "The driver left no room around the frame for it to grow."
        NoNextHop "no_next_hop" "No server of the group has a resolved next hop."
        NoRedirect "no_redirect" "The client-facing port cannot take redirected frames: its driver has no ndo_xdp_xmit, or the peer of a veth has neither XDP nor GRO."
        Overload "overload" "Options continue in file or sname (option 52)."
        Authenticated "authenticated" "Option 82 changes in a message that is authenticated (RFC 3118), which must keep every other octet."
        Rearranged "rearranged" "The option 82 to be replaced is not the last option, or not the only one."
        ForeignOption82 "foreign_option82" "The option 82 of a reply is not one that we send; the daemon looks at its sub-options."
        EgressMtu "egress_mtu" "The result is larger than the MTU toward a server or the client, and must be fragmented."
    }
    Dropped {
        IpLength "ip_length" "The IPv4 length does not fit the frame or the header."
        IpChecksum "ip_checksum" "The IPv4 header checksum is wrong."
        UdpLength "udp_length" "The UDP length does not fit the packet."
        UdpChecksum "udp_checksum" "The UDP checksum is wrong."
        Truncated "truncated" "The message is shorter than the 236 octets every BOOTP message has."
        BadOp "bad_op" "The op field is neither BOOTREQUEST nor BOOTREPLY."
        BadHlen "bad_hlen" "The hardware address length is above 16."
        MalformedOptions "malformed_options" "An option runs past the end of the message, or option 53 is not one octet."
        HopLimit "hop_limit" "The request has been through max_hops relays already."
        OwnGiaddr "own_giaddr" "A request from outside carries one of our own addresses as giaddr: a loop or a forgery."
        UntrustedOption82 "untrusted_option82" "A client sent option 82 itself (RFC 3046 section 2.1.1)."
        Option82Policy "option82_policy" "A relayed request carries option 82, and the interface's policy is discard."
        MinSecs "min_secs" "No server of the group wants a message with so small a secs field yet (min_secs)."
        RateLimited "rate_limited" "The interface is above its rate_limit."
        ReplyFromClientPort "reply_from_client_port" "A BOOTREPLY came in on a port that no server is behind."
        UnknownServer "unknown_server" "A BOOTREPLY from an address that is not a configured server."
        WrongGiaddr "wrong_giaddr" "The giaddr of a reply is not the relay address it was sent to."
        AmbiguousGiaddr "ambiguous_giaddr" "The giaddr of a reply stands for several interfaces, and neither option 82 nor an earlier request of the client tells which."
        UnknownCircuit "unknown_circuit" "The option 82 of a reply names no interface that has its giaddr."
        VssIgnored "vss_ignored" "The server sent sub-option 152 back: it did not look at the VPN, so the address may be another VPN's (RFC 6607)."
    }
}

/// What is done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Rewritten; one copy for each server of the group.
    ToServers {
        /// Index of the client-facing interface.
        interface: u32,
        /// Index of the server group.
        group: u32,
        /// DHCP message type, 0 for plain BOOTP.
        message: u8,
        /// Bit i: server i gets a copy.
        servers: u32,
        /// Bits of [`remark`].
        remarks: u32,
    },
    /// Rewritten and ready to leave toward the client.
    ToClient {
        /// Index of the client-facing interface.
        interface: u32,
        /// DHCP message type, 0 for plain BOOTP.
        message: u8,
    },
    /// Not relayed; `interface` is 0 where none is known.
    Not {
        /// Index of the interface the frame came in on.
        interface: u32,
        /// Why.
        reason: Reason,
    },
}

/// What else is counted of a relayed request: bits of `Verdict::ToServers::remarks`.
pub mod remark {
    /// Our option 82 was left out: the message would have become too long.
    pub const OPTION82_LEFT_OUT: u32 = 1;
    /// `secs` was in the wrong byte order.
    pub const SWAPPED_SECS: u32 = 2;
    /// It goes to the server of the lease alone.
    pub const TO_HOLDER: u32 = 4;
}
