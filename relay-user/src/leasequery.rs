//! Recovery by leasequery (RFC 4388): what the servers know of the clients, for a table that knows nothing of them.
//!
//! A server answers about an address, or about a client by its hardware address. After a start without stored leases, or
//! with old ones, every address of the clients' subnets is asked about; at any time, a client that renews a lease
//! which the table does not have. Nothing is ever entered that a server has not said, and a stored lease goes
//! only when a server says that nobody holds it. No clock and no socket in here but in `sender`: [`Recovery`] is asked what to
//! send now and when to ask it again.
//!
//! | module | concept |
//! | --- | --- |
//! | `message` | queries and answers as octets |
//! | `places` | which interface an address belongs to, and which addresses are worth asking about |
//! | `asker` | one server: how fast it is asked, what it has not answered, whether it answers at all |
//! | `recovery` | what to ask whom, and what becomes of the answers |
//! | `row` | the lease that an answer tells of |
//! | `report` | what it says about itself |
//! | `answers` | where the slow path leaves what servers answer |
//! | `sender` | the sockets |

pub mod answers;
mod asker;
mod message;
mod places;
mod recovery;
mod report;
mod row;
mod sender;

use std::{net::Ipv4Addr, time::Duration};

pub use message::{Answer, Standing, Subject, parse};
pub use places::{Place, Places, Subnet, places};
pub use recovery::{Query, Recovery};
pub use report::Finding;
pub use sender::Sender;

use crate::clients::BootTime;

/// Stored leases that were last written longer ago than this are old: clients may have been served without this relay.
pub const OLD: Duration = Duration::from_secs(60);

/// What the table began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Leases that were written a moment ago.
    Fresh,
    /// Leases that were written this long ago.
    Old(Duration),
    /// No leases, and why.
    Empty(&'static str),
}

/// A server: the routing table of its VRF (0 for the main one) and its address.
pub type Server = (u32, Ipv4Addr);

/// How fast a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Queries a second at most.
    pub rate: u16,
}

impl Pace {
    /// Least time between two queries.
    fn gap(self) -> Duration {
        Duration::from_secs(1) / u32::from(self.rate.max(1))
    }
}

/// When the last message of a client was, by how long ago a server says it was.
fn ago(now: BootTime, seconds: u32) -> BootTime {
    BootTime::from_nanos(now.nanos().saturating_sub(u64::from(seconds) * 1_000_000_000))
}
