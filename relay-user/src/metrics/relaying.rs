//! What was done with packets: `stats`, as totals and by interface.
//!
//! Totals are of every message name, reason and path, zeros too. An interface has a series only where it is not zero: of
//! four thousand interfaces most would say 0 to most reasons. A series that has come stays while its interface does,
//! because counters never go back.

use std::{collections::BTreeMap, fmt};

use relay_common::{Reason, abi::MESSAGE_NAMES};

use super::{
    families::{
        COPIES, CUTS_LOST, Family, INTERFACE_NOT_RELAYED, INTERFACE_REPLIES, INTERFACE_REQUESTS,
        INTERFACE_SWAPPED_SECS, INTERFACE_TO_HOLDER, INTERFACE_WITHOUT_OPTION82, NOT_RELAYED, PUNTS,
        PUNTS_LOST, RECEIVE_DROPS, REPLIES, REQUESTS, SEND_ERRORS, SWAPPED_SECS, TO_HOLDER, UNATTRIBUTED,
        WITHOUT_OPTION82,
    },
    text::Text,
};
use crate::control::model::{Count, InterfaceStats, Stats};

/// Everything of `stats` but the client table. `gone` are the interfaces that are not there any more.
pub(super) fn write(text: &mut Text<'_>, stats: &Stats, gone: &InterfaceStats) -> fmt::Result {
    let Stats {
        interfaces,
        unattributed,
        copies,
        send_errors,
        receive_drops,
        punts,
        punts_lost,
        cuts_lost,
        clients: _,
    } = stats;
    totals(text, &Totals::of(interfaces, gone), unattributed)?;
    by_interface(text, interfaces)?;
    text.family(&COPIES, |samples| samples.by_path(|path| [path], *copies))?;
    text.number(&SEND_ERRORS, *send_errors)?;
    text.number(&RECEIVE_DROPS, *receive_drops)?;
    text.number(&PUNTS, *punts)?;
    text.number(&PUNTS_LOST, *punts_lost)?;
    text.number(&CUTS_LOST, *cuts_lost)
}

/// Over all interfaces, by the names that there are.
#[derive(Default)]
struct Totals<'a> {
    requests: BTreeMap<&'a str, Count>,
    replies: BTreeMap<&'a str, Count>,
    reasons: BTreeMap<&'a str, Count>,
    option82_left_out: Count,
    swapped_secs: Count,
    to_holder: Count,
}

impl<'a> Totals<'a> {
    fn of(interfaces: &'a [InterfaceStats], gone: &'a InterfaceStats) -> Self {
        let mut totals = Self::default();
        for interface in interfaces.iter().chain([gone]) {
            let InterfaceStats {
                index: _,
                name: _,
                vlan: _,
                requests,
                replies,
                option82_left_out,
                swapped_secs,
                to_holder,
                reasons,
            } = interface;
            add(&mut totals.requests, requests);
            add(&mut totals.replies, replies);
            add(&mut totals.reasons, reasons);
            totals.option82_left_out += *option82_left_out;
            totals.swapped_secs += *swapped_secs;
            totals.to_holder += *to_holder;
        }
        totals
    }
}

fn add<'a>(sums: &mut BTreeMap<&'a str, Count>, counts: &'a BTreeMap<String, Count>) {
    for (name, count) in counts {
        *sums.entry(name).or_default() += *count;
    }
}

fn totals(text: &mut Text<'_>, totals: &Totals<'_>, unattributed: &BTreeMap<String, Count>) -> fmt::Result {
    let Totals { requests, replies, reasons, option82_left_out, swapped_secs, to_holder } = totals;
    let of = |counts: &BTreeMap<&str, Count>, name: &str| counts.get(name).copied().unwrap_or_default();
    for (family, counts) in [(&REQUESTS, requests), (&REPLIES, replies)] {
        text.family(family, |samples| {
            MESSAGE_NAMES
                .iter()
                .try_for_each(|message| samples.by_path(|path| [message, path], of(counts, message)))
        })?;
    }
    let nobody = |reason: &Reason| unattributed.get(reason.label()).copied().unwrap_or_default();
    text.family(&NOT_RELAYED, |samples| {
        Reason::ALL.iter().try_for_each(|reason| {
            let mut count = of(reasons, reason.label());
            count += nobody(reason);
            samples.by_path(|path| [reason.label(), reason.class().label(), path], count)
        })
    })?;
    text.family(&UNATTRIBUTED, |samples| {
        Reason::ALL
            .iter()
            .try_for_each(|reason| samples.by_path(|path| [reason.label(), path], nobody(reason)))
    })?;
    text.family(&WITHOUT_OPTION82, |samples| samples.by_path(|path| [path], *option82_left_out))?;
    text.family(&SWAPPED_SECS, |samples| samples.by_path(|path| [path], *swapped_secs))?;
    text.family(&TO_HOLDER, |samples| samples.by_path(|path| [path], *to_holder))
}

fn by_interface(text: &mut Text<'_>, interfaces: &[InterfaceStats]) -> fmt::Result {
    type Named = fn(&InterfaceStats) -> &BTreeMap<String, Count>;
    type Plain = fn(&InterfaceStats) -> Count;
    let named: [(&Family<4>, Named); 3] = [
        (&INTERFACE_REQUESTS, |interface| &interface.requests),
        (&INTERFACE_REPLIES, |interface| &interface.replies),
        (&INTERFACE_NOT_RELAYED, |interface| &interface.reasons),
    ];
    for (family, of) in named {
        text.family(family, |samples| {
            interfaces.iter().try_for_each(|interface| {
                let (device, vlan) = place(interface);
                let counts = of(interface).iter().flat_map(|(name, count)| what_is_not_zero(name, *count));
                counts
                    .into_iter()
                    .try_for_each(|(name, path, count)| samples.put([device, vlan, name, path], count))
            })
        })?;
    }
    let plain: [(&Family<3>, Plain); 3] = [
        (&INTERFACE_WITHOUT_OPTION82, |interface| interface.option82_left_out),
        (&INTERFACE_SWAPPED_SECS, |interface| interface.swapped_secs),
        (&INTERFACE_TO_HOLDER, |interface| interface.to_holder),
    ];
    for (family, of) in plain {
        text.family(family, |samples| {
            interfaces.iter().try_for_each(|interface| {
                let (device, vlan) = place(interface);
                what_is_not_zero("", of(interface))
                    .try_for_each(|(_, path, count)| samples.put([device, vlan, path], count))
            })
        })?;
    }
    Ok(())
}

fn place(interface: &InterfaceStats) -> (&str, &str) {
    (&interface.name, interface.vlan.as_deref().unwrap_or_default())
}

fn what_is_not_zero(name: &str, count: Count) -> impl Iterator<Item = (&str, &'static str, u64)> {
    let Count { fast, slow } = count;
    [(name, "fast", fast), (name, "slow", slow)].into_iter().filter(|(_, _, count)| *count > 0)
}
