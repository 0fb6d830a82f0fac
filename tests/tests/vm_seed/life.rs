//! Discover, two offers from each server, request, two acknowledgements, renewal to the relay, release to the relay.

use relay_tests::lab::frame::{Direction, Packet};
use relay_tests::lab::scenario::Step;
use relay_tests::peers::Dhcpd;
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_tests::vm::seed::seen::{
    CIRCUIT_ID, DEADLINE, FLAGS, LINK_SELECTION, Observed, SERVER_ID_OVERRIDE, UNICAST, giaddr, leased,
    requested, server_identifier, sub_options,
};
use relay_tests::vm::seed::servers::{RANGES, start_split};
use relay_tests::vm::seed::{Affinity, EDGE, RelayHost, Seed, Servers};

use super::scripted::Scripted;

/// One client's life, and what the article says that everybody sees of it.
pub(super) fn life(mode: Mode, placed: Servers, affinity: Affinity) {
    let seed = Seed::new("vm-seed", placed).unwrap();
    let servers = start_split(&seed).unwrap();
    let relays = seed.start_relays(mode, affinity).unwrap();
    let at_servers = seed.capture_servers().unwrap();
    let client = Scripted::new(&seed);

    client.discovers(1);
    // All of them: a relay that has not seen the offer yet cannot know whose it is.
    let offers = client.replies(Step::Offer, 4);
    client.takes(&offers[0]);
    let acks = client.replies(Step::Ack, 2);
    let ack = acks.iter().find(|ack| server_identifier(ack) == server_identifier(&offers[0])).unwrap();
    let address = leased(ack).unwrap();
    client.renews(&seed, ack, 2);
    client.replies(Step::Ack, 3);
    client.releases(&seed, ack, 3);
    let seen = Observed::settled(&seed, &at_servers, &client.capture).unwrap();

    let [_, _, _, number] = address.octets();
    let owner = RANGES.iter().position(|range| range.contains(&number)).unwrap();
    let told = Told { seed: &seed, seen: &seen, owner, affinity };
    told.discovers();
    told.offers();
    told.selection();
    told.renewal();
    told.release();
    the_servers_log(&servers, owner, affinity);
    the_right_path_relayed(&relays, mode);
    one_server_alone_was_asked(&relays, affinity);
}

/// What is known after the client's life.
struct Told<'a> {
    seed: &'a Seed,
    seen: &'a Observed,
    /// Whose offer the client took.
    owner: usize,
    affinity: Affinity,
}

impl Told<'_> {
    fn other(&self) -> usize {
        1 - self.owner
    }

    /// How many copies of a REQUEST the server that is not the owner has, of those that the owner has.
    fn at_the_other(&self, at_owner: usize) -> usize {
        if self.affinity == Affinity::Off { at_owner } else { 0 }
    }

    /// "Two copies of the DHCP DISCOVER packet are forwarded to each DHCP server."
    fn discovers(&self) {
        let Self { seed, seen, .. } = self;
        seen.sent(Step::Discover).unwrap();
        for server in 0..2 {
            for relay in &seed.relays {
                assert_eq!(seen.through(server, relay, Step::Discover), 1, "{seen}");
            }
            for packet in seen.servers[server].of(Direction::Incoming, Step::Discover) {
                assert_eq!(packet.ip.destination, seed.servers[server].address);
                self.option82_is_that_of_its_relay(packet, 0);
            }
        }
    }

    /// "Both servers should reply with two DHCP offer messages", whose server is the relay, and the client has all four.
    fn offers(&self) {
        let Self { seed, seen, .. } = self;
        let at_client = seen.client.of(Direction::Incoming, Step::Offer);
        assert_eq!(at_client.len(), 4, "{seen}");
        for (server, range) in RANGES.iter().enumerate() {
            for relay in &seed.relays {
                assert!(self.is_given(server, relay, Step::Offer), "{seen}");
                let like_it = at_client.iter().filter(|offer| {
                    server_identifier(offer) == Some(relay.address)
                        && leased(offer).is_some_and(|address| range.contains(&address.octets()[3]))
                        && offer.ip.source == relay.address
                        && offer.bootp().unwrap().option(82).is_none()
                });
                assert_eq!(like_it.count(), 1, "s{} by {}: {seen}", server + 1, relay.address);
            }
        }
    }

    /// Whether a server gave one reply of a step to a relay, and named the relay as the server in it.
    fn is_given(&self, server: usize, relay: &RelayHost, step: Step) -> bool {
        let given = self.seen.servers[server].of(Direction::Outgoing, step);
        let mut to_relay = given.iter().filter(|packet| giaddr(packet) == Some(relay.loopback));
        let one = to_relay.next().is_some_and(|packet| {
            server_identifier(packet) == Some(relay.address) && packet.ip.destination == relay.loopback
        });
        one && to_relay.next().is_none()
    }

    /// "The DHCP REQUEST message is sent as a broadcast, which means that it will be relayed to both DHCP servers, making
    /// one of them confused"; "it also receives a second copy of the DHCP ACK message from the same server".
    fn selection(&self) {
        let Self { seed, seen, owner, .. } = self;
        let request = seen.sent(Step::Select).unwrap();
        let taken = server_identifier(request);
        assert!(seed.relays.iter().any(|relay| Some(relay.address) == taken), "{seen}");
        for relay in &seed.relays {
            assert_eq!(seen.through(*owner, relay, Step::Select), 1, "{seen}");
            assert_eq!(seen.through(self.other(), relay, Step::Select), self.at_the_other(1), "{seen}");
            let acks = seen.client.of(Direction::Incoming, Step::Ack);
            let by_relay = acks.iter().filter(|ack| {
                server_identifier(ack) == Some(relay.address)
                    && ack.bootp().unwrap().ciaddr().is_unspecified()
            });
            let by_relay: Vec<_> = by_relay.collect();
            assert_eq!(by_relay.len(), 1, "{seen}");
            assert_eq!(leased(by_relay[0]), requested(request), "{seen}");
        }
        assert_eq!(seen.given(self.other(), Step::Ack) + seen.given(self.other(), Step::Nak), 0, "{seen}");
    }

    /// "When renewing the lease it sends the DHCP REQUEST message to the VLAN IP address of the relaying switch", which alone
    /// relays it.
    fn renewal(&self) {
        let Self { seed, seen, owner, .. } = self;
        let request = seen.sent(Step::Renew).unwrap();
        let relay = self.relay_asked(request);
        let silent = seed.relays.iter().find(|other| other.address != relay.address).unwrap();
        for (server, wanted) in [(*owner, 1), (self.other(), self.at_the_other(1))] {
            assert_eq!(seen.through(server, relay, Step::Renew), wanted, "{seen}");
            assert_eq!(seen.through(server, silent, Step::Renew), 0, "{seen}");
            assert_eq!(seen.arrived(server, Step::Renew), wanted, "{seen}");
            for packet in seen.servers[server].of(Direction::Incoming, Step::Renew) {
                self.option82_is_that_of_its_relay(packet, UNICAST);
            }
        }
        let acks = seen.client.of(Direction::Incoming, Step::Ack);
        let renewed: Vec<_> =
            acks.iter().filter(|ack| !ack.bootp().unwrap().ciaddr().is_unspecified()).collect();
        assert_eq!(renewed.len(), 1, "{seen}");
        assert_eq!(server_identifier(renewed[0]), Some(relay.address), "{seen}");
        assert_eq!(renewed[0].ip.destination, request.ip.source, "{seen}");
    }

    /// The release goes to the relay too, and from there to both servers: a client does not repeat it, so it goes where
    /// it cannot miss.
    fn release(&self) {
        let Self { seen, .. } = self;
        let release = seen.sent(Step::Release).unwrap();
        let relay = self.relay_asked(release);
        for server in 0..2 {
            assert_eq!(seen.through(server, relay, Step::Release), 1, "{seen}");
            assert_eq!(seen.arrived(server, Step::Release), 1, "{seen}");
            for packet in seen.servers[server].of(Direction::Incoming, Step::Release) {
                self.option82_is_that_of_its_relay(packet, UNICAST);
            }
        }
    }

    fn relay_asked(&self, packet: &Packet) -> &RelayHost {
        let mut relays = self.seed.relays.iter();
        relays.find(|relay| relay.address == packet.ip.destination).expect("a unicast to one of the relays")
    }

    fn option82_is_that_of_its_relay(&self, packet: &Packet, flags: u8) {
        let relay = self.seed.relays.iter().find(|relay| Some(relay.loopback) == giaddr(packet)).unwrap();
        assert_eq!(packet.ip.source, relay.loopback);
        let address = relay.address.octets().to_vec();
        let wanted = [
            (CIRCUIT_ID, EDGE.as_bytes().to_vec()),
            (LINK_SELECTION, address.clone()),
            (FLAGS, vec![flags]),
            (SERVER_ID_OVERRIDE, address),
        ];
        assert_eq!(sub_options(packet).unwrap(), wanted, "{packet}");
    }
}

/// "Client is confused about its IP address" is `unknown lease` with dhcpd, which sends no NAK either: nobody told it that
/// it is the only server. It gets a REQUEST three times for another server's address, or never.
fn the_servers_log(servers: &[Dhcpd; 2], owner: usize, affinity: Affinity) {
    let confused = |server: usize| {
        let log = servers[server].process().lines();
        log.iter().filter(|line| line.contains("DHCPREQUEST") && line.contains("unknown lease")).count()
    };
    let wanted = if affinity == Affinity::Off { 3 } else { 0 };
    assert_eq!(confused(1 - owner), wanted, "{}", servers[1 - owner].process().lines().join("\n"));
    assert_eq!(confused(owner), 0, "{}", servers[owner].process().lines().join("\n"));
    servers[owner].process().wait_for_line("DHCPRELEASE of ", DEADLINE).unwrap();
}

/// Every message was relayed, and by the path of the mode alone.
fn the_right_path_relayed(relays: &[Daemon; 2], mode: Mode) {
    for relay in relays {
        let stats = relay.stats().unwrap();
        let interface = &stats.interfaces[0];
        let [discover, request] = ["discover", "request"].map(|name| interface.requests[name]);
        for count in [discover, request, interface.replies["offer"], interface.replies["ack"]] {
            let (right, wrong) =
                if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
            assert!(right > 0 && wrong == 0, "{mode:?}: {stats:?}");
        }
    }
}

/// Both relays gave the selection to its server alone, and one of them the renewal.
fn one_server_alone_was_asked(relays: &[Daemon; 2], affinity: Affinity) {
    let counted: u64 = relays
        .iter()
        .map(|relay| relay.stats().unwrap().interfaces[0].to_holder)
        .map(|count| count.fast + count.slow)
        .sum();
    assert_eq!(counted, if affinity == Affinity::Off { 0 } else { 3 });
}
