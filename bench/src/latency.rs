//! One-way latency and CPU time of a request, the relay on a CPU of its own.
//!
//! Each frame carries the time it was sent; an XDP program in front of the server's host takes the difference. CPU time
//! is that of the relay's own threads and of the NAPI thread that receives for it; the sink's softirq is in it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use relay_tests::subject::Mode;

use crate::{
    contestant::Contestant,
    figures::{Samples, table},
    goals::{Goal, goals},
    load::{Pause, generator},
    placement::{GENERATOR, Placement},
    rig::{Rig, pin},
    tools::Tools,
};

const RATES: [f64; 2] = [1_000.0, 50_000.0];
const TRIAL: Duration = Duration::from_secs(2);
const SERVERS: usize = 2;

struct Found {
    contestant: Contestant,
    /// For each of [`RATES`]: microseconds at p50, p99, p99.9.
    latency: Vec<[Samples; 3]>,
    /// CPU seconds for a million requests that reached every server, at the highest rate.
    cpu: Samples,
    lost: f64,
}

/// # Errors
/// A relay does not come up.
pub(crate) fn run(repeats: usize) -> Result<String> {
    let found: Vec<Found> = Contestant::ALL
        .into_iter()
        .filter(|contestant| contestant.serves(SERVERS))
        .map(|contestant| {
            let found = measure(contestant, repeats).with_context(|| contestant.title())?;
            eprintln!("{}: cpu {}", contestant.title(), found.cpu);
            Ok(found)
        })
        .collect::<Result<_>>()?;
    let reference = found.iter().find(|found| found.contestant == Contestant::Dhcrelay);
    let reference = reference.context("dhcrelay is the reference")?;
    let mut text = String::new();
    for (index, rate) in RATES.iter().enumerate() {
        let p99 = reference.latency[index][1].median();
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|found| {
                let [p50, high, highest] = &found.latency[index];
                vec![
                    found.contestant.title(),
                    format!("**1/{:.1}**", p99 / high.median()),
                    format!("{:.1}", p50.median()),
                    format!("{:.1}", high.median()),
                    format!("{:.1}", highest.median()),
                ]
            })
            .collect();
        text += &format!("\n#### {rate} requests/s, {SERVERS} servers\n\n");
        text += &table(&["relay", "p99 against dhcrelay", "p50, µs", "p99, µs", "p99.9, µs"], &rows);
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|found| {
            vec![
                found.contestant.title(),
                format!("**1/{:.1}**", reference.cpu.median() / found.cpu.median()),
                format!("{:.2}", found.cpu.median()),
                format!("{:.2} %", found.lost * 100.0),
            ]
        })
        .collect();
    let last = RATES[RATES.len() - 1];
    text += &format!("\n#### CPU, {last} requests/s, {SERVERS} servers\n\n");
    text += &table(&["relay", "against dhcrelay", "CPU seconds per million relayed requests", "lost"], &rows);
    let native = Contestant::Ours { mode: Mode::Native, option82: true };
    let of = |wanted| found.iter().find(|found| found.contestant == wanted);
    let native = of(native).context("native mode with option 82 is what is aimed at")?;
    let p99 = |found: &Found| found.latency[RATES.len() - 1][1].median();
    text += &goals(&[
        Goal::at_most("p99 at the higher rate, of dhcrelay's", (0.2, p99(native) / p99(reference)), ""),
        Goal::at_most("CPU time a relayed request, of dhcrelay's", (0.1, native.cpu.median() / reference.cpu.median()), "")
            .because(
                "the CPU time is that of all that happens from the veth of the clients to the sinks, which for two veth pairs costs most of \
                it; the row of bare XDP, which does no DHCP work at all, misses the goal too",
            ),
    ]);
    Ok(text)
}

fn measure(contestant: Contestant, repeats: usize) -> Result<Found> {
    let rig = Rig::new("latency", SERVERS, SERVERS)?;
    let mut tools = Tools::load(u32::try_from(SERVERS)?)?;
    let running = contestant.start(&rig, &mut tools)?;
    let placed = Placement::Own.place(&rig, &running)?;
    let device = rig.client.ifindex("eth0")?;
    rig.client.enter(|| {
        pin(GENERATOR)?;
        let generator = generator(&rig, device, Pause::Spin)?;
        let mut latency = vec![<[Samples; 3]>::default(); RATES.len()];
        let (mut cpu, mut lost) = (Samples::default(), 0.0);
        for _ in 0..repeats {
            for (rate, latency) in RATES.iter().zip(&mut latency) {
                let before = tools.latency()?;
                let busy = placed.cpu_time()?;
                let outcome = generator.offer(&tools, *rate, TRIAL)?;
                let spent = placed.cpu_time()? - busy;
                let histogram: Vec<u64> =
                    tools.latency()?.iter().zip(before).map(|(now, before)| now - before).collect();
                for (samples, share) in latency.iter_mut().zip([0.5, 0.99, 0.999]) {
                    samples.push(quantile(&histogram, share) / 1000.0);
                }
                if *rate == RATES[RATES.len() - 1] {
                    cpu.push(spent.as_secs_f64() * 1e6 / outcome.relayed(SERVERS));
                    lost = outcome.lost(SERVERS).max(lost);
                }
            }
        }
        Ok(Found { contestant, latency, cpu, lost })
    })?
}

/// The middle of the bucket that holds the quantile, nanoseconds.
fn quantile(histogram: &[u64], share: f64) -> f64 {
    let total: u64 = histogram.iter().sum();
    let wanted = (total as f64 * share).ceil() as u64;
    let mut below = 0;
    for (bucket, count) in histogram.iter().enumerate() {
        below += count;
        if below >= wanted && total != 0 {
            return middle(bucket);
        }
    }
    f64::NAN
}

/// Sixteen buckets for every power of two.
fn middle(bucket: usize) -> f64 {
    let (exponent, mantissa) = (bucket / 16, bucket % 16);
    if exponent == 0 {
        return mantissa as f64;
    }
    (mantissa as f64 + 16.5) * 2f64.powi(i32::try_from(exponent).unwrap_or(i32::MAX) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_for_the_values_that_fall_into_it() {
        assert_eq!(middle(7), 7.0);
        assert_eq!(middle(16), 16.5);
        assert_eq!(middle(32), 33.0);
        assert_eq!(quantile(&[0, 90, 0, 10], 0.5), 1.0);
        assert_eq!(quantile(&[0, 90, 0, 10], 0.99), 3.0);
    }
}
