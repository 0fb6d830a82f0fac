//! What happens to one frame, and to one copy: the verdict of the rules carried out with sockets.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use relay_common::{
    Bucket, Class, Reason, Seen, SliceFrame, Verdict,
    abi::{Punted, message_slot},
    address_copy,
    event::{Event, path},
    ingress, remark,
    wire::{eth, ipv4, udp},
};

use super::{State, held::Held, record, shorter::Shorter, state::View, ways::Ways};
use crate::{
    clients::BootTime,
    memory::Memory,
    quota::Quota,
    renumber::Renumber,
    socket::{FrameSender, Received, SocketError, normalise::normalise},
    tables::{HostEnv, ServerState},
};

/// Octets in front of the message in a frame without tags.
const HEADERS: usize = eth::HEADER_LEN + ipv4::HEADER_LEN + udp::HEADER_LEN;
/// Room behind a frame: a short reply is padded to 300 octets, option 82 takes up to 258.
const TAIL_ROOM: usize = 512;

/// Relays frames and sends what becomes of them.
pub struct Relayer {
    state: Arc<State>,
    sender: FrameSender,
    ways: Ways,
    buckets: RefCell<BTreeMap<u32, Bucket>>,
    memory: Memory,
    start: Instant,
    refusals: Quota<&'static str>,
    failures: Quota<String>,
    scratch: Vec<u8>,
    outgoing: Vec<(u32, Vec<u8>)>,
    held: Held,
}

impl Relayer {
    pub(super) fn new(state: Arc<State>, memory: Memory, ways: Ways) -> Result<Self, SocketError> {
        Ok(Self {
            state,
            sender: FrameSender::open()?,
            ways,
            buckets: RefCell::default(),
            memory,
            start: Instant::now(),
            refusals: Quota::default(),
            failures: Quota::default(),
            scratch: Vec::new(),
            outgoing: Vec::new(),
            held: Held::default(),
        })
    }

    /// Follows the VRFs that servers are in.
    pub(super) fn follow(&mut self, view: &View) {
        self.ways.follow(&view.tables);
    }

    /// Goes over to another configuration, between two frames.
    pub(super) fn go_over(&mut self, memory: Memory, ways: Ways, renumber: &Renumber) {
        let old = std::mem::replace(&mut self.memory, memory);
        // Without a fast path nothing has been taken over yet; with one, all but what was heard a moment ago.
        if old.is_here() {
            self.memory.take_over(&old, renumber);
        } else {
            self.memory.take_over_clients(&old, renumber);
        }
        self.ways = ways;
        let buckets = self.buckets.get_mut();
        *buckets = renumber.all(std::mem::take(buckets));
        self.read_up_to(BootTime::NEVER);
        self.state.events.turn();
        self.state.renumber(renumber);
    }

    /// Relays one frame, which arrived `at`; what is to be sent waits for [`Self::flush`].
    pub(super) fn frame(&mut self, view: &View, octets: &[u8], received: Received, at: BootTime) {
        // Whose frame it is, is for the rules to say, which look at the same addresses in XDP.
        if received.truncated {
            return;
        }
        let mut original = std::mem::take(&mut self.scratch);
        original.clear();
        original.extend_from_slice(octets);
        normalise(&mut original);
        let len = original.len();
        let mut buffer = vec![0; SliceFrame::HEADROOM + len + TAIL_ROOM];
        let end = SliceFrame::HEADROOM + len;
        buffer[SliceFrame::HEADROOM..end].copy_from_slice(&original);
        let mut frame = SliceFrame::new(&mut buffer, SliceFrame::HEADROOM, end);
        let env = HostEnv::new(&view.tables, &self.buckets, &self.memory, self.start);
        let verdict = ingress(&mut frame, &env, received.ifindex);
        match event(&verdict, frame.seen(), &mut original, view, &env, received, at) {
            Some(event) if event.path == path::PASSING => self.held.push(event),
            Some(event) => {
                let events = &self.state.events;
                self.held.up_to(at, |earlier| events.push(earlier));
                events.push(event);
            }
            None => {}
        }
        if let Verdict::Not { reason: Reason::LeaseAnswer, .. } = verdict {
            self.state.lease_answers.push(&original, view.tables.vrf_of(received.ifindex));
        }
        self.scratch = original;
        match verdict {
            Verdict::ToServers { interface, group, message, servers, remarks } => {
                self.state.count(interface, |c| {
                    c.requests[message_slot(message)] += 1;
                    c.option82_left_out += u64::from(remarks & remark::OPTION82_LEFT_OUT != 0);
                    c.swapped_secs += u64::from(remarks & remark::SWAPPED_SECS != 0);
                    c.to_holder += u64::from(remarks & remark::TO_HOLDER != 0);
                });
                let shorter = Shorter::of(&frame);
                self.copies(view, group, servers, &shorter, frame.octets());
            }
            Verdict::ToClient { interface, message } => {
                self.state.count(interface, |c| c.replies[message_slot(message)] += 1);
                if let Some(interface) = view.tables.interface(interface) {
                    self.outgoing.push((interface.ifindex, frame.octets().to_vec()));
                }
            }
            Verdict::Not { interface, reason } => self.refused(view, interface, reason, received.ifindex),
        }
    }

    /// Sends a request that the fast path has rewritten to the servers it could not reach.
    pub(super) fn punted(&mut self, view: &View, record: &[u8]) {
        let Ok(record) = bytemuck::try_pod_read_unaligned::<Punted>(record) else {
            tracing::error!(octets = record.len(), "a record of the ring PUNTED has another size");
            return;
        };
        let len = (record.len as usize).min(record.frame.len());
        self.state.punts.fetch_add(u64::from(record.servers.count_ones()), Ordering::Relaxed);
        let shorter = Shorter::punted(record.cut);
        self.copies(view, record.group, record.servers, &shorter, &record.frame[..len]);
    }

    /// One copy for each server of `servers`.
    fn copies(&mut self, view: &View, group: u32, servers: u32, shorter: &Shorter, rewritten: &[u8]) {
        let Some(state) = view.tables.groups.get(group as usize) else { return };
        for (index, server) in state.servers.iter().enumerate() {
            let bit = 1 << index;
            if servers & bit == 0 {
                continue;
            }
            if let Some(octets) = shorter.copy(bit, rewritten, &self.state) {
                self.copy(&octets, server);
            }
        }
    }

    /// The copy for one server: a complete frame if its next hop is known and the frame fits, else a datagram that the
    /// kernel routes, resolves and fragments.
    fn copy(&mut self, rewritten: &[u8], server: &ServerState) {
        self.state.count(0, |c| c.copies += 1);
        if let Some(hop) = server.hop.filter(|hop| rewritten.len() - eth::HEADER_LEN <= usize::from(hop.mtu))
        {
            let mut octets = rewritten.to_vec();
            let end = octets.len();
            let addressed = relay_common::abi::Server {
                address: server.address.octets(),
                vrf: server.vrf,
                ifindex: hop.ifindex,
                next_mac: hop.next_mac,
                port_mac: hop.port_mac,
            };
            if address_copy(&mut SliceFrame::new(&mut octets, 0, end), &addressed).is_some() {
                self.outgoing.push((hop.ifindex, octets));
            }
            return;
        }
        let source = eth::HEADER_LEN + ipv4::SOURCE;
        let (Some(source), Some(message)) =
            (rewritten.get(source..).and_then(|octets| octets.first_chunk::<4>()), rewritten.get(HEADERS..))
        else {
            return;
        };
        let failed: Box<dyn std::error::Error> = match self.ways.to(server.vrf) {
            Ok(socket) => match socket.send(Ipv4Addr::from(*source), server.address, message) {
                Ok(()) => return,
                Err(error) => error.into(),
            },
            Err(error) => error.into(),
        };
        self.state.send_failed(1);
        self.complain(format!("server {}", server.address), &*failed);
    }

    /// Everything that arrived up to `known` has been read. Whether records are still held back, so that this is to be
    /// told again soon.
    pub(super) fn read_up_to(&mut self, known: BootTime) -> bool {
        let events = &self.state.events;
        self.held.settled(known, |event| events.push(event));
        !self.held.is_empty()
    }

    /// Sends everything that has been relayed.
    pub(super) fn flush(&mut self) {
        let frames: Vec<(u32, &[u8])> =
            self.outgoing.iter().map(|(ifindex, octets)| (*ifindex, &octets[..])).collect();
        if frames.is_empty() {
            return;
        }
        let report = self.sender.send_batch(&frames);
        self.state.send_failed(report.failures.len());
        let failures: Vec<(u32, std::io::Error)> = report
            .failures
            .into_iter()
            .map(|(index, error)| (frames.get(index).map_or(0, |(ifindex, _)| *ifindex), error))
            .collect();
        for (ifindex, error) in failures {
            self.complain(format!("interface index {ifindex}"), &error);
        }
        self.outgoing.clear();
    }

    fn complain(&mut self, subject: String, error: &dyn std::error::Error) {
        if let Some(suppressed) = self.failures.admit(&subject, Instant::now()) {
            tracing::warn!(%subject, suppressed, "cannot be sent to: {error}");
        }
    }

    fn refused(&mut self, view: &View, interface: u32, reason: Reason, ifindex: u32) {
        // A frame that XDP has passed on to the stack has been counted there.
        let counted = match reason.class() {
            Class::Ignored => false,
            Class::Passed => !view.fast_ports.contains(&ifindex),
            Class::SlowPath | Class::Dropped => true,
        };
        if counted {
            self.state.count(interface, |c| c.reasons[reason.index()] += 1);
        }
        if reason.class() == Class::Dropped
            && let Some(suppressed) = self.refusals.admit(&reason.label(), Instant::now())
        {
            tracing::warn!(reason = reason.label(), ifindex, suppressed, "dropped: {}", reason.meaning());
        }
    }
}

/// The record for the client table. What only passes has been recorded by XDP on a port that has it.
fn event(
    verdict: &Verdict,
    seen: Option<&Seen>,
    original: &mut [u8],
    view: &View,
    env: &HostEnv<'_>,
    received: Received,
    at: BootTime,
) -> Option<Event> {
    match verdict {
        Verdict::ToServers { .. } | Verdict::ToClient { .. } => {
            record::relayed(original, seen?, received.ifindex, at)
        }
        Verdict::Not { reason: Reason::Transit | Reason::ClientPort, .. }
            if !received.other_host && !view.fast_ports.contains(&received.ifindex) =>
        {
            record::passes(original, env, received.ifindex, at)
        }
        Verdict::Not { .. } => None,
    }
}
