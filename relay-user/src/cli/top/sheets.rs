//! The tables of the screen, made of the figures.

use relay_common::{Reason, abi::MESSAGE_NAMES};

use super::{
    super::servers::within,
    figures::{Clients, Figures, Flow, Interface, ReasonRow, Single},
    keys::{Part, Sort},
    number::{known, percent},
    sheet::{Sheet, number, words, wrap},
};

/// The table of one part. Sentences are wrapped to `width` columns.
pub(super) fn sheet(part: Part, figures: &Figures, sort: Sort, width: u16) -> Sheet<'_> {
    match part {
        Part::Interfaces => interfaces(&figures.interfaces, sort),
        Part::Messages => messages(figures),
        Part::Reasons => reasons(figures),
        Part::Servers => servers(figures),
        Part::Findings => findings(figures, width),
        Part::Clients => clients(&figures.clients),
    }
}

fn per_second(flow: &Flow) -> String {
    known(flow.per_second.map(|_| flow.rate()))
}

fn interfaces(all: &[Interface], sort: Sort) -> Sheet<'_> {
    let mut order: Vec<&Interface> = all.iter().collect();
    let relayed = |interface: &Interface| {
        let Interface { requests, replies, .. } = interface;
        (requests.rate() + replies.rate(), requests.sum() + replies.sum())
    };
    let dropped = |interface: &Interface| (interface.dropped.rate(), interface.dropped.sum());
    let slow = |interface: &Interface| (interface.fast_share.map_or(-1.0, |fast| 1.0 - fast), 0);
    // Those that are equal stay in the order of the configuration.
    let mut highest_first = |rank: &dyn Fn(&Interface) -> (f64, u64)| {
        order.sort_by(|one, other| {
            let ((one, one_total), (other, other_total)) = (rank(one), rank(other));
            other.total_cmp(&one).then(other_total.cmp(&one_total))
        });
    };
    match sort {
        Sort::Activity => highest_first(&relayed),
        Sort::Dropped => highest_first(&dropped),
        Sort::Slow => highest_first(&slow),
        Sort::Name => {
            let tags = |interface: &Interface| -> Vec<u16> {
                let tags = interface.vlan.iter().flat_map(|vlan| vlan.split('.'));
                tags.filter_map(|tag| tag.parse().ok()).collect()
            };
            order.sort_by(|one, other| one.name.cmp(&other.name).then(tags(one).cmp(&tags(other))));
        }
    }
    Sheet {
        columns: vec![
            words("INTERFACE", 20, 9),
            words("VLAN", 19, 9).only_if(all.iter().any(|interface| interface.vlan.is_some())),
            words("VRF", 10, 8).only_if(all.iter().any(|interface| interface.vrf.is_some())),
            number("REQUESTS/S", 18),
            number("REPLIES/S", 17),
            number("DROPPED/S", 16),
            number("FAST", 15),
            number("REQUESTS", 9),
            number("REPLIES", 8),
            number("DROPPED", 7),
        ],
        rows: order.len(),
        cells: Box::new(move |row| {
            let Interface { name, vlan, vrf, requests, replies, dropped, fast_share } = order[row];
            vec![
                name.clone(),
                vlan.clone().unwrap_or_default(),
                vrf.clone().unwrap_or_default(),
                per_second(requests),
                per_second(replies),
                per_second(dropped),
                fast_share.map(percent).unwrap_or_default(),
                requests.sum().to_string(),
                replies.sum().to_string(),
                dropped.sum().to_string(),
            ]
        }),
        empty: "The configuration has no interface.",
    }
}

fn messages(figures: &Figures) -> Sheet<'_> {
    let toward = [("servers", &figures.messages.requests), ("clients", &figures.messages.replies)];
    let rows: Vec<(&str, &str, &Flow)> = toward
        .into_iter()
        .flat_map(|(toward, flows)| {
            let in_order = MESSAGE_NAMES.iter().filter_map(|name| Some((*name, flows.get(*name)?)));
            in_order.map(move |(name, flow)| (toward, name, flow))
        })
        .filter(|(_, _, flow)| flow.sum() > 0)
        .collect();
    Sheet {
        columns: vec![
            words("TOWARD", 8, 7),
            words("MESSAGE", 10, 8),
            number("FAST/S", 9),
            number("SLOW/S", 9),
            number("FAST PATH", 7),
            number("SLOW PATH", 7),
        ],
        rows: rows.len(),
        cells: Box::new(move |row| {
            let (toward, name, flow) = rows[row];
            vec![
                toward.to_owned(),
                name.to_owned(),
                known(flow.per_second.map(|rate| rate.fast)),
                known(flow.per_second.map(|rate| rate.slow)),
                flow.total.fast.to_string(),
                flow.total.slow.to_string(),
            ]
        }),
        empty: "Nothing was relayed yet.",
    }
}

/// What the relay itself loses, in the words of `stats`.
fn lost(name: &str) -> &'static str {
    match name {
        "send_errors" => "The kernel refused to send it for the slow path.",
        "receive_drops" => "Lost before reading: the slow path did not keep up.",
        "punts_lost" => "Left to the daemon for want of a next hop, which did not keep up.",
        "cuts_lost" => "A copy for want of the option 82 of its server.",
        _ => "",
    }
}

fn reasons(figures: &Figures) -> Sheet<'_> {
    let lost_first =
        figures.lost.iter().filter(|(_, Single { total, .. })| *total > 0).map(|(name, count)| {
            [
                (*name).to_owned(),
                "lost".to_owned(),
                known(count.per_second),
                count.total.to_string(),
                lost(name).to_owned(),
            ]
        });
    let counted = figures.reasons.iter().filter(|row| row.frames.sum() > 0);
    let rows: Vec<[String; 5]> = lost_first
        .chain(counted.map(|ReasonRow { reason, fate, frames }| {
            let known = Reason::ALL.iter().find(|known| known.label() == reason);
            [
                reason.clone(),
                fate.unwrap_or_default().to_owned(),
                per_second(frames),
                frames.sum().to_string(),
                known.map(|reason| reason.meaning()).unwrap_or_default().to_owned(),
            ]
        }))
        .collect();
    Sheet {
        columns: vec![
            words("REASON", 10, 12),
            words("FATE", 8, 9),
            number("PER SECOND", 9),
            number("TOTAL", 7),
            words("MEANING", 1, 16),
        ],
        rows: rows.len(),
        cells: Box::new(move |row| rows[row].to_vec()),
        empty: "Nothing was left unrelayed.",
    }
}

fn servers(figures: &Figures) -> Sheet<'_> {
    let all = &figures.servers;
    Sheet {
        columns: vec![
            words("SERVER", 20, 15),
            words("GROUP", 12, 8),
            words("VRF", 11, 8).only_if(all.iter().any(|server| server.vrf.is_some())),
            words("PATH", 19, 4),
            number("OFFERS", 13),
            number("ACKS", 14),
            number("NAKS", 10),
            number("HALF WITHIN", 15),
            number("99 % WITHIN", 9),
            words("NOTE", 16, 12).only_if(all.iter().any(|server| server.reason.is_some())),
        ],
        rows: all.len(),
        cells: Box::new(|row| {
            let server = &all[row];
            vec![
                server.address.to_string(),
                server.group.clone(),
                server.vrf.clone().unwrap_or_default(),
                server.path.to_string(),
                server.offers.to_string(),
                server.acks.to_string(),
                server.naks.to_string(),
                within(&server.latencies, 50),
                within(&server.latencies, 99),
                server.reason.clone().unwrap_or_default(),
            ]
        }),
        empty: "There is no server group.",
    }
}

fn findings(figures: &Figures, width: u16) -> Sheet<'_> {
    let mut rows: Vec<[String; 2]> = Vec::new();
    for finding in &figures.findings {
        let kind = if finding.warning { "warning" } else { "note" };
        let lines = wrap(&finding.text, usize::from(width).saturating_sub("warning  ".len()));
        // A line that goes on has nothing but a space in front: "-" would say that it has no kind.
        let kinds = std::iter::once(kind).chain(std::iter::repeat(" "));
        rows.extend(kinds.zip(lines).map(|(kind, line)| [kind.to_owned(), line]));
    }
    Sheet {
        columns: vec![words("KIND", 1, 7), words("FINDING", 2, 1)],
        rows: rows.len(),
        cells: Box::new(move |row| rows[row].to_vec()),
        empty: "Nothing to remark.",
    }
}

fn clients(clients: &Clients) -> Sheet<'_> {
    let Clients {
        clients,
        bound,
        clients_max,
        messages,
        suspicious,
        limit_reached,
        events_lost,
        discovers_lost,
        store_error,
    } = clients;
    let plain = |name: &str, number: u64| [name.to_owned(), number.to_string(), String::new()];
    let single = |name: &str, Single { total, per_second }: &Single| {
        [name.to_owned(), total.to_string(), known(*per_second)]
    };
    let mut rows = vec![
        plain("bound", *bound),
        plain("without a lease", clients.saturating_sub(*bound)),
        single("messages looked at", messages),
        single("messages lost", events_lost),
        single("DISCOVERs lost", discovers_lost),
    ];
    // What must not be: not a line as long as it is not.
    for (name, count) in
        [("suspicious".to_owned(), suspicious), (format!("no room: at most {clients_max}"), limit_reached)]
    {
        if count.total > 0 {
            rows.push(single(&name, count));
        }
    }
    if let Some(error) = store_error {
        rows.insert(0, [format!("not stored: {error}"), String::new(), String::new()]);
    }
    Sheet {
        columns: vec![words("CLIENTS", 3, 20), number("TOTAL", 2), number("PER SECOND", 1)],
        rows: rows.len(),
        cells: Box::new(move |row| rows[row].to_vec()),
        empty: "",
    }
}
