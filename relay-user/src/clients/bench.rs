//! What the client table costs: a life of many clients, made up and measured, for `cargo xtask bench snoop`.
//!
//! Nothing of the daemon uses it. It is in the library so that the figures are of the code that runs.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    time::{Duration, Instant},
};

use bytemuck::Zeroable as _;
use nix::time::{ClockId, clock_gettime};
use relay_common::event::{Event, flag, path};

use super::{
    Action, BootTime, Interface, Policy, Server, Table,
    store::{BATCH, Clocks, Store, StoreError},
};

/// Messages of a client's life: DISCOVER, two OFFERs, REQUEST, ACK, then REQUEST and ACK of each renewal.
const BINDING: u64 = 5;
const SERVERS: [[u8; 4]; 2] = [[10, 0, 41, 10], [10, 0, 41, 11]];

/// What was measured. Times are those that the thread had a processor: what one core does, whoever else wants it.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Clients bound at the end.
    pub clients: usize,
    /// Messages handled while they were being bound.
    pub binding: u64,
    /// Time that took.
    pub binding_took: Duration,
    /// Messages handled while each of them renewed twice.
    pub renewing: u64,
    /// Time that took.
    pub renewing_took: Duration,
    /// Time to let all leases end.
    pub expiry_took: Duration,
}

/// What the store was measured at. Times are those of a wall clock, for they include waiting for the disk.
#[derive(Clone, Copy, Debug)]
pub struct StoreFigures {
    /// Rows.
    pub rows: usize,
    /// Time to write them, in batches.
    pub write_took: Duration,
    /// Time to open the file and take them into a table.
    pub load_took: Duration,
    /// Octets of the file.
    pub octets: u64,
}

/// A policy for that many clients on eight interfaces.
pub fn policy(clients: u32) -> Policy {
    let interface = Interface {
        vrf: 0,
        group: 1,
        servers: SERVERS
            .iter()
            .map(|server| Server { address: Ipv4Addr::from(*server), vrf: 0, min_secs: 0 })
            .collect(),
        clients_max: clients,
        host_routes: true,
    };
    Policy {
        interfaces: std::iter::once(None).chain(vec![Some(interface); 8]).collect(),
        clients_max: clients,
        ..Policy::default()
    }
}

/// Time that this thread has had a processor.
fn worked() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

fn message(op: u8, kind: u8, client: u32, xid: u32) -> Event {
    let [a, b, c, d] = client.to_be_bytes();
    let mut event = Event {
        op,
        message: kind,
        path: path::FAST,
        flags: flag::ETHERNET | if op == 2 { flag::UPSTREAM | flag::LEASE } else { 0 },
        hlen: 6,
        client_id_len: 7,
        xid,
        interface: 1 + client % 8,
        destination: [255; 4],
        lease: if op == 2 { 3600 } else { 0 },
        ..Event::zeroed()
    };
    event.chaddr[..6].copy_from_slice(&[2, 0, a, b, c, d]);
    event.client_id[..7].copy_from_slice(&[1, 2, 0, a, b, c, d]);
    if op == 2 {
        event.source = SERVERS[0];
        event.server_id = SERVERS[0];
        event.yiaddr = address(client);
    }
    event
}

fn address(client: u32) -> [u8; 4] {
    (0x6440_0000 + client).to_be_bytes()
}

fn bind(table: &mut Table, client: u32, now: BootTime, actions: &mut Vec<Action>) {
    let xid = client.wrapping_mul(0x9e37_79b9);
    let other = Event { source: SERVERS[1], server_id: SERVERS[1], ..message(2, 2, client, xid) };
    let request = Event { requested: address(client), server_id: SERVERS[0], ..message(1, 3, client, xid) };
    for event in
        [message(1, 1, client, xid), message(2, 2, client, xid), other, request, message(2, 5, client, xid)]
    {
        // What is refused shows in the number of clients.
        let _ = table.handle(&Event { timestamp: now.nanos(), ..event }, now, actions);
    }
    actions.clear();
}

fn renew(table: &mut Table, client: u32, round: u32, now: BootTime, actions: &mut Vec<Action>) {
    let xid = client.wrapping_mul(0x9e37_79b9) ^ round;
    let request = Event {
        path: path::PASSING,
        ciaddr: address(client),
        destination: SERVERS[0],
        ..message(1, 3, client, xid)
    };
    let ack = Event { path: path::PASSING, interface: 0, ..message(2, 5, client, xid) };
    for event in [request, ack] {
        let _ = table.handle(&Event { timestamp: now.nanos(), ..event }, now, actions);
    }
    actions.clear();
}

/// Binds `clients` clients, lets each renew twice and all leases end; returns the figures, and hands the full table to
/// `full` before the leases end.
pub fn table(clients: u32, full: impl FnOnce(&Table)) -> Figures {
    let mut now = BootTime::from_nanos(1_000_000_000);
    let mut table = Table::new(policy(clients), now);
    let mut actions = Vec::new();
    let begin = worked();
    for client in 0..clients {
        now = now.after(Duration::from_micros(10));
        bind(&mut table, client, now, &mut actions);
    }
    let binding_took = worked().saturating_sub(begin);
    let begin = worked();
    for round in 1..=2 {
        now = now.after(Duration::from_secs(600));
        for client in 0..clients {
            now = now.after(Duration::from_micros(10));
            renew(&mut table, client, round, now, &mut actions);
        }
    }
    let renewing_took = worked().saturating_sub(begin);
    let bound = table.clients().filter(|client| client.state.is_bound()).count();
    full(&table);
    let begin = worked();
    for _ in 0..72 {
        now = now.after(Duration::from_secs(60));
        table.expire(now, &mut actions);
        actions.clear();
    }
    Figures {
        clients: bound,
        binding: u64::from(clients) * BINDING,
        binding_took,
        renewing: u64::from(clients) * 4,
        renewing_took,
        expiry_took: worked().saturating_sub(begin),
    }
}

/// Writes the leases of `clients` clients to a file, and takes them into another table.
///
/// # Errors
/// The file cannot be used.
pub fn store(clients: u32, file: &Path) -> Result<StoreFigures, StoreError> {
    let usable = |source| StoreError::File { path: file.to_owned(), source };
    let clocks = Clocks::now().map_err(usable)?;
    let mut table = Table::new(policy(clients), clocks.boot);
    let mut actions = Vec::new();
    for client in 0..clients {
        bind(&mut table, client, clocks.boot, &mut actions);
    }
    let names: BTreeMap<u32, String> = (1..=8).map(|index| (index, format!("eth{index}"))).collect();
    let begin = Instant::now();
    let (store, _) = Store::open(file, &clocks)?;
    let mut changes = Vec::new();
    while table.has_changes() {
        table.take_changes(BATCH, &mut changes);
        store.write(&changes, &names, &clocks)?;
        changes.clear();
    }
    let write_took = begin.elapsed();
    drop((store, table));
    let octets = std::fs::metadata(file).map_err(usable)?.len();
    let begin = Instant::now();
    let (_store, found) = Store::open(file, &clocks)?;
    let mut table = Table::new(policy(clients), clocks.boot);
    let indexes: BTreeMap<&str, u32> = names.iter().map(|(index, name)| (name.as_str(), *index)).collect();
    for mut stored in found.rows {
        stored.row.key.interface = indexes.get(&*stored.interface).copied().unwrap_or(0);
        // What is refused shows in the number of rows.
        let _ = table.adopt(&stored.row, clocks.boot, &mut actions);
        actions.clear();
    }
    Ok(StoreFigures { rows: table.len(), write_took, load_took: begin.elapsed(), octets })
}
