//! An idealised simulation in f64: the same problems, laws and formats, written down a second time from their
//! definitions, with its own generator, its own draws and its own quantizers. Nothing here uses the library;
//! [`expected`] compares with it.
//!
//! It has no grids, no f32 and no fixed order of sums, so single runs differ from the program's; their means agree.
//! A [`Case`] is both a simulation and, through [`Case::config`], the config of the same experiment. Changing the
//! case that is simulated, and not the config, is how a test shows that it can fail.

mod checks;
mod config;
mod draw;
mod expected;
mod random;
mod risk;
mod rounder;
mod train;

use draw::Draws;
use random::Random;
use rayon::prelude::*;
use rounder::Rounder;

/// Eigenvalues of the covariance of x, counted from i = 1.
#[derive(Clone)]
pub enum Spectrum {
    /// `i^-a`
    Power(f64),
    /// `exp(-rate (i - 1))`
    Exponential(f64),
    /// `i^-1 log^-a(i + 1)`
    Logarithmic(f64),
    File(Vec<f64>),
}

#[derive(Clone)]
pub enum Target {
    Gaussian,
    Ones,
    /// `lambda_i E w_i^2 = i^-b`
    Source(f64),
    File(Vec<f64>),
}

#[derive(Clone)]
pub enum Sketch {
    Gaussian {
        nested: bool,
    },
    None,
    /// Rows of S; a smaller model takes the first ones times sqrt(rows/M).
    File(Vec<Vec<f64>>),
}

/// Rows of a file instead of Gaussian covariates.
#[derive(Clone)]
pub struct Rows {
    pub x: Vec<Vec<f64>>,
    pub y: Vec<f64>,
    /// Fraction of the rows that judge.
    pub held_out: f64,
    /// The rows that judge when all others are read in a random order; None: the last ones, the others in order.
    pub permuted: Option<Vec<usize>>,
}

/// The law of a noise: which elements share a draw.
#[derive(Clone, Copy, PartialEq)]
pub enum Law {
    /// `u + e n`
    Additive,
    /// `u (1 + e n)` with a draw per element.
    Relative,
    /// `u (1 + e n)` with a draw per vector.
    Multiplicative,
}

/// What happens at a site.
#[derive(Clone)]
pub enum Rule {
    /// `scale` is the step of an integer format.
    Format { name: &'static str, scale: f64, stochastic: bool },
    /// Variance `eps`; `shared`: one draw for the samples of a batch.
    Noise { law: Law, eps: f64, two_point: bool, shared: bool },
}

#[derive(Clone, Copy, PartialEq)]
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

/// One experiment: a problem, a training and a recipe.
#[derive(Clone)]
pub struct Case {
    /// Tells the draws of one test from those of another.
    pub seed: u64,
    /// Independent trials of the simulation, and seeds of the program.
    pub trials: usize,
    /// D; with [`Rows`] the number of columns.
    pub dim: usize,
    pub spectrum: Spectrum,
    pub target: Target,
    /// Standard deviation of the label noise.
    pub noise: f64,
    pub sketch: Sketch,
    /// D stands for infinity, with an isotropic tail.
    pub closed: bool,
    /// How the program draws samples, as its config has it; the simulation draws covariates in any case.
    pub sampling: &'static str,
    /// Coordinates that a format at the data rounds, the first ones, where it does not round all.
    pub head: Option<usize>,
    pub rows: Option<Rows>,
    /// M, at most D.
    pub model: usize,
    /// A larger model of the same config, which must not matter.
    pub sibling: Option<usize>,
    pub samples: usize,
    pub batch: usize,
    pub step: f64,
    pub geometric: bool,
    /// Judge the mean of v_0 .. v_{T-1}, not v_T.
    pub average: bool,
    pub rules: Vec<(Site, Rule)>,
    /// Fresh samples on which the quantized-test risk is estimated.
    pub test_samples: usize,
}

/// A power spectrum with a Gaussian target in full precision: the base that the table of problems varies.
impl Default for Case {
    fn default() -> Case {
        Case {
            seed: 0,
            trials: 20_000,
            dim: 32,
            spectrum: Spectrum::Power(2.0),
            target: Target::Gaussian,
            noise: 0.5,
            sketch: Sketch::Gaussian { nested: true },
            closed: false,
            sampling: "\"ambient\"",
            head: None,
            rows: None,
            model: 6,
            sibling: None,
            samples: 64,
            batch: 1,
            step: 0.1,
            geometric: true,
            average: false,
            rules: Vec::new(),
            test_samples: 0,
        }
    }
}

impl Case {
    /// Names of the results, as the program's rows call them.
    pub fn columns(&self) -> &'static [&'static str] {
        match (&self.rows, self.test_samples) {
            (Some(_), _) => &["held_out"],
            (None, 0) => &["reducible", "excess"],
            (None, _) => &["reducible", "excess", "quantized_test"],
        }
    }

    /// The results of independent trials, each in the order of [`Case::columns`].
    pub fn simulate(&self) -> Vec<Vec<f64>> {
        let rounders = Rounders::new(&self.rules);
        let draws = Draws::new(self);
        (0..self.trials as u64)
            .into_par_iter()
            .map(|trial| self.trial(&draws, &rounders, &mut Random::new(self.seed, trial)))
            .collect()
    }

    fn trial(&self, draws: &Draws, rounders: &Rounders, random: &mut Random) -> Vec<f64> {
        let world = draws.world(self, rounders, random);
        let v = train::train(self, draws, &world, rounders, random);
        if self.rows.is_some() {
            return vec![risk::held_out(&world, &v)];
        }
        let risk = risk::exact(draws, &world, &v, self.model);
        let mut results = vec![risk.reducible, risk.excess];
        if self.test_samples > 0 {
            let known = self.noise * self.noise + risk.reducible - risk.excess;
            let test = train::test_loss(self, draws, &world, rounders, &v, random);
            results.push(test - known);
        }
        results
    }
}

/// The rounder of every site that has one.
pub struct Rounders([Option<Rounder>; 9]);

impl Rounders {
    fn new(rules: &[(Site, Rule)]) -> Rounders {
        let of = |site: usize| rules.iter().find(|(at, _)| *at as usize == site).map(|(_, rule)| Rounder::new(rule));
        Rounders(std::array::from_fn(of))
    }

    fn at(&self, site: Site) -> Option<&Rounder> {
        self.0[site as usize].as_ref()
    }

    /// Rounds values that belong together: a vector, or with `scalars` one number per sample of a batch.
    fn apply(&self, site: Site, values: &mut [f64], scalars: bool, random: &mut Random) {
        if let Some(rounder) = self.at(site) {
            rounder.apply(values, scalars, random);
        }
    }
}

/// Mean and its standard error.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}
