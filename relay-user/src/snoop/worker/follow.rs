//! Another configuration: what was relayed by the old one is taken in with its numbers, then everything goes over to the new
//! ones at once.

use std::{io, sync::Arc};

use super::Worker;
use crate::{
    clients::BootTime,
    config::ResolvedConfig,
    leasequery::{Places, Sender},
    leases::Leases,
    renumber::Renumber,
    snoop::{Known, Labels, Rings},
};

/// What the thread is told of it.
pub struct Next {
    /// For the table and the watch.
    pub known: Known,
    /// The configuration.
    pub config: Arc<ResolvedConfig>,
    /// What becomes of numbers.
    pub renumber: Arc<Renumber>,
    /// Where its fast path leaves its records; the old one's leaves none any more.
    pub rings: Option<Rings>,
    /// Where leases are published.
    pub leases: Arc<Leases>,
    /// Where clients are, and by what their servers are asked for leases.
    pub queries: Option<(Places, Sender)>,
}

impl Worker {
    /// Goes over to it.
    ///
    /// # Errors
    /// There is no clock.
    pub(super) fn follow(&mut self, next: Next) -> io::Result<()> {
        // As many as there are: nobody leaves any more of them.
        while self.take()? {}
        let Next { known, config, renumber, rings, leases, queries } = next;
        let Known { policy, vrfs } = known;
        let labels = Labels::of(&config).within(&vrfs).behind(&self.labels);
        let now = BootTime::now()?;
        self.leases.write(&mut self.changes);
        self.leases = leases;
        self.table.reconfigure(
            policy.clone(),
            |interface| renumber.interface(interface),
            now,
            &mut self.actions,
        );
        // Whose lease ends is called by the name it had.
        self.act();
        self.leases.write(&mut self.changes);
        self.labels = labels;
        self.watch.reconfigure(
            policy,
            |interface| renumber.interface(interface),
            |group| renumber.group(group),
        );
        if let Some((places, sender)) = queries {
            self.recovery.renumber(|interface| renumber.interface(interface));
            self.recovery.follow(places);
            self.queries = Some(sender);
        }
        self.config = config;
        self.rings = rings.map(Box::new);
        self.state.events.follow();
        Ok(())
    }
}
