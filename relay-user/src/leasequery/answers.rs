//! Where the slow path leaves the answers of servers: bounded, and never waited for.

use std::{
    net::Ipv4Addr,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use relay_common::wire::{bootp, eth, ipv4, udp};

use super::{Answer, Server, parse};
use crate::snoop::inbox::Waker;

/// Answers that wait at most: more are not under way to all servers that a relay can have.
const ROOM: usize = 4096;

/// Answers that wait for the client table's thread.
#[derive(Debug, Default)]
pub struct Answers {
    waiting: Mutex<Vec<(Server, Answer)>>,
    waker: OnceLock<Waker>,
    lost: AtomicU64,
}

impl Answers {
    /// From now on, somebody reads and is woken by this.
    pub fn wakes(&self, waker: Waker) {
        // A second reader would be a second client table, of which a daemon has none.
        let _ = self.waker.set(waker);
    }

    /// Leaves the answer in a frame that the rules have found to be one; `vrf` is the routing table of its port.
    pub fn push(&self, frame: &[u8], vrf: u32) {
        let Some((server, answer)) = read(frame) else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= ROOM {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push(((vrf, server), answer));
        drop(waiting);
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    /// Takes all that waits.
    pub fn take(&self) -> Vec<(Server, Answer)> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers that there was no room for; the servers are asked again.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The sender and its message. Lengths and checksums are known to be right, and there are no IP options.
fn read(frame: &[u8]) -> Option<(Ipv4Addr, Answer)> {
    let kind = |at: usize| Some(u16::from_be_bytes(*frame.get(at..)?.first_chunk()?));
    let mut ethertype = eth::ETHERTYPE;
    while eth::is_tag(kind(ethertype)?) {
        ethertype += eth::TAG_LEN;
    }
    let l3 = ethertype + 2;
    let datagram = l3 + ipv4::HEADER_LEN;
    let source: [u8; 4] = *frame.get(l3 + ipv4::SOURCE..)?.first_chunk()?;
    let end = datagram + usize::from(kind(datagram + udp::LENGTH)?);
    let message = frame.get(datagram + udp::HEADER_LEN..end)?;
    (message.len() >= bootp::OPTIONS).then_some(())?;
    Some((source.into(), parse(message)?))
}
