//! Keeps the gateways' link-layer addresses resolved, and reads them.
//!
//! A managed neighbour (`NTF_EXT_MANAGED`, Linux 5.16) is probed by the kernel itself, before it expires and again after
//! it failed. What the operator or a routing daemon put there is used as it is: the kernel strips NUD_PERMANENT from an
//! entry that is made managed, so such entries must not even be touched.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use nix::errno::Errno;
use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        neighbour::{
            NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage,
            NeighbourState,
        },
    },
};

use super::request::{RequestError, Requests};

/// How the kernel is made to keep a gateway resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Upkeep {
    /// The kernel does it by itself; falls back to `Probe` where it cannot.
    #[default]
    Managed,
    /// The watcher asks for it (`NTF_USE`) every few seconds.
    Probe,
    /// Not at all: entries are only read.
    Nothing,
}

/// Shorter than the kernel's shortest wait between "unused" and "stale" (`base_reachable_time` / 2 = 15 s) by far.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_secs(3);

/// A neighbour: device and address.
pub(super) type Key = (u32, IpAddr);

/// What a gateway is good for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    At([u8; 6]),
    Pending,
    Failed,
}

/// Whose entry it is, which decides what release does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Origin {
    /// Absent before: removed on release.
    Created,
    /// A learned entry that we made managed: only that is undone.
    Adopted,
    /// Somebody else's care.
    #[default]
    Foreign,
}

#[derive(Debug, Default)]
struct Kept {
    origin: Origin,
    failed: bool,
    /// The kernel refused the care; said once.
    refused: bool,
    probed: Option<Instant>,
}

/// What came of looking after an entry.
enum Care {
    NotNeeded,
    /// The entry is another one now.
    Given,
    /// It was not what it seemed, or cannot be managed.
    Again,
}

/// The neighbours in use.
#[derive(Debug)]
pub(super) struct Neighbours {
    upkeep: Upkeep,
    kept: BTreeMap<Key, Kept>,
}

#[derive(Debug)]
struct Entry {
    state: NeighbourState,
    mac: Option<[u8; 6]>,
    managed: bool,
    learned_elsewhere: bool,
}

impl Entry {
    /// Static, or under another program's care.
    fn is_foreign(&self) -> bool {
        matches!(self.state, NeighbourState::Permanent | NeighbourState::Noarp)
            || self.managed
            || self.learned_elsewhere
    }
}

impl Neighbours {
    pub(super) fn new(upkeep: Upkeep) -> Self {
        Self { upkeep, kept: BTreeMap::new() }
    }

    pub(super) fn upkeep(&self) -> Upkeep {
        self.upkeep
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.kept.keys().copied()
    }

    /// Takes a neighbour into care, or looks after it, and says where it is.
    ///
    /// # Errors
    /// The kernel could not be asked. That it refuses the care (no CAP_NET_ADMIN) is logged, and the entry used as it is.
    pub(super) async fn keep(&mut self, requests: &mut Requests, key: Key) -> Result<Reach, RequestError> {
        let mut entry = get(requests, key).await?;
        // Once more where another program was faster (the slow path's socket resolves as well), or without the flag.
        for _ in 0..3 {
            match self.care(requests, key, entry.as_ref()).await {
                Care::NotNeeded => break,
                Care::Given | Care::Again => entry = get(requests, key).await?,
            }
            // A kernel before 5.16 ignores the attribute, takes the message for "state NONE" and answers "done".
            let ignored = entry.as_ref().is_some_and(|e| !e.managed && e.state == NeighbourState::None);
            if ignored && self.upkeep == Upkeep::Managed {
                self.fall_back("the flag is ignored");
            }
        }
        let mut reach = reach(entry.as_ref());
        if let Some(kept) = self.kept.get_mut(&key) {
            // The kernel probes a failed managed neighbour every few seconds, each time through INCOMPLETE. To its users
            // it stays failed until it answers, else they would see a change with each probe.
            if reach == Reach::Pending && kept.failed {
                reach = Reach::Failed;
            }
            kept.failed = reach == Reach::Failed;
        }
        Ok(reach)
    }

    /// Tells the kernel what the entry needs, if anything.
    async fn care(&mut self, requests: &mut Requests, key: Key, entry: Option<&Entry>) -> Care {
        let kept = self.kept.entry(key).or_default();
        if self.upkeep == Upkeep::Nothing {
            return Care::NotNeeded;
        }
        let origin = match entry {
            None => Origin::Created,
            Some(entry) if entry.managed && kept.origin != Origin::Foreign => return Care::NotNeeded,
            Some(entry) if entry.is_foreign() => {
                kept.origin = Origin::Foreign;
                return Care::NotNeeded;
            }
            Some(_) if self.upkeep == Upkeep::Probe && kept.origin == Origin::Created => Origin::Created,
            Some(_) => Origin::Adopted,
        };
        let mut message = neighbour(key);
        match self.upkeep {
            Upkeep::Managed => {
                message.attributes.push(NeighbourAttribute::ExtFlags(NeighbourExtFlags::Managed));
            }
            Upkeep::Probe if kept.probed.is_some_and(|at| at.elapsed() < PROBE_INTERVAL) => {
                return Care::NotNeeded;
            }
            Upkeep::Probe => {
                message.header.flags = NeighbourFlags::Use;
                kept.probed = Some(Instant::now());
            }
            Upkeep::Nothing => return Care::NotNeeded,
        }
        // Without EXCL an entry that the operator makes just now would lose its NUD_PERMANENT.
        let flags = if entry.is_none() { NLM_F_CREATE | NLM_F_EXCL } else { 0 };
        match requests.change(RouteNetlinkMessage::NewNeighbour(message), flags).await {
            Ok(()) => {
                kept.origin = origin;
                Care::Given
            }
            Err(RequestError::Refused(Errno::EEXIST | Errno::ENOENT)) => Care::Again,
            Err(RequestError::Refused(errno @ (Errno::EINVAL | Errno::EOPNOTSUPP)))
                if self.upkeep == Upkeep::Managed =>
            {
                self.fall_back(errno.desc());
                Care::Again
            }
            Err(error) => {
                if !std::mem::replace(&mut kept.refused, true) {
                    tracing::warn!(neighbour = %key.1, ifindex = key.0, %error, "cannot keep this neighbour resolved");
                }
                Care::NotNeeded
            }
        }
    }

    fn fall_back(&mut self, cause: &str) {
        tracing::info!(cause, "this kernel has no managed neighbours; the relay probes the servers itself");
        self.upkeep = Upkeep::Probe;
    }

    /// Gives up what is in `keys`: undoes what was done to it, and nothing else.
    pub(super) async fn release(&mut self, requests: &mut Requests, keys: Vec<Key>) {
        for key in keys {
            let Some(kept) = self.kept.remove(&key) else { continue };
            let result = match kept.origin {
                Origin::Foreign => continue,
                Origin::Created => self.remove(requests, key).await,
                Origin::Adopted => self.unmanage(requests, key).await,
            };
            match result {
                Ok(()) | Err(RequestError::Refused(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO)) => {}
                Err(error) => {
                    tracing::warn!(neighbour = %key.1, ifindex = key.0, %error, "cannot release this neighbour");
                }
            }
        }
    }

    /// The entry, if it is still the one that was made or adopted here.
    async fn still_ours(&self, requests: &mut Requests, key: Key) -> Result<Option<Entry>, RequestError> {
        Ok(get(requests, key).await?.filter(|entry| match self.upkeep {
            Upkeep::Managed => entry.managed,
            Upkeep::Probe => !entry.is_foreign(),
            Upkeep::Nothing => false,
        }))
    }

    async fn remove(&self, requests: &mut Requests, key: Key) -> Result<(), RequestError> {
        match self.still_ours(requests, key).await? {
            None => Ok(()),
            Some(_) => requests.change(RouteNetlinkMessage::DelNeighbour(neighbour(key)), 0).await,
        }
    }

    /// An update without the flag clears it. STALE keeps the address in use and lets it be confirmed with the next packet.
    async fn unmanage(&self, requests: &mut Requests, key: Key) -> Result<(), RequestError> {
        match self.still_ours(requests, key).await? {
            Some(Entry { managed: true, mac: Some(mac), .. }) => {
                let mut message = neighbour(key);
                message.header.state = NeighbourState::Stale;
                message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
                requests.change(RouteNetlinkMessage::NewNeighbour(message), NLM_F_REPLACE).await
            }
            // Nothing learned in it that somebody could miss.
            Some(Entry { managed: true, .. }) => {
                requests.change(RouteNetlinkMessage::DelNeighbour(neighbour(key)), 0).await
            }
            _ => Ok(()),
        }
    }
}

fn reach(entry: Option<&Entry>) -> Reach {
    use NeighbourState::{Delay, Failed, Noarp, Permanent, Probe, Reachable, Stale};
    match entry {
        Some(Entry {
            state: Reachable | Stale | Delay | Probe | Permanent | Noarp, mac: Some(mac), ..
        }) => Reach::At(*mac),
        Some(Entry { state: Failed, .. }) => Reach::Failed,
        _ => Reach::Pending,
    }
}

fn neighbour((ifindex, address): Key) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = ifindex;
    message.header.family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::from(address)));
    message
}

async fn get(requests: &mut Requests, key: Key) -> Result<Option<Entry>, RequestError> {
    let message = match requests.get(RouteNetlinkMessage::GetNeighbour(neighbour(key))).await {
        Ok(RouteNetlinkMessage::NewNeighbour(message)) => message,
        Ok(_) => return Err(RequestError::Empty),
        Err(RequestError::Refused(Errno::ENOENT | Errno::ENODEV)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut entry = Entry {
        state: message.header.state,
        mac: None,
        managed: false,
        learned_elsewhere: message.header.flags.contains(NeighbourFlags::ExtLearned),
    };
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => {
                entry.mac = <[u8; 6]>::try_from(bytes.as_slice()).ok()
            }
            NeighbourAttribute::ExtFlags(flags) => entry.managed = flags.contains(NeighbourExtFlags::Managed),
            _ => {}
        }
    }
    Ok(Some(entry))
}
