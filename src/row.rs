//! One stored result: a run's state after `seen` samples, and the settings that produced it.

use serde::Serialize;

/// Frozen with the digests in tests/digests: raise it whenever a bit of any result column changes.
pub const STREAM_VERSION: u32 = 2;
/// Version of the column set of the Parquet parts.
pub const SCHEMA_VERSION: u32 = 2;

/// Where a value of the simulated training step is rounded, in column order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    Data,
    Sketch,
    Feature,
    FeatureGrad,
    Label,
    Parameter,
    Activation,
    Gradient,
    Weight,
}

/// Number of sites.
pub const SITES: usize = 9;

impl Site {
    pub const ALL: [Site; SITES] = [
        Site::Data,
        Site::Sketch,
        Site::Feature,
        Site::FeatureGrad,
        Site::Label,
        Site::Parameter,
        Site::Activation,
        Site::Gradient,
        Site::Weight,
    ];

    /// The config key and the column prefix.
    pub fn name(self) -> &'static str {
        match self {
            Site::Data => "data",
            Site::Sketch => "sketch",
            Site::Feature => "feature",
            Site::FeatureGrad => "feature_grad",
            Site::Label => "label",
            Site::Parameter => "parameter",
            Site::Activation => "activation",
            Site::Gradient => "gradient",
            Site::Weight => "weight",
        }
    }

    /// One value per sample, not a vector.
    pub fn is_scalar(self) -> bool {
        matches!(self, Site::Label | Site::Activation | Site::Gradient)
    }
}

/// What a site's quantizer did to the elements it saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Elements clipped beyond the format's largest value.
    pub saturated: u64,
    /// Non-zero elements that became zero.
    pub underflowed: u64,
    /// Elements that became NaN or infinite: the run diverges at the update that would read them.
    pub nan: u64,
}

impl Counts {
    /// Share of saturated values above which a recipe is warned of, in `plan` and in the report.
    pub const HEAVY: f64 = 0.01;
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.saturated += other.saturated;
        self.underflowed += other.underflowed;
        self.nan += other.nan;
    }
}

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
