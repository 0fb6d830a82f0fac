//! The table of single cases, on the host and in the kernel, and what does not fit a table: the rate limit, what one
//! message changes for the next, and the lack of room.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use relay_common::{Reason, Verdict, remark};
use relay_tests::check;
use relay_tests::host::{self, Maps};
use relay_tests::kernel::compare::{Did, compare};
use relay_tests::kernel::report::report;
use relay_tests::kernel::{self, Kernel};
use relay_tests::oracle::world::{World, mac};
use relay_tests::rules::{self, Expect};
use relay_user::tables::HostEnv;

const DISCOVER: &[u8] = &[53, 1, 1, 255];

#[test]
fn every_case_comes_out_on_the_host_as_it_says() {
    let cases = check::rules().unwrap_or_else(|failures| panic!("{failures}"));
    println!("{cases} cases");
}

#[test]
fn every_case_comes_out_in_the_kernel_as_on_the_host_or_is_left_to_the_slow_path() {
    let (_lab, network) = kernel::network("rules").expect("a namespace with devices");
    let failures = network.enter(|| {
        let world = World::new();
        let tables = kernel::tables(&world);
        let mut kernel = Kernel::load(&tables).expect("the object loads");
        let maps = Maps::new(&world);
        let mut failures = Vec::new();
        for case in rules::cases(&world) {
            kernel.remember(&maps);
            let frame = case.spec.frame();
            let run = kernel.run(&frame, case.spec.device).expect("the kernel runs the program");
            let buckets = RefCell::new(BTreeMap::new());
            let memory = kernel::memory(&maps);
            let env = HostEnv::new(&tables, &buckets, &memory, Instant::now());
            let outcome = host::run(&env, &frame, case.spec.device);
            let problem = match compare(&tables, &frame, &run, &outcome) {
                Ok(did) => expected(did, &case).err(),
                Err(why) => Some(why),
            };
            if let Some(why) = problem {
                failures.push(report(case.name, case.spec.device, &frame, &run, &outcome, &why));
            }
        }
        failures
    });
    let failures = failures.expect("the namespace is entered");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Host and kernel agree; is it what the case says of the kernel?
fn expected(did: Did, case: &rules::Case) -> Result<(), String> {
    let right = match (case.slow, &case.expect) {
        (Some(reason), _) => did.label() == format!("slow path: {reason}"),
        (None, Expect::Server(_) | Expect::Copies(_)) => did == Did::ToServers,
        (None, Expect::Client(_)) => did == Did::ToClient,
        (None, Expect::Ignored(_)) => did == Did::Ignored,
        (None, Expect::Passed(reason)) => did.label() == format!("passed: {reason}"),
        (None, Expect::SlowPath(reason)) => did.label() == format!("slow path: {reason}"),
        (None, Expect::Dropped(reason)) => did.label() == format!("dropped: {reason}"),
    };
    let slow = case.slow.map_or_else(String::new, |reason| format!(" by the slow path ({reason})"));
    if right { Ok(()) } else { Err(format!("{}, expected {:?}{slow}", did.label(), case.expect)) }
}

/// As many requests as the limit allows, and one more, which is dropped; another interface is not affected.
#[test]
fn the_request_above_the_rate_limit_is_dropped_on_its_interface_alone() {
    const RATE: u32 = 5;
    let mut world = World::new();
    world.interfaces[0].rate = RATE;
    let limited = rules::from_client(&world, 1, rules::discover(DISCOVER)).frame();
    let other = rules::from_client(&world, 2, rules::discover(DISCOVER)).frame();
    let device = world.interfaces[0].device;

    let maps = Maps::new(&world);
    maps.now.set(1_000_000_000_000);
    let relayed = |frame: &[u8]| matches!(host::run(&maps, frame, device).verdict, Verdict::ToServers { .. });
    assert_eq!((0..RATE).filter(|_| relayed(&limited)).count(), RATE as usize);
    let refused = Verdict::Not { interface: 1, reason: Reason::RateLimited };
    assert_eq!(host::run(&maps, &limited, device).verdict, refused);
    assert!(relayed(&other));
    maps.now.set(maps.now.get() + 1_000_000_000 / u64::from(RATE));
    assert!(relayed(&limited), "the next one is due");

    let (_lab, network) = kernel::network("rate").expect("a namespace with devices");
    let labels = network.enter(|| {
        // The buckets are per CPU: all the runs must be on one.
        let mut one = nix::sched::CpuSet::new();
        one.set(0).expect("CPU 0 exists");
        nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &one)
            .expect("the thread stays on CPU 0");
        let mut kernel = Kernel::load(&kernel::tables(&world)).expect("the object loads");
        let mut run = |frame: &[u8]| kernel.run(frame, device).expect("the kernel runs the program").action;
        let mut actions: Vec<_> = (0..=RATE).map(|_| run(&limited)).collect();
        actions.push(run(&other));
        actions
    });
    let mut expected = vec![kernel::Action::Redirect; RATE as usize];
    expected.extend([kernel::Action::Drop, kernel::Action::Redirect]);
    assert_eq!(labels.expect("the namespace is entered"), expected);
}

/// The first renewal of a lease that only the client table knows goes to its server, one more to all.
#[test]
fn a_lease_is_renewed_once_in_the_kernel_as_on_the_host() {
    let world = World::new();
    let tables = kernel::tables(&world);
    let lease = world.leases.iter().find(|lease| lease.bound).expect("there is one");
    let mut renewal = rules::discover(&[53, 1, 3, 255]);
    renewal[12..16].copy_from_slice(&lease.address);
    renewal[28..34].copy_from_slice(&lease.chaddr);
    let mut spec = rules::from_client(&world, lease.interface, renewal);
    spec.source = lease.address;
    spec.destination = world.interfaces[lease.interface - 1].address;
    spec.destination_mac = mac(spec.device);
    let (frame, device) = (spec.frame(), spec.device);

    let memory = kernel::memory(&Maps::new(&world));
    let buckets = RefCell::new(BTreeMap::new());
    let on_the_host = || {
        let env = HostEnv::new(&tables, &buckets, &memory, Instant::now());
        match host::run(&env, &frame, device).verdict {
            Verdict::ToServers { servers, remarks, .. } => (servers, remarks),
            verdict => panic!("{verdict:?}"),
        }
    };
    let (first, next) = (on_the_host(), on_the_host());
    assert!(first.0.is_power_of_two() && first.1 == remark::TO_HOLDER, "{first:?}");
    assert!(!next.0.is_power_of_two() && next.1 == 0, "{next:?}");

    let (_lab, network) = kernel::network("renew").expect("a namespace with devices");
    let to_holder = network.enter(|| {
        let mut kernel = Kernel::load(&tables).expect("the object loads");
        kernel.remember(&Maps::new(&world));
        [(); 3].map(|()| {
            let run = kernel.run(&frame, device).expect("the kernel runs the program");
            assert_eq!(run.action, kernel::Action::Redirect);
            run.moved.iter().filter(|moved| moved.counter == kernel::Counter::ToHolder).count()
        })
    });
    assert_eq!(to_holder.expect("the namespace is entered"), [1, 0, 0]);
}

#[test]
fn a_frame_that_has_no_room_to_grow_is_left_as_it_was() {
    let world = World::new();
    let maps = Maps::new(&world);
    let device = |number| rules::from_server(&world, number, vec![0; 300]).device;
    // Interface 3 wants two tags in front, and 300 octets of message behind.
    let frame = rules::from_server(&world, 3, rules::offer(&world, 3, &[255], 0)).frame();
    let missing = 300 - (frame.len() - 42);
    for (head, tail) in [(0, missing), (7, missing), (8, missing - 1), (8, 0), (0, 0)] {
        let outcome = host::run_with_room(&maps, &frame, device(3), head, tail);
        assert_eq!(outcome.verdict, Verdict::Not { interface: 0, reason: Reason::NoRoom }, "{head}, {tail}");
        assert_eq!(outcome.frame, frame, "room {head} and {tail}");
    }
    let outcome = host::run_with_room(&maps, &frame, device(3), 8, missing);
    assert_eq!(outcome.verdict, Verdict::ToClient { interface: 3, message: 2 });
}
