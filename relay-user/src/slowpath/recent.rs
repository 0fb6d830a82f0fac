//! Which interface a client was last heard on, for replies that carry neither option 82 nor a giaddr that tells.
//!
//! A dialogue is over in seconds, so it is enough to remember the last clients; what is pushed out was answered long ago.

use std::collections::{HashMap, VecDeque};

/// How many clients are remembered: 2 MiB.
const ROOM: usize = 65_536;

/// `xid` and `chaddr`.
type Key = ([u8; 4], [u8; 16]);

/// The clients heard last.
#[derive(Debug, Default)]
pub(super) struct Recent {
    interfaces: HashMap<Key, u32>,
    order: VecDeque<Key>,
}

impl Recent {
    /// A message of this client came in on this interface.
    pub(super) fn heard(&mut self, xid: [u8; 4], chaddr: [u8; 16], interface: u32) {
        if self.interfaces.insert((xid, chaddr), interface).is_none() {
            self.order.push_back((xid, chaddr));
        }
        if self.order.len() > ROOM
            && let Some(oldest) = self.order.pop_front()
        {
            self.interfaces.remove(&oldest);
        }
    }

    /// Where it was heard.
    pub(super) fn interface(&self, xid: [u8; 4], chaddr: [u8; 16]) -> Option<u32> {
        self.interfaces.get(&(xid, chaddr)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_found_where_it_was_heard_last() {
        let mut recent = Recent::default();
        recent.heard([1; 4], [2; 16], 3);
        recent.heard([1; 4], [2; 16], 4);
        assert_eq!(recent.interface([1; 4], [2; 16]), Some(4));
        assert_eq!(recent.interface([9; 4], [2; 16]), None);
    }

    #[test]
    fn the_oldest_clients_make_room_for_new_ones() {
        let mut recent = Recent::default();
        for number in 0..=ROOM as u32 {
            recent.heard(number.to_be_bytes(), [0; 16], 1);
        }
        assert_eq!(recent.interface([0; 4], [0; 16]), None);
        assert_eq!(recent.interface([0, 0, 0, 1], [0; 16]), Some(1));
    }
}
