//! The example file against the wire types: what may be written is documented, and what is documented may be written.

use std::path::Path;

use serde_json::Value;

use super::File;
use crate::config::{Config, domain::Relay};

const EXAMPLE: &str = include_str!("../../../../xdp-dhcrelay.example.toml");

/// Takes away the `#` of every line that is a setting or a table; prose has a space behind it.
fn everything_in_force() -> String {
    let in_force = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => setting,
        _ => line,
    });
    in_force.collect::<Vec<_>>().join("\n")
}

/// Collects the keys that no element of a list and no table has a value for.
fn missing(path: &str, seen: &[&Value], found: &mut Vec<String>) {
    let tables: Vec<_> = seen
        .iter()
        .flat_map(|value| match value {
            Value::Array(items) => items.iter().filter(|item| item.is_object()).collect(),
            other => vec![*other],
        })
        .filter_map(Value::as_object)
        .collect();
    let Some(first) = tables.first() else { return };
    // Tables of different forms can share a place (text or hex); all of one form have the same keys.
    for key in first.keys() {
        let values: Vec<&Value> =
            tables.iter().filter_map(|table| table.get(key)).filter(|v| !v.is_null()).collect();
        let path = format!("{path}.{key}");
        if values.is_empty() {
            found.push(path);
        } else {
            missing(&path, &values, found);
        }
    }
}

#[test]
fn every_key_of_the_wire_types_is_in_the_example() {
    let file: File = toml::from_str(&everything_in_force()).expect("the example with every line in force");
    // A key the example does not have is None, and None is null.
    let json = serde_json::to_value(file).expect("JSON");
    let mut found = Vec::new();
    missing("", &[&json], &mut found);
    assert_eq!(found, Vec::<String>::new(), "not documented in xdp-dhcrelay.example.toml");
}

#[test]
fn the_check_for_undocumented_keys_finds_a_key_that_is_taken_out() {
    for key in ["dscp", "min_secs", "vrf", "relay_id", "host_routes", "policy"] {
        let without: String = everything_in_force()
            .replace(&format!(", {key} = 0"), "")
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} =")))
            .map(|line| format!("{line}\n"))
            .collect();
        let file: File = toml::from_str(&without).expect("still a file");
        let mut found = Vec::new();
        missing("", &[&serde_json::to_value(file).expect("JSON")], &mut found);
        assert!(found.iter().any(|path| path.ends_with(key)), "{key} was not missed: {found:?}");
    }
}

#[test]
fn the_example_is_a_right_configuration_as_shipped_and_with_every_line_in_force() {
    for text in [EXAMPLE.to_owned(), everything_in_force()] {
        if let Err(error) = Config::from_str(&text, Path::new("xdp-dhcrelay.example.toml")) {
            panic!("{error}");
        }
    }
}

#[test]
fn the_defaults_the_example_shows_are_the_defaults() {
    let shipped = Config::from_str(EXAMPLE, Path::new("shipped")).expect("the example");
    let in_force = Config::from_str(&everything_in_force(), Path::new("in force")).expect("the example");
    assert_eq!(shipped.relay, Relay::default());
    assert_eq!(Relay { metrics_listen: None, ..in_force.relay }, Relay::default());
    assert_eq!(shipped.groups[0].affinity, in_force.groups[0].affinity);
    assert_eq!(shipped.groups[0].servers, in_force.groups[0].servers);
    assert_eq!(shipped.interfaces[0].host_routes, in_force.interfaces[0].host_routes);

    let table_only = format!("{EXAMPLE}\n[interface.option82]\n");
    let by_default = Config::from_str(&table_only, Path::new("table only")).expect("an empty option82");
    let mut shown = in_force.interfaces[0].option82.clone().expect("option82");
    shown.link_selection = None;
    (shown.circuit_id, shown.remote_id, shown.relay_id, shown.vss) = (None, None, None, None);
    assert_eq!(by_default.interfaces[0].option82, Some(shown));
}

#[test]
fn the_example_names_every_word_that_a_key_takes() {
    use crate::config::domain::{Affinity, FastPath, Keyword, Policy, UdpChecksum, XdpMode};

    fn all_named<T: Keyword>(key: &str) {
        let at = EXAMPLE.find(&format!("#{key} = ")).unwrap_or_else(|| panic!("no {key}"));
        let text = EXAMPLE[..at].rsplit("\n\n").next().unwrap_or_default();
        for (word, _) in T::WORDS {
            assert!(text.contains(&format!("#   \"{word}\"")), "{key} = \"{word}\" is not explained");
        }
    }
    all_named::<FastPath>("fast_path");
    all_named::<XdpMode>("xdp_mode");
    all_named::<UdpChecksum>("udp_checksum");
    all_named::<Affinity>("affinity");
    all_named::<Policy>("policy");
}
