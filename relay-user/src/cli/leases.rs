//! `leases` for people: a client a line.

use clap::{ArgMatches, builder::PossibleValuesParser};
use relay_user::{
    clients::State,
    control::{
        Command, Question,
        leases::{LeaseRow, Leases},
    },
};

use super::{
    Failure, filter, query,
    status::duration,
    table::{Align, Table},
};

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Options {
    #[command(flatten)]
    query: query::Options,
    #[command(flatten)]
    filter: filter::Options,
    /// Only clients in this state.
    #[arg(long, value_name = "STATE", env = "XDP_DHCRELAY_STATE", value_parser = states())]
    state: Option<String>,
}

fn states() -> PossibleValuesParser {
    PossibleValuesParser::new(State::ALL.iter().map(|state| state.label()))
}

pub(super) fn run(options: &Options, matches: &ArgMatches) -> Result<(), Failure> {
    let filter = options.filter.filter(options.state.as_ref());
    query::run(&options.query, matches, Question { command: Command::Leases, filter }, render)
}

/// The text of `leases`.
pub(super) fn render(leases: &Leases) -> String {
    let Leases { clients, leases } = leases;
    let mut table = Table::new([
        ("INTERFACE", Align::Left),
        ("VLAN", Align::Left),
        ("VRF", Align::Left),
        ("ADDRESS", Align::Left),
        ("MAC", Align::Left),
        ("STATE", Align::Left),
        ("LEASE", Align::Right),
        ("ENDS IN", Align::Right),
        ("SERVER", Align::Left),
        ("OFFERS", Align::Left),
    ]);
    for row in leases {
        table.row(cells(row));
    }
    match (leases.len() as u64, clients) {
        (0, 0) => "No client has been seen yet.\n".to_owned(),
        (0, clients) => format!("None of {clients} clients.\n"),
        (shown, clients) => format!("{}\n{shown} of {clients} clients.\n", table.render()),
    }
}

fn cells(row: &LeaseRow) -> [String; 10] {
    let bound = State::ALL.iter().any(|state| state.is_bound() && state.label() == row.state);
    let text = |address: std::net::Ipv4Addr| address.to_string();
    [
        row.interface.clone(),
        row.vlan.clone().unwrap_or_default(),
        row.vrf.clone().unwrap_or_default(),
        match row.address {
            Some(address) if bound => text(address),
            Some(address) => format!("({address})"),
            None => String::new(),
        },
        row.mac.clone().unwrap_or_default(),
        row.state.clone(),
        match row.lease_seconds {
            Some(u32::MAX) => "infinite".to_owned(),
            Some(seconds) => format!("{seconds} s"),
            None => String::new(),
        },
        row.expires_in_seconds.map(duration).unwrap_or_default(),
        row.server.map(text).unwrap_or_default(),
        offers(&row.offers),
    ]
}

/// `192.168.60.31 by 10.0.41.10, 192.168.60.99 by 10.0.41.11`.
pub(super) fn offers(offers: &[relay_user::control::leases::OfferRow]) -> String {
    let each = offers.iter().map(|offer| format!("{} by {}", offer.address, offer.server));
    each.collect::<Vec<_>>().join(", ")
}
