//! From one configuration to the next while the daemon runs: what differs, in the words of the file, and which keys a
//! running daemon cannot follow.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Config, ConfigError};

/// Keys of the table `relay` that hold for as long as the daemon runs, and why.
const FIXED: &[(&str, &str)] = &[
    ("fast_path", "whether XDP relays is decided at the start"),
    ("xdp_mode", "ports are attached in the mode that was tried at the start"),
    ("leasequery", "servers are asked for leases after a start"),
    ("leasequery_rate", "servers are asked for leases after a start"),
    ("state_dir", "the lease table is kept open there"),
    ("bpffs_dir", "maps are pinned there, and the directory is locked"),
    ("control_socket", "the daemon listens there"),
];

/// What a new configuration changes, by the names in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Keys of the table `relay` that have another value.
    pub relay: Vec<String>,
    /// Server groups.
    pub groups: Difference,
    /// Server-facing ports.
    pub upstreams: Difference,
    /// Client-facing interfaces: `eth1`, `eth1.100`.
    pub interfaces: Difference,
}

/// Names that are new, gone, or mean something else now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Not there before.
    pub added: Vec<String>,
    /// There before.
    pub removed: Vec<String>,
    /// There, and different.
    pub changed: Vec<String>,
}

impl Changes {
    /// Between two configurations with every default written out.
    ///
    /// # Errors
    /// A key that a running daemon cannot follow has another value.
    pub fn between(running: &Config, next: &Config) -> Result<Self, ConfigError> {
        let relay = relay_keys(running, next);
        let fixed = FIXED.iter().filter(|(key, _)| relay.iter().any(|changed| changed == key));
        let problems: Vec<_> = fixed
            .map(|(key, why)| {
                next.source().problem(
                    &format!("relay.{key}"),
                    format!("cannot change while the daemon runs: {why}"),
                    "leave it as it is, or restart the daemon (`systemctl restart xdp-dhcrelay`)".to_owned(),
                )
            })
            .collect();
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        let group = |config: &Config, index: usize| config.groups.get(index).map(|group| group.name.clone());
        let interfaces = |config: &Config| {
            let named = config.interfaces.iter().map(|interface| {
                let name = match interface.vlan.outer {
                    Some(_) => format!("{}.{}", interface.name, interface.vlan),
                    None => interface.name.clone(),
                };
                // The place of its group in the file is nothing that changes.
                let of = super::domain::Interface { group: 0, ..interface.clone() };
                (name, (of, group(config, interface.group)))
            });
            named.collect()
        };
        let by_name = |config: &Config| -> BTreeMap<_, _> {
            config.groups.iter().map(|group| (group.name.clone(), group.clone())).collect()
        };
        let ports = |config: &Config| -> BTreeMap<_, _> {
            config.upstreams.iter().map(|port| (port.name.clone(), ())).collect()
        };
        Ok(Self {
            relay,
            groups: Difference::between(&by_name(running), &by_name(next)),
            upstreams: Difference::between(&ports(running), &ports(next)),
            interfaces: Difference::between(&interfaces(running), &interfaces(next)),
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Difference {
    fn between<T: PartialEq>(running: &BTreeMap<String, T>, next: &BTreeMap<String, T>) -> Self {
        let differs = |(name, value): &(&String, &T)| running.get(*name).is_some_and(|was| was != *value);
        Self {
            added: next.keys().filter(|name| !running.contains_key(*name)).cloned().collect(),
            removed: running.keys().filter(|name| !next.contains_key(*name)).cloned().collect(),
            changed: next.iter().filter(differs).map(|(name, _)| name.clone()).collect(),
        }
    }
}

fn relay_keys(running: &Config, next: &Config) -> Vec<String> {
    let (was, is) = (table(running), table(next));
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    keys.into_iter().filter(|key| was.get(*key) != is.get(*key)).cloned().collect()
}

/// The table `relay` as it would be written.
fn table(config: &Config) -> toml::Table {
    // Every value of it is a word, a number or a path, which TOML has; one that it has not is compared as absent.
    toml::Table::try_from(&config.relay).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const RUNNING: &str = "[relay]\nmax_hops = 8\n[[server_group]]\nname = \"a\"\nservers = [\"10.0.0.1\"]\n\
                           [[server_group]]\nname = \"b\"\nservers = [\"10.0.0.2\"]\n\
                           [[interface]]\nname = \"eth1\"\nvlan = 7\nserver_group = \"a\"\n\
                           [[interface]]\nname = \"eth2\"\nserver_group = \"b\"\n";

    fn config(text: &str) -> Config {
        Config::from_str(text, Path::new("relay.toml")).expect("right")
    }

    #[test]
    fn the_order_in_the_file_is_no_change() {
        let swapped = "[[server_group]]\nname = \"b\"\nservers = [\"10.0.0.2\"]\n[[server_group]]\nname = \"a\"\n\
                       servers = [\"10.0.0.1\"]\n[relay]\nmax_hops = 8\n[[interface]]\nname = \"eth2\"\n\
                       server_group = \"b\"\n[[interface]]\nname = \"eth1\"\nvlan = 7\nserver_group = \"a\"\n";
        assert!(Changes::between(&config(RUNNING), &config(swapped)).expect("allowed").is_empty());
    }

    #[test]
    fn what_differs_is_named_as_the_file_names_it() {
        let next = RUNNING
            .replace("max_hops = 8", "max_hops = 9\nmetrics_listen = \"127.0.0.1:9567\"")
            .replace("vlan = 7", "vlan = 8")
            .replace("\"10.0.0.2\"", "\"10.0.0.3\"")
            .replace("name = \"eth2\"", "name = \"eth2\"\nrate_limit = 5");
        let changes = Changes::between(&config(RUNNING), &config(&next)).expect("allowed");
        assert_eq!(changes.relay, ["max_hops", "metrics_listen"]);
        assert_eq!(changes.groups, Difference { changed: vec!["b".into()], ..Difference::default() });
        assert_eq!(
            changes.interfaces,
            Difference {
                added: vec!["eth1.8".into()],
                removed: vec!["eth1.7".into()],
                changed: vec!["eth2".into()]
            }
        );
    }

    #[test]
    fn a_key_that_cannot_change_is_refused_with_its_line_and_the_remedy() {
        for (key, value) in [
            ("fast_path", "\"off\""),
            ("xdp_mode", "\"generic\""),
            ("leasequery", "\"auto\""),
            ("leasequery_rate", "7"),
            ("state_dir", "\"/elsewhere\""),
            ("bpffs_dir", "\"/sys/fs/bpf/elsewhere\""),
            ("control_socket", "\"/elsewhere/socket\""),
        ] {
            let next = RUNNING.replace("max_hops = 8", &format!("max_hops = 9\n{key} = {value}"));
            let error = Changes::between(&config(RUNNING), &config(&next)).expect_err(key).to_string();
            assert!(error.starts_with(&format!("relay.toml:3: relay.{key}: cannot change")), "{error}");
            assert!(error.contains("restart the daemon"), "{error}");
        }
    }
}
