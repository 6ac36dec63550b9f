//! What the formats of a cohort's recipes do to values as its runs have them.

use crate::codec::apply;
use crate::cpu::{self, Tile};
use crate::error::Result;
use crate::format::{QuantOp, Spec};
use crate::plan::{Feature, Phase, Plan, ProblemPoint, Trajectory, spec_at};
use crate::random::{FIRST_TEST, Stream};
use crate::reference::draw;
use crate::risk::Truth;
use crate::site::{PerSite, Site};
use crate::theory::matched::Measured;
use crate::watch::Watch;

/// Samples that measure features and scalars, one batch at least; covariates, of which each has D values; draws of a random rounding of the weights.
pub const SAMPLES: u32 = 512;
const COVARIATES: u32 = 32;
const UPDATES: u32 = 16;

/// Test samples of one cohort, which no run trains on, before and after its formats.
pub struct Trial<'a> {
    plan: &'a Plan,
    point: &'a ProblemPoint,
    stream: Stream,
    /// Clean.
    covariates: Vec<Vec<f32>>,
    /// Of a point with the features of `point`, and behind them the same without their own operation.
    tiles: Vec<Tile>,
}

impl<'a> Trial<'a> {
    pub fn new(plan: &'a Plan, truth: &Truth<'a>, seed_index: u32, watch: &Watch) -> Result<Trial<'a>> {
        let (seed, point) = (plan.config.sweep.seed, truth.point);
        let stream = Stream::new(seed, seed_index);
        let scales = &truth.eigenvalues.scales;
        let covariates = (0..COVARIATES).map(|k| draw::covariate(scales, &stream, FIRST_TEST + k)).collect();
        let mut both = point.clone();
        both.features.extend(point.features.iter().map(|feature| Feature { op: QuantOp::none(), ..*feature }));
        let first = u64::from(FIRST_TEST);
        let batches = point.trajectories.iter().map(|t| t.batch).max().unwrap_or(1);
        let range = (first, first + u64::from(SAMPLES.max(batches)));
        let tiles = cpu::samples(seed, &both, seed_index, range, watch)?;
        Ok(Trial { plan, point, stream, covariates, tiles })
    }

    /// What each format of a phase of a trajectory does, at the weights that are best without any. `None` where one makes
    /// values infinite or NaN, or leaves nothing of them: its runs end, or never learn.
    pub fn measure(&self, trajectory: &Trajectory, phase: usize, optimum: &[f64]) -> Option<PerSite<Option<Measured>>> {
        let sites = self.plan.config.recipes[trajectory.recipe].phase(phase);
        let is_format = |site| matches!(spec_at(sites, &self.point.problem, site), Some(Spec::Format(_)));
        let phase = &trajectory.phases[phase];
        let mut found = PerSite::from_fn(|_| None);
        if is_format(Site::Data) {
            found[Site::Data] = Some(self.data(&self.point.pairs[self.point.features[phase.feature].pair].data)?);
        }
        let model = optimum.len();
        let z = self.vectors(phase.feature, model)?;
        if is_format(Site::Feature) {
            let plain = self.vectors(phase.feature + self.point.features.len(), model)?;
            found[Site::Feature] = Some(Measured::of(pairs(plain.into_iter().flatten(), z.iter().copied().flatten())));
        }
        if is_format(Site::FeatureGrad) {
            found[Site::FeatureGrad] = Some(self.gradient_features(trajectory, phase, model)?);
        }
        let v: Vec<f32> = optimum.iter().map(|v| *v as f32).collect();
        let mut read = v.clone();
        let op = &phase.ops.parameter;
        if is_format(Site::Parameter) {
            let draws = (0..UPDATES).map(|t| self.through(op, &v, |j| (j as u32, t)));
            let draws = draws.collect::<Option<Vec<_>>>()?;
            read.clone_from(&draws[0]);
            let each = draws.iter().flat_map(|draw| pairs(&v, draw));
            found[Site::Parameter] = Some(Measured::of(each));
        }
        let activations: Vec<f32> = z.iter().map(|z| z.iter().zip(&read).map(|(z, v)| z * v).sum()).collect();
        let all = self.tiles.iter().flat_map(|tile| (0..tile.samples()).map(move |s| tile.label(phase.feature, s)));
        let labels: Vec<f32> = all.collect();
        let mut scalars = |site: Site, values: Vec<f32>, op: &QuantOp| {
            let rounded = self.batches(op, &values, trajectory.batch as usize)?;
            found[site] = is_format(site).then(|| Measured::of(pairs(&values, &rounded)));
            Some(rounded)
        };
        let a = scalars(Site::Activation, activations, &phase.ops.activation)?;
        let y = scalars(Site::Label, labels, &phase.ops.label)?;
        scalars(Site::Gradient, y.iter().zip(&a).map(|(y, a)| y - a).collect(), &phase.ops.gradient)?;
        for (site, measured) in found.iter_mut() {
            if spec_at(sites, &self.point.problem, site).is_some_and(Spec::is_unbiased) {
                *measured = measured.map(Measured::unbiased);
            }
        }
        let learns = found.iter().all(|(_, measured)| measured.is_none_or(|measured| measured.gain > 0.0));
        learns.then_some(found)
    }

    /// Values after an operation, element k with the random word of coordinate and number `at`(k). `None` where one
    /// becomes infinite or NaN.
    fn through(&self, op: &QuantOp, values: &[f32], at: impl Fn(usize) -> (u32, u32)) -> Option<Vec<f32>> {
        let mut rounded = values.to_vec();
        let word = |k| self.stream.word(at(k).0, at(k).1, op.purpose);
        (apply(op, &mut rounded, word).nan == 0).then_some(rounded)
    }

    /// Of the coordinates that are drawn as such; the others of a head are not rounded.
    fn data(&self, op: &QuantOp) -> Option<Measured> {
        let (unit, literal) = (libm::ldexp(1.0, op.unit), self.point.problem.literal() as usize);
        let of = |(k, x): (u32, &Vec<f32>)| self.through(op, &x[..literal], |i| (i as u32, FIRST_TEST + k));
        let rounded = (0..).zip(&self.covariates).map(of).collect::<Option<Vec<_>>>()?;
        let own = self.covariates.iter().zip(&rounded).flat_map(|(x, q)| pairs(x, q).map(|(x, q)| (x, unit * q)));
        let rest = self.covariates.iter().flat_map(|x| pairs(&x[literal..], &x[literal..]));
        Some(Measured::of(own.chain(rest)))
    }

    /// Feature vectors of all samples.
    fn vectors(&self, feature: usize, model: usize) -> Option<Vec<&[f32]>> {
        let is_whole = |tile: &Tile| (0..tile.samples()).all(|s| !tile.has_nan(feature, s));
        self.tiles.iter().all(is_whole).then(|| {
            let all = self.tiles.iter().flat_map(|tile| {
                let z = &tile.features[feature].0;
                z.chunks(z.len() / tile.samples())
            });
            all.map(|z| &z[..model]).collect()
        })
    }

    /// Features as the gradient reads them: blocks run along the batch.
    fn gradient_features(&self, trajectory: &Trajectory, phase: &Phase, model: usize) -> Option<Measured> {
        let (z, op) = (self.vectors(phase.gradient_feature, model)?, &phase.ops.feature_grad);
        let columns = (0..model).map(|j| z.iter().map(|z| z[j]).collect::<Vec<f32>>());
        let columns: Vec<Vec<f32>> = columns.collect();
        let rounded = |(j, column): (usize, &Vec<f32>)| {
            let batch = trajectory.batch as usize;
            let each = column
                .chunks(batch)
                .enumerate()
                .map(|(c, chunk)| self.through(op, chunk, |b| (j as u32, FIRST_TEST + (c * batch + b) as u32)));
            each.collect::<Option<Vec<_>>>().map(|chunks| chunks.concat())
        };
        let rounded = columns.iter().enumerate().map(rounded).collect::<Option<Vec<_>>>()?;
        Some(Measured::of(pairs(columns.iter().flatten(), rounded.iter().flatten())))
    }

    /// One value a sample, in batches.
    fn batches(&self, op: &QuantOp, values: &[f32], batch: usize) -> Option<Vec<f32>> {
        let each = values
            .chunks(batch)
            .enumerate()
            .map(|(c, chunk)| self.through(op, chunk, |b| (0, FIRST_TEST + (c * batch + b) as u32)));
        each.collect::<Option<Vec<_>>>().map(|chunks| chunks.concat())
    }
}

fn pairs<'a>(
    values: impl IntoIterator<Item = &'a f32>,
    rounded: impl IntoIterator<Item = &'a f32>,
) -> impl Iterator<Item = (f64, f64)> {
    values.into_iter().zip(rounded).map(|(u, q)| (f64::from(*u), f64::from(*q)))
}
