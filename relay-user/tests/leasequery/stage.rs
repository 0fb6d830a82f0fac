//! Servers that are a table each, and the recovery that asks them. Time is told, nothing waits.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use relay_user::{
    clients::{Action, BootTime, Hardware, Interface, Key, Lease, Policy, Row, Server, Table},
    leasequery::{Answer, Pace, Place, Places, Query, Recovery, Standing, Start, Subnet},
};

use crate::event::*;

pub(crate) const A: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
pub(crate) const B: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 11);
pub(crate) const RATE: u16 = 50;
pub(crate) const EMPTY: Start = Start::Empty("a test");
pub(crate) const LONG_AGO: Start = Start::Old(Duration::from_secs(7200));

/// What a server knows of an address: seconds that are left, seconds since it heard of the client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    Active { client: u8, left: u32, age: u32 },
    Unassigned,
}

/// What one server is like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    pub(crate) silent: bool,
    pub(crate) knows: BTreeMap<Ipv4Addr, Known>,
}

pub(crate) struct Stage {
    pub(crate) table: Table,
    pub(crate) recovery: Recovery,
    pub(crate) peers: BTreeMap<Ipv4Addr, Peer>,
    pub(crate) sent: Vec<(BootTime, Query)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) now: BootTime,
}

pub(crate) fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 60, last)
}

pub(crate) fn mac(client: u8) -> Hardware {
    Hardware::of(&from_client(DISCOVER, client, 0))
}

pub(crate) fn place(prefix_len: u8) -> Place {
    Place {
        interface: 1,
        vrf: 0,
        servers: vec![(0, A), (0, B)],
        giaddr: address(2),
        subnets: vec![Subnet::of(address(2), prefix_len)],
        own: vec![address(2)],
        may_be_chained: false,
    }
}

pub(crate) fn policy() -> Policy {
    let interface = Interface {
        vrf: 0,
        group: 0,
        servers: [A, B].map(|address| Server { address, vrf: 0, min_secs: 0 }).to_vec(),
        clients_max: 1000,
        host_routes: true,
    };
    Policy { interfaces: vec![None, Some(interface)], ..Policy::default() }
}

impl Stage {
    pub(crate) fn new(places: Places) -> Self {
        let now = at(10_000);
        let mut recovery = Recovery::new(Some(Pace { rate: RATE }));
        recovery.follow(places);
        let peers = [A, B].map(|server| (server, Peer::default())).into();
        Self { table: Table::new(policy(), now), recovery, peers, sent: Vec::new(), actions: Vec::new(), now }
    }

    pub(crate) fn with_subnet(prefix_len: u8) -> Self {
        Self::new(Places::of([place(prefix_len)]))
    }

    /// Both servers know the same.
    pub(crate) fn knows(&mut self, last: u8, known: Known) {
        for peer in self.peers.values_mut() {
            peer.knows.insert(address(last), known);
        }
    }

    /// A lease that was stored before the start.
    pub(crate) fn stored(&mut self, client: u8, last: u8) {
        let row = Row {
            key: Key::of(&from_client(REQUEST, client, 0)).expect("a key"),
            hardware: mac(client),
            on_link: true,
            lease: Lease {
                address: address(last),
                hardware: mac(client),
                server: A,
                server_id: A,
                seconds: 3600,
                t1: 0,
                t2: 0,
                since: at(9_000),
                expires: at(12_600),
            },
        };
        self.table.adopt(&row, self.now, &mut self.actions).expect("it is taken");
    }

    pub(crate) fn begin(&mut self, start: &Start) {
        self.recovery.begin(start, &self.table, self.now);
    }

    /// Lets time pass until there is nothing to do, or `until`.
    pub(crate) fn run(&mut self, until: BootTime) {
        loop {
            while let Some(query) = self.recovery.poll(&self.table, self.now) {
                self.sent.push((self.now, query.clone()));
                if let Some(answer) = self.answer(&query) {
                    self.recovery.answer(query.server, &answer, &mut self.table, self.now, &mut self.actions);
                }
            }
            match self.recovery.deadline() {
                Some(next) if next <= until => {
                    assert!(next > self.now, "it wants to be asked at once, and has nothing to say");
                    self.now = next;
                }
                _ => break,
            }
        }
        self.now = until;
        self.table.expire(self.now, &mut self.actions);
    }

    pub(crate) fn answer(&self, query: &Query) -> Option<Answer> {
        let peer = &self.peers[&query.server.1];
        let message = &query.message;
        let asked = Ipv4Addr::from(*message[12..].first_chunk::<4>()?);
        let found = if asked.is_unspecified() {
            let is = |known: &Known| matches!(known, Known::Active { client, .. } if mac(*client).octets == message[28..44]);
            peer.knows.iter().find(|(_, known)| is(known)).map(|(address, known)| (*address, *known))
        } else {
            peer.knows.get(&asked).map(|known| (asked, *known))
        };
        let mut answer = Answer {
            xid: u32::from_be_bytes(*message[4..].first_chunk()?),
            standing: Standing::Unknown,
            address: asked,
            hardware: Hardware { len: 0, octets: [0; 16] },
            client_id: None,
            lease: None,
            t1: None,
            t2: None,
            last_transaction: None,
            server_id: Some(query.server.1),
            agent: None,
        };
        match found {
            Some((address, Known::Active { client, left, age })) => {
                answer = Answer {
                    standing: Standing::Active,
                    address,
                    hardware: mac(client),
                    lease: Some(left),
                    t1: left.checked_sub(1800),
                    last_transaction: Some(age),
                    ..answer
                };
            }
            Some((_, Known::Unassigned)) => answer.standing = Standing::Unassigned,
            None => {}
        }
        (!peer.silent).then_some(answer)
    }

    pub(crate) fn holder(&self, last: u8) -> Option<&relay_user::clients::Client> {
        self.table.holder(0, address(last))
    }

    /// How often each server was asked about an address.
    pub(crate) fn asked(&self, server: Ipv4Addr, last: u8) -> usize {
        let about = |query: &Query| query.message[12..16] == address(last).octets();
        self.sent.iter().filter(|(_, query)| query.server == (0, server) && about(query)).count()
    }

    pub(crate) fn sent_to(&self, server: Ipv4Addr) -> usize {
        self.sent.iter().filter(|(_, query)| query.server.1 == server).count()
    }
}
