//! `servers` for people: what the watch says in words, then who answered whom, by `secs`.

use std::fmt::Write as _;

use relay_user::control::leases::{FindingRow, GroupWatch, ServerWatch, Servers};

use super::table::{Align, Table};

/// Values of `secs` that are shown apart; the last stands for everything above.
const HEADINGS: [&str; 11] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10+"];

/// The text of `servers`.
pub(super) fn render(servers: &Servers) -> String {
    let Servers { groups, findings } = servers;
    let mut text = String::new();
    for FindingRow { warning, text: finding } in findings {
        let kind = if *warning { "warning" } else { "note" };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{kind}: {finding}");
    }
    if findings.is_empty() {
        text.push_str("Nothing to remark.\n");
    }
    let answered = answers(groups);
    text.push_str("\nAnswers in the last hour\n");
    text.push_str(&answered.render());
    text.push_str("\nOFFERs by the secs of the DISCOVER\n");
    text.push_str(&by_secs(groups).render());
    text
}

fn answers(groups: &[GroupWatch]) -> Table<9> {
    let mut table = Table::new([
        ("SERVER GROUP", Align::Left),
        ("VRF", Align::Left),
        ("SERVER", Align::Left),
        ("CLIENTS", Align::Right),
        ("OFFERS", Align::Right),
        ("ACKS", Align::Right),
        ("NAKS", Align::Right),
        ("HALF WITHIN", Align::Right),
        ("99 % WITHIN", Align::Right),
    ]);
    for GroupWatch { name, servers, .. } in groups {
        for ServerWatch { address, vrf, min_secs: _, clients, offers, acks, naks, latencies } in servers {
            table.row([
                name.clone(),
                vrf.clone().unwrap_or_default(),
                address.to_string(),
                clients.to_string(),
                offers.iter().sum::<u32>().to_string(),
                acks.to_string(),
                naks.to_string(),
                within(latencies, 50),
                within(latencies, 99),
            ]);
        }
    }
    table
}

/// The time within which so many of a hundred answers came.
pub(super) fn within(latencies: &[u32], percent: u64) -> String {
    let all: u64 = latencies.iter().map(|count| u64::from(*count)).sum();
    let mut sum = 0;
    for (slot, count) in latencies.iter().enumerate() {
        sum += u64::from(*count);
        if all > 0 && sum * 100 >= all * percent {
            return match slot + 1 == latencies.len() {
                true => "longer".to_owned(),
                false if slot >= 10 => format!("{} s", (1u64 << slot) / 1000),
                false => format!("{} ms", 1u64 << slot),
            };
        }
    }
    String::new()
}

fn by_secs(groups: &[GroupWatch]) -> Table<13> {
    let mut columns = [("", Align::Right); 13];
    columns[0] = ("SERVER GROUP", Align::Left);
    columns[1] = ("SERVER", Align::Left);
    for (column, heading) in columns[2..].iter_mut().zip(HEADINGS) {
        column.0 = heading;
    }
    let mut table = Table::new(columns);
    for GroupWatch { name, discovers, servers, .. } in groups {
        let row = |server: String, counts: &[u32]| {
            let mut cells = [const { String::new() }; 13];
            cells[0].clone_from(name);
            cells[1] = server;
            for (cell, count) in cells[2..].iter_mut().zip(counts) {
                *cell = count.to_string();
            }
            cells
        };
        table.row(row("(asked)".to_owned(), discovers));
        for server in servers {
            table.row(row(server.address.to_string(), &server.offers));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_half_and_of_nearly_all_answers_is_that_of_their_slot() {
        let mut latencies = [0; 16];
        assert_eq!(within(&latencies, 50), "");
        (latencies[0], latencies[3], latencies[12]) = (60, 38, 2);
        assert_eq!((within(&latencies, 50), within(&latencies, 98)), ("1 ms".into(), "8 ms".into()));
        assert_eq!(within(&latencies, 99), "4 s");
        latencies[15] = 100;
        assert_eq!(within(&latencies, 99), "longer");
    }
}
