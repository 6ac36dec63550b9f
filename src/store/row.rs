//! One stored result: a run's state after `seen` samples, and the settings that produced it.

use serde::Serialize;

use crate::site::{Counts, SITES};

/// Frozen with the digests in tests/digests: raise it whenever a bit of any result column changes.
pub const STREAM_VERSION: u32 = 2;
/// Version of the column set of the Parquet parts.
pub const SCHEMA_VERSION: u32 = 2;

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
    /// Canonical text of the format at each site, in `Site::ALL` order.
    pub formats: [Option<String>; SITES],
    pub roundings: [Option<String>; SITES],
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
    pub counts: [Option<Counts>; SITES],
    /// FNV-1a 64 of the words of v (`last`) or of hi and lo (`average`), 16 hex digits.
    pub v_digest: String,
    pub stream_version: u32,
    /// `exact` when the reference redid this run bit for bit, else `unsampled`.
    pub checked: String,
    pub adapter: String,
    pub driver: String,
    pub fingerprint: String,
}
