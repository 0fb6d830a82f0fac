//! The programs load, and what the kernel spends on them stays within the committed budgets of `budgets.toml`: a change
//! that doubles the verifier's work is noticed long before a kernel refuses the program.

use std::collections::BTreeSet;

use aya::programs::{ProgramInfo, loaded_programs};
use relay_user::fastpath::{Object, Sizes};

/// What there is a budget for, by the keys of the file.
fn spent(program: &ProgramInfo) -> [(&'static str, Option<u32>); 3] {
    [
        ("instructions", program.verified_instruction_count()),
        ("octets", program.size_translated()),
        ("jitted_octets", Some(program.size_jitted())),
    ]
}

fn maps(program: &ProgramInfo) -> BTreeSet<u32> {
    program.map_ids().ok().flatten().unwrap_or_default().into_iter().collect()
}

#[test]
fn every_program_is_verified_within_its_budget() {
    let budgets: toml::Table = include_str!("../budgets.toml").parse().expect("budgets.toml is TOML");
    let sizes = Sizes { interfaces: 1, groups: 1, ports: 2, addresses: 4, owners: 1, leases: 1 };
    let mut object = Object::load(sizes, None).expect("the object loads");
    // The kernel shows the programs of everybody on this machine: this object's are those that share its maps.
    let ours = maps(&object.ingress().expect("the object has it").info().expect("the kernel tells"));
    let programs: Vec<ProgramInfo> = loaded_programs()
        .filter_map(Result::ok)
        .filter(|program| !maps(program).is_disjoint(&ours))
        .collect();
    let names: BTreeSet<&str> = programs.iter().filter_map(|program| program.name_as_str()).collect();
    let named: BTreeSet<&str> = budgets.keys().map(String::as_str).collect();
    assert_eq!(names, named, "programs in the kernel, and in budgets.toml");
    let mut over = Vec::new();
    for program in &programs {
        let name = program.name_as_str().expect("it has one");
        for (what, spent) in spent(program) {
            let spent = spent.unwrap_or_else(|| panic!("the kernel does not tell the {what} of {name}"));
            let budget = budgets[name][what].as_integer().expect("a budget is a whole number");
            let share = i64::from(spent) * 100 / budget;
            println!("{name:8} {what:14} {spent:8} of {budget:8} {share:3} %");
            if i64::from(spent) > budget {
                over.push(format!("{name}: {spent} {what}, budget {budget}"));
            }
        }
    }
    assert!(over.is_empty(), "{over:?}");
}
