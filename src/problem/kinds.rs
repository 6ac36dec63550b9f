//! The words of a problem, as its config and the columns of rows have them.

use super::{Sampling, Sketch, Spectrum, Target};

#[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum SpectrumKind {
    Power,
    Exponential,
    Logarithmic,
    File,
}

#[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum TargetKind {
    Gaussian,
    Ones,
    Source,
    File,
}

#[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum SketchKind {
    Gaussian,
    None,
    File,
}

#[derive(Clone, Copy, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum SamplingKind {
    Ambient,
    Feature,
    Head,
}

impl Spectrum {
    /// None where the covariates bring it.
    pub fn kind(&self) -> Option<SpectrumKind> {
        Some(match self {
            Spectrum::Power { .. } => SpectrumKind::Power,
            Spectrum::Exponential { .. } => SpectrumKind::Exponential,
            Spectrum::Logarithmic { .. } => SpectrumKind::Logarithmic,
            Spectrum::File(_) => SpectrumKind::File,
            Spectrum::Covariates(_) => return None,
        })
    }
}

impl Target {
    /// None where labels take its place.
    pub fn kind(&self) -> Option<TargetKind> {
        Some(match self {
            Target::Gaussian => TargetKind::Gaussian,
            Target::Ones => TargetKind::Ones,
            Target::Source { .. } => TargetKind::Source,
            Target::File(_) => TargetKind::File,
            Target::Labels(_) => return None,
        })
    }
}

impl Sampling {
    pub fn kind(&self) -> SamplingKind {
        match self {
            Sampling::Ambient => SamplingKind::Ambient,
            Sampling::Feature => SamplingKind::Feature,
            Sampling::Head { .. } => SamplingKind::Head,
        }
    }
}

impl Sketch {
    pub fn kind(&self) -> SketchKind {
        match self {
            Sketch::Gaussian { .. } => SketchKind::Gaussian,
            Sketch::None => SketchKind::None,
            Sketch::File(_) => SketchKind::File,
        }
    }
}
