//! Follows the XDP features of a network namespace's devices.
//!
//! Act at once, then gather: the first announcement of a burst starts a reading immediately, what follows within a few
//! milliseconds shares the next one. A reading asks for the present state of all devices, so a lost announcement costs
//! nothing but that reading.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_GENERIC};
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle, spawn_blocking},
    time::sleep_until,
};

use super::{
    FeaturesError, PortFeatures,
    netdev::{DATAGRAM, Requests},
};

/// Least time between two readings.
const GATHER: Duration = Duration::from_millis(5);
/// Under constant change a reading may take this share of the time: 1 in `1 + REST`.
const REST: u32 = 3;
/// After a reading that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps the features of all devices current until it is dropped; its receivers then see that the sender is gone.
#[derive(Debug)]
pub struct FeatureWatcher {
    task: JoinHandle<()>,
}

impl FeatureWatcher {
    /// Opens its sockets in the calling thread's network namespace, and reads once: what the receiver holds is complete.
    /// It changes only when a device comes, goes, or changes its features. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`FeaturesError::Unsupported`] before Linux 6.3; otherwise why the features cannot be read.
    pub async fn start() -> Result<(Self, watch::Receiver<Arc<PortFeatures>>), FeaturesError> {
        let requests = Requests::open()?;
        // Subscribed before the first reading, so that nothing is missed in between.
        let events = Events::open(requests.group())?;
        let (requests, features) = read(requests).await.map_err(io::Error::from)?;
        let (publish, receiver) = watch::channel(Arc::new(features?));
        let task = tokio::spawn(run(requests, events, publish));
        Ok((Self { task }, receiver))
    }
}

impl Drop for FeatureWatcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Announcements of the kernel. That there was one is all that is taken from it.
struct Events {
    socket: TokioSocket,
    buffer: Vec<u8>,
}

impl Events {
    fn open(group: u32) -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_GENERIC)?;
        socket.socket_mut().bind_auto()?;
        socket.socket_mut().add_membership(group)?;
        Ok(Self { socket, buffer: Vec::with_capacity(DATAGRAM) })
    }

    /// Waits for the next announcement. Cancel safe.
    ///
    /// # Errors
    /// The socket failed for good; an overrun is an announcement like any other.
    async fn next(&mut self) -> io::Result<()> {
        self.buffer.clear();
        match self.socket.recv(&mut self.buffer).await {
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(()),
            result => result,
        }
    }
}

async fn run(mut requests: Requests, mut events: Events, publish: watch::Sender<Arc<PortFeatures>>) {
    // The earliest time of the next reading, and that time once one is needed.
    let mut rested = Instant::now();
    let mut due: Option<Instant> = None;
    loop {
        tokio::select! {
            // Announcements last: they must not keep off the reading, however many there are.
            biased;
            () = sleep_until(due.unwrap_or(rested).into()), if due.is_some() => {
                let began = Instant::now();
                let result;
                (requests, result) = match read(requests).await {
                    Ok(done) => done,
                    Err(error) => {
                        tracing::error!(%error, "XDP features are no longer followed: the reading was aborted");
                        return;
                    }
                };
                let ended = Instant::now();
                rested = ended + GATHER.max((ended - began) * REST);
                due = match result {
                    Ok(features) => {
                        announce(&publish, features);
                        None
                    }
                    Err(error) => {
                        tracing::warn!(%error, "XDP features cannot be read; trying again");
                        Some(ended + RETRY)
                    }
                };
            }
            event = events.next() => match event {
                Ok(()) => due = due.or(Some(rested)),
                Err(error) => {
                    tracing::error!(%error, "XDP features are no longer followed: announcements have ended");
                    return;
                }
            },
        }
    }
}

fn announce(publish: &watch::Sender<Arc<PortFeatures>>, features: PortFeatures) {
    publish.send_if_modified(|published| {
        let changed = **published != features;
        if changed {
            *published = Arc::new(features);
        }
        changed
    });
}

/// One reading, off the runtime's own threads: a driver that holds the kernel's lock must not hold the slow path.
async fn read(mut requests: Requests) -> Result<(Requests, Result<PortFeatures, FeaturesError>), JoinError> {
    spawn_blocking(move || {
        let features = requests.features();
        (requests, features)
    })
    .await
}
