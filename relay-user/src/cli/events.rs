//! `events`: dialogues live, like tcpdump, but a line a step and with every server's offer.

use clap::ArgMatches;
use relay_user::control::{
    self, Command, Question,
    leases::{Missed, StepRow},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Failure, filter, leases, print, query};

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Options {
    #[command(flatten)]
    query: query::Options,
    #[command(flatten)]
    filter: filter::Options,
}

/// What comes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Missed(Missed),
    Step(Box<StepRow>),
}

pub(super) fn run(options: &Options, matches: &ArgMatches) -> Result<(), Failure> {
    let socket = query::socket(&options.query, matches)?;
    let question = Question { command: Command::Events, filter: options.filter.filter(None) };
    let mut done = Ok(());
    let mut say = |text: String| {
        let printed = print(&text);
        let goes_on = matches!(printed, Ok(true));
        done = printed.map(drop);
        goes_on
    };
    let followed = if options.query.is_json() {
        control::follow(&socket, &question, |line: Value| say(format!("{line}\n")))
    } else {
        control::follow(&socket, &question, |line: Line| say(render(&line)))
    };
    done.and(followed.map_err(|error| anyhow::Error::new(error).into()))
}

fn render(line: &Line) -> String {
    let step = match line {
        Line::Missed(Missed { missed }) => {
            return format!("... {missed} steps were missed: they came faster than they were read\n");
        }
        Line::Step(step) => step,
    };
    let place = match &step.vlan {
        Some(vlan) => format!("{}.{vlan}", step.interface),
        None => step.interface.clone(),
    };
    let mut text = format!(
        "{}  {place:<12}  {:<17}  {:<10}  {:<15}",
        time_of_day(step.unix_milliseconds),
        step.mac.as_deref().unwrap_or("-"),
        step.step.replace('_', " "),
        step.address.map(|address| address.to_string()).unwrap_or_default()
    );
    if let Some(server) = step.server {
        text.push_str(&format!("  server {server}"));
    }
    if let Some(seconds) = step.lease_seconds {
        text.push_str(&format!("  {seconds} s"));
    }
    text.push_str(&format!("  xid {:08x}  secs {}", step.xid, step.secs));
    if !step.offers.is_empty() {
        text.push_str(&format!("  offers: {}", leases::offers(&step.offers)));
    }
    text.push('\n');
    text
}

/// In UTC, so that a line means the same wherever it is read.
fn time_of_day(unix_milliseconds: u64) -> String {
    let (seconds, milliseconds) = (unix_milliseconds / 1000, unix_milliseconds % 1000);
    let (hours, minutes, seconds) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}Z")
}

#[cfg(test)]
mod tests {
    use relay_user::control::leases::OfferRow;

    use super::*;

    #[test]
    fn a_step_is_a_line_with_every_servers_offer() {
        let offer = |server: u8, address: u8| OfferRow {
            server: [10, 0, 41, server].into(),
            server_id: [10, 0, 41, server].into(),
            address: [192, 168, 60, address].into(),
            lease_seconds: 1800,
        };
        let step = StepRow {
            unix_milliseconds: 1_760_000_000_123,
            interface: "eth1".into(),
            vlan: Some("100".into()),
            vrf: None,
            mac: Some("02:00:00:00:00:01".into()),
            step: "taken_over".into(),
            address: Some([192, 168, 60, 31].into()),
            server: Some([10, 0, 41, 11].into()),
            lease_seconds: Some(3600),
            xid: 0xabc,
            secs: 7,
            offers: vec![offer(10, 31), offer(11, 99)],
        };
        assert_eq!(
            render(&Line::Step(Box::new(step))),
            "08:53:20.123Z  eth1.100      02:00:00:00:00:01  taken over  192.168.60.31    server 10.0.41.11  3600 s  \
             xid 00000abc  secs 7  offers: 192.168.60.31 by 10.0.41.10, 192.168.60.99 by 10.0.41.11\n"
        );
    }

    #[test]
    fn what_was_missed_is_said() {
        let line: Line = serde_json::from_str("{\"missed\":7}").expect("a line");
        assert_eq!(render(&line), "... 7 steps were missed: they came faster than they were read\n");
    }
}
