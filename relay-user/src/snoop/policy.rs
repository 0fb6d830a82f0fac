//! What the client table is told of the configuration, and the names that its interfaces go by.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    clients::{Interface, Key, Policy, Server},
    config::ResolvedConfig,
    plan::Plan,
};

/// How people call an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The device.
    pub name: String,
    /// The tags of its clients, `100` or `200.7`; `None`: untagged.
    pub vlan: Option<String>,
    /// Its VRF; `None`: the main table.
    pub vrf: Option<String>,
}

/// Names by interface index.
#[derive(Clone, Debug)]
pub struct Labels {
    labels: Arc<BTreeMap<u32, Label>>,
    /// In one word, as the store has them.
    words: Arc<BTreeMap<u32, String>>,
}

impl Labels {
    /// Of a configuration.
    pub fn of(config: &ResolvedConfig) -> Self {
        let labels: BTreeMap<u32, Label> = (1u32..)
            .zip(&config.interfaces)
            .map(|(index, interface)| {
                let label = Label {
                    name: interface.name.clone(),
                    vlan: interface.vlan.outer.map(|_| interface.vlan.to_string()),
                    vrf: interface.vrf.as_ref().map(|vrf| vrf.name.clone()),
                };
                (index, label)
            })
            .collect();
        let words = labels.iter().map(|(index, label)| (*index, label.word())).collect();
        Self { labels: Arc::new(labels), words: Arc::new(words) }
    }

    /// With the VRFs that the interfaces are in now.
    pub(super) fn within(self, vrfs: &BTreeMap<u32, Option<String>>) -> Self {
        let now = |(&index, label): (&u32, &Label)| {
            let vrf = vrfs.get(&index).unwrap_or(&label.vrf).clone();
            (index, Label { vrf, ..label.clone() })
        };
        Self { labels: Arc::new(self.labels.iter().map(now).collect()), ..self }
    }

    /// The same, that also knows the interfaces of the labels before it, for what is still to be taken out of the store: by
    /// the numbers of keys that are gone.
    pub(super) fn behind(mut self, before: &Self) -> Self {
        let gone = before.words.iter().map(|(index, word)| (index | Key::GONE, word.clone()));
        Arc::make_mut(&mut self.words).extend(gone);
        self
    }

    /// Of one interface.
    pub fn get(&self, index: u32) -> Option<&Label> {
        self.labels.get(&index)
    }

    /// Each in one word.
    pub(super) fn words(&self) -> &Arc<BTreeMap<u32, String>> {
        &self.words
    }

    /// The index of the interface that the store knows by this word.
    pub(super) fn index(&self, word: &str) -> Option<u32> {
        let present = self.words.range(..Key::GONE);
        present.into_iter().find(|(_, known)| *known == word).map(|(index, _)| *index)
    }
}

impl Label {
    /// `eth1`, or `eth1.100`.
    pub fn word(&self) -> String {
        match &self.vlan {
            Some(vlan) => format!("{}.{vlan}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What is known of the interfaces now.
#[derive(Clone, Debug)]
pub struct Known {
    /// For the table.
    pub(super) policy: Policy,
    /// The VRF that an interface is in, for people; `None`: the main table.
    pub(super) vrfs: BTreeMap<u32, Option<String>>,
}

/// What the table is to know. An interface whose device is gone for the moment keeps its clients: its VRF is then
/// that of the configuration. The routing tables are those that the VRFs have now.
pub fn policy(config: &ResolvedConfig, plan: &Plan) -> Known {
    let interfaces = config.interfaces.iter().zip(&plan.client_vrfs).map(|(interface, vrf)| {
        let group = plan.tables.groups.get(interface.group)?;
        Some(Interface {
            vrf: vrf.table,
            group: interface.group as u32,
            servers: group
                .servers
                .iter()
                .map(|server| Server { address: server.address, vrf: server.vrf, min_secs: server.min_secs })
                .collect(),
            clients_max: interface.clients_max,
            host_routes: interface.host_routes,
        })
    });
    let policy = Policy {
        interfaces: std::iter::once(None).chain(interfaces).collect(),
        clients_max: config.relay.clients_max,
        ..Policy::default()
    };
    let vrfs = (1..).zip(plan.client_vrfs.iter().map(|vrf| vrf.name.clone())).collect();
    Known { policy, vrfs }
}
