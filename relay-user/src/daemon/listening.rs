//! The listener of `metrics_listen`: what it takes is had before anything depends on it, at the start and at a reload.

use std::{io, net::SocketAddr, sync::Arc};

use super::DaemonError;
use crate::{
    config::{Config, ConfigError},
    metrics::{self, Bound, Server, Source},
};

/// The listener of a running daemon.
pub(super) struct Listening {
    server: Option<Server>,
    source: Arc<dyn Source>,
}

/// What another configuration wants of it.
pub(super) enum Next {
    /// The same.
    Stays,
    /// Another address, on which nobody is answered yet.
    Moves(Bound),
    /// None any more.
    Ends,
}

/// Listens, if the configuration wants that. Nobody is answered yet.
///
/// # Errors
/// The address cannot be had: file, key and remedy.
pub(super) fn bind(config: &Config) -> Result<Option<Bound>, DaemonError> {
    let address = config.relay.metrics_listen;
    address
        .map(|address| metrics::bind(address).map_err(|error| refusal(config, address, &error)))
        .transpose()
}

impl Listening {
    /// Answers from `source`.
    pub(super) fn start(bound: Option<Bound>, source: Arc<dyn Source>) -> Self {
        let mut listening = Self { server: None, source };
        listening.server = bound.map(|bound| listening.serve(bound));
        listening
    }

    fn serve(&self, bound: Bound) -> Server {
        tracing::info!(address = %bound.address(), "metrics are served at /metrics");
        bound.serve(Arc::clone(&self.source))
    }

    /// Gets what another configuration wants, beside what there is.
    ///
    /// # Errors
    /// It cannot be had; what there is stays.
    pub(super) fn prepare(&self, running: &Config, next: &Config) -> Result<Next, DaemonError> {
        let wanted = next.relay.metrics_listen;
        match (wanted, &self.server) {
            (None, _) => Ok(Next::Ends),
            (Some(_), Some(_)) if wanted == running.relay.metrics_listen => Ok(Next::Stays),
            (Some(address), present) => {
                let bound = match present {
                    Some(present) => metrics::bind_beside(present, address),
                    None => metrics::bind(address),
                };
                bound.map(Next::Moves).map_err(|error| refusal(next, address, &error))
            }
        }
    }

    /// Goes over to it; when this returns, nobody listens where nobody should.
    pub(super) async fn go_over(&mut self, next: Next) {
        let after = match next {
            Next::Stays => return,
            Next::Moves(bound) => Some(self.serve(bound)),
            Next::Ends => None,
        };
        if let Some(before) = std::mem::replace(&mut self.server, after) {
            before.end().await;
        }
    }
}

/// Why there is no listener, for the one who wrote the file.
fn refusal(config: &Config, address: SocketAddr, error: &io::Error) -> DaemonError {
    let (message, remedy) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            format!("something else listens on {address} already"),
            format!("name another port, or end what listens there (`ss -ltnp sport = :{}` says what)", address.port()),
        ),
        io::ErrorKind::AddrNotAvailable => (
            format!("this machine does not have the address {}", address.ip()),
            "name an address of this machine that is in no VRF, or 0.0.0.0 for all; or leave the key out for no listener"
                .to_owned(),
        ),
        io::ErrorKind::PermissionDenied => (
            format!("this user may not listen on {address}"),
            "name a port above 1023, or run with CAP_NET_BIND_SERVICE".to_owned(),
        ),
        _ => (
            format!("{address} cannot be listened on: {error}"),
            "name another address and port, or leave the key out for no listener".to_owned(),
        ),
    };
    let problem = config.source().problem("relay.metrics_listen", message, remedy);
    match error.kind() {
        // Wrong for this machine, like an address of an interface that it does not have.
        io::ErrorKind::AddrNotAvailable => ConfigError { problems: vec![problem] }.into(),
        _ => DaemonError::Metrics(Box::new(problem)),
    }
}
