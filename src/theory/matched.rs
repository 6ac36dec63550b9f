//! Number formats as laws: what a format does to the values it rounds is taken for a gain and an error that knows nothing
//! of them, of the same variance. That is the picture of a format as noise, with measured numbers; rounding to nearest,
//! saturation and blocks are not it, and how far a simulation is from it is what the picture leaves out.

use super::laws::{FILE, Laws, NOT_GAUSSIAN, SiteLaw, no_law};
use crate::config::Sites;
use crate::format::{Law, Noise, Quantizer, Spec};
use crate::plan::spec_at;
use crate::problem::Problem;
use crate::site::{PerSite, Site};

/// The best multiple of u for what became of values u, and what is left: q = gain u + e, <e, u> = 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub gain: f64,
    /// Mean of e^2.
    pub error: f64,
    /// Mean of u^2.
    pub square: f64,
    /// Pairs that it is of.
    pub pairs: f64,
}

impl Measured {
    /// Of pairs (u, q); of values that are all 0 nothing is lost.
    pub fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Measured {
        let (mut n, mut uu, mut uq, mut qq) = (0.0, 0.0, 0.0, 0.0);
        for (u, q) in pairs {
            (n, uu, uq, qq) = (n + 1.0, uu + u * u, uq + u * q, qq + q * q);
        }
        if uu == 0.0 {
            return Measured { gain: 1.0, error: 0.0, square: 0.0, pairs: n };
        }
        Measured { gain: uq / uu, error: (qq - uq * uq / uu).max(0.0) / n, square: uu / n, pairs: n }
    }

    /// Of a rounding without a bias of its own, as stochastic and dithered ones are where they neither clip nor flush: a
    /// gain that is 1 within four standard errors of its measurement, sqrt(error / (pairs square)), is 1. Else the scatter
    /// of the gain would be a floor of the risk that no run has.
    pub fn unbiased(self) -> Measured {
        let off = self.gain - 1.0;
        let is_one = off * off * self.pairs * self.square <= 16.0 * self.error;
        if is_one { Measured { gain: 1.0, error: self.error + off * off * self.square, ..self } } else { self }
    }

    /// Variance of the error over that of what is kept: the eps of a relative law.
    pub fn relative(&self) -> f64 {
        if self.square == 0.0 { 0.0 } else { self.error / (self.gain * self.gain * self.square) }
    }
}

/// A format at a site as the law it is taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FormatLaw {
    pub site: Site,
    pub noise: Noise,
    pub gain: f64,
    /// Variance of the error; of the relative one where it multiplies.
    pub eps: f64,
}

/// What gains come to: a run with gains at its sites is one without, of weights u with v = `weights` u, whose steps are
/// `step` times as long; on quantized test features activations are `features` times those on features of gain 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scales {
    pub step: f64,
    pub weights: f64,
    pub features: f64,
}

impl Default for Scales {
    fn default() -> Scales {
        Scales { step: 1.0, weights: 1.0, features: 1.0 }
    }
}

/// The law that a format is taken for. Those whose error grows with a value are relative ones, element by element, at
/// scalars and without a sketch; at covariates before a sketch one factor for the vector (the multiplicative scheme of
/// arXiv 2510.18259), since the spectrum keeps its shape. The error of coordinates of a sketch, which all have nearly one variance, is isotropic: additive; so is that
/// of integers with a fixed step at any site.
fn law(quantizer: &Quantizer, site: Site, is_sketched: bool) -> SiteLaw {
    let is_fixed = quantizer.layout.is_integer() && quantizer.sharing.is_none();
    let noise = match site {
        _ if is_fixed => Noise::Additive,
        Site::Data if is_sketched => Noise::Multiplicative,
        Site::Feature | Site::FeatureGrad | Site::Parameter if is_sketched => Noise::Additive,
        _ => Noise::Relative,
    };
    SiteLaw { noise, eps: 0.0, law: Law::Gaussian, shared: false }
}

impl Laws {
    /// The laws of a phase with formats, before anything is measured: their eps are 0. Where there is no law to take for
    /// one, why: a format of stored weights reads its own error again, and covariates of a file have no recursion.
    pub fn of_formats(sites: &Sites, problem: &Problem) -> Result<Laws, String> {
        if problem.covariates().is_some() {
            return Err(FILE.into());
        }
        let mut laws = Laws::default();
        for site in Site::ALL {
            let Some(spec) = spec_at(sites, problem, site) else { continue };
            match spec {
                _ if site == Site::Sketch => laws.rounds_sketch = true,
                Spec::Noise { noise, eps, law, shared } => {
                    laws.sites[site] = Some(SiteLaw { noise: *noise, eps: *eps, law: *law, shared: *shared });
                }
                Spec::Format(_) if site == Site::Weight => return Err(no_law(site)),
                Spec::Format(quantizer) => laws.sites[site] = Some(law(quantizer, site, problem.is_sketched())),
            }
        }
        let is_format = matches!(spec_at(sites, problem, Site::Feature), Some(Spec::Format(_)));
        if let (false, true, Some(law)) = (laws.is_exact(), is_format, &mut laws.sites[Site::Feature]) {
            law.noise = Noise::Additive;
        }
        if laws.is_exact() { Ok(laws) } else { Err(NOT_GAUSSIAN.into()) }
    }

    /// The same with what was measured where formats are. With gains G along the activations, g of the gradient and l of
    /// the label, u = (G / l) v is trained by steps G g as long; errors are in units of u.
    pub fn matched(&self, measured: &PerSite<Option<Measured>>) -> Laws {
        let gain = |site: Site| measured[site].map_or(1.0, |measured| measured.gain);
        let (data, label) = (gain(Site::Data), gain(Site::Label));
        let features = data * gain(Site::Feature);
        let read = features * gain(Site::Parameter) * gain(Site::Activation);
        let own = self[Site::FeatureGrad].is_some();
        let taken = if own { data * gain(Site::FeatureGrad) } else { features };
        let scales = Scales { step: read * taken * gain(Site::Gradient), weights: label / read, features };
        let mut laws = Laws { scales, ..*self };
        for (site, law) in laws.sites.iter_mut() {
            let Some(law) = law else { continue };
            let unit = match site {
                Site::Data => data,
                Site::Feature => features,
                Site::FeatureGrad => taken,
                Site::Parameter => label * gain(Site::Parameter) / read,
                Site::Label | Site::Activation => label,
                Site::Gradient => label * gain(Site::Gradient),
                Site::Weight => scales.weights,
                Site::Sketch => 1.0,
            };
            law.eps = match (law.noise, measured[site]) {
                (Noise::Additive, measured) => measured.map_or(law.eps, |measured| measured.error) / (unit * unit),
                (_, Some(measured)) => measured.relative(),
                (_, None) => law.eps,
            };
        }
        laws
    }

    /// What was measured of the formats among these laws, in site order.
    pub fn formats(&self, measured: &PerSite<Option<Measured>>) -> Vec<FormatLaw> {
        let of = |(site, found): (Site, &Option<Measured>)| {
            let (noise, found) = (self[site]?.noise, found.as_ref()?);
            let eps = if noise == Noise::Additive { found.error } else { found.relative() };
            Some(FormatLaw { site, noise, gain: found.gain, eps })
        };
        measured.iter().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_multiple_is_its_error() {
        // q = u / 2 + e with e = (1, -1) across u = (3, 3).
        let Measured { gain, error, square, pairs } = Measured::of([(3.0, 2.5), (3.0, 0.5)]);
        assert_eq!((gain, error, square, pairs), (0.5, 1.0, 9.0, 2.0));
        assert_eq!(Measured::of([(0.0, 0.0)]).relative(), 0.0);
    }

    #[test]
    fn a_gain_within_its_own_error_is_none() {
        // q - u = 1, -1, 1, 1 at u = 2: gain 1.25, error 0.75, and (q - u)^2 = 1 throughout.
        let near = Measured::of([3.0, 1.0, 3.0, 3.0].map(|q| (2.0, q)));
        assert_eq!((near.gain, near.error), (1.25, 0.75));
        assert_eq!((near.unbiased().gain, near.unbiased().error), (1.0, 1.0));
        // A hundred times as many have a tenth of the standard error: 0.25 is 11 of them.
        let far = Measured::of(std::iter::repeat_n([3.0, 1.0, 3.0, 3.0], 100).flatten().map(|q| (2.0, q)));
        assert_eq!((far.unbiased(), far.gain), (far, 1.25));
        // Without an error a gain is a gain.
        let clipped = Measured::of([(2.0, 1.0)]);
        assert_eq!(clipped.unbiased(), clipped);
    }
}
