//! Requests per second: the highest rate that is relayed without loss, and what is delivered under overload.

mod made;

use std::time::Duration;

use anyhow::{Context as _, Result};
use relay_tests::subject::Mode;

use crate::{
    contestant::Contestant,
    figures::{Samples, rate, table},
    goals::{Goal, goals},
    load::{Generator, Pause, generator},
    placement::{GENERATOR, Placement},
    rig::{Rig, pin},
    tools::Tools,
};

/// What counts as no loss.
const LOSS: f64 = 0.001;
/// One trial of a rate.
const TRIAL: Duration = Duration::from_millis(500);
/// The search ends when its bounds are this close.
const PRECISION: f64 = 0.05;

const SERVERS: [usize; 3] = [1, 2, 4];
const WHY: &str = "generator, relay and sinks share two cores, and the row of bare XDP, which does no DHCP work, is the ceiling of the rig";

/// # Errors
/// A relay does not come up.
pub(crate) fn run(repeats: usize, only: &str) -> Result<String> {
    let (mut text, mut aims) = (String::new(), Vec::new());
    for placement in Placement::ALL {
        for servers in SERVERS {
            let mut all = Vec::new();
            for contestant in Contestant::ALL
                .into_iter()
                .filter(|contestant| contestant.serves(servers) && contestant.title().contains(only))
            {
                let found = measure(contestant, placement, servers, repeats)
                    .with_context(|| format!("{}, {servers} servers", contestant.title()))?;
                eprintln!(
                    "{}, {servers} servers, {placement:?}: {} without loss, {} of {} offered",
                    contestant.title(),
                    rate(found.lossless.median()),
                    rate(found.delivered.median()),
                    rate(found.offered.median())
                );
                all.push((contestant, found));
            }
            text += &format!(
                "\n#### {servers} server{}, {}\n\n",
                if servers == 1 { "" } else { "s" },
                placement.title()
            );
            text += &rows(&all);
            aims.extend(aimed(placement, servers, &all));
        }
    }
    if only.is_empty() {
        text += &made::run(repeats)?;
        text += &goals(&aims);
    }
    Ok(text)
}

/// What was aimed at for a number of servers.
fn aimed(placement: Placement, servers: usize, all: &[(Contestant, Found)]) -> Vec<Goal> {
    let of = |wanted: Contestant, figure: fn(&Found) -> &Samples| {
        let found = all.iter().find(|(contestant, _)| *contestant == wanted);
        found.map_or(f64::NAN, |(_, found)| figure(found).median())
    };
    let lossless = |wanted| of(wanted, |found| &found.lossless);
    let ours = |mode, option82| Contestant::Ours { mode, option82 };
    let (native, generic, off) =
        (ours(Mode::Native, true), ours(Mode::Generic, false), ours(Mode::Off, false));
    let goal = |what: &str, aim: f64, who, than| {
        let title = format!("{what}, {servers} servers, {}", placement.title());
        Goal::at_least(title, (aim, lossless(who) / lossless(than)), "").because(WHY)
    };
    let (dhcrelay, dnsmasq) = (Contestant::Dhcrelay, Contestant::Dnsmasq);
    let generic = goal("generic, times dhcrelay", 2.0, generic, dhcrelay);
    let off =
        [goal("off, times dhcrelay", 1.0, off, dhcrelay), goal("off, times dnsmasq", 1.0, off, dnsmasq)];
    let against = |times: f64| goal("native with option 82, times dhcrelay", times, native, dhcrelay);
    let also = |times: f64| goal("native with option 82, times dnsmasq", times, native, dnsmasq);
    let mut aims = match (placement, servers) {
        (Placement::Shared, 2) => vec![against(6.0), also(3.0), generic],
        (Placement::Shared, 4) => vec![against(8.0), generic],
        (Placement::Own, 2) => {
            let copies = 2.0 * of(native, |found| &found.delivered);
            let title = "copies a second, native with option 82, 2 servers";
            vec![against(10.0), also(5.0), Goal::at_least(title, (2e6, copies), "").because(WHY)]
        }
        _ => Vec::new(),
    };
    aims.extend(off);
    aims
}

#[derive(Default)]
struct Found {
    /// Requests a second.
    lossless: Samples,
    offered: Samples,
    delivered: Samples,
}

fn rows(all: &[(Contestant, Found)]) -> String {
    let of = |wanted: Contestant| {
        all.iter()
            .find(|(contestant, _)| *contestant == wanted)
            .map_or(f64::NAN, |(_, f)| f.lossless.median())
    };
    let (dhcrelay, dnsmasq) = (of(Contestant::Dhcrelay), of(Contestant::Dnsmasq));
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(contestant, found)| {
            let lossless = found.lossless.median();
            vec![
                contestant.title(),
                format!("**{:.1}**", lossless / dhcrelay),
                format!("{:.1}", lossless / dnsmasq),
                rate(lossless),
                format!("{}–{}", rate(found.lossless.quantile(0.0)), rate(found.lossless.quantile(1.0))),
                rate(found.delivered.median()),
                rate(found.offered.median()),
            ]
        })
        .collect();
    let head = [
        "relay",
        "× dhcrelay",
        "× dnsmasq",
        "requests/s without loss",
        "lowest–highest",
        "delivered under overload",
        "offered then",
    ];
    table(&head, &rows)
}

fn measure(contestant: Contestant, placement: Placement, servers: usize, repeats: usize) -> Result<Found> {
    let rig = Rig::new("throughput", servers, servers)?;
    let mut tools = Tools::load(u32::try_from(servers)?)?;
    let running = contestant.start(&rig, &mut tools)?;
    let _placed = placement.place(&rig, &running)?;
    let device = rig.client.ifindex("eth0")?;
    let pause = if placement == Placement::Own { Pause::Spin } else { Pause::Sleep };
    rig.client.enter(|| {
        pin(GENERATOR)?;
        let generator = generator(&rig, device, pause)?;
        let mut found = Found::default();
        for _ in 0..repeats {
            let overload = generator.offer(&tools, f64::INFINITY, TRIAL)?;
            found.offered.push(overload.offered());
            found.delivered.push(overload.delivered(servers));
            found.lossless.push(search(&generator, &tools, servers, overload.offered())?);
        }
        Ok(found)
    })?
}

/// The highest rate without loss, up to what the generator can do.
fn search(generator: &Generator, tools: &Tools, servers: usize, most: f64) -> Result<f64> {
    let (mut good, mut bad) = (0.0, most * 1.02);
    let mut offer = most;
    while bad - good > PRECISION * bad {
        let outcome = generator.offer(tools, offer, TRIAL)?;
        if outcome.lost(servers) < LOSS {
            // What was really offered: the generator may be the limit.
            good = outcome.offered().max(good);
            if outcome.offered() < offer * 0.97 {
                break;
            }
        } else {
            bad = offer;
        }
        offer = (good + bad) / 2.0;
        if bad < 1000.0 {
            break;
        }
    }
    Ok(good)
}
