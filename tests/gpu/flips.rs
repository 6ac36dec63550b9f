//! Bits that flip in the memory of a real device, which says nothing of it.

use std::sync::atomic::{AtomicU32, Ordering};

use roundlaw::SweepOptions;
use roundlaw::error::{Error, Result};
use roundlaw::gpu::{Fault, Flip, Gpu};
use roundlaw::plan::{Cohort, Plan, Snapshot};
use roundlaw::run::adapter::{Adapter, Cpu};
use roundlaw::run::cohorts;
use roundlaw::run::rows::Origin;
use roundlaw::store;
use roundlaw::watch::Watch;

use super::plan;

const SEEDS: u32 = 8;

/// A plan of which so many seeds are checked.
fn checked(seeds: u32) -> Plan {
    let check = if seeds == 0 { "\"off\"".to_owned() } else { seeds.to_string() };
    let text = format!(
        "[problem]\ndim = 40\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\n[train]\nmodel = 8\nsamples = 64\n\
         [[recipe]]\nname = \"a\"\nfeature = \"e4m3\"\n[sweep]\nseeds = {SEEDS}\ncheck = {check}\n"
    );
    plan(&text, 32)
}

/// One cohort at a time, in the one of that number a bit flips.
struct Flipping<'a> {
    gpu: &'a Gpu,
    at: u32,
    flip: Flip,
    executions: AtomicU32,
}

impl Adapter for Flipping<'_> {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        if self.executions.fetch_add(1, Ordering::Relaxed) == self.at {
            self.gpu.meet(Fault::Flip(self.flip));
        }
        self.gpu.execute(plan, cohorts, watch)
    }

    fn cohorts_at_once(&self, _: &Plan) -> Result<usize> {
        Ok(1)
    }

    fn executions_at_once(&self) -> usize {
        1
    }

    fn origin(&self) -> Origin {
        Origin::default()
    }
}

/// The digest of each seed index's rows.
fn digests(plan: &Plan, adapter: &dyn Adapter) -> Result<Vec<String>> {
    let mut digests = Vec::new();
    cohorts::sweep(plan, adapter, &SweepOptions::default(), |cohort| {
        digests.push(store::digest(&cohort.rows));
        Ok(())
    })?;
    Ok(digests)
}

/// In the state of a run, between two blocks, a weight behind the 37 words of its counters; and a feature.
const PLACES: [Flip; 2] = [
    Flip { kernel: "train", after: 1, buffer: 3, word: 37 + 5, bit: 17 },
    Flip { kernel: "train", after: 0, buffer: 0, word: 3, bit: 22 },
];

#[test]
fn a_flipped_bit_is_found_exactly_where_its_seed_is_redone() {
    let truth = digests(&checked(0), &Cpu).unwrap();
    for gpu in super::gpus() {
        // Which proves its pipelines.
        let sound = Flipping { gpu, at: SEEDS, flip: PLACES[0], executions: AtomicU32::new(0) };
        assert_eq!(digests(&checked(SEEDS), &sound).unwrap(), truth);
    }
    for (gpu, flip) in super::gpus().iter().flat_map(|gpu| PLACES.map(|flip| (gpu, flip))) {
        for seeds in [1, 3, SEEDS] {
            let plan = checked(seeds);
            let is_found = |&at: &u32| {
                let adapter = Flipping { gpu, at, flip, executions: AtomicU32::new(0) };
                match digests(&plan, &adapter) {
                    Err(Error::Mismatch(line)) => {
                        assert!(
                            line.starts_with(&format!("run {at} differs")) && line.contains("a passing fault"),
                            "{line}"
                        );
                        true
                    }
                    Err(other) => panic!("{other}"),
                    Ok(found) => {
                        let wrong: Vec<usize> = (0..truth.len()).filter(|&seed| found[seed] != truth[seed]).collect();
                        assert_eq!(wrong, [at as usize], "the bit did flip, and in that cohort alone");
                        false
                    }
                }
            };
            let found = (0..SEEDS).filter(is_found).count();
            assert_eq!(found, seeds as usize, "{}: the share of the seeds that are redone, {flip:?}", gpu.info.name);
        }
    }
}
