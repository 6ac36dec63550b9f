//! The fast CPU adapter gives the bits of the scalar reference, whatever the plan.

use roundlaw::plan::{Cohort, Plan};
use roundlaw::watch::Watch;
use roundlaw::{cpu, reference};

/// One cohort of a random plan, whose number is `case`.
pub fn same_as_reference(plan: &Plan, case: u64) {
    let cohort = Cohort { point: 0, seed_index: case as u32 % 3 };
    let expected = reference::cohort(plan, cohort, None, &Watch::default()).unwrap();
    let actual = cpu::execute(plan, &[cohort], &Watch::default()).unwrap().remove(0);
    assert_eq!(plan.difference(cohort, &expected, &actual), None, "case {case}");
}

#[test]
fn every_plan_has_the_bits_of_the_reference() {
    for case in 0..160 {
        same_as_reference(&crate::plans::random(case), case);
    }
}

#[test]
fn block_length_leaves_no_trace() {
    for case in 0..10 {
        let plan = crate::plans::random(case);
        let cohort = Cohort { point: 0, seed_index: 0 };
        let expected = cpu::execute(&plan, &[cohort], &Watch::default()).unwrap();
        for block in [1, 7, 100_000] {
            let other = plan.clone().with_block(block).unwrap();
            assert_eq!(
                expected,
                cpu::execute(&other, &[cohort], &Watch::default()).unwrap(),
                "case {case}, block {block}"
            );
        }
    }
}
