//! `reload`: has the daemon read its configuration again, and says what has changed.

use std::fmt::Write as _;

use clap::ArgMatches;
use relay_user::{
    config::Difference,
    control::{Command, ControlError, model::Reloaded},
};

use super::{Failure, query};

pub(super) fn run(options: &query::Options, matches: &ArgMatches) -> Result<(), Failure> {
    query::run(options, matches, Command::Reload, render).map_err(|failure| match failure {
        Failure::Runtime(error) => match error.downcast_ref::<ControlError>() {
            Some(ControlError::Refused { message, configuration: true, .. }) => Failure::Configuration(format!(
                "{message}\nxdp-dhcrelay: nothing was changed; the daemon goes on with the configuration it has"
            )),
            _ => Failure::Runtime(error),
        },
        other => other,
    })
}

/// The text for people.
fn render(reloaded: &Reloaded) -> String {
    let Reloaded { changes, milliseconds } = reloaded;
    let mut text = format!("Reloaded in {:.2} s", *milliseconds as f64 / 1000.0);
    if changes.is_empty() {
        text.push_str(": nothing has changed.\n");
        return text;
    }
    text.push_str(".\n");
    line(&mut text, "relay", "changed", &changes.relay);
    for (what, difference) in [
        ("server groups", &changes.groups),
        ("upstream ports", &changes.upstreams),
        ("interfaces", &changes.interfaces),
    ] {
        let Difference { added, removed, changed } = difference;
        line(&mut text, what, "added", added);
        line(&mut text, what, "removed", removed);
        line(&mut text, what, "changed", changed);
    }
    text
}

/// So many names are told; of more, how many there are.
const NAMES: usize = 8;

fn line(text: &mut String, what: &str, became: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let told = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    // Writing to a String does not fail.
    let _ = writeln!(text, "  {what} {became}: {told}{more}");
}

#[cfg(test)]
mod tests {
    use relay_user::config::Changes;

    use super::*;

    #[test]
    fn what_has_changed_is_told_by_name_and_many_by_number() {
        let interfaces = Difference {
            added: (1..=10).map(|vlan| format!("eth1.{vlan}")).collect(),
            removed: vec!["eth2".to_owned()],
            changed: Vec::new(),
        };
        let changes = Changes { interfaces, relay: vec!["dscp".to_owned()], ..Changes::default() };
        assert_eq!(
            render(&Reloaded { changes, milliseconds: 1234 }),
            "Reloaded in 1.23 s.\n  relay changed: dscp\n  interfaces added: eth1.1, eth1.2, eth1.3, eth1.4, eth1.5, \
             eth1.6, eth1.7, eth1.8 and 2 more\n  interfaces removed: eth2\n"
        );
        assert_eq!(
            render(&Reloaded { changes: Changes::default(), milliseconds: 5 }),
            "Reloaded in 0.01 s: nothing has changed.\n"
        );
    }
}
