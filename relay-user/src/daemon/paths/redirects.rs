//! Which devices take redirected frames: the kernel's word where it gives one (Linux 6.3), else by kind of device.

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use crate::{
    features::{FeatureWatcher, PortFeatures, redirect_target_by_kind},
    nexthop::Snapshot,
};

/// What is known of the devices, kept up to date.
pub(in crate::daemon) struct Redirects {
    known: Option<Receiver<Arc<PortFeatures>>>,
}

impl Redirects {
    /// Begins to follow the kernel's announcements; the watcher is to be kept as long as the answer is of interest.
    pub(in crate::daemon) async fn watch() -> (Option<FeatureWatcher>, Self) {
        match FeatureWatcher::start().await {
            Ok((watcher, known)) => (Some(watcher), Self { known: Some(known) }),
            Err(error) => {
                tracing::info!("which devices take redirected frames is told from their kind: {error}");
                (None, Self { known: None })
            }
        }
    }

    /// Whether a frame may be redirected to a device by a driver.
    pub(in crate::daemon) fn takes(&self, ifindex: u32, machine: &Snapshot) -> bool {
        match &self.known {
            Some(known) => known.borrow().get(&ifindex).is_some_and(|features| features.redirect_target()),
            None => {
                let kind = machine.host.links.get(&ifindex).and_then(|link| link.kind.as_deref());
                redirect_target_by_kind(kind)
            }
        }
    }

    /// Waits for a change; for ever when there is nobody to announce one.
    pub(in crate::daemon) async fn changed(&mut self) {
        if let Some(known) = &mut self.known {
            if known.changed().await.is_ok() {
                return;
            }
            tracing::warn!("the kernel's announcements of device features are not followed any more");
            self.known = None;
        }
        std::future::pending().await
    }
}
