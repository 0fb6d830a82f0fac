//! The rows and sentences of `docs/rules.md` by name. The oracle notes which of them it applied to a frame, so that the
//! tests can count how often the generated frames reach each, and fail when they never do.

/// Declares the enum and the list of all.
macro_rules! rules {
    ($($name:ident $sentence:literal)+) => {
        /// A rule that decided something about a frame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule { $(#[doc = $sentence] $name,)+ }

        impl Rule {
            /// All of them, in the order of the page.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The sentence for tables.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)+ }
            }
        }
    };
}

rules! {
    NoInterface "a port and VLAN that is not served"
    OtherHostBroadcast "an IP broadcast to a foreign Ethernet address"
    OtherHostUnicast "an IP unicast to a foreign Ethernet address"
    Transit "not our IP address"
    ServersOnly "no BOOTREPLY on a port that only has servers"
    ServersOnlyBroken "the same, and broken besides"
    Malformed "malformed options"
    HopLimit "hops at or above max_hops"
    OwnGiaddr "giaddr is this interface's"
    OwnGiaddrClients "giaddr is an address of ours in the clients' VRF"
    OwnGiaddrServers "giaddr is an address of ours in the servers' VRF alone"
    OverloadedRequest "request with option 52"
    OverloadedAgent "request with option 82 in file or sname"
    Untrusted "giaddr 0, option 82, not trusted"
    UntrustedOverloaded "giaddr 0, option 82 in file or sname alone, not trusted"
    Discard "giaddr, option 82, policy discard"
    TooEarly "below every server's min_secs"
    Excluded "below some servers' min_secs"
    SwappedSecs "secs in the wrong byte order"
    DirectInserted "giaddr 0, no option 82: inserted"
    DirectBootp "giaddr 0, no option 82: none into plain BOOTP"
    DirectWithout "giaddr 0, no option 82, none configured: nothing"
    TrustedReplaced "giaddr 0, option 82, trusted, replace: replaced"
    TrustedKept "giaddr 0, option 82, trusted, other policy: nothing"
    RelayedWithout "giaddr, no option 82: nothing"
    RelayedForwarded "giaddr, option 82, forward: nothing"
    RelayedUnconfigured "giaddr, option 82, none configured: nothing"
    RelayedAppended "giaddr, option 82, append: inserted"
    RelayedReplaced "giaddr, option 82, replace: replaced"
    InsertedAtEnd "inserted where END stands"
    InsertedWithoutEnd "inserted where the message ends"
    InsertedIntoPadding "inserted without growth"
    InsertedOverJunk "inserted over octets other than zero behind END"
    InsertedAuthenticated "inserted with option 90"
    ReplacedAuthenticated "replaced with option 90"
    ReplacedSeveral "several instances replaced"
    ReplacedBehind "replaced with options behind it"
    ReplacedElsewhere "replaced in file or sname"
    InsertedNear "inserted for a server in the clients' VPN, without the VPN"
    InsertedFar "inserted for a server of another VRF in the same request, with the VPN"
    LeftOutLargest "left out for max_message_size"
    LeftOutMtu "left out for the egress MTU"
    LeftOutClient "left out for option 57"
    LeftOutReplaced "left out, theirs taken out"
    ClientSizeIgnored "option 57 of another length than two"
    FlagsUnicast "flags 0x80"
    FlagsBroadcast "flags 0"
    BootpAddress "plain BOOTP with our address instead of giaddr"
    Remembered "the client's interface is remembered, for its giaddr does not tell"
    AffinityOffer "REQUEST to the server of the offer alone"
    AffinityLease "renewal to the server of the lease alone"
    AffinityTable "renewal to the server of a lease that only the client table knows"
    AffinityTableAsked "renewal of a lease that is being renewed, to all servers"
    AffinityRebinding "broadcast rebinding to all servers"
    AffinityLate "renewal of a client that has tried before, to all servers"
    AffinityOther "REQUEST of another dialogue than the offer, to all servers"
    AffinityAsked "a server that did not answer is not asked alone again"
    AffinityUnsure "a lease of no server of the group, or of several"
    HolderLearnt "who offers or gives an address is remembered"
    HolderContested "two servers offer one address in one dialogue"
    SmartStays "DISCOVER with the client's address"
    SmartNext "DISCOVER with the next address"
    SmartRound "DISCOVER with the first address again"
    SmartAnswered "request with the address of the last answer"
    SmartSubnet "request with the address of its subnet"
    SmartUnknown "request with the first address, for nothing is known"
    FromClientPort "reply from a port without servers"
    UnknownServer "reply from no server"
    WrongGiaddr "reply with a wrong giaddr"
    LeaseAnswer "answer to a leasequery"
    BootpReplyAddress "reply to plain BOOTP to our address"
    OverloadedReply "reply with option 52"
    OverloadedReplyAgent "reply with option 82 in file or sname"
    ReplyNoneUnique "reply without option 82, one interface"
    ReplyNoneTable "reply without option 82, several interfaces, in the client table"
    ReplyNoneAmbiguous "reply without option 82, several interfaces, not in the table"
    ReplyOurs "reply with ours"
    ReplyOursShared "reply with ours and a shared giaddr"
    ReplyOursUnicast "reply with ours, flags 0x80"
    ReplyOursAnswered "reply with ours, sub-option 152 removed"
    ReplyOursTrusted "reply with ours and another, trusted: ours alone taken out"
    ReplyOursAndAnother "reply with ours and another, not trusted: all taken out"
    ReplyOursTwice "reply with ours more than once"
    ReplyOursNear "reply with ours from the clients' VPN"
    ReplyCircuitNear "reply with our circuit-id from the clients' VPN"
    ReplyForeignTrusted "reply with a foreign option 82, trusted: kept"
    ReplyForeignUnconfigured "reply with a foreign option 82, none configured: taken out"
    ReplyCircuit "reply with our circuit-id"
    ReplyCircuitSplit "reply with our circuit-id in several instances"
    UnknownCircuit "reply with a circuit-id that is not ours"
    UnknownCircuitBroken "reply with a sub-option past the end"
    VssIgnored "ours with sub-option 152"
    VssIgnoredForeign "our circuit-id with sub-option 152"
    ReplySelected "reply with our circuit-id and the link selection of a further address"
    ReplyFurther "reply to a further address"
    ReplyPadded "reply padded to 300"
    ReplyAuthenticated "reply with option 90, not padded"
}
