//! The probability with which the check finds a fault that meets one cohort: the share of seeds that it redoes.

use std::collections::BTreeSet;

use super::*;

const SEEDS: u32 = 24;

/// Which seed indices a flipped bit is found in, where `check` of them are redone.
fn found(check: u32) -> BTreeSet<u32> {
    let text = format!(
        "[problem]\ndim = 12\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\n[train]\nmodel = 4\nsamples = 32\n\
         [[recipe]]\nname = \"a\"\n[sweep]\nseeds = {SEEDS}\ncheck = {check}\n"
    );
    let plan = Plan::new(Config::parse(&text, &[]).unwrap()).unwrap();
    let is_found = |&flipped: &u32| {
        let flip = move |_: &Plan, cohort: Cohort, rows: &mut Vec<Snapshot>| {
            if cohort.seed_index == flipped {
                rows[0].v[2] ^= 1 << 5;
            }
        };
        match cohorts::sweep(&plan, &Faulty::damaged(flip), &SweepOptions::default(), |_| Ok(())) {
            Ok(summary) => {
                assert_eq!(summary.checked, u64::from(check), "all others agreed");
                false
            }
            Err(Error::Mismatch(_)) => true,
            Err(other) => panic!("{other}"),
        }
    };
    (0..SEEDS).filter(is_found).collect()
}

#[test]
fn a_flipped_bit_is_found_with_the_probability_that_its_cohort_is_redone() {
    // Of a fault that meets any cohort alike.
    for check in [1, 6, SEEDS] {
        assert_eq!(found(check).len(), check as usize);
    }
}
