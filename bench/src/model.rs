//! What the measured cost of a request means at the speed of real links: arithmetic, no measurement of a network card.

use std::fmt::Write as _;

use anyhow::Result;

use crate::{
    figures::{rate, table},
    floor,
};

/// Gigabits a second.
const LINKS: [f64; 5] = [1.0, 10.0, 25.0, 40.0, 100.0];
/// A request of dhclient in an untagged Ethernet frame.
const FRAME: f64 = 342.0;
/// Octets that a frame takes on the wire besides: check sequence, preamble, gap.
const WIRE: f64 = 4.0 + 8.0 + 12.0;

/// # Errors
/// As those of the floor, whose measurement this is.
pub(crate) fn run() -> Result<String> {
    let rows = floor::measure(true)?;
    let mut text = format!(
        "Measured anew for this section: nanoseconds of one core for a request with option 82 inserted, live frames, \
         redirect and delivery over veth included: {}. A frame of {FRAME} octets takes {} on the wire.\n\n",
        rows.iter()
            .map(|row| format!("{:.0} for {} servers", row.relay.median(), row.servers))
            .collect::<Vec<_>>()
            .join(", "),
        FRAME + WIRE
    );
    let mut head = vec!["link".to_owned(), "requests/s that fill it".to_owned()];
    for row in &rows {
        head.push(format!("cores, {} servers", row.servers));
    }
    head.push("requests/s of one core, 1 server".to_owned());
    let cells: Vec<Vec<String>> = LINKS
        .iter()
        .map(|&gigabits| {
            let requests = gigabits * 1e9 / 8.0 / (FRAME + WIRE);
            let mut cells = vec![format!("{gigabits} GbE"), rate(requests)];
            cells.extend(rows.iter().map(|row| format!("{:.2}", requests * row.relay.median() / 1e9)));
            cells.push(rows.first().map(|row| rate(1e9 / row.relay.median())).unwrap_or_default());
            cells
        })
        .collect();
    let titles: Vec<&str> = head.iter().map(String::as_str).collect();
    text += &table(&titles, &cells);
    writeln!(
        text,
        "\nN servers multiply what leaves: a link toward the servers of the same speed is full with 1/N of the requests. What a \
         network card changes: its driver's receive path and descriptor ring instead of the test's feeding (not in the \
         figures); `ndo_xdp_xmit` of the driver and its doorbell instead of veth's ring and the receiving half of veth (which \
         is in the figures and falls away); page recycling of the driver's pool; frames of many queues on many cores (the \
         maps written per packet are per CPU or LRU, as are the rings of records)."
    )?;
    Ok(text)
}
