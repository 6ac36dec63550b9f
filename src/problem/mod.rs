//! The regression problem: its domain types, and its numbers.

mod covariates;
mod input;
mod kinds;
mod sketch;
mod spectrum;
mod target;

use std::sync::Arc;

pub use covariates::Covariates;
pub use input::Input;
pub use kinds::{SamplingKind, SketchKind, SpectrumKind, TargetKind};
pub use sketch::sketch_norm;
pub use spectrum::{Eigenvalues, TailVariance, eigenvalues, label_deviation, leading_eigenvalues, tail};
pub use target::{components, has_prior, prior, target, total};

use self::target::largest_deviation;
use crate::site::Grids;

/// One problem point.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Ambient dimension D.
    pub dim: u32,
    pub spectrum: Spectrum,
    pub target: Target,
    /// Standard deviation sigma of the label noise; 0 with labels from a file.
    pub noise: f64,
    pub sketch: Sketch,
    pub sampling: Sampling,
    pub tail: Tail,
}

/// Eigenvalues lambda_i of the covariance H, i from 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Spectrum {
    /// i^-exponent.
    Power { exponent: f64 },
    /// exp(-rate (i - 1)).
    Exponential { rate: f64 },
    /// i^-1 log^-exponent(i + 1).
    Logarithmic { exponent: f64 },
    /// The eigenvalues themselves.
    File(Input),
    /// Covariates and labels from files, whose covariance is what it is.
    Covariates(Arc<Covariates>),
}

/// Law of w*.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// N(0, I), drawn per seed.
    Gaussian,
    /// Every entry 1.
    Ones,
    /// Normal with lambda_i E w_i^2 = i^-exponent (the source condition), drawn per seed.
    Source {
        exponent: f64,
    },
    File(Input),
    /// None: the labels come with the covariates.
    Labels(Input),
}

/// The map from covariates to features.
#[derive(Clone, Debug, PartialEq)]
pub enum Sketch {
    /// Entries N(0, 1/M). Nested: model size M uses the first M rows of one draw; else each M has its own.
    Gaussian { nested: bool },
    /// Features are the covariates, M = D.
    None,
    /// S itself; model size M uses the first M of its rows, times sqrt(rows/M).
    File(Input),
}

/// How samples are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// As x, in all of its dimensions.
    #[default]
    Ambient,
    /// Features and label from their joint normal law given the sketch.
    Feature,
    /// The first coordinates as x, and what the others add to features and label from its joint normal law: a format at
    /// `data` rounds the first ones alone.
    Head { coordinates: u32 },
}

/// What stands for the coordinates beyond D.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Tail {
    /// Nothing.
    Open,
    /// Isotropic Gaussian noise of their total variance: D = infinity.
    Closed,
}

impl Spectrum {
    /// The text of a row's column.
    pub fn canonical(&self) -> String {
        match (self, self.kind()) {
            (Spectrum::File(input), _) => input.canonical(),
            (Spectrum::Covariates(covariates), _) => covariates.canonical(),
            (_, kind) => kind.map_or("", Into::into).into(),
        }
    }

    /// Exponent, or rate of an exponential spectrum.
    pub fn exponent(&self) -> Option<f64> {
        match self {
            Spectrum::Power { exponent } | Spectrum::Logarithmic { exponent } => Some(*exponent),
            Spectrum::Exponential { rate } => Some(*rate),
            Spectrum::File(_) | Spectrum::Covariates(_) => None,
        }
    }
}

impl Target {
    /// The text of a row's column.
    pub fn canonical(&self) -> String {
        match (self, self.kind()) {
            (Target::File(input), _) => input.canonical(),
            (Target::Labels(labels), _) => format!("labels {}", labels.canonical().trim_start_matches("file ")),
            (_, kind) => kind.map_or("", Into::into).into(),
        }
    }

    pub fn exponent(&self) -> Option<f64> {
        match self {
            Target::Source { exponent } => Some(*exponent),
            _ => None,
        }
    }
}

impl Sketch {
    /// The text of a row's column.
    pub fn canonical(&self) -> String {
        match self {
            Sketch::Gaussian { nested: false } => format!("{} nested=false", <&str>::from(self.kind())),
            Sketch::File(input) => input.canonical(),
            Sketch::Gaussian { nested: true } | Sketch::None => <&str>::from(self.kind()).into(),
        }
    }
}

impl Sampling {
    /// The text of a row's column.
    pub fn canonical(&self) -> String {
        let kind = <&str>::from(self.kind());
        match self {
            Sampling::Head { coordinates } => format!("{kind} coordinates={coordinates} approximate"),
            Sampling::Ambient | Sampling::Feature => kind.into(),
        }
    }

    /// The coordinates of a head that such a text names.
    pub fn head_in(canonical: &str) -> Option<u32> {
        let head = canonical.strip_prefix(<&str>::from(SamplingKind::Head))?.strip_prefix(" coordinates=")?;
        head.split(' ').next()?.parse().ok()
    }
}

impl Tail {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Problem {
    pub fn covariates(&self) -> Option<&Arc<Covariates>> {
        match &self.spectrum {
            Spectrum::Covariates(covariates) => Some(covariates),
            _ => None,
        }
    }

    pub fn is_sketched(&self) -> bool {
        self.sketch != Sketch::None
    }

    /// Whether a normal law of features and label stands for coordinates of x.
    pub fn draws_features(&self) -> bool {
        self.sampling != Sampling::Ambient
    }

    /// Coordinates of x that are drawn as such, the first ones.
    pub fn literal(&self) -> u32 {
        match self.sampling {
            Sampling::Ambient => self.dim,
            Sampling::Feature => 0,
            Sampling::Head { coordinates } => coordinates,
        }
    }

    /// Components of 8 bits that w* is cut into; 0 where the labels come from a file.
    pub fn target_components(&self) -> u32 {
        match self.target {
            Target::Gaussian | Target::Ones => 1,
            Target::Source { .. } | Target::File(_) => 3,
            Target::Labels(_) => 0,
        }
    }

    /// Significant bits of a covariate, and of an entry of the sketch, before any quantizer; where features are drawn, also
    /// of a normal and of an entry of the factor that stands for the sketch.
    pub fn grids(&self) -> Grids {
        Grids {
            data: if self.covariates().is_some() { 24 } else { 16 },
            sketch: if matches!(self.sketch, Sketch::File(_)) || self.draws_features() { 24 } else { 8 },
        }
    }
}

/// Refuses a problem whose numbers leave the range of the arithmetic: by the key, and what is wrong with it. Noise and
/// sketch do not matter.
pub fn check(problem: &Problem) -> std::result::Result<(), (&'static str, String)> {
    let TailVariance { features, label } = tail(problem);
    if !features.is_finite() || !label.is_finite() {
        return Err((
            "problem.tail",
            " = \"closed\" needs a tail with a finite sum: allowed are power and logarithmic spectra of exponent \
             above 1, exponential ones of rate above 0, and source targets of exponent above 1"
                .into(),
        ));
    }
    let deviation = features.max(label).sqrt();
    if deviation > libm::ldexp(1.0, 20) {
        return Err((
            "problem.tail",
            format!(
                " = \"closed\": with this spectrum and target the tail has the standard deviation {deviation:e}, allowed is \
                 up to 2^20: a larger exponent or rate"
            ),
        ));
    }
    if let Target::Source { exponent } = problem.target {
        let largest = largest_deviation(problem, exponent);
        if largest > libm::ldexp(1.0, 20) {
            return Err((
                "problem.target",
                format!(
                    ".exponent = {exponent}: with this spectrum the largest entry of w* has the standard deviation \
                     {largest:e}, allowed is up to 2^20: a larger exponent, a flatter spectrum or a smaller problem.dim"
                ),
            ));
        }
    }
    Ok(())
}
