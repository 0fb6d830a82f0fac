//! The record of a message for the client table, from the frame as it came in: what XDP writes into its rings.

use bytemuck::Zeroable as _;
use relay_common::{
    Env, Frame as _, Options, Seen, SliceFrame,
    agent::whole,
    event::{Event, path},
    passing,
    record::{self, Offsets, Place, Record},
    wire::{bootp, eth, ipv4, udp},
};

use crate::clients::BootTime;

/// Octets between the IPv4 header and the message.
const HEADERS: usize = ipv4::HEADER_LEN + udp::HEADER_LEN;

struct Noted<'a, 'f>(&'a SliceFrame<'f>);

impl Offsets for Noted<'_, '_> {
    fn option(&self, code: u8) -> usize {
        self.0.noted_option(code).unwrap_or(0)
    }

    fn hash(&self, code: u8) -> u64 {
        let value = self.0.noted_option(code).and_then(|at| {
            let len = usize::from(self.0.u8(at + 1)?);
            self.0.octets().get(at + 2..at + 2 + len)
        });
        value.map_or(0, whole)
    }
}

/// The record of a message that arrived `at` and was relayed; `octets` are the frame before it was rewritten.
pub fn relayed(octets: &mut [u8], seen: &Seen, ifindex: u32, at: BootTime) -> Option<Event> {
    let len = octets.len();
    let mut frame = SliceFrame::new(octets, 0, len);
    let message = seen.l3 + HEADERS;
    let end = seen.l3 + ipv4::HEADER_LEN + usize::from(frame.u16(seen.l3 + ipv4::HEADER_LEN + udp::LENGTH)?);
    // What was rewritten has noted where its options were by offsets in a frame that is not there any more.
    if frame.read::<4>(message + bootp::COOKIE) == Some(bootp::MAGIC) {
        Options::walk(&mut frame, message + bootp::OPTIONS, end).ok()?;
    }
    record(&frame, seen, path::SLOW, ifindex, at)
}

/// The record of a message that only passes; `None` for what is none, or would not arrive.
pub fn passes<E: Env>(octets: &mut [u8], env: &E, ifindex: u32, at: BootTime) -> Option<Event> {
    let len = octets.len();
    let mut frame = SliceFrame::new(octets, 0, len);
    let seen = passing(&mut frame, env, ifindex)?;
    record(&frame, &seen, path::PASSING, ifindex, at)
}

fn record(frame: &SliceFrame<'_>, seen: &Seen, path: u8, ifindex: u32, at: BootTime) -> Option<Event> {
    let tag = |offset: usize| match offset < seen.l3 {
        true => frame.u16(offset).unwrap_or(0) & eth::VID_MASK,
        false => 0,
    };
    let place = Place {
        path,
        message: seen.message,
        upstream: seen.upstream,
        interface: seen.interface,
        vrf: seen.vrf,
        ifindex,
        outer: tag(eth::HEADER_LEN),
        inner: tag(eth::HEADER_LEN + eth::TAG_LEN),
        timestamp: at.nanos(),
    };
    let mut record = Record::zeroed();
    record::fill(frame, seen.l3, &Noted(frame), &place, &mut record)?;
    Some(Event::from(&record))
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, time::Instant};

    use relay_common::{
        Sum,
        abi::{Port, PortKey},
        event,
    };

    use super::*;
    use crate::{
        memory::Memory,
        tables::{HostEnv, Tables},
    };

    fn added(sum: Sum, octets: &[u8]) -> Sum {
        octets
            .chunks(2)
            .fold(sum, |sum, pair| sum.word(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
    }

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

    /// An ACK of a server to its client, which the router only forwards: headers and checksums by hand.
    fn ack(tagged: bool) -> Vec<u8> {
        let mut message = vec![0; bootp::FIXED_LEN];
        message[..4].copy_from_slice(&[2, 1, 6, 0]);
        message[bootp::XID..bootp::XID + 4].copy_from_slice(&[1, 2, 3, 4]);
        message[bootp::YIADDR..bootp::YIADDR + 4].copy_from_slice(&[192, 168, 60, 31]);
        message[bootp::CHADDR..bootp::CHADDR + 6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        message.extend(bootp::MAGIC);
        message.extend([53, 1, 5, 51, 4, 0, 0, 14, 16, 54, 4, 10, 0, 41, 10, 61, 2, 0, 65, 255]);
        let mut udp = vec![0, 67, 0, 68];
        udp.extend((8 + message.len() as u16).to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(message);
        let pseudo =
            Sum::new().quad([10, 0, 41, 10]).quad([192, 168, 60, 31]).word(17).word(udp.len() as u16);
        let checksum = added(pseudo, &udp).udp_checksum();
        udp[6..8].copy_from_slice(&checksum);
        let mut header = vec![0x45, 0];
        header.extend((20 + udp.len() as u16).to_be_bytes());
        header.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 41, 10, 192, 168, 60, 31]);
        let checksum = added(Sum::new(), &header).checksum();
        header[10..12].copy_from_slice(&checksum);
        let mut frame = [&MAC[..], &[2, 0, 0, 0, 0, 8]].concat();
        if tagged {
            frame.extend([0x81, 0, 0, 100]);
        }
        frame.extend([8, 0]);
        frame.extend(header);
        frame.extend(udp);
        frame
    }

    fn tables() -> Tables {
        let port = |upstream| Port { interface: 3, vrf: 10, mac: MAC, upstream };
        let key = |outer| PortKey { ifindex: 7, outer, inner: 0 };
        Tables { ports: [(key(0), port(1)), (key(100), port(0))].into(), ..Tables::default() }
    }

    fn passing(mut frame: Vec<u8>) -> Option<Event> {
        let (tables, buckets, memory) = (tables(), RefCell::default(), Memory::without_leases());
        let env = HostEnv::new(&tables, &buckets, &memory, Instant::now());
        passes(&mut frame, &env, 7, BootTime::from_nanos(5))
    }

    #[test]
    fn an_acknowledgement_that_passes_is_recorded_with_where_it_came_in() {
        let event = passing(ack(false)).expect("a record");
        assert_eq!((event.message, event.op, event.path), (5, 2, path::PASSING));
        assert_eq!((event.interface, event.vrf, event.ifindex), (0, 10, 7));
        assert_eq!(event.flags, event::flag::UPSTREAM | event::flag::LEASE | event::flag::ETHERNET);
        assert_eq!((event.xid, event.lease), (0x0102_0304, 3600));
        assert_eq!((event.source, event.server_id), ([10, 0, 41, 10], [10, 0, 41, 10]));
        assert_eq!((event.client_id_len, &event.client_id[..3]), (2, &[0, 65, 0][..]));
        assert_eq!(u64::from(event.client_id_hash), whole(&[0, 65]) & 0xffff_ffff);
        assert_eq!(event.agent_hash, 0, "there is no option 82");
        assert_eq!(event.timestamp, 5);
        let event = passing(ack(true)).expect("a record");
        assert_eq!((event.outer, event.flags & event::flag::UPSTREAM), (100, 0));
    }

    #[test]
    fn a_passing_message_that_would_not_arrive_is_not_recorded() {
        for at in [20, 60, 200] {
            let mut frame = ack(false);
            frame[at] ^= 4;
            assert_eq!(passing(frame), None, "octet {at} is wrong");
        }
        for len in [60, 100, ack(false).len() - 1] {
            assert_eq!(passing(ack(false)[..len].to_vec()), None, "cut off at {len}");
        }
        let mut other = ack(false);
        other[5] = 1;
        assert_eq!(passing(other), None, "it is addressed to another host");
    }
}
