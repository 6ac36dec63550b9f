//! The places of the simulated training step where a value is rounded, and what rounding did there.

use serde::Serialize;
use strum::VariantArray as _;

/// Where a value of the simulated training step is rounded, in column order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
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
pub const SITES: usize = Site::VARIANTS.len();

impl Site {
    pub const ALL: [Site; SITES] = *Site::VARIANTS.as_array().expect("SITES is their number");

    /// The config key and the column prefix.
    pub fn name(self) -> &'static str {
        self.into()
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
