//! The sockets of the HTTP listener: bound before the daemon is ready, served, and moved by a reload.
//!
//! A scrape must never cost relaying anything: connections are bounded in number and time, what they ask for is gathered on
//! threads of its own, and only a few at a time.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
    task::JoinHandle,
};

use super::{Source, http};

/// Connections that are served at one time; the kernel lets the next ones wait.
const MAX_CONNECTIONS: usize = 32;
/// Scrapes that are gathered at one time; the next ones wait for as long as their connection may last.
const MAX_SCRAPES: usize = 2;
/// Connections that the kernel lets wait.
const BACKLOG: u32 = 64;

/// A socket that is listening and is not answered yet: whoever connects waits.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// A listener that is being served. Dropping it ends that; connections that are open are still answered.
#[derive(Debug)]
pub struct Server {
    accepting: JoinHandle<()>,
    listener: Arc<TcpListener>,
    address: SocketAddr,
}

/// Listens on `address`. Called within a runtime.
///
/// # Errors
/// Somebody else listens there, the machine does not have the address, or the system refuses.
pub fn bind(address: SocketAddr) -> io::Result<Bound> {
    let socket = socket(address)?;
    listen(socket, address)
}

/// Listens on `address` while `present` goes on listening, also where both are the same port on overlapping addresses, as on
/// the way from 127.0.0.1 to 0.0.0.0.
///
/// # Errors
/// As [`bind`]; `present` goes on as it was.
pub fn bind_beside(present: &Server, address: SocketAddr) -> io::Result<Bound> {
    match bind(address) {
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse && address.port() == present.address.port() =>
        {
            // Sockets that both allow it may share a port. Only these two do, and only while the one follows the other.
            let next = socket(address)?;
            next.set_reuseport(true)?;
            let present = socket2::SockRef::from(&*present.listener);
            present.set_reuse_port(true)?;
            let bound = listen(next, address);
            present.set_reuse_port(false)?;
            let bound = bound?;
            socket2::SockRef::from(&bound.listener).set_reuse_port(false)?;
            Ok(bound)
        }
        outcome => outcome,
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a daemon before this one that are not quite over keep nobody from the port.
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

fn listen(socket: TcpSocket, address: SocketAddr) -> io::Result<Bound> {
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from `source`, also those who wait already, until the [`Server`] is dropped.
    pub fn serve(self, source: Arc<dyn Source>) -> Server {
        let Self { listener, address } = self;
        let listener = Arc::new(listener);
        let accepting = tokio::spawn(accept(Arc::clone(&listener), source));
        Server { accepting, listener, address }
    }
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens no more when this returns.
    pub async fn end(mut self) {
        self.accepting.abort();
        // It says that it was aborted, which is what was wanted.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: Arc<TcpListener>, source: Arc<dyn Source>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let scrapes = Arc::new(Semaphore::new(MAX_SCRAPES));
    loop {
        // Never closed; a place comes back at the latest when its connection's time is over.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                // What a client never takes goes with its connection, and does not stay with the kernel.
                if let Err(error) = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(http::WHOLE)) {
                    tracing::debug!(%peer, %error, "the kernel may keep an answer that nobody takes");
                }
                let connection = http::attend(stream, Arc::clone(&source), Arc::clone(&scrapes));
                tokio::spawn(async move {
                    let _place = place;
                    if let Err(error) = connection.await {
                        tracing::debug!(%peer, %error, "a client of the metrics listener was given up");
                    }
                });
            }
            // Out of file descriptors, for example: a moment later some are back.
            Err(error) => {
                tracing::warn!(%error, "the metrics listener cannot take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
