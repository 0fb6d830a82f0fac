//! The programs load, and the verifier's work stays within a committed budget: a change that doubles it is noticed
//! long before a kernel refuses the program.

use relay_user::fastpath::{Object, Sizes};

/// Instructions processed, at most. The kernel's own limit is a million.
const BUDGETS: [(&str, u32); 2] = [("ingress", 60_000), ("egress", 5_000)];

#[test]
fn every_program_is_verified_within_its_budget() {
    let sizes = Sizes { interfaces: 1, groups: 1, ports: 2, addresses: 4 };
    let object = Object::load(sizes, None).expect("the object loads");
    let counts = object.verified_instructions();
    assert_eq!(counts.len(), BUDGETS.len(), "budgets name every program: {counts:?}");
    for (program, budget) in BUDGETS {
        let (_, count) = counts
            .iter()
            .find(|(name, _)| name == program)
            .unwrap_or_else(|| panic!("no program {program} in {counts:?}"));
        println!("{program}: {count} instructions processed by the verifier, budget {budget}");
        assert!(count <= &budget, "{program}: {count} instructions processed, budget {budget}");
    }
}
