//! Questions to the kernel over route netlink, one at a time.
//!
//! rtnetlink's connection task queues decoded messages without bound and hides the socket's errors; a router with a full
//! table would fill that queue. Requests here have a socket of their own, without multicast groups, so that an answer is
//! never lost behind a burst of events. Encoding and decoding are rtnetlink's.

use std::{io, time::Duration};

use nix::errno::Errno;
use rtnetlink::{
    packet_core::{
        DecodeError, ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer,
        NetlinkHeader, NetlinkMessage, NetlinkPayload,
    },
    packet_route::RouteNetlinkMessage,
    sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};

/// Bytes of a receive buffer. The kernel makes dump datagrams of at most 32 KiB (`netlink_dump`).
pub(crate) const DATAGRAM: usize = 65536;
/// The kernel answers inside `sendmsg`; only the RTNL lock, held by a slow driver, can make it late.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a dump is asked for when a concurrent change interrupts it.
const DUMP_TRIES: u32 = 4;

/// Why one netlink request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("netlink socket: {0}")]
    Socket(#[from] io::Error),
    #[error("the kernel refused: {0}")]
    Refused(Errno),
    #[error("the kernel did not answer within {} s", PATIENCE.as_secs())]
    Timeout,
    #[error("the kernel's answer cannot be read: {0}")]
    Decode(#[from] DecodeError),
    #[error("the kernel answered without an object")]
    Empty,
}

impl RequestError {
    /// The kernel's error number, where it gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused(errno) => Some(*errno),
            _ => None,
        }
    }
}

/// A netlink socket for request and answer; it stays in the network namespace of the thread that opened it.
pub(crate) struct Requests {
    socket: TokioSocket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Requests {
    /// # Errors
    /// The socket cannot be made or bound.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind_auto()?;
        socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0, buffer: Vec::with_capacity(DATAGRAM) })
    }

    /// One whose dumps the kernel filters by what the question says, instead of ignoring it (Linux 4.20).
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_strict() -> io::Result<Self> {
        let mut requests = Self::open()?;
        requests.socket.socket_mut().set_netlink_get_strict_chk(true)?;
        Ok(requests)
    }

    /// One object. A missing object is [`RequestError::Refused`] with the kernel's error number.
    pub(crate) async fn get(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<RouteNetlinkMessage, RequestError> {
        self.send(message, 0).await?;
        let mut objects = self.collect(Until::FirstObject).await?.objects;
        objects.pop().ok_or(RequestError::Empty)
    }

    /// A change; `flags` are `NLM_F_CREATE`, `NLM_F_EXCL`, `NLM_F_REPLACE`.
    pub(crate) async fn change(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), RequestError> {
        self.send(message, NLM_F_ACK | flags).await?;
        self.collect(Until::End).await.map(|_| ())
    }

    /// All objects of a kind. A dump that a concurrent change interrupted may lack objects, so it is asked for again.
    pub(crate) async fn dump(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, RequestError> {
        let mut tries = 1;
        loop {
            self.send(message.clone(), NLM_F_DUMP).await?;
            let answer = self.collect(Until::End).await?;
            if !answer.interrupted || tries == DUMP_TRIES {
                return Ok(answer.objects);
            }
            tries += 1;
        }
    }

    async fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<(), RequestError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes).await?;
        Ok(())
    }

    async fn collect(&mut self, until: Until) -> Result<Answer, RequestError> {
        let mut answer = Answer { objects: Vec::new(), interrupted: false };
        loop {
            self.receive().await?;
            for message in messages(&self.buffer) {
                let (header, bytes) = message?;
                // An answer to an earlier request that ran into the time limit.
                if header.sequence_number != self.sequence {
                    continue;
                }
                answer.interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
                match NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).map(|message| message.payload)
                {
                    Ok(NetlinkPayload::InnerMessage(object)) => {
                        answer.objects.push(object);
                        if until == Until::FirstObject {
                            return Ok(answer);
                        }
                    }
                    Ok(NetlinkPayload::Error(ErrorMessage { code: Some(code), .. })) => {
                        return Err(RequestError::Refused(Errno::from_raw(-code.get())));
                    }
                    Ok(NetlinkPayload::Done(done)) if done.code != 0 => {
                        return Err(RequestError::Refused(Errno::from_raw(-done.code)));
                    }
                    Ok(NetlinkPayload::Error(_) | NetlinkPayload::Done(_)) => return Ok(answer),
                    Ok(_) => {}
                    Err(error) if until == Until::FirstObject => return Err(error.into()),
                    // One device with an attribute the decoder does not know must not hide all others.
                    Err(error) => tracing::warn!(%error, "netlink: an object of a listing cannot be read"),
                }
            }
        }
    }

    async fn receive(&mut self) -> Result<(), RequestError> {
        self.buffer.clear();
        // The answer is normally queued before `send` returned: reading directly saves a turn of the event loop.
        match self.socket.socket_ref().recv(&mut self.buffer, 0) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let receiving = self.socket.recv(&mut self.buffer);
        tokio::time::timeout(PATIENCE, receiving).await.map_err(|_| RequestError::Timeout)??;
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    FirstObject,
    End,
}

struct Answer {
    objects: Vec<RouteNetlinkMessage>,
    interrupted: bool,
}

/// The messages of one datagram: header, and all bytes of the message with its header. Ends after the first broken one.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Result<(NetlinkHeader, &[u8]), DecodeError>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let buffer = match NetlinkBuffer::new_checked(rest) {
            Ok(buffer) => buffer,
            Err(error) => {
                rest = &[];
                return Some(Err(error));
            }
        };
        let mut header = NetlinkHeader::default();
        header.length = buffer.length();
        header.message_type = buffer.message_type();
        header.flags = buffer.flags();
        header.sequence_number = buffer.sequence_number();
        let length = header.length as usize;
        let bytes = &rest[..length];
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok((header, bytes)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(length: u32, kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_datagram_with_two_messages_is_split_at_the_aligned_length() {
        let mut datagram = raw(17, 16, &[7, 0, 0, 0]);
        datagram.extend(raw(16, 17, &[]));
        let kinds: Vec<_> =
            messages(&datagram).map(|m| m.map(|(h, b)| (h.message_type, b.len())).unwrap()).collect();
        assert_eq!(kinds, [(16, 17), (17, 16)]);
    }

    #[test]
    fn a_message_longer_than_its_datagram_is_an_error_and_the_end() {
        let datagram = raw(64, 16, &[1, 2, 3]);
        let results: Vec<_> = messages(&datagram).collect();
        assert_eq!(results.len(), 1);
        assert!(results[0].is_err());
    }

    #[test]
    fn a_length_below_the_header_cannot_loop() {
        let datagram = raw(0, 16, &[]);
        let results: Vec<_> = messages(&datagram).collect();
        assert_eq!(results.len(), 1);
        assert!(results[0].is_err());
    }
}
