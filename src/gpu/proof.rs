//! The proof of pipelines: what computes a sweep gave the known answers before.

use std::sync::PoisonError;

use super::facts::needs;
use super::kernels::MODEL_SIZES;
use super::known::{self, Known};
use super::{Choice, Gpu, no_adapter};
use crate::error::Result;
use crate::plan::Snapshot;

/// Rows of each cohort of a known-answer block.
type Answers = Vec<Vec<Snapshot>>;

/// Pipelines that are proved together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proved {
    /// Those of every class of format, not of grids and laws alone.
    pub every_class: bool,
    /// One of [`MODEL_SIZES`].
    pub model: u32,
}

impl Gpu {
    /// Runs the known-answer blocks through the pipelines of grids and laws, for the smaller models, and compares all
    /// bits with the reference. Where the plain shaders fail and the strict ones hold, the latter are used from then
    /// on. The other pipelines are proved alike when a plan first needs them.
    pub fn self_test(&self) -> Result<()> {
        self.prove(Proved { every_class: false, model: MODEL_SIZES[0] })
    }

    /// [`Gpu::self_test`] of all pipelines that the adapter's workgroup memory has room for.
    pub fn self_test_all(&self) -> Result<()> {
        let fits = |model: &u32| needs(*model).workgroup_bytes <= self.limits.workgroup;
        for model in MODEL_SIZES.into_iter().filter(fits) {
            self.prove(Proved { every_class: false, model })?;
            self.prove(Proved { every_class: true, model })?;
        }
        Ok(())
    }

    /// Proves pipelines once; [`crate::error::Error::NoAdapter`] names the first difference.
    pub(super) fn prove(&self, pipelines: Proved) -> Result<()> {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        if proved.contains(&pipelines) {
            return Ok(());
        }
        let blocks = if pipelines.every_class { known::every_class()? } else { known::blocks()? };
        let answers: Vec<_> = blocks.iter().map(known::answers).collect();
        let mut first = None;
        let before = self.is_strict();
        for strict in [before, true] {
            match self.first_difference(&blocks, &answers, Choice { strict, least: pipelines.model })? {
                None => {
                    // What was proved of the plain shaders says nothing of the others.
                    if strict != before {
                        proved.clear();
                    }
                    proved.insert(pipelines);
                    self.use_strict(strict);
                    return Ok(());
                }
                Some(place) => first = first.or(Some(place)),
            }
        }
        Err(no_adapter(format!(
            "adapter {} ({}) does not give the bits of the reference: {}",
            self.info.index,
            self.info.name,
            first.unwrap_or_default()
        )))
    }

    fn first_difference(&self, blocks: &[Known], answers: &[Answers], choice: Choice) -> Result<Option<String>> {
        for (Known { plan, cohorts, tuning }, answers) in blocks.iter().zip(answers) {
            let found = self.run(plan, cohorts, *tuning, choice)?;
            for ((cohort, found), expected) in cohorts.iter().zip(&found).zip(answers) {
                if let Some(place) = plan.difference(*cohort, expected, found) {
                    return Ok(Some(place));
                }
            }
        }
        Ok(None)
    }
}
