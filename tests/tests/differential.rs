//! The fast path against the slow path: the same rules compiled for BPF and for the host, on the same frames.
//!
//! `RELAY_SEED` and `RELAY_FRAMES` ask for another seed and another number of frames.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use relay_tests::check::reach::Reach;
use relay_tests::check::table;
use relay_tests::generate::{Frames, Generated, Kind, Random, setting, standard};
use relay_tests::host::{self, Maps, Outcome};
use relay_tests::kernel::compare::{Did, compare};
use relay_tests::kernel::report::report;
use relay_tests::kernel::{self, Kernel};
use relay_tests::lab::report_dir;
use relay_tests::oracle::{
    self,
    world::{C0, World},
};
use relay_tests::rules;
use relay_user::memory::Memory;
use relay_user::tables::{HostEnv, Tables};

const SEED: u64 = 0x2026_0c5d_7e11_4a52;
const FRAMES: usize = 120_000;
/// Of 1,000,000 frames those that reach each rule, at least.
const LEAST: usize = 500;

/// Both paths, over one set of tables.
struct Pair {
    kernel: Kernel,
    tables: Tables,
    /// With what is remembered.
    maps: Maps,
    start: Instant,
}

impl Pair {
    fn new(world: &World) -> Self {
        let tables = kernel::tables(world);
        let kernel = Kernel::load(&tables).expect("the object loads and takes the tables");
        let maps = Maps::new(world);
        kernel.remember(&maps);
        Self { kernel, tables, maps, start: Instant::now() }
    }

    fn host(&self, frame: &[u8], device: u32) -> Outcome {
        let memory = kernel::memory(&self.maps);
        self.host_with(frame, device, &memory)
    }

    fn host_with(&self, frame: &[u8], device: u32, memory: &Memory) -> Outcome {
        let buckets = RefCell::new(BTreeMap::new());
        let env = HostEnv::new(&self.tables, &buckets, memory, self.start);
        host::run(&env, frame, device)
    }

    /// Runs both and compares; a difference ends the test with a report.
    fn same(&mut self, origin: impl Fn() -> String, device: u32, frame: &[u8]) -> Did {
        // What the last frame has changed.
        self.kernel.remember(&self.maps);
        let kernel = self.kernel.run(frame, device).expect("the kernel runs the program");
        let memory = kernel::memory(&self.maps);
        let host = self.host_with(frame, device, &memory);
        kernel::forget(&self.kernel.memory, &memory, &self.maps)
            .expect("the maps of the kernel can be changed");
        compare(&self.tables, frame, &kernel, &host)
            .unwrap_or_else(|why| panic!("{}", report(&origin(), device, frame, &kernel, &host, &why)))
    }
}

fn in_network(title: &str, test: impl FnOnce(&World) + Send) {
    let (_lab, network) = kernel::network(title).expect("a namespace with devices");
    network.enter(|| test(&World::new())).expect("the namespace is entered");
}

#[test]
fn fast_path_and_slow_path_agree_on_every_generated_frame() {
    in_network("differential", |world| {
        let seed = setting("RELAY_SEED", SEED);
        let frames = setting("RELAY_FRAMES", FRAMES as u64) as usize;
        let mut pair = Pair::new(world);
        let mut totals = BTreeMap::new();
        let mut reach = Reach::default();
        let mut standard = (0, 0);
        let start = Instant::now();
        for (number, Generated { kind, device, frame }) in Frames::new(world, seed).take(frames).enumerate() {
            let did = pair.same(|| format!("frame {number} of seed {seed:#x}"), device, &frame);
            *totals.entry((kind, did.label())).or_insert(0) += 1;
            reach.note(oracle::decide(world, device, &frame).1, did.relayed());
            if kind == Kind::Standard {
                standard = (standard.0 + usize::from(did.relayed()), standard.1 + 1);
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let (relayed, of) = standard;
        let share = relayed as f64 * 100.0 / of as f64;
        println!("{}\n{}", table(&totals), reach.table());
        println!(
            "{frames} frames of seed {seed:#x} in {seconds:.1} s: {:.0} a second",
            frames as f64 / seconds
        );
        println!("{relayed} of {of} standard frames relayed by the fast path: {share:.2} %");
        let missing = reach.below(frames * LEAST / 1_000_000);
        assert!(missing.is_empty(), "too few frames reached: {missing:?}");
        assert!(share >= 99.0, "only {share:.2} % of the standard frames were relayed by the fast path");
    });
}

/// The comparison itself can fail: the host is given tables in which one value is another.
#[test]
fn a_difference_is_told_with_its_origin_its_field_and_a_capture() {
    in_network("report", |world| {
        let mut pair = Pair::new(world);
        pair.tables.interfaces[0].tos ^= 0x20;
        let frame = rules::from_client(world, 1, rules::discover(&[53, 1, 1, 255])).frame();
        let kernel = pair.kernel.run(&frame, C0).expect("the kernel runs the program");
        let host = pair.host(&frame, C0);
        let why = compare(&pair.tables, &frame, &kernel, &host).expect_err("the type of service differs");
        let text = report("frame 7 of seed 0x1", C0, &frame, &kernel, &host, &why);
        assert!(text.contains("frame 7 of seed 0x1, device 11"), "{text}");
        assert!(text.contains("IPv4 type of service"), "{text}");
        let capture = report_dir().expect("a directory").join("difference-frame-7-of-seed-0x1.pcap");
        assert!(text.contains(&capture.display().to_string()), "{text}");
        let written = std::fs::read(&capture).expect("the capture is written");
        assert_eq!(written.len(), 24 + 3 * 16 + frame.len() + kernel.frame.len() + host.frame.len());
        std::fs::remove_file(&capture).expect("it can be removed");
    });
}

#[test]
fn a_frame_cut_off_at_any_octet_is_the_same_to_both() {
    in_network("cut", |world| {
        let mut pair = Pair::new(world);
        let mut random = Random::new(setting("RELAY_SEED", SEED));
        let mut cuts = 0;
        for number in 0..12 {
            let spec = if number % 2 == 0 {
                standard::request(world, &mut random)
            } else {
                standard::reply(world, &mut random)
            };
            let frame = spec.frame();
            for len in kernel::SHORTEST..frame.len() {
                pair.same(|| format!("cut of frame {number} to {len}"), spec.device, &frame[..len]);
                cuts += 1;
            }
            // The same with lengths and checksums that say the message is no longer.
            for len in 0..spec.message.len() {
                let mut shorter = spec.clone();
                shorter.message.truncate(len);
                pair.same(|| format!("message {number} of {len}"), spec.device, &shorter.frame());
                cuts += 1;
            }
        }
        println!("{cuts} cuts");
    });
}

#[test]
fn frames_of_every_length_up_to_the_kernel_s_page_are_the_same_to_both() {
    in_network("lengths", |world| {
        let mut pair = Pair::new(world);
        let mut random = Random::new(setting("RELAY_SEED", SEED));
        let mut labels = BTreeMap::new();
        for (base, number) in
            [(standard::request(world, &mut random), 0), (standard::reply(world, &mut random), 1)]
        {
            for len in (240..3400).step_by(7).chain(2000..2012).chain(1460..1480) {
                let mut spec = base.clone();
                spec.message.resize(240, 0);
                spec.message[236..240].copy_from_slice(&[99, 130, 83, 99]);
                spec.message.extend([53, 1, 2, 255]);
                spec.message.resize(len.max(244), 0x5a);
                let frame = spec.frame();
                if frame.len() > kernel::LONGEST {
                    break;
                }
                let did = pair.same(|| format!("length {len} of frame {number}"), spec.device, &frame);
                *labels.entry(did.label()).or_insert(0) += 1;
            }
        }
        println!("{labels:?}");
        for label in ["to servers", "to client", "slow path: too_long", "slow path: egress_mtu"] {
            assert!(labels.contains_key(label), "no frame came to {label}: {labels:?}");
        }
    });
}
