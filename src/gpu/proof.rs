//! The proof of pipelines: what computes a sweep gave the known answers before.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::facts::needs;
use super::kernels::{MODEL_SIZES, Variant};
use super::known::{self, Known};
use super::{Gpu, no_adapter};
use crate::error::Result;
use crate::watch::Watch;

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
    fn settle(&self, pipelines: &[Variant], failure: impl Fn(Variant) -> Result<Option<String>>) -> Result<bool> {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut first_failure = |strict| {
            for variant in pipelines.iter().map(|variant| Variant { strict, ..*variant }) {
                if !proved.contains(&variant) {
                    if let Some(reason) = failure(variant)? {
                        return Ok(Some(reason));
                    }
                    proved.insert(variant);
                }
            }
            Ok(None)
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

impl Gpu {
    /// Runs the known-answer blocks through the pipelines of grids and laws, for the smaller models, and compares all
    /// bits with the reference. Where the plain shaders fail and the strict ones hold, the latter are used from then
    /// on. The other pipelines are proved alike when a plan first needs them.
    pub fn self_test(&self, watch: &Watch) -> Result<()> {
        self.prove(&[Variant { strict: false, every_class: false, model: MODEL_SIZES[0] }], watch).map(|_| ())
    }

    /// [`Gpu::self_test`] of all pipelines that the adapter's workgroup memory has room for.
    pub fn self_test_all(&self, watch: &Watch) -> Result<()> {
        let fits = |variant: &Variant| needs(variant.model).workgroup_bytes <= self.limits.workgroup;
        let plain: Vec<Variant> = Variant::all().filter(|variant| !variant.strict).filter(fits).collect();
        self.prove(&plain, watch).map(|_| ())
    }

    /// Proves pipelines together, and gives whether the strict ones of them are to be used;
    /// [`crate::error::Error::NoAdapter`] names the first difference.
    pub(super) fn prove(&self, pipelines: &[Variant], watch: &Watch) -> Result<bool> {
        // What is proved counts for none of the work that was planned.
        let watch = watch.share(0.0);
        self.proofs.settle(pipelines, |variant| {
            let place = self.first_difference(variant, &watch)?;
            let (index, name) = (self.info.index, &self.info.name);
            Ok(place.map(|place| format!("adapter {index} ({name}) does not give the bits of the reference: {place}")))
        })
    }

    fn first_difference(&self, variant: Variant, watch: &Watch) -> Result<Option<String>> {
        for block in known::blocks(variant.every_class) {
            let Known { plan, cohorts, tuning, answers } = &**block;
            let found = self.run(plan, cohorts, *tuning, watch, |_| variant)?;
            for ((cohort, found), expected) in cohorts.iter().zip(&found).zip(answers) {
                if let Some(place) = plan.difference(*cohort, expected, found) {
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

    const GRIDS: Variant = Variant { strict: false, every_class: false, model: MODEL_SIZES[0] };
    const EVERY_CLASS: Variant = Variant { every_class: true, ..GRIDS };

    fn strict(variant: Variant) -> Variant {
        Variant { strict: true, ..variant }
    }

    #[test]
    fn where_one_pipeline_needs_the_strict_shaders_all_are_proved_strict() {
        let tried = RefCell::new(Vec::new());
        let failure = |variant: Variant| {
            tried.borrow_mut().push(variant);
            Ok((variant == EVERY_CLASS).then(|| "a bit".to_string()))
        };
        let proofs = Proofs::default();
        assert!(!proofs.settle(&[GRIDS], failure).expect("the plain ones hold"));
        assert!(proofs.settle(&[GRIDS, EVERY_CLASS], failure).expect("the strict ones hold"));
        assert!(proofs.is_strict());
        assert_eq!(tried.take(), [GRIDS, EVERY_CLASS, strict(GRIDS), strict(EVERY_CLASS)]);
        assert!(proofs.settle(&[EVERY_CLASS, GRIDS], failure).expect("they held"));
        proofs.use_strict(false);
        assert!(!proofs.settle(&[GRIDS], failure).expect("it held"));
        assert_eq!(tried.take(), [], "what is proved is not tried again");
    }

    #[test]
    fn what_fails_strict_too_is_refused_with_its_first_failure() {
        let tried = RefCell::new(Vec::new());
        let failure = |variant: Variant| {
            tried.borrow_mut().push(variant);
            Ok(Some(if variant.strict { "strict" } else { "plain" }.to_string()))
        };
        let proofs = Proofs::default();
        let error = proofs.settle(&[GRIDS], failure).expect_err("none holds").to_string();
        assert!(error.contains("plain") && !proofs.is_strict(), "{error}");
        proofs.use_strict(true);
        proofs.settle(&[GRIDS], failure).expect_err("none holds");
        assert_eq!(tried.take(), [GRIDS, strict(GRIDS), strict(GRIDS)]);
    }
}
