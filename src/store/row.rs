//! One stored result: a run's state after `seen` samples, and the settings that produced it.

use serde::Serialize;

use crate::site::{Counts, PerSite};

/// Frozen with the digests in tests/digests: raise it whenever a bit of any result column changes.
pub const STREAM_VERSION: u32 = 2;
/// Version of the column set of the Parquet parts.
pub const SCHEMA_VERSION: u32 = 3;

/// What [`Row::checked`] says of a run that the reference redid bit for bit, and of one that it did not.
pub const EXACT: &str = "exact";
pub const UNSAMPLED: &str = "unsampled";

/// One row of a part, the columns of docs/rows.md. Risks are `None` where they do not exist (after a divergence), never
/// NaN.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// `seed_index` times the number of cells, plus `cell`.
    pub run_id: u64,
    /// Number of the cell: recipe fastest, then step size, B, N, M, problem point.
    pub cell: u64,
    /// Number of the repetition, from 0.
    pub seed_index: u32,
    /// Samples consumed when the row was taken.
    pub seen: u64,
    /// `last`, `average` or `tail`.
    pub output: String,
    /// D.
    pub dim: u32,
    /// `power`, `exponential`, `logarithmic`, `file NAME HASH`, or `covariates NAME HASH` and its options.
    pub spectrum: String,
    /// Exponent of the spectrum, or rate of an exponential one; `None` for files.
    pub spectrum_exponent: Option<f64>,
    /// `gaussian`, `ones`, `source`, `file NAME HASH`, or `labels NAME HASH` with covariates.
    pub target: String,
    /// Exponent of `source`.
    pub target_exponent: Option<f64>,
    /// Standard deviation sigma of the label noise, in units of y; 0 with covariates.
    pub noise: f64,
    /// `gaussian`, `gaussian nested=false`, `none` or `file NAME HASH`.
    pub sketch_kind: String,
    /// `ambient`, where samples are drawn as x, `feature`, or `head coordinates=K approximate`.
    pub sampling: String,
    /// `open` or `closed`.
    pub tail: String,
    /// M; D without a sketch.
    pub model: u32,
    /// N of the run.
    pub samples: u64,
    /// B, samples per update.
    pub batch: u32,
    /// gamma of update 0.
    pub step_size: f64,
    /// `constant` or `geometric`.
    pub schedule: String,
    /// Name of the recipe.
    pub recipe: String,
    /// Bits of a stored value, of the recipe as a whole: what it says itself, or the mean over data, feature, parameter,
    /// weight and gradient; `None` where it says nothing and one of these is a law, or there are phases.
    pub recipe_bits: Option<f64>,
    /// What a config would hold as `then`, the phases behind the first; `None` where there are none.
    pub phases: Option<String>,
    /// Format or law at each site in the first phase and its options, as `int8 step=0.0625`; `None` where the site is unset.
    pub formats: PerSite<Option<String>>,
    /// Its rounding, as `stochastic bits=8 variant=b`; `None` where the site is unset or a law.
    pub roundings: PerSite<Option<String>>,
    /// eps of the law at each site; `None` where the site is unset or a format.
    pub eps: PerSite<Option<f64>>,
    /// Bits of a stored element and its share of a scale at each site, 32 where the site is unset; `None` for laws.
    pub bits: PerSite<Option<f64>>,
    /// Risk above the best weights of this sketch, in squared units of y; `None` after a divergence, and with
    /// covariates.
    pub excess: Option<f64>,
    /// `excess` + `approximation`, in squared units of y.
    pub reducible: Option<f64>,
    /// Risk of the best weights above sigma^2, in squared units of y.
    pub approximation: Option<f64>,
    /// What the best weights of this sketch explain of E y^2, b^T Sigma^-1 b with Sigma = E z z^T and b = E z y; in squared
    /// units of y.
    pub signal: Option<f64>,
    /// b^T v, in squared units of y: v^T Sigma v - 2 `overlap` + `signal` is `excess`.
    pub overlap: Option<f64>,
    /// Mean of `(y - <z, v>)^2` over the test samples, z quantized as in training, less sigma^2 and `approximation`; in
    /// squared units of y.
    pub quantized_test: Option<f64>,
    /// Its standard error over the test samples.
    pub quantized_test_se: Option<f64>,
    /// The exact value that `quantized_test` estimates, where the recipe's laws have one.
    pub quantized_test_exact: Option<f64>,
    /// Mean of `(y - <z, v>)^2` over the held-out rows of a file, z not quantized; in squared units of y.
    pub held_out: Option<f64>,
    /// Its standard error over the held-out rows; `None` for a single one.
    pub held_out_se: Option<f64>,
    /// Update, from 0, that was not applied because the run diverged, if it had by `seen`.
    pub diverged_at: Option<u64>,
    /// What rounding did at each site, from sample 0 to `seen`; `None` where the site is unset or a law.
    pub counts: PerSite<Option<Counts>>,
    /// FNV-1a 64 of the words of v (`last`), of hi and lo (`average`), or of hi and hi before the tail, lo and lo before it
    /// (`tail`), 16 hex digits.
    pub v_digest: String,
    /// Version of the arithmetic.
    pub stream_version: u32,
    /// [`EXACT`] when the reference redid this run bit for bit, else [`UNSAMPLED`].
    pub checked: String,
    /// Where the run was computed.
    pub adapter: String,
    /// Its driver; for `cpu` architecture and system.
    pub driver: String,
    /// How its arithmetic behaves.
    pub fingerprint: String,
}

impl Row {
    /// What orders rows, in a part and in a directory.
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
