//! Measures xdp-dhcrelay; `cargo xtask bench` builds and starts it. Without a section all of them are measured and
//! `docs/numbers.md` is written; a section alone is printed, and written with `--write`.

mod busybox;
mod contestant;
mod cost;
mod crowd;
mod figures;
mod flood;
mod floor;
mod goals;
mod latency;
mod load;
mod model;
mod ours;
mod page;
mod placement;
mod rig;
mod scale;
mod snoop;
mod storm;
mod throughput;
mod tools;

use std::process::id;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

/// Measures xdp-dhcrelay (root).
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Options {
    /// What to measure; everything when absent
    section: Option<Section>,
    /// Write docs/numbers.md when a section is measured alone, too
    #[arg(long)]
    write: bool,
    /// Repeats of throughput and latency
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Of cost, only the frames in whose name this occurs; of throughput, only such relays
    #[arg(long, default_value = "")]
    only: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Nanoseconds per frame of each program
    Cost,
    /// The whole relay beside the kernel's bare fan-out
    Floor,
    /// Requests per second against other relays
    Throughput,
    /// Latency, and CPU time per request, against other relays
    #[value(alias = "cpu")]
    Latency,
    /// Cost, start-up, reload and memory with many interfaces and groups
    Scale,
    /// 100,000 clients come back at once
    Storm,
    /// A flood of broken frames on one port, clients on another
    Flood,
    /// The client table: messages a second, memory, time to load, and a flood while bound clients renew
    Snoop,
    /// What the measured cost means at the speed of real links
    Model,
}

impl Section {
    fn run(self, options: &Options) -> Result<(&'static str, &'static str, String)> {
        Ok(match self {
            Self::Cost => ("cost", "Cost of a frame", cost::run(&options.only)?),
            Self::Floor => ("floor", "The relay beside the kernel's bare fan-out", floor::run()?),
            Self::Throughput => {
                ("throughput", "Throughput", throughput::run(options.repeats, &options.only)?)
            }
            Self::Scale => ("scale", "Scale", scale::run()?),
            Self::Storm => ("storm", "Storm", storm::run()?),
            Self::Flood => ("flood", "Flood", flood::run()?),
            Self::Snoop => ("snoop", "The client table", snoop::run()?),
            Self::Model => ("model", "A model of the real thing", model::run()?),
            Self::Latency => ("latency", "Latency and CPU time", latency::run(options.repeats)?),
        })
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(nix::unistd::geteuid().is_root(), "the benchmark makes network namespaces: run it as root");
    // Everything started from here inherits it: what else runs on the machine then disturbs less.
    placement::raise(i32::try_from(id())?)?;
    let sections = match options.section {
        Some(section) => vec![section],
        None => Section::value_variants().to_vec(),
    };
    for section in sections {
        let (name, title, text) = section.run(&options)?;
        println!("## {title}\n\n{text}");
        if options.write || options.section.is_none() {
            page::write(name, title, &text)?;
        }
    }
    Ok(())
}
