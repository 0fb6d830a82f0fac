//! The rings between the programs and the client table: what is lost when nobody reads, and who is woken when.

use std::{
    collections::BTreeMap,
    os::fd::AsFd as _,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    thread,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use relay_common::event::Event;
use relay_tests::{
    kernel::{self, Kernel},
    oracle::world::World,
    rules,
};
use relay_user::fastpath::records::Kind;

const DISCOVER: &[u8] = &[53, 1, 1, 255];
const REQUEST: &[u8] = &[53, 1, 3, 255];

/// A program whose records nobody takes unless the test does, on one CPU, and what runs a message of the given options.
fn on_one_cpu(title: &str, test: impl FnOnce(&mut Kernel, &dyn Fn(&mut Kernel, &[u8])) + Send) {
    let (_lab, network) = kernel::network(title).expect("a namespace with devices");
    let tested = network.enter(|| {
        stay_on(0);
        let world = World::new();
        let mut kernel = Kernel::load(&kernel::tables(&world)).expect("the object loads");
        let run = |kernel: &mut Kernel, options: &[u8]| {
            let spec = rules::from_client(&world, 1, rules::discover(options));
            kernel.relay(&spec.frame(), spec.device).expect("the kernel relays the message");
        };
        test(&mut kernel, &run);
    });
    tested.expect("the namespace is entered");
}

fn stay_on(cpu: usize) {
    let mut one = CpuSet::new();
    one.set(cpu).expect("a CPU's number");
    sched_setaffinity(Pid::from_raw(0), &one).expect("the thread stays on its CPU");
}

fn taken(kernel: &Kernel, kind: Kind) -> Vec<Event> {
    kernel.rings.waiting(kind).flatten().collect()
}

#[test]
fn what_a_full_ring_has_no_room_for_is_counted_and_what_is_in_it_is_read_whole_and_in_order() {
    on_one_cpu("rings", |kernel, run| {
        const ROOM: usize = 8192;
        const TOO_MANY: usize = 5;
        let mut inside = 0;
        // More than once around, with some left each time.
        for (round, left) in [(1, 0), (2, 1), (3, 100)] {
            for _ in inside..ROOM + TOO_MANY {
                run(kernel, DISCOVER);
            }
            inside = left;
            run(kernel, REQUEST);
            let lost = kernel.lost().expect("the counters");
            assert_eq!(lost, (round * TOO_MANY as u64, 0), "DISCOVERs and others lost in round {round}");
            let discovers: Vec<Event> =
                kernel.rings.waiting(Kind::Discovers).flat_map(|ring| ring.take(ROOM - left)).collect();
            assert_eq!(discovers.len(), ROOM - left, "round {round}");
            assert!(discovers.is_sorted_by_key(|event| event.timestamp));
            assert!(discovers.iter().all(|event| (event.message, event.op, event.interface) == (1, 1, 1)));
            let others = taken(kernel, Kind::Others);
            assert_eq!(others.iter().map(|event| event.message).collect::<Vec<_>>(), [3]);
            assert!(others[0].timestamp > discovers[0].timestamp);
        }
    });
}

#[test]
fn a_reader_that_sleeps_is_woken_by_the_next_record_and_by_no_other() {
    on_one_cpu("bell", |kernel, run| {
        let rung = |kernel: &Kernel| {
            let mut bell = [PollFd::new(kernel.rings.as_fd(), PollFlags::POLLIN)];
            poll(&mut bell, PollTimeout::ZERO).expect("the bell is looked at") == 1
        };
        run(kernel, DISCOVER);
        assert!(!rung(kernel), "nobody sleeps");
        assert!(kernel.rings.have_any());
        assert_eq!(taken(kernel, Kind::Discovers).len(), 1);
        assert!(!kernel.rings.have_any());
        kernel.rings.fall_asleep();
        assert!(kernel.rings.are_asleep() && !rung(kernel));
        run(kernel, REQUEST);
        assert!(rung(kernel));
        kernel.rings.wake();
        assert!(!rung(kernel) && !kernel.rings.are_asleep(), "the bell is taken");
        run(kernel, REQUEST);
        run(kernel, DISCOVER);
        assert!(!rung(kernel), "it is awake");
        assert_eq!((taken(kernel, Kind::Others).len(), taken(kernel, Kind::Discovers).len()), (2, 1));
    });
}

#[test]
fn what_all_cpus_write_while_it_is_read_arrives_whole_once_and_in_the_order_of_each() {
    /// Offsets in the frame: the transaction identifier, and a part of `chaddr` that says the same.
    const XID: usize = 42 + 4;
    const CHADDR: usize = 42 + 28 + 2;
    const MESSAGES: u32 = 20_000;
    /// Fewer than the smallest ring has room for.
    const AHEAD: u32 = 500;
    let cpus = thread::available_parallelism().expect("the number of CPUs").get().min(4);
    let (_lab, network) = kernel::network("writers").expect("a namespace with devices");
    let tested = network.enter(|| {
        let world = World::new();
        let mut kernel = Kernel::load(&kernel::tables(&world)).expect("the object loads");
        let spec = rules::from_client(&world, 1, rules::discover(REQUEST));
        let (frame, device) = (spec.frame(), spec.device);
        let (program, rings) = kernel.shared().expect("the program");
        let writing = AtomicUsize::new(cpus);
        let read: Vec<AtomicU32> = (0..cpus).map(|_| AtomicU32::new(0)).collect();
        let mut seen: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        thread::scope(|scope| {
            for cpu in 0..cpus {
                let (mut frame, writing, read) = (frame.clone(), &writing, &read[cpu]);
                // None is asked for of a datagram without a checksum.
                frame[40..42].fill(0);
                scope.spawn(move || {
                    stay_on(cpu);
                    for number in 0..MESSAGES {
                        while number - read.load(Ordering::Acquire) > AHEAD {
                            thread::yield_now();
                        }
                        let xid = (number | (cpu as u32) << 24).to_be_bytes();
                        frame[XID..XID + 4].copy_from_slice(&xid);
                        frame[CHADDR..CHADDR + 4].copy_from_slice(&xid);
                        kernel::relay(program, &frame, device).expect("the kernel relays the message");
                    }
                    writing.fetch_sub(1, Ordering::Release);
                });
            }
            loop {
                let last = writing.load(Ordering::Acquire) == 0;
                for event in rings.waiting(Kind::Others).flatten() {
                    let [_, _, says @ .., _, _, _, _, _, _, _, _, _, _] = event.chaddr;
                    assert_eq!(u32::from_be_bytes(says), event.xid, "a record of two messages");
                    assert_eq!((event.message, event.interface, event.hlen), (3, 1, 6));
                    let cpu = event.xid >> 24;
                    seen.entry(cpu).or_default().push(event.xid & 0xff_ffff);
                    read[cpu as usize].fetch_add(1, Ordering::Release);
                }
                if last {
                    break;
                }
            }
        });
        assert_eq!(seen.len(), cpus);
        for numbers in seen.values() {
            assert!(numbers.iter().copied().eq(0..MESSAGES), "lost, twice or out of order");
        }
        assert_eq!(kernel.lost().expect("the counters"), (0, 0));
    });
    tested.expect("the namespace is entered");
}
