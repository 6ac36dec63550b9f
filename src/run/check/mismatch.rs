//! What the check found, in words.

use std::path::Path;

use serde::Serialize;

use crate::plan::{Cohort, Difference, Plan};
use crate::shell;

/// Where two computations of a run differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// What the cohort drew: eigenvalues, target, sketch, test samples; and what its risks need of them.
    Draws,
    /// Its updates.
    Updates,
    /// The risks of a row, computed twice.
    Risks,
}

/// A run that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mismatch {
    pub run_id: u64,
    pub cell: u64,
    pub seed_index: u32,
    pub stage: Stage,
    /// Samples of the row that showed the difference; `None` where the draws differ.
    pub seen: Option<u64>,
    /// First differing update; `None` where it is no update that differs, and when a second execution agreed with the
    /// reference.
    pub first_update: Option<u64>,
    pub difference: Difference,
}

impl Mismatch {
    pub(super) fn of(plan: &Plan, cohort: Cohort, cell: u64, stage: Stage, difference: Difference) -> Mismatch {
        let (run_id, seed_index) = (plan.run_id(cohort.seed_index, cell), cohort.seed_index);
        Mismatch { run_id, cell, seed_index, stage, seen: None, first_update: None, difference }
    }

    /// One line for stderr.
    pub fn line(&self) -> String {
        let (seen, difference) = (self.seen.unwrap_or(0), &self.difference);
        let place = match (self.stage, self.first_update) {
            (Stage::Draws, _) => "before the first update".into(),
            (Stage::Updates, Some(update)) => format!("first at update {update}"),
            (Stage::Updates, None) => {
                format!("after {seen} samples, not seen again when run once more (a passing fault)")
            }
            (Stage::Risks, _) => {
                let Difference { place, expected, actual, .. } = difference;
                return format!(
                    "run {} after {seen} samples: {place} is {actual}, the definition gives {expected}",
                    self.run_id
                );
            }
        };
        format!("run {} differs {place}: {difference}", self.run_id)
    }

    /// The command that shows what the reference has, of a sweep in `dir`: the row that differs, or all of the run.
    pub fn replay(&self, dir: &Path) -> String {
        replay(dir, self.run_id, self.seen)
    }
}

/// The command that redoes a run of a sweep in `dir`: the row after `seen` samples, or all of it.
pub fn replay(dir: &Path, run: u64, seen: Option<u64>) -> String {
    let seen = seen.map_or(String::new(), |seen| format!(" --seen {seen}"));
    format!("roundlaw replay {} --run {run}{seen}", shell::quoted(dir))
}
