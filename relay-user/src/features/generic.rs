//! Generic netlink messages: the four bytes between the netlink header and the attributes.
//!
//! Framing and attributes are those of netlink-packet-core, which comes with rtnetlink. A crate for generic netlink would
//! bring a second netlink-proto, and knows the family `netdev` no better.

use rtnetlink::packet_core::{
    DecodeError, DefaultNla, Emitable, NLA_HEADER_SIZE, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable, NlasIterator,
};

/// `struct genlmsghdr`: command, version, two reserved bytes.
const HEADER: usize = 4;

/// One generic netlink message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Generic {
    /// Number of the family, given by the kernel at run time.
    pub(super) family: u16,
    pub(super) command: u8,
    pub(super) version: u8,
    /// As on the wire: host byte order, each padded to 4 bytes.
    pub(super) attributes: Vec<u8>,
}

impl Generic {
    pub(super) fn new(family: u16, command: u8, version: u8, attributes: &[DefaultNla]) -> Self {
        let mut bytes = vec![0; attributes.buffer_len()];
        attributes.emit(&mut bytes);
        Self { family, command, version, attributes: bytes }
    }

    /// The whole message as it is sent.
    pub(super) fn into_bytes(self, flags: u16, sequence: u32) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(self));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }
}

impl NetlinkSerializable for Generic {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        HEADER + self.attributes.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..HEADER].copy_from_slice(&[self.command, self.version, 0, 0]);
        buffer[HEADER..].copy_from_slice(&self.attributes);
    }
}

impl NetlinkDeserializable for Generic {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let Some(([command, version, _, _], attributes)) = payload.split_first_chunk::<HEADER>() else {
            return Err(format!("{} bytes are no generic netlink message", payload.len()).into());
        };
        let attributes = attributes.to_vec();
        Ok(Self { family: header.message_type, command: *command, version: *version, attributes })
    }
}

impl From<Generic> for NetlinkPayload<Generic> {
    fn from(message: Generic) -> Self {
        Self::InnerMessage(message)
    }
}

/// The messages of one datagram. Ends after the first that cannot be read.
pub(super) fn messages(
    datagram: &[u8],
) -> impl Iterator<Item = Result<NetlinkMessage<Generic>, DecodeError>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = NetlinkMessage::deserialize(rest);
        let length = message.as_ref().map_or(rest.len(), |message| message.header.length as usize);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The value of the first attribute of a kind, in a list of attributes.
///
/// # Errors
/// The list is malformed before the attribute is found.
pub(super) fn attribute(list: &[u8], kind: u16) -> Result<Option<&[u8]>, DecodeError> {
    for nla in NlasIterator::new(list) {
        let nla = nla?;
        if nla.kind() == kind {
            // The iterator checked that the value lies within the list.
            let end = usize::from(nla.length());
            return Ok(nla.into_inner().get(NLA_HEADER_SIZE..end));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_wire_and_keeps_its_attributes() {
        let sent = Generic::new(
            27,
            1,
            1,
            &[DefaultNla::new(2, b"netdev\0".to_vec()), DefaultNla::new(1, vec![9; 4])],
        );
        let bytes = sent.clone().into_bytes(5, 77);
        // nlmsghdr 16, genlmsghdr 4, attributes 4 + 7 + 1 padding and 4 + 4.
        assert_eq!(bytes.len(), 40);
        let received: Vec<_> = messages(&bytes).map(|message| message.unwrap()).collect();
        assert_eq!(received.len(), 1);
        assert_eq!((received[0].header.flags, received[0].header.sequence_number), (5, 77));
        assert_eq!(received[0].payload, NetlinkPayload::InnerMessage(sent.clone()));
        assert_eq!(attribute(&sent.attributes, 2).unwrap(), Some(&b"netdev\0"[..]));
        assert_eq!(attribute(&sent.attributes, 1).unwrap(), Some(&[9; 4][..]));
        assert_eq!(attribute(&sent.attributes, 3).unwrap(), None);
    }

    #[test]
    fn two_messages_of_a_datagram_are_both_read() {
        let mut datagram = Generic::new(27, 2, 1, &[]).into_bytes(0, 0);
        datagram.extend(Generic::new(27, 4, 1, &[DefaultNla::new(1, vec![1, 0, 0, 0])]).into_bytes(0, 0));
        assert_eq!(messages(&datagram).filter(Result::is_ok).count(), 2);
    }

    #[test]
    fn broken_messages_end_the_datagram() {
        let whole = Generic::new(27, 2, 1, &[]).into_bytes(0, 0);
        for broken in [&whole[..10], &whole[..18], &[0; 20]] {
            let results: Vec<_> = messages(broken).collect();
            assert_eq!(results.len(), 1, "{broken:?}");
            assert!(results[0].is_err(), "{broken:?}");
        }
    }

    #[test]
    fn an_attribute_longer_than_its_list_is_an_error() {
        assert!(attribute(&[12, 0, 1, 0, 0, 0, 0, 0], 1).is_err());
        assert!(attribute(&[3, 0, 1, 0], 1).is_err());
    }
}
