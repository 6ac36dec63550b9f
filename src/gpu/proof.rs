//! The proof of pipelines: what computes a sweep gave the known answers before.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::facts::needs;
use super::kernels::{DRAW, TRAIN, Variant};
use super::known::{self, Known};
use super::operands::{Operands, operands};
use super::shapes::Tuning;
use super::{Gpu, no_adapter, own_of};
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, ProblemPoint};
use crate::reference;
use crate::watch::Watch;

/// Updates that prove a pipeline of some runs alone: past a group of the average, unless that is long for the reference,
/// which multiplies so often.
const PREFIX: Range<u64> = 4..264;
const PREFIX_WORK: u64 = 300_000_000;

/// Which pipelines gave the known answers, and which are in use.
#[derive(Default)]
pub struct Proofs {
    /// The strict shaders, where every accumulator is opaque, are in use.
    strict: AtomicBool,
    proved: Mutex<HashSet<Variant>>,
}

impl Proofs {
    pub fn is_strict(&self) -> bool {
        self.strict.load(Ordering::Relaxed)
    }

    pub fn use_strict(&self, on: bool) {
        self.strict.store(on, Ordering::Relaxed);
    }

    /// Proves each of these pipelines once, in the mode in use or, where one of them fails plain and all hold strict, in
    /// the strict one, which is in use from then on. Gives whether that is strict. `failure` says what is wrong with
    /// pipelines.
    fn settle(&self, pipelines: &[Variant], failure: impl Fn(&[Variant]) -> Result<Option<String>>) -> Result<bool> {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut first_failure = |strict| {
            let asked = pipelines.iter().map(|variant| Variant { strict, ..*variant });
            let new: Vec<Variant> = asked.filter(|variant| !proved.contains(variant)).collect();
            let found = failure(&new)?;
            if found.is_none() {
                proved.extend(new);
            }
            Ok(found)
        };
        let strict = self.is_strict();
        let Some(reason) = first_failure(strict)? else { return Ok(strict) };
        if strict || first_failure(true)?.is_some() {
            return Err(no_adapter(reason));
        }
        self.use_strict(true);
        Ok(true)
    }
}

/// Updates and seeds that prove pipelines whose workgroups have up to `pack` runs, of a plan with so many seeds; the
/// reference multiplies `work` times for an update and seed. One seed for long, and before that, where runs share a
/// workgroup, the seeds of a full one and of one that is not: they must not meet.
fn prefixes(work: u64, pack: u32, all_seeds: u32) -> Vec<(u64, u32)> {
    let together = (pack > 1).then_some(pack + 1).into_iter();
    let seeds = together.chain([1]).map(|seeds| seeds.min(all_seeds));
    seeds.map(|seeds| ((PREFIX_WORK / (work * u64::from(seeds))).clamp(PREFIX.start, PREFIX.end), seeds)).collect()
}

impl Gpu {
    /// Runs the known-answer blocks through the pipelines of grids and laws, for the smaller models, and compares all
    /// bits with the reference. Where the plain shaders fail and the strict ones hold, the latter are used from then
    /// on. The other pipelines are proved alike when a plan first needs them.
    pub fn self_test(&self, watch: &Watch) -> Result<()> {
        self.prove(&[Variant::least()], None, watch).map(|_| ())
    }

    /// [`Gpu::self_test`] of all pipelines that the adapter's workgroup memory has room for.
    pub fn self_test_all(&self, watch: &Watch) -> Result<()> {
        let bytes = |variant: &Variant| needs(variant.model).workgroup_bytes.max(variant.tile.bytes());
        let fits = |variant: &Variant| !variant.strict && variant.paired && bytes(variant) <= self.limits.workgroup;
        let plain: Vec<Variant> = Variant::all().filter(fits).collect();
        self.prove(&plain, None, watch).map(|_| ())
    }

    /// Proves pipelines together, and gives whether the strict ones of them are to be used: by the known answers, and
    /// those of some runs alone by the first updates of such runs of the plan.
    /// [`crate::error::Error::NoAdapter`] names the first difference.
    pub(super) fn prove(&self, pipelines: &[Variant], plan: Option<&Plan>, watch: &Watch) -> Result<bool> {
        // What is proved counts for none of the work that was planned.
        let watch = watch.share(0.0);
        self.proofs.settle(pipelines, |variants| {
            let (own, common): (Vec<Variant>, Vec<Variant>) = variants.iter().partition(|variant| variant.is_own());
            let mut place = common.iter().find_map(|variant| self.known_difference(*variant, &watch).transpose());
            if let (None, Some(plan), false) = (&place, plan, own.is_empty()) {
                place = self.prefix_difference(plan, own, &watch).transpose();
            }
            let (index, name) = (self.info.index, &self.info.name);
            let reason = |place| format!("adapter {index} ({name}) does not give the bits of the reference: {place}");
            Ok(place.transpose()?.map(reason))
        })
    }

    fn known_difference(&self, variant: Variant, watch: &Watch) -> Result<Option<String>> {
        for block in known::blocks(variant.classes) {
            let Known { plan, cohorts, tuning, answers } = block;
            let found = self.run(plan, cohorts, *tuning, watch, |_| variant)?;
            for ((cohort, found), expected) in cohorts.iter().zip(&found).zip(answers) {
                if let Some(place) = plan.difference(*cohort, expected, &found.states) {
                    return Ok(Some(place));
                }
            }
        }
        Ok(None)
    }

    /// Compares the first updates of a run of each pipeline with the reference.
    fn prefix_difference(&self, plan: &Plan, own: Vec<Variant>, watch: &Watch) -> Result<Option<String>> {
        for kernel in [DRAW, TRAIN] {
            let of_kernel = |variant: &&Variant| variant.alone.is_some() == (kernel.name == DRAW.name);
            self.context.compile(&kernel, &own.iter().filter(of_kernel).copied().collect::<Vec<_>>());
        }
        let batches = plan.config.train.batches.iter().max().copied().unwrap_or(1);
        let sample =
            |point: &ProblemPoint| u64::from(point.coordinates) * u64::from(point.model) * point.pairs.len() as u64;
        let largest = plan.points.iter().map(sample).max().unwrap_or(1) * u64::from(batches);
        let pack = own.iter().map(|variant| variant.layout().pack()).max().unwrap_or(1);
        for (updates, seeds) in prefixes(largest.max(1), pack, plan.config.sweep.seeds) {
            if let Some(place) = self.difference_within(plan, &own, updates, seeds, watch)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The same of so many updates of so many seeds.
    fn difference_within(
        &self,
        plan: &Plan,
        own: &[Variant],
        updates: u64,
        seeds: u32,
        watch: &Watch,
    ) -> Result<Option<String>> {
        let strict = own[0].strict;
        let mut left: HashSet<Variant> = own.iter().copied().collect();
        let all: Vec<Operands> = plan.points.iter().map(operands).collect();
        let prefix = plan.prefix(updates, |point, t| {
            own_of(plan, &plan.points[point], &all[point], t, self.context.subgroup(), strict)
                .fold(false, |new, (_, variant)| left.remove(&variant) || new)
        });
        if !left.is_empty() {
            return Err(Error::Other(format!("{} pipelines are of no run of the plan", left.len())));
        }
        // Short dispatches, so that states lie in memory between them and updates of batches are cut.
        let tuning = Tuning { loops: 2000, own: Some(true), ..Tuning::default() };
        for point in (0..prefix.points.len()).filter(|&point| !prefix.points[point].trajectories.is_empty()) {
            let cohorts: Vec<Cohort> = (0..seeds).map(|seed_index| Cohort { point, seed_index }).collect();
            let found = self.run(&prefix, &cohorts, tuning, watch, |point| self.pipelines(point, strict))?;
            for (&cohort, found) in cohorts.iter().zip(&found) {
                let expected = reference::cohort(&prefix, cohort, None, watch)?;
                if let Some(place) = prefix.difference(cohort, &expected, &found.states) {
                    return Ok(Some(place));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::format::Classes;

    fn scaled() -> Variant {
        Variant { classes: Classes::SCALED, ..Variant::least() }
    }

    fn strict(variant: Variant) -> Variant {
        Variant { strict: true, ..variant }
    }

    #[test]
    fn runs_that_share_a_workgroup_are_proved_together_for_short_and_one_alone_for_long() {
        assert_eq!(prefixes(1_000_000, 1, 512), [(264, 1)], "no runs share a workgroup");
        assert_eq!(prefixes(1_000_000, 4, 512), [(60, 5), (264, 1)]);
        assert_eq!(prefixes(3_200, 16, 3), [(264, 3), (264, 1)], "a sweep of fewer seeds");
        assert_eq!(prefixes(u64::MAX / 1000, 16, 512), [(4, 17), (4, 1)]);
    }

    #[test]
    fn where_one_pipeline_needs_the_strict_shaders_all_are_proved_strict() {
        let (grids, scaled) = (Variant::least(), scaled());
        let tried = RefCell::new(Vec::<Variant>::new());
        let failure = |variants: &[Variant]| {
            tried.borrow_mut().extend(variants);
            Ok(variants.contains(&scaled).then(|| "a bit".to_string()))
        };
        let proofs = Proofs::default();
        assert!(!proofs.settle(&[grids], failure).expect("the plain ones hold"));
        assert!(proofs.settle(&[grids, scaled], failure).expect("the strict ones hold"));
        assert!(proofs.is_strict());
        assert_eq!(tried.take(), [grids, scaled, strict(grids), strict(scaled)]);
        assert!(proofs.settle(&[scaled, grids], failure).expect("they held"));
        proofs.use_strict(false);
        assert!(!proofs.settle(&[grids], failure).expect("it held"));
        assert_eq!(tried.take(), [], "what is proved is not tried again");
    }

    #[test]
    fn what_fails_strict_too_is_refused_with_its_first_failure() {
        let grids = Variant::least();
        let tried = RefCell::new(Vec::<Variant>::new());
        let failure = |variants: &[Variant]| {
            tried.borrow_mut().extend(variants);
            Ok(variants.first().map(|variant| if variant.strict { "strict" } else { "plain" }.to_string()))
        };
        let proofs = Proofs::default();
        let error = proofs.settle(&[grids], failure).expect_err("none holds").to_string();
        assert!(error.contains("plain") && !proofs.is_strict(), "{error}");
        proofs.use_strict(true);
        proofs.settle(&[grids], failure).expect_err("none holds");
        assert_eq!(tried.take(), [grids, strict(grids), strict(grids)]);
    }
}
