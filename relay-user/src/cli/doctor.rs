//! `doctor`: says for each port what the fast path can do there and, where it cannot, why and what to change.
//!
//! It reads the file and asks the kernel; it changes nothing. Some answers take the rights that the daemon has.

use std::fmt::Write as _;

use anyhow::Context as _;
use relay_user::{
    config::{Config, Machine},
    doctor::{self, Finding, Report, Weight},
};

use super::{
    ConfigFile, Failure, Json, print,
    table::{Align, Table},
};

/// Say for each port what the fast path can do there and, where it cannot, why and what to change
///
/// Looks at drivers, offloads, queues, MTU, other XDP programs, VLAN tags, next hops and rights, and tries the fan-out in a
/// network namespace of its own. Changes nothing, and needs no daemon. Run it as the user that the daemon runs as.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  xdp-dhcrelay doctor --config /etc/xdp-dhcrelay.toml
  xdp-dhcrelay doctor --config new.toml --json | jq '.ports[] | {name, mode, findings}'

Exit code: 0 everything can go by the fast path, 1 something cannot (what, why, and what to change is in the text), 2 wrong configuration.")]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let config = Config::load(&options.file.config)?;
    let machine = Machine::read().context("the machine's devices cannot be read")?;
    let config = config.resolve(&machine)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot be started")?;
    let look = runtime.block_on(doctor::look(config)).context("the machine cannot be looked at")?;
    let report = doctor::judge(&look);
    if options.json.json {
        let mut text =
            serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?;
        text.push('\n');
        print(&text)?;
    } else {
        print(&render(&report))?;
    }
    if report.fast { Ok(()) } else { Err(Failure::Found) }
}

fn render(report: &Report) -> String {
    let mut text = port_table(report);
    text.push('\n');
    text.push_str(&interface_table(report));
    text.push('\n');
    text.push_str(&server_table(report));
    let mut findings: Vec<(String, &Finding)> =
        report.machine.iter().map(|finding| ("this machine".to_owned(), finding)).collect();
    for port in &report.ports {
        findings.extend(port.findings.iter().map(|finding| (port.name.clone(), finding)));
    }
    for interface in &report.interfaces {
        let about = format!("interface {}", interface.name);
        findings.extend(interface.findings.iter().map(|finding| (about.clone(), finding)));
    }
    for server in &report.servers {
        let about = format!("server {}", server.address);
        findings.extend(server.findings.iter().map(|finding| (about.clone(), finding)));
    }
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.weight));
    if !findings.is_empty() {
        text.push('\n');
    }
    for (about, Finding { weight, what, remedy }) in findings {
        let weight = match weight {
            Weight::Fault => "FAULT",
            Weight::Slow => "SLOW ",
            Weight::Note => "note ",
        };
        // Writing to a String does not fail.
        let _ = write!(text, "{weight}  {about}: {what}");
        if let Some(remedy) = remedy {
            let _ = write!(text, "\n       -> {remedy}");
        }
        text.push('\n');
    }
    text.push_str(if report.fast {
        "\nNothing keeps messages off the fast path.\n"
    } else {
        "\nNot everything can go by the fast path; see above.\n"
    });
    text
}

fn port_table(report: &Report) -> String {
    let columns = ["PORT", "KIND", "XDP", "NATIVE", "TAKES REDIRECTS", "MTU", "QUEUES", "BEHIND IT"];
    let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    for port in &report.ports {
        let behind = [(port.clients, "clients"), (port.servers, "servers")];
        let behind: Vec<&str> = behind.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
        table.row([
            port.name.clone(),
            port.kind.clone().unwrap_or_else(|| "physical".to_owned()),
            port.mode.to_string(),
            port.native.map_or_else(|| "unknown".to_owned(), yes),
            yes(port.redirect_target),
            port.mtu.to_string(),
            port.queues.map(|queues| queues.to_string()).unwrap_or_default(),
            behind.join(", "),
        ]);
    }
    table.render()
}

fn interface_table(report: &Report) -> String {
    let mut table = Table::new(["INTERFACE", "ON"].map(|heading| (heading, Align::Left)));
    for interface in &report.interfaces {
        table.row([interface.name.clone(), interface.on.join("; ")]);
    }
    table.render()
}

fn server_table(report: &Report) -> String {
    let columns = ["SERVER GROUP", "VRF", "SERVER", "PORT"];
    let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
    for server in &report.servers {
        table.row([
            server.group.clone(),
            server.vrf.clone().unwrap_or_default(),
            server.address.to_string(),
            server.device.clone().unwrap_or_default(),
        ]);
    }
    table.render()
}
