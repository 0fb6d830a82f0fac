//! One client's attempt to get an address: its DISCOVERs in a row, and what came back.
//!
//! A client that waits sends again with a greater `secs`, sometimes with a new xid. What counts is the client, not the
//! message: ten DISCOVERs of one client are one client that waited.

use std::{net::Ipv4Addr, time::Duration};

use relay_common::event::Event;

use crate::clients::BootTime;

/// Without a DISCOVER for so long, the next is another attempt.
const PAUSE: Duration = Duration::from_secs(60);
/// Below this `secs`, no server answers for another yet.
const EARLY: u16 = 3;

#[derive(Clone, Copy, Debug)]
pub(super) struct Episode {
    /// Last DISCOVER.
    asked: BootTime,
    xid: u32,
    secs: u16,
    /// Nobody has answered it.
    pending: bool,
    /// DISCOVERs before it that nobody answered.
    waited: Waited,
    /// Bit i: server i has made an offer in this attempt.
    served_by: u32,
    /// The first offer for the last DISCOVER: the server's number, and what it offers.
    offered: Option<(u8, Ipv4Addr)>,
    /// Different offers have been told.
    differed: bool,
    /// When the last REQUEST was sent, until it is answered, and its transaction.
    requested: Option<BootTime>,
    request: u32,
}

/// How long a client has waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waited {
    /// DISCOVERs that nobody answered.
    pub(super) unanswered: u16,
    /// The highest `secs` of them.
    pub(super) up_to: u16,
}

/// What an OFFER meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offered {
    pub(super) secs: u16,
    pub(super) took: Duration,
    /// The server's first in this attempt.
    pub(super) first_of_server: bool,
    /// Anybody's first in this attempt.
    pub(super) first_of_all: Option<Waited>,
    /// Another address than another server has just offered, before it would answer for that one.
    pub(super) differs: bool,
}

impl Episode {
    pub(super) fn new(at: BootTime) -> Self {
        Self {
            asked: at,
            xid: 0,
            secs: 0,
            pending: false,
            waited: Waited::default(),
            served_by: 0,
            offered: None,
            differed: false,
            requested: None,
            request: 0,
        }
    }

    pub(super) fn discover(&mut self, event: &Event, at: BootTime) {
        if at.since(self.asked) > PAUSE {
            *self = Self { requested: self.requested, request: self.request, ..Self::new(at) };
        } else if self.pending && (self.xid, self.secs) != (event.xid, event.secs) {
            self.waited.unanswered = self.waited.unanswered.saturating_add(1);
            self.waited.up_to = self.waited.up_to.max(self.secs);
        }
        (self.asked, self.xid, self.secs) = (at, event.xid, event.secs);
        self.pending = true;
        self.offered = None;
    }

    pub(super) fn request(&mut self, event: &Event, at: BootTime) {
        (self.requested, self.request) = (Some(at), event.xid);
    }

    /// An OFFER of server `number`; `None` when it answers nothing that was asked.
    pub(super) fn offer(&mut self, event: &Event, number: u8, at: BootTime) -> Option<Offered> {
        if event.xid != self.xid {
            return None;
        }
        let address = Ipv4Addr::from(event.yiaddr);
        let (first_of_attempt, bit) = (self.served_by == 0, 1u32.checked_shl(number.into()).unwrap_or(0));
        let first_of_server = self.served_by & bit == 0;
        self.served_by |= bit;
        self.pending = false;
        let (server, other) = *self.offered.get_or_insert((number, address));
        let differs = server != number && other != address && self.secs < EARLY && !self.differed;
        self.differed |= differs;
        Some(Offered {
            secs: self.secs,
            took: at.since(self.asked),
            first_of_server,
            first_of_all: first_of_attempt.then_some(self.waited),
            differs,
        })
    }

    /// An ACK or NAK; how long it took, if it answers the last REQUEST first.
    pub(super) fn answer(&mut self, event: &Event, at: BootTime) -> Option<Duration> {
        let asked = self.requested.take_if(|_| self.request == event.xid)?;
        Some(at.since(asked))
    }
}
