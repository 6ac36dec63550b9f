//! One stored result: a run's state after `seen` samples, and the settings that produced it.

use serde::Serialize;

use crate::site::{Counts, PerSite};

/// Frozen with the digests in tests/digests: raise it whenever a bit of any result column changes.
pub const STREAM_VERSION: u32 = 2;
/// Version of the column set of the Parquet parts.
pub const SCHEMA_VERSION: u32 = 2;

/// What [`Row::checked`] says of a run that the reference redid bit for bit, and of one that it did not.
pub const EXACT: &str = "exact";
pub const UNSAMPLED: &str = "unsampled";

/// One row of a part. Risks are `None` where they do not exist (after a divergence), never NaN.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    pub run_id: u64,
    pub cell: u64,
    pub seed_index: u32,
    /// Samples consumed when the row was taken.
    pub seen: u64,
    /// `last` or `average`.
    pub output: String,
    pub dim: u32,
    pub spectrum: String,
    pub spectrum_exponent: Option<f64>,
    pub target: String,
    pub target_exponent: Option<f64>,
    pub noise: f64,
    pub sketch_kind: String,
    pub sampling: String,
    pub tail: String,
    pub model: u32,
    pub samples: u64,
    pub batch: u32,
    pub step_size: f64,
    pub schedule: String,
    pub recipe: String,
    /// Canonical text of the format at each site; `None` where the site is unset.
    pub formats: PerSite<Option<String>>,
    /// `None` where the site is unset or a law.
    pub roundings: PerSite<Option<String>>,
    pub excess: Option<f64>,
    pub reducible: Option<f64>,
    pub approximation: Option<f64>,
    pub quantized_test: Option<f64>,
    pub quantized_test_se: Option<f64>,
    /// The exact value that `quantized_test` estimates, where the recipe's laws have one.
    pub quantized_test_exact: Option<f64>,
    /// Mean squared error on the held-out rows of a file, and its standard error.
    pub held_out: Option<f64>,
    pub held_out_se: Option<f64>,
    /// Update at which the run diverged, if it had by `seen`.
    pub diverged_at: Option<u64>,
    /// `None` where the site is unset or a law.
    pub counts: PerSite<Option<Counts>>,
    /// FNV-1a 64 of the words of v (`last`) or of hi and lo (`average`), 16 hex digits.
    pub v_digest: String,
    pub stream_version: u32,
    /// [`EXACT`] when the reference redid this run bit for bit, else [`UNSAMPLED`].
    pub checked: String,
    pub adapter: String,
    pub driver: String,
    pub fingerprint: String,
}

impl Row {
    /// What orders rows, in a part and in a directory; no two rows of a directory share it.
    pub fn key(&self) -> (u64, u64, &str) {
        (self.run_id, self.seen, &self.output)
    }

    /// The row of the end of its run.
    pub fn is_final(&self) -> bool {
        self.seen == self.samples
    }

    /// The reference redid this run bit for bit.
    pub fn is_checked(&self) -> bool {
        self.checked == EXACT
    }
}
