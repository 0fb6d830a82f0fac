//! Every metric that there is: the text of a scrape, the check that labels and values go together, and `docs/metrics.md`
//! come from this one table.

use prometheus_client::metrics::MetricType;

/// What all names begin with.
pub(super) const PREFIX: &str = "xdp_dhcrelay";

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the daemon.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counters by size.
    Histogram,
    /// Always 1: the labels are what it says.
    Info,
}

impl Kind {
    /// The word in the line `# TYPE`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::Info => "gauge",
            Self::Histogram => "histogram",
        }
    }

    pub(super) const fn encoded(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
            Self::Info => MetricType::Info,
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
        }
    }
}

/// A metric with `N` labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family<const N: usize> {
    /// Without prefix and suffix.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: [&'static str; N],
    pub(super) help: &'static str,
}

/// A metric, for those who only list them.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts, in words.
    pub help: &'static str,
}

impl Listed {
    /// The name as Prometheus has it.
    pub fn name(&self) -> String {
        format!("{PREFIX}_{}{}", self.name, self.kind.suffix())
    }
}

macro_rules! families {
    ($($constant:ident $kind:ident $name:literal [$($label:literal)*] $help:literal)+) => {
        $(
            pub(super) const $constant: Family<{ <[&str]>::len(&[$($label),*]) }> =
                Family { name: $name, kind: Kind::$kind, labels: [$($label),*], help: $help };
        )+

        /// Every metric, in the order of a scrape.
        pub const ALL: &[Listed] =
            &[$(Listed { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help }),+];
    };
}

families! {
    BUILD Info "build" ["version"] "The daemon and its version."
    START_TIME Gauge "start_time_seconds" [] "When the daemon was started, in seconds since 1970-01-01 UTC."
    FAST_PATH_ACTIVE Gauge "fast_path_active" [] "1 when XDP relays, 0 when the daemon relays everything."
    PORT_MODE Gauge "port_mode" ["port" "mode"] "1 for the place where XDP runs on the port (native: driver, generic: network stack, off: not at all), 0 for the others."
    INTERFACE Info "interface" ["interface" "vlan" "vrf" "group" "address" "giaddr"] "Every client-facing interface, to be joined with its other series on interface and vlan."
    INTERFACE_RELAYS Gauge "interface_relays" ["interface" "vlan"] "1 when requests of the interface are relayed, 0 when they are not; `status` says why not."
    SERVER_PATH Gauge "server_path" ["group" "server" "vrf" "path"] "1 for the path that copies for the server take (fast: XDP, slow: the daemon, none: there is no route), 0 for the others."
    FINDINGS Gauge "findings" ["level"] "Sentences that `servers` has to say now about the last hour: warnings that something may be wrong, and notes."

    REQUESTS Counter "requests" ["message" "path"] "Requests relayed to servers."
    REPLIES Counter "replies" ["message" "path"] "Replies relayed to clients."
    NOT_RELAYED Counter "not_relayed_frames" ["reason" "fate" "path"] "Frames that the path which looked at them did not relay; fate `slow path` of the path fast: the daemon took them up."
    UNATTRIBUTED Counter "unattributed_frames" ["reason" "path"] "Those of the frames not relayed that no interface can be named for."
    WITHOUT_OPTION82 Counter "requests_without_option82" ["path"] "Requests that went on without option 82, because they would have become too long with it."
    SWAPPED_SECS Counter "requests_with_swapped_secs" ["path"] "Requests whose secs was in the wrong byte order."
    TO_HOLDER Counter "requests_to_holder" ["path"] "Requests that went to the server of the lease alone."
    INTERFACE_REQUESTS Counter "interface_requests" ["interface" "vlan" "message" "path"] "Requests relayed, by interface; what is 0 is left out."
    INTERFACE_REPLIES Counter "interface_replies" ["interface" "vlan" "message" "path"] "Replies relayed, by interface; what is 0 is left out."
    INTERFACE_NOT_RELAYED Counter "interface_not_relayed_frames" ["interface" "vlan" "reason" "path"] "Frames not relayed, by interface; what is 0 is left out."
    INTERFACE_WITHOUT_OPTION82 Counter "interface_requests_without_option82" ["interface" "vlan" "path"] "Requests that went on without option 82, by interface; what is 0 is left out."
    INTERFACE_SWAPPED_SECS Counter "interface_requests_with_swapped_secs" ["interface" "vlan" "path"] "Requests whose secs was in the wrong byte order, by interface; what is 0 is left out."
    INTERFACE_TO_HOLDER Counter "interface_requests_to_holder" ["interface" "vlan" "path"] "Requests that went to the server of the lease alone, by interface; what is 0 is left out."
    COPIES Counter "copies" ["path"] "Copies of requests sent to servers."
    SEND_ERRORS Counter "send_errors" [] "Frames and datagrams that the kernel refused to send for the slow path."
    RECEIVE_DROPS Counter "receive_drops" [] "Frames that the sockets of the slow path lost because the daemon did not keep up."
    PUNTS Counter "punts" [] "Requests that the fast path rewrote and left to the daemon to send, for want of a next hop."
    PUNTS_LOST Counter "punts_lost" [] "Those of them that were lost because the daemon did not keep up."
    CUTS_LOST Counter "cuts_lost" [] "Copies that were lost because it was not known any more which option 82 is right for their server."

    CLIENTS Gauge "clients" ["vrf" "state"] "Clients in the table, by the VRF of their interface and by state; bound, renewing and rebinding hold a lease."
    INTERFACE_BOUND Gauge "interface_bound_clients" ["interface" "vlan"] "Clients of the interface that hold a lease."
    CLIENTS_MAX Gauge "clients_max" [] "How many clients the table may have."
    CLIENT_MESSAGES Counter "client_messages" [] "Messages that the client table has looked at."
    CLIENT_IGNORED Counter "client_messages_ignored" ["reason"] "Messages that changed nothing in the client table."
    CLIENT_SUSPICIOUS Counter "client_messages_suspicious" [] "Those of them that came from where they cannot come from: somebody may have forged them."
    CLIENT_LIMIT Counter "client_limit_reached" [] "Messages of clients that made no entry because the table is as large as it may become; they were relayed."
    CLIENT_LOST Counter "client_messages_lost" ["message"] "Messages that the client table did not learn of because it did not keep up; they were relayed."
    STORED Counter "lease_store_writes" [] "Changes that were written to the store of leases."
    STORE_FAILING Gauge "lease_store_failing" [] "1 while leases cannot be stored, else 0; `stats` says why."
    UNPUBLISHED Gauge "leases_unpublished" [] "Leases that are missing from the pinned map, because it was full or the kernel refused."
    HOST_ROUTES Gauge "host_routes" [] "Clients with a host route."
    HOST_ROUTE_CONFLICTS Counter "host_route_conflicts" [] "Times a route or neighbour was left alone because somebody else has one for the address."
    HOST_ROUTE_FAILURES Counter "host_route_failures" [] "Times the kernel refused a route or a neighbour."

    LEASEQUERIES Counter "leasequeries" [] "Leasequeries sent to servers, repeated ones included. All metrics of leasequeries are left out where they are off."
    LEASEQUERY_RETRIES Counter "leasequery_retries" [] "Those of them that were repeated."
    LEASEQUERY_UNANSWERED Counter "leasequery_unanswered" [] "Addresses and clients that a server said nothing of, although it answers otherwise."
    LEASEQUERY_ANSWERS Counter "leasequery_answers" ["message"] "Answers to leasequeries."
    LEASEQUERY_LEASES Counter "leasequery_leases" ["outcome"] "What became of the leases that servers told of."
    LEASEQUERY_UNSOLICITED Counter "leasequery_unsolicited" [] "Answers to nothing that was asked, or asked too long ago."
    LEASEQUERY_ASKING Gauge "leasequery_asking" [] "1 while there is more to ask, else 0."

    SERVER_ANSWERS Counter "server_answers" ["group" "server" "vrf" "message"] "Answers of the server that the failover watch has seen, those that only passed included."
    SERVER_RESPONSE Histogram "server_response_seconds" ["group" "server" "vrf"] "How long its answers took, but for those that only passed; left out before the first."
    SERVER_CLIENTS Counter "server_offered_clients" ["group" "server" "vrf"] "Clients that the server has offered an address, each dialogue once."
    SERVER_OFFERS Counter "server_offers_by_secs" ["group" "server" "vrf" "secs"] "OFFERs by the secs of the DISCOVER they answer; what is 0 is left out."
    GROUP_DISCOVERS Counter "group_discovers" ["group" "secs"] "DISCOVERs for the server group by their secs; what is 0 is left out."
    GROUP_SERVED Counter "group_served_clients" ["group" "secs"] "Clients that got an OFFER by the secs at which the first came, each dialogue once; what is 0 is left out."
    GROUP_DIFFERENT Counter "group_conflicting_offers" ["group"] "Clients that were offered different addresses at once by servers of the group."
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_those_prometheus_allows_and_stand_for_one_metric_each() {
        let names: BTreeSet<String> = ALL.iter().map(Listed::name).collect();
        assert_eq!(names.len(), ALL.len());
        let is_word = |text: &str| {
            text.starts_with(|first: char| first.is_ascii_lowercase())
                && text.chars().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_')
        };
        for family in ALL {
            let name = family.name();
            assert!(is_word(&name), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(family.labels.iter().all(|label| is_word(label) && !label.starts_with("__")), "{name}");
            assert!(family.help.ends_with('.'), "{name}: {}", family.help);
        }
    }
}
