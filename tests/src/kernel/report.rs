//! A difference between kernel and host, told so that a person can find its cause: seed, verdicts, the first octet that
//! differs by the name of its field, all three frames, and a capture file for Wireshark.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Result;
use relay_common::Verdict;

use super::Run;
use crate::check::hex;
use crate::host::Outcome;
use crate::lab::frame::{Direction, Frame};
use crate::lab::{pcap, report_dir};

/// The text for a person. `origin` says where the frame is from: seed and number, or the case.
pub fn report(origin: &str, device: u32, frame: &[u8], kernel: &Run, host: &Outcome, why: &str) -> String {
    // The Ethernet addresses of a copy are not written yet and may differ.
    let skipped = if matches!(host.verdict, Verdict::ToServers { .. }) { 12 } else { 0 };
    let mut pairs = kernel.frame.iter().zip(&host.frame).enumerate().skip(skipped);
    let first = pairs.find(|(_, (kernel, host))| kernel != host).map(|(at, _)| at);
    let first = first.map_or_else(
        || format!("lengths {} and {}", kernel.frame.len(), host.frame.len()),
        |at| format!("first difference at octet {at}: {}", field(&host.frame, at)),
    );
    let capture = match capture(origin, frame, kernel, host) {
        Ok(path) => path.display().to_string(),
        Err(error) => format!("not written: {error:#}"),
    };
    format!(
        "{origin}, device {device}: {why}\nkernel: {:?}, counters {:?}, punts {}\nhost:   {:?}\n{first}\n\
         capture (input, kernel, host): {capture}\ninput\n{}kernel\n{}host\n{}",
        kernel.action,
        kernel.moved,
        kernel.punts.len(),
        host.verdict,
        hex(frame),
        hex(&kernel.frame),
        hex(&host.frame)
    )
}

fn capture(origin: &str, frame: &[u8], kernel: &Run, host: &Outcome) -> Result<PathBuf> {
    let name: String = origin.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let path = report_dir()?.join(format!("difference-{name}.pcap"));
    let at = SystemTime::now();
    let record = |octets: &[u8], direction| Frame { at, direction, bytes: octets.to_vec() };
    let frames = [
        record(frame, Direction::Incoming),
        record(&kernel.frame, Direction::Outgoing),
        record(&host.frame, Direction::Outgoing),
    ];
    pcap::write(&path, &frames)?;
    Ok(path)
}

/// The field that holds octet `at` of a relayed frame.
pub fn field(frame: &[u8], at: usize) -> String {
    let half = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
    let mut ethertype = 12;
    while matches!(half(ethertype), Some(0x8100 | 0x88a8)) {
        ethertype += 4;
    }
    let ip = ethertype + 2;
    if at < 12 {
        return if at < 6 { "Ethernet destination" } else { "Ethernet source" }.to_owned();
    }
    if at < ip {
        return if at < ethertype { "VLAN tag" } else { "EtherType" }.to_owned();
    }
    const FIELDS: [(usize, &str); 29] = [
        (0, "IPv4 version and header length"),
        (1, "IPv4 type of service"),
        (2, "IPv4 length"),
        (4, "IPv4 identification"),
        (6, "IPv4 fragment"),
        (8, "IPv4 TTL"),
        (9, "IPv4 protocol"),
        (10, "IPv4 checksum"),
        (12, "IPv4 source"),
        (16, "IPv4 destination"),
        (20, "UDP source port"),
        (22, "UDP destination port"),
        (24, "UDP length"),
        (26, "UDP checksum"),
        (28, "op"),
        (29, "htype"),
        (30, "hlen"),
        (31, "hops"),
        (32, "xid"),
        (36, "secs"),
        (38, "flags"),
        (40, "ciaddr"),
        (44, "yiaddr"),
        (48, "siaddr"),
        (52, "giaddr"),
        (56, "chaddr"),
        (72, "sname"),
        (136, "file"),
        (264, "cookie"),
    ];
    let within = at - ip;
    if within >= 268 {
        return option(&frame[ip + 268..], within - 268);
    }
    FIELDS.iter().rev().find(|(start, _)| *start <= within).map_or("", |(_, name)| name).to_owned()
}

/// The option that holds octet `at` of the options field.
fn option(options: &[u8], at: usize) -> String {
    let mut start = 0;
    while let Some(&code) = options.get(start) {
        if code == 255 {
            break;
        }
        let len = if code == 0 { 1 } else { 2 + options.get(start + 1).map_or(0, |&len| usize::from(len)) };
        if at < start + len {
            return format!("option {code}, octet {}", at - start);
        }
        start += len;
    }
    if at == start { "END".to_owned() } else { "behind END".to_owned() }
}
