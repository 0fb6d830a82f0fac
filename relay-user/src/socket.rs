//! The sockets of the slow path: where the daemon gets the frames that XDP passed up (or all of them, with XDP off)
//! and how it sends what the shared code made of them.
//!
//! [`PortSocket`] receives whole link-layer frames of one port, [`FrameSender`] sends whole frames to any port, and
//! [`ServerSocket`] lets the kernel route a datagram to a server whose next hop is not known yet. [`normalise`]
//! brings a frame into the form that the shared code expects.

mod awaited;
mod batch;
mod error;
mod filter;
pub mod normalise;
mod port;
mod raw;
mod sender;
mod server;

pub use awaited::AwaitedPort;
pub use batch::FrameBatch;
pub use error::SocketError;
pub use port::{MAX_FRAME, PortSocket, Received};
pub use sender::{FrameSender, SendReport};
pub use server::{SERVER_PORT, ServerSocket};
