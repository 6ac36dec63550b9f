//! The places of the simulated training step where a value is rounded, and what rounding did there.

use std::ops::{Index, IndexMut};

use serde::Serialize;
use strum::VariantArray as _;

/// Where a value of the simulated training step is rounded, in column order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Site {
    /// The covariates x, D a sample.
    Data,
    /// The sketch S, M x D, once a run.
    Sketch,
    /// The features z = S x, M a sample, as the activations read them.
    Feature,
    /// The features as the gradient of the weights reads them, M a sample.
    FeatureGrad,
    /// The label y, one a sample.
    Label,
    /// The weights v as the activations read them, M an update.
    Parameter,
    /// The predictions `<z, v>`, one a sample.
    Activation,
    /// The residuals `y - <z, v>`, one a sample: the gradients of the loss in the predictions but for the sign.
    Gradient,
    /// The stored weights v, M an update.
    Weight,
}

/// Number of sites.
pub const SITES: usize = Site::VARIANTS.len();

impl Site {
    /// Every site, in column order.
    pub const ALL: [Site; SITES] = *Site::VARIANTS.as_array().expect("SITES is their number");

    /// The config key and the column prefix.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// One value per sample, not a vector.
    pub fn is_scalar(self) -> bool {
        matches!(self, Site::Label | Site::Activation | Site::Gradient)
    }

    /// Values that a run puts through the site's quantizer.
    #[doc(hidden)]
    pub fn values(self, run: &RunSize) -> u128 {
        let RunSize { dim, model, batch, samples } = *run;
        let (dim, model, batch, samples) = (u128::from(dim), u128::from(model), u128::from(batch), u128::from(samples));
        match self {
            Site::Data => dim * samples,
            Site::Sketch => model * dim,
            Site::Feature | Site::FeatureGrad => model * samples,
            Site::Label | Site::Activation | Site::Gradient => samples,
            Site::Parameter | Site::Weight => model * (samples / batch.max(1)),
        }
    }
}

/// Significant bits of covariates and sketch before any quantizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grids {
    pub data: u32,
    pub sketch: u32,
}

impl Grids {
    /// Those of a value at a site: 24, an f32's, at every other.
    pub fn at(self, site: Site) -> u32 {
        match site {
            Site::Data => self.data,
            Site::Sketch => self.sketch,
            _ => 24,
        }
    }
}

/// What tells how many values each site of a run sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSize {
    pub dim: u32,
    pub model: u32,
    pub batch: u32,
    pub samples: u64,
}

impl RunSize {
    /// The same run up to its divergence: the update that diverges has read its batch, so it counts.
    pub fn until(self, diverged_at: Option<u64>) -> RunSize {
        let read = |update: u64| update.saturating_add(1).saturating_mul(self.batch.max(1).into());
        RunSize { samples: diverged_at.map_or(self.samples, |update| read(update).min(self.samples)), ..self }
    }
}

/// One value for each site, indexed by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerSite<T>([T; SITES]);

impl<T> PerSite<T> {
    /// That of each site in turn.
    pub fn from_fn(value: impl FnMut(Site) -> T) -> Self {
        PerSite(Site::ALL.map(value))
    }

    /// Each site with its value, in column order.
    pub fn iter(&self) -> impl Iterator<Item = (Site, &T)> {
        Site::ALL.into_iter().zip(&self.0)
    }

    /// The same, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Site, &mut T)> {
        Site::ALL.into_iter().zip(&mut self.0)
    }
}

impl<T> Index<Site> for PerSite<T> {
    type Output = T;

    fn index(&self, site: Site) -> &T {
        &self.0[site as usize]
    }
}

impl<T> IndexMut<Site> for PerSite<T> {
    fn index_mut(&mut self, site: Site) -> &mut T {
        &mut self.0[site as usize]
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
    #[doc(hidden)]
    pub const HEAVY: f64 = 0.01;

    #[doc(hidden)]
    pub const COUNTERS: [Counter; 3] = [
        Counter { name: "saturated", of: |counts| &mut counts.saturated },
        Counter { name: "underflowed", of: |counts| &mut counts.underflowed },
        Counter { name: "nan", of: |counts| &mut counts.nan },
    ];
}

/// One of the [`Counts`].
#[derive(Clone, Copy)]
pub struct Counter {
    /// The ending of its column.
    pub name: &'static str,
    pub of: fn(&mut Counts) -> &mut u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.saturated += other.saturated;
        self.underflowed += other.underflowed;
        self.nan += other.nan;
    }
}

impl std::ops::Sub for Counts {
    type Output = Counts;

    /// Of counts that only grew the ones since `earlier`.
    fn sub(self, earlier: Counts) -> Counts {
        Counts {
            saturated: self.saturated - earlier.saturated,
            underflowed: self.underflowed - earlier.underflowed,
            nan: self.nan - earlier.nan,
        }
    }
}
