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

/// What the table is to know. An interface whose device is gone for the moment keeps its clients: its VRF is then
/// that of the configuration.
pub fn policy(config: &ResolvedConfig, plan: &Plan) -> Policy {
    let vrfs: BTreeMap<u32, u32> =
        plan.tables.ports.values().map(|port| (port.interface, port.vrf)).collect();
    let interfaces = (1u32..).zip(&config.interfaces).map(|(index, interface)| {
        let group = config.groups.get(interface.group)?;
        let configured = interface.vrf.as_ref().map_or(0, |vrf| vrf.table);
        Some(Interface {
            vrf: vrfs.get(&index).copied().unwrap_or(configured),
            group: interface.group as u32,
            servers: group
                .servers
                .iter()
                .map(|server| Server {
                    address: server.address,
                    vrf: server.table(),
                    min_secs: server.min_secs,
                })
                .collect(),
            clients_max: interface.clients_max,
            host_routes: interface.host_routes,
        })
    });
    Policy {
        interfaces: std::iter::once(None).chain(interfaces).collect(),
        clients_max: config.relay.clients_max,
        ..Policy::default()
    }
}
