//! Two pairs of veth in the network namespace of the calling thread: a client's link and a server's.

use std::{os::fd::AsFd as _, time::Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rtnetlink::{LinkUnspec, LinkVeth};

use crate::socket::{FrameSender, PortSocket};

/// A pair of veth devices by their interface indexes.
pub(super) struct Link {
    /// The relay's end.
    pub(super) near: u32,
    /// The other end.
    pub(super) far: u32,
}

pub(super) struct Lab {
    pub(super) client: Link,
    pub(super) server: Link,
    sender: FrameSender,
    receiver: PortSocket,
}

impl Lab {
    pub(super) fn new() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime: {error}"))?;
        let (client, server) = runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection().map_err(|error| error.to_string())?;
            let task = tokio::spawn(connection);
            let client = link(&handle, "client0", "client1").await?;
            let server = link(&handle, "server0", "server1").await?;
            task.abort();
            Ok::<_, String>((client, server))
        })?;
        let sender = FrameSender::open().map_err(|error| error.to_string())?;
        let receiver = PortSocket::open(server.far).map_err(|error| error.to_string())?;
        Ok(Self { client, server, sender, receiver })
    }

    /// Sends a frame as the client.
    pub(super) fn send(&self, frame: &[u8]) -> Result<(), String> {
        self.sender
            .send(self.client.far, frame)
            .map_err(|error| format!("the request cannot be sent: {error}"))
    }

    /// The next DHCP frame that arrives at the servers' end, if one does before the deadline.
    pub(super) fn receive(&self, deadline: Instant) -> Result<Option<Vec<u8>>, String> {
        let mut frame = Vec::new();
        loop {
            match self.receiver.recv(&mut frame) {
                Ok(Some(_)) => return Ok(Some(frame)),
                Ok(None) => {}
                Err(error) => return Err(format!("copies cannot be received: {error}")),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut polled = [PollFd::new(self.receiver.as_fd(), PollFlags::POLLIN)];
            poll(&mut polled, timeout).map_err(|error| format!("copies cannot be waited for: {error}"))?;
        }
    }
}

async fn link(handle: &rtnetlink::Handle, near: &str, far: &str) -> Result<Link, String> {
    let failed = |error: rtnetlink::Error| format!("a pair of veth cannot be made: {error}");
    handle.link().add(LinkVeth::new(near, far).build()).execute().await.map_err(failed)?;
    let mut ends = [0; 2];
    for (end, name) in ends.iter_mut().zip([near, far]) {
        *end =
            nix::net::if_::if_nametoindex(name).map_err(|error| format!("{name} is not there: {error}"))?;
        let up = LinkUnspec::new_with_index(*end).up().build();
        handle.link().set(up).execute().await.map_err(failed)?;
    }
    let [near, far] = ends;
    Ok(Link { near, far })
}
