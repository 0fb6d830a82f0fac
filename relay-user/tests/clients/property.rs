//! 100,000 random dialogues and more against the model: interleaved, repeated, reordered, lost and forged.
//!
//! `RELAY_CASES` asks for another number of cases; each is some 30 dialogues. A failing case is shrunk to
//! the fewest messages that still fail.

use std::{cell::Cell, net::Ipv4Addr, time::Duration};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use relay_common::event::{Event, flag, path};

use crate::{
    event::*,
    model::{Model, Name},
    world::{A, B, C, World, policy},
};

const CASES: u32 = 4_500;

/// One dialogue: who, how, and what goes wrong.
#[derive(Clone, Debug)]
struct Dialogue {
    client: u8,
    port: usize,
    id: u8,
    server: bool,
    address: u8,
    xid: u8,
    lease: u8,
    kind: u8,
    /// For each message: when it comes, whether it is lost, doubled or forged and how.
    fates: Vec<(u16, u8, u8)>,
}

fn dialogue() -> impl Strategy<Value = Dialogue> {
    (
        (0..6u8, 0..3usize, 0..6u8, any::<bool>(), 0..8u8),
        (0..5u8, 0..6u8, 0..8u8),
        vec((0..2_000u16, 0..12u8, 0..24u8), 6),
    )
        .prop_map(|((client, port, id, server, address), (xid, lease, kind), fates)| Dialogue {
            client,
            port,
            id,
            server,
            address,
            xid,
            lease,
            kind,
            fates,
        })
}

impl Dialogue {
    /// The messages as they would go if nothing went wrong.
    fn messages(&self) -> Vec<Event> {
        let (interface, vrf, server_vrf) = [(1, 0, 0), (2, 0, 0), (3, 10, 20)][self.port];
        let server = if self.port == 2 {
            C
        } else if self.server {
            A
        } else {
            B
        };
        let other = if self.port == 2 {
            C
        } else if self.server {
            B
        } else {
            A
        };
        let address = format!("192.0.2.{}", self.address + 1);
        let lease = [1, 20, 60, 1800, u32::MAX, 0][usize::from(self.lease)];
        let (xid, client) = (u32::from(self.xid), self.client);
        let named = |event: Event| match self.id {
            0 => event.id(b"one"),
            1 => event.id(&[7; 33]),
            2 => event.id(&[7; 34]),
            _ => event,
        };
        let ask = |kind| named(from_client(kind, client, xid)).on(interface, vrf);
        let say = |kind, server| {
            let event = from_server(kind, client, xid, server).on(interface, server_vrf);
            if self.id.is_multiple_of(2) { named(event) } else { event }
        };
        let offer = |server| say(OFFER, server).yours(&address).lease(lease);
        let ack = |server| say(ACK, server).yours(&address).lease(lease);
        match self.kind {
            0 | 1 => vec![
                ask(DISCOVER),
                offer(server),
                offer(other),
                ask(REQUEST).asks(&address).of_server(server),
                ack(server),
            ],
            2 => vec![ask(REQUEST).asks(&address), ack(server), ack(other)],
            3 => vec![
                ask(REQUEST).mine(&address).passing_to(server),
                ack(server).passing_to(&address).mine(&address),
            ],
            4 => vec![ask(REQUEST).mine(&address), ack(other), say(NAK, server)],
            5 => vec![ask(REQUEST).asks(&address), say(NAK, server), ask(DISCOVER), offer(server)],
            6 => {
                vec![ask(REQUEST).asks(&address), ack(server), ask(RELEASE).mine(&address).passing_to(server)]
            }
            _ => vec![
                ask(REQUEST).asks(&address),
                ack(server),
                ask(DECLINE).asks(&address),
                ask(INFORM).mine(&address),
                say(ACK, server).lease(60),
            ],
        }
    }
}

/// The same message from where it cannot come from, or not as it should be.
fn forged(event: Event, how: u8) -> Event {
    event.with(|event| match how {
        0 => event.interface = event.interface % 3 + 1,
        1 => event.vrf = if event.vrf == 0 { 20 } else { 0 },
        2 if event.op == 2 => event.source = [10, 0, 99, 1],
        2 => (event.destination, event.path) = ([10, 0, 99, 1], path::PASSING),
        3 => event.flags &= !flag::UPSTREAM,
        4 => (event.path, event.interface) = (path::PASSING, 0),
        5 => event.flags &= !flag::LEASE,
        6 => event.xid ^= 1,
        7 => event.yiaddr = [0; 4],
        8 => event.giaddr = [198, 51, 100, 1],
        9 => event.hlen = 0,
        10 => event.client_id_len = 0,
        11 => event.message = 0,
        12 => event.server_id = [10, 0, 99, 2],
        13 => event.source = [10, 0, 99, 2],
        14 => event.chaddr[0] = 1,
        _ => {}
    })
}

/// What arrives, in order, with milliseconds.
fn arrivals(dialogues: &[Dialogue]) -> Vec<(u64, Event)> {
    let mut arrivals = Vec::new();
    let mut begin = 0;
    for dialogue in dialogues {
        for (i, (event, &(delay, fate, how))) in
            dialogue.messages().into_iter().zip(&dialogue.fates).enumerate()
        {
            // Most delays keep the order within a dialogue, some do not.
            let time =
                begin + if fate < 9 { i as u64 * 300 + u64::from(delay) / 8 } else { u64::from(delay) };
            let event = if fate == 1 { forged(event, how) } else { event };
            match fate {
                0 => {}
                2 => arrivals.extend([(time, event), (time + u64::from(delay), event)]),
                3 => arrivals.push((time, event.stamped(at(1_000).after(Duration::from_millis(time / 2))))),
                _ => arrivals.push((time, event)),
            }
        }
        begin += u64::from(dialogue.fates[5].0) * if dialogue.fates[5].1 == 0 { 40 } else { 1 };
    }
    arrivals.sort_by_key(|(time, _)| *time);
    arrivals
}

fn compare(world: &World, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(world.table.len(), model.entries.len());
    let held: Vec<(&Name, _)> =
        model.entries.iter().filter_map(|(name, entry)| Some((name, entry.held.as_ref()?))).collect();
    for client in world.table.clients() {
        let id = client.key.identity;
        // The model's name for it is found by what both know from the messages.
        let named = model.entries.iter().filter(|(name, _)| {
            name.0 == client.key.interface
                && name.1 == client.key.vrf
                && id.client_id().unwrap_or_default() == name.3
                && format!("{id:?}").ends_with(&if name.2 == 0 {
                    format!("hw {:02x?}", name.4)
                } else {
                    format!("/{}", name.2)
                })
                && (name.2 <= 32 || name.4 == client.hardware.octets())
        });
        let named: Vec<_> = named.collect();
        prop_assert_eq!(named.len(), 1, "{:?} is {:?}", client, named);
        let (_, entry) = named[0];
        prop_assert_eq!(client.state.label(), entry.state);
        prop_assert_eq!(client.on_link, entry.on_link);
        let offers: Vec<_> =
            client.offers.iter().map(|offer| (offer.server, offer.address, offer.lease)).collect();
        prop_assert_eq!(&offers, &entry.offers);
        let lease = client.held().map(|lease| {
            (
                lease.address,
                lease.server,
                lease.server_id,
                lease.seconds,
                lease.hardware.octets().to_vec(),
                lease.expires.nanos(),
            )
        });
        let expected = entry.held.as_ref().map(|held| {
            (held.address, held.server, held.server_id, held.seconds, held.mac.clone(), held.expires)
        });
        prop_assert_eq!(lease, expected);
    }
    let leases: Vec<(u32, Ipv4Addr, u64)> =
        world.published.values().map(|lease| (lease.vrf, lease.address, lease.expires.nanos())).collect();
    let mut expected: Vec<_> = held.iter().map(|(name, held)| (name.1, held.address, held.expires)).collect();
    expected.sort_unstable();
    prop_assert_eq!(leases, expected);
    let routes: Vec<(u32, Ipv4Addr, Vec<u8>)> = world
        .routes
        .iter()
        .map(|((_, interface, address), mac)| (*interface, *address, mac.to_vec()))
        .collect();
    let mut expected: Vec<_> = held
        .iter()
        .filter(|(name, held)| name.0 != 2 && held.mac.len() == 6 && held.mac[0] & 1 == 0)
        .filter(|(name, _)| routed(model, name))
        .map(|(name, held)| (name.0, held.address, held.mac.clone()))
        .collect();
    expected.sort_unstable();
    let mut routes = routes;
    routes.sort_unstable();
    prop_assert_eq!(routes, expected);
    let rows: Vec<_> =
        world.rows.values().map(|row| (row.lease.address, row.lease.expires.nanos())).collect();
    prop_assert_eq!(rows.len(), held.len());
    Ok(())
}

/// Whether the client was on the link when it was last bound.
fn routed(model: &Model, name: &Name) -> bool {
    model.entries[name].bound_on_link
}

#[test]
fn the_table_does_what_the_model_does_in_100_000_dialogues_with_losses_repeats_reordering_and_forgery() {
    let cases = std::env::var("RELAY_CASES").map_or(CASES, |cases| cases.parse().expect("a number"));
    let (dialogues, messages, bound, suspicious) = <(Cell<u64>, Cell<u64>, Cell<u64>, Cell<u64>)>::default();
    let strategy = (vec(dialogue(), 20..40), 3..20u32, any::<bool>());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let done = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    )
    .run(&strategy, |(script, clients_max, prompt)| {
        let policy = policy(clients_max);
        let (mut world, mut model) = (World::with(policy.clone()), Model::new(policy));
        let start = world.now;
        for (time, event) in arrivals(&script) {
            world.now = start.after(Duration::from_millis(time));
            let event = if event.timestamp == 0 { event.stamped(world.now) } else { event };
            model.hear(&event, world.now.nanos());
            let _ = world.hear(event);
            if model.tie {
                return Ok(());
            }
            if prompt {
                compare(&world, &model)?;
            }
            messages.set(messages.get() + 1);
        }
        compare(&world, &model)?;
        bound.set(bound.get() + world.published.len() as u64);
        world.wait(Duration::from_secs(30));
        model.tick(world.now.nanos());
        if model.tie {
            return Ok(());
        }
        compare(&world, &model)?;
        let counted = relay_user::clients::Ignored::ALL
            .into_iter()
            .filter(|reason| reason.is_suspicious())
            .map(|reason| world.table.ignored(reason))
            .sum::<u64>();
        prop_assert_eq!(counted, model.suspicious);
        suspicious.set(suspicious.get() + counted);
        dialogues.set(dialogues.get() + script.len() as u64);
        Ok(())
    });
    if let Err(failure) = done {
        panic!("{failure}");
    }
    println!(
        "{} dialogues, {} messages, {} leases held at the ends, {} forgeries counted",
        dialogues.get(),
        messages.get(),
        bound.get(),
        suspicious.get()
    );
    assert!(bound.get() > dialogues.get() / 100 && suspicious.get() > 0, "the dialogues came to nothing");
    assert!(dialogues.get() >= 100_000 || cases < CASES);
}
