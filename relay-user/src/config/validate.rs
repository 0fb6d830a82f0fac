//! From wire types to domain types: everything that can be judged without a look at the machine.
//!
//! Each function takes one table of the file and goes on after a fault with a value that lets the checks behind it
//! run, so that one reading finds every fault. With any fault in the report the result is thrown away.

mod between;
mod interface;
mod option82;
mod relay;
mod server;
mod values;

pub(super) use between::check_told_apart;

use super::{
    domain::{Config, Interface, Relay, ServerGroup, Upstream},
    error::{Problem, Report},
    file::File,
    source::Source,
};

/// The checked tables, before the file's positions are put beside them.
pub(super) struct Parts {
    relay: Relay,
    groups: Vec<ServerGroup>,
    upstreams: Vec<Upstream>,
    interfaces: Vec<Interface>,
}

impl Parts {
    pub(super) fn with_source(self, source: Source, warnings: Vec<Problem>) -> Config {
        let Self { relay, groups, upstreams, interfaces } = self;
        Config { relay, groups, upstreams, interfaces, warnings, source }
    }
}

/// Checks a whole file.
pub(super) fn config(file: File, report: &mut Report<'_>) -> Parts {
    let File { relay, server_group, upstream, interface } = file;
    let relay = relay::settings(relay.unwrap_or_default(), report);

    let groups = server_group.unwrap_or_default();
    if groups.is_empty() {
        report.error(
            "server_group",
            "no server group is defined",
            "add a [[server_group]] with name and servers",
        );
    }
    let groups: Vec<ServerGroup> =
        groups.into_iter().enumerate().map(|(index, group)| server::group(index, group, report)).collect();

    let upstreams: Vec<Upstream> = upstream
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .map(|(index, upstream)| interface::upstream(index, upstream, report))
        .collect();

    let interfaces = interface.unwrap_or_default();
    if interfaces.is_empty() {
        report.error(
            "interface",
            "no client-facing interface is defined",
            "add an [[interface]] with name and server_group",
        );
    }
    let interfaces: Vec<Interface> = interfaces
        .into_iter()
        .enumerate()
        .map(|(index, interface)| interface::client_facing(index, interface, &groups, report))
        .collect();

    between::groups(&groups, report);
    between::upstreams(&upstreams, report);
    between::interfaces(&interfaces, &groups, report);
    between::servers_and_addresses(&interfaces, &groups, report);
    Parts { relay, groups, upstreams, interfaces }
}
