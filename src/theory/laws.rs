//! The laws of a phase of a recipe: what the expected risk depends on of its sites.

use super::matched::Scales;
use super::regression::Needs;
use crate::config::Sites;
use crate::format::{Law, Noise, Spec};
use crate::plan::spec_at;
use crate::problem::Problem;
use crate::site::{PerSite, Site};

/// One law at one site. At a site of one value a sample, `Relative` and `Multiplicative` are the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SiteLaw {
    pub noise: Noise,
    /// Variance of the error; of the relative one where it multiplies.
    pub eps: f64,
    pub law: Law,
    /// The samples of a batch share a draw.
    pub shared: bool,
}

/// E (1 + eta)^k of a factor, k = 2, 3 and 4; third moments of eta are 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    pub p2: f64,
    pub p3: f64,
    pub p4: f64,
}

impl Factor {
    /// That of no law.
    pub const ONE: Factor = Factor { p2: 1.0, p3: 1.0, p4: 1.0 };
}

impl SiteLaw {
    /// Of the factor 1 + eta, Var eta = eps.
    pub fn factor(&self) -> Factor {
        let fourth = self.eps * self.eps * (3.0 + self.excess_kurtosis());
        Factor { p2: 1.0 + self.eps, p3: 1.0 + 3.0 * self.eps, p4: 1.0 + 6.0 * self.eps + fourth }
    }

    /// E n^4 - 3 of the law's n of variance 1.
    pub fn excess_kurtosis(&self) -> f64 {
        match self.law {
            Law::Gaussian => 0.0,
            Law::TwoPoint => -2.0,
        }
    }

    fn is_gaussian(&self) -> bool {
        self.law == Law::Gaussian
    }
}

/// How the second moments of a run can be followed; the later one is exact wherever the earlier one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// M numbers, in the eigenbasis of the features' covariance: [`super::recursion`].
    Diagonal,
    /// M x M matrices: [`super::dense`].
    Dense,
}

/// The laws of a phase by site. The sketch is none of them: it is drawn and rounded once a run, and the moments follow
/// from what it became.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Laws {
    pub sites: PerSite<Option<SiteLaw>>,
    /// The sketch is read otherwise than it was drawn, by whatever rounds it.
    pub rounds_sketch: bool,
    /// Where laws stand for formats that have gains.
    pub scales: Scales,
}

/// Why there are no laws.
pub(super) const FILE: &str = "covariates from a file";
pub(super) const NOT_GAUSSIAN: &str = "relative noise at feature on data that are not Gaussian";

/// The same of a format at a site.
pub(super) fn no_law(site: Site) -> String {
    format!("a number format at {}", site.name())
}

impl Laws {
    /// The laws of a phase; where its expected risk has no exact recursion, why.
    pub fn of(sites: &Sites, problem: &Problem) -> Result<Laws, String> {
        if problem.covariates().is_some() {
            return Err(FILE.into());
        }
        let mut laws = Laws::default();
        for site in Site::ALL {
            let Some(spec) = spec_at(sites, problem, site) else { continue };
            match *spec {
                _ if site == Site::Sketch => laws.rounds_sketch = true,
                Spec::Noise { noise, eps, law, shared } => {
                    laws.sites[site] = Some(SiteLaw { noise, eps, law, shared });
                }
                Spec::Format(_) => return Err(no_law(site)),
            }
        }
        match laws.is_exact() {
            true => Ok(laws),
            false => Err(NOT_GAUSSIAN.into()),
        }
    }

    /// Whether the moments have a formula here: relative noise at features that activations and gradients both read
    /// takes Gaussian ones.
    pub fn is_exact(&self) -> bool {
        let is_relative = self[Site::Feature].is_some_and(|law| law.noise == Noise::Relative);
        let is_gaussian = self[Site::Data].is_none_or(|law| law.noise == Noise::Additive && law.is_gaussian());
        !is_relative || self[Site::FeatureGrad].is_some() || is_gaussian
    }

    /// The cheapest method that is exact. Without a sketch the coordinates are the eigenbasis, and every law keeps to
    /// them; else only what treats all directions alike does.
    pub fn method(&self, is_sketched: bool) -> Method {
        let is = |site: Site, isotropic: fn(&SiteLaw) -> bool| self[site].as_ref().is_none_or(isotropic);
        let not_relative = |law: &SiteLaw| law.noise != Noise::Relative;
        let isotropic = !self.rounds_sketch
            && is(Site::Data, |law| law.noise == Noise::Multiplicative)
            && is(Site::Feature, |law| {
                law.noise == Noise::Multiplicative || law.noise == Noise::Additive && law.is_gaussian()
            })
            && [Site::FeatureGrad, Site::Parameter, Site::Weight].into_iter().all(|site| is(site, not_relative));
        if isotropic || !is_sketched { Method::Diagonal } else { Method::Dense }
    }

    /// What [`Method::Dense`] needs of the regressions, of the sketch as it is drawn and as it is read.
    pub fn needs(&self, is_prior: bool) -> Needs {
        let data = self[Site::Data];
        let is_additive = |law: SiteLaw| law.noise == Noise::Additive;
        let is_each = |law: SiteLaw| law.noise == Noise::Relative || is_additive(law) && !law.is_gaussian();
        let rows = data.is_some_and(is_each) || is_prior && self.rounds_sketch;
        Needs { spread: data.is_some_and(is_additive), rows }
    }

    /// What joins the moments of an update beside those of the features.
    pub fn noise(&self) -> UpdateNoise {
        let [label, activation, gradient, parameter, weight] =
            [Site::Label, Site::Activation, Site::Gradient, Site::Parameter, Site::Weight]
                .map(|site| Added::of(self[site]));
        UpdateNoise { label, activation, gradient, parameter, weight }
    }
}

impl std::ops::Index<Site> for Laws {
    type Output = Option<SiteLaw>;

    fn index(&self, site: Site) -> &Option<SiteLaw> {
        &self.sites[site]
    }
}

/// What a law adds to a second moment S: `relative` S + `additive` I.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Added {
    pub relative: f64,
    pub additive: f64,
    /// The relative part again where a batch shares its draw: it does not average out.
    pub shared: f64,
    /// The relative part has a draw for each element: it joins the diagonal alone.
    pub by_element: bool,
}

impl Added {
    fn of(law: Option<SiteLaw>) -> Added {
        let Some(SiteLaw { noise, eps, shared, .. }) = law else { return Added::default() };
        match noise {
            Noise::Additive => Added { additive: eps, ..Added::default() },
            Noise::Relative | Noise::Multiplicative => Added {
                relative: eps,
                shared: if shared { eps } else { 0.0 },
                by_element: noise == Noise::Relative,
                additive: 0.0,
            },
        }
    }
}

/// The noise of an update beside that of the features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateNoise {
    pub label: Added,
    pub activation: Added,
    pub gradient: Added,
    pub parameter: Added,
    pub weight: Added,
}
