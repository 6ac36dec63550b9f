//! What the cells of one problem point share, and the trajectories that they come to.

use std::collections::HashMap;
use std::iter;

use super::due::union_due;
use super::grid::{Cell, models};
use super::point::{DrawnLaw, Feature, Label, Pair, Phase, Prefix, ProblemPoint, SketchDraw, Trajectory};
use super::step::{StepSize, TrainOps};
use crate::config::{Config, Draws, Schedule, Sites};
use crate::error::{Error, Result};
use crate::format::{QuantOp, Spec, Splitting, class};
use crate::problem::{Problem, Sketch, Tail, TailVariance, sketch_norm, tail};
use crate::site::Site;

/// The last closed tail: its sums take a moment, and points that differ in noise and sketch are neighbours.
#[derive(Default)]
pub(super) struct Tails<'a>(Option<(&'a Problem, TailVariance)>);

impl<'a> Tails<'a> {
    pub(super) fn of(&mut self, problem: &'a Problem) -> TailVariance {
        if problem.tail == Tail::Open {
            return TailVariance::default();
        }
        let same = |have: &Problem| {
            (have.dim, &have.spectrum, &have.target) == (problem.dim, &problem.spectrum, &problem.target)
        };
        match self.0 {
            Some((have, sums)) if same(have) => sums,
            _ => {
                let sums = tail(problem);
                self.0 = Some((problem, sums));
                sums
            }
        }
    }
}

/// The point of the cells `first ..`, which are all of its; `tail` is that of its problem.
pub(super) fn point(
    config: &Config,
    first: u64,
    cells: &[Cell],
    block: u64,
    tail: TailVariance,
) -> Result<ProblemPoint> {
    let problem = config.problems[cells[0].problem].clone();
    let samples = config.train.samples.iter().copied().max().unwrap_or(1);
    let models = models(config, &problem);
    let model = models.iter().copied().max().unwrap_or(1);
    let sketches = match problem.sketch {
        Sketch::None => Vec::new(),
        Sketch::Gaussian { nested: false } => models.iter().map(|&m| SketchDraw { pass: m, rows: m }).collect(),
        _ => vec![SketchDraw { pass: 0, rows: model }],
    };
    let (coordinates, labels) = match problem.draws_features() {
        true => (problem.literal() + model, Vec::new()),
        false => (problem.dim, vec![Label { model, law: 0 }]),
    };
    let mut point = ProblemPoint {
        uploads: problem.covariates().is_some() || config.sweep.draws == Draws::Host,
        problem,
        tail,
        model,
        coordinates,
        labels,
        samples,
        block,
        sketches,
        laws: Vec::new(),
        pairs: Vec::new(),
        features: Vec::new(),
        trajectories: Vec::new(),
    };
    let mut known = Known::default();
    for (id, cell) in (first..).zip(cells) {
        add_cell(config, &mut point, &mut known, id, cell)?;
    }
    for trajectory in &mut point.trajectories {
        trajectory.cells.sort_by_key(|prefix| prefix.samples);
        trajectory.samples = trajectory.cells.last().map_or(0, |longest| longest.samples);
        trajectory.rows = union_due(&config.train, trajectory.batch, &trajectory.cells);
    }
    Ok(point)
}

/// The place of a pair. Models are the slowest key, so pairs of one draw are neighbours.
fn find_pair(pairs: &mut Vec<Pair>, pair: Pair) -> usize {
    let own = pairs.iter().rev().take_while(|have| have.draw == pair.draw).position(|have| *have == pair);
    match own {
        Some(behind) => pairs.len() - 1 - behind,
        None => {
            pairs.push(pair);
            pairs.len() - 1
        }
    }
}

/// What a point has so far, by what tells it apart: grids of many cells are planned in a moment.
#[derive(Default)]
struct Known {
    /// By (M, recipe): in each phase the features that activations and Z^T r read.
    features: HashMap<(u32, usize), Vec<(usize, usize)>>,
    /// By pair, M, factor and format; scale and tail follow from these.
    places: HashMap<(usize, u32, QuantOp, QuantOp), usize>,
    trajectories: HashMap<TrajectoryKey, usize>,
}

/// What cells of one trajectory have in common.
#[derive(PartialEq, Eq, Hash)]
struct TrajectoryKey {
    model: u32,
    batch: u32,
    recipe: usize,
    /// f32 bits of the first step.
    step: u32,
    stage: u32,
    /// N where it shapes the schedule, else `None`.
    samples: Option<u64>,
    /// Where later phases begin.
    phases: Vec<u64>,
}

impl Known {
    fn place(&mut self, point: &mut ProblemPoint, feature: Feature) -> usize {
        let key = (feature.pair, feature.model, feature.factor, feature.op);
        *self.places.entry(key).or_insert_with(|| {
            point.features.push(feature);
            point.features.len() - 1
        })
    }

    fn features(&mut self, config: &Config, point: &mut ProblemPoint, cell: &Cell) -> Result<Vec<(usize, usize)>> {
        if let Some(known) = self.features.get(&(cell.model, cell.recipe)) {
            return Ok(known.clone());
        }
        let phases = config.recipes[cell.recipe].phases().enumerate();
        let of = |(number, sites)| self.features_of(config, point, cell, number, sites);
        let all = phases.map(of).collect::<Result<Vec<_>>>()?;
        self.features.insert((cell.model, cell.recipe), all.clone());
        Ok(all)
    }

    /// Those of phase number `phase`, which has these formats.
    fn features_of(
        &mut self,
        config: &Config,
        point: &mut ProblemPoint,
        cell: &Cell,
        phase: usize,
        sites: &Sites,
    ) -> Result<(usize, usize)> {
        let op = |site: Site| op(point, sites, site);
        let (ops, grids) = ([Site::Data, Site::Sketch, Site::Feature].map(op), point.problem.grids());
        let (data, gradient_is_set) = (op(Site::Data), op(Site::FeatureGrad).is_set());
        let feature = feature(point, cell.model, ops);
        if feature.scale < libm::ldexp(1.0, -48) as f32 {
            return Err(Error::Input(format!(
                "{}.step = {:e}: over sqrt(train.model = {}) it is below 2^-48; allowed are larger steps",
                config.key(&format!("{}, data", config.recipes[cell.recipe].called(phase))),
                libm::ldexp(1.0, data.unit),
                cell.model
            )));
        }
        // What feature_grad rounds are the features before any rounding of their own.
        let plain = Feature { op: QuantOp::new(None, Site::Feature, grids), ..feature };
        Ok((self.place(point, feature), self.place(point, if gradient_is_set { plain } else { feature })))
    }
}

/// The format of a phase at a site that the problem has: without a sketch there is none to round.
pub fn spec_at<'a>(sites: &'a Sites, problem: &Problem, site: Site) -> Option<&'a Spec> {
    let is_there = site != Site::Sketch || problem.is_sketched();
    sites[site].as_ref().filter(|_| is_there)
}

fn op(point: &ProblemPoint, sites: &Sites, site: Site) -> QuantOp {
    QuantOp::new(spec_at(sites, &point.problem, site), site, point.problem.grids())
}

fn add_cell(config: &Config, point: &mut ProblemPoint, known: &mut Known, id: u64, cell: &Cell) -> Result<()> {
    let features = known.features(config, point, cell)?;
    let step = StepSize::new(config, cell)?;
    // With a constant step every N is a prefix of one trajectory; otherwise N shapes the schedule.
    let samples = (config.train.schedule != Schedule::Constant).then_some(cell.samples);
    let Cell { model, batch, recipe, .. } = *cell;
    let own = &config.recipes[recipe];
    let phases: Vec<u64> = own.then.iter().map(|phase| phase.from.sample(cell.samples, batch)).collect();
    let starts: Vec<u64> = iter::once(0).chain(phases.iter().copied()).collect();
    let key = TrajectoryKey { model, batch, recipe, step: step.first.to_bits(), stage: step.stage, samples, phases };
    let slot = *known.trajectories.entry(key).or_insert_with(|| {
        let of = |((from, sites), (feature, gradient_feature))| {
            let ops = TrainOps::new(|site| op(point, sites, site));
            Phase { from, feature, gradient_feature, ops }
        };
        let phases = starts.into_iter().zip(own.phases()).zip(features).map(of).collect();
        point.trajectories.push(Trajectory {
            model,
            batch,
            recipe,
            phases,
            step,
            samples: 0,
            rows: Vec::new(),
            cells: Vec::new(),
        });
        point.trajectories.len() - 1
    });
    point.trajectories[slot].cells.push(Prefix { cell: id, samples: cell.samples });
    Ok(())
}

impl ProblemPoint {
    /// The same point with nothing but the unrounded features of every model size.
    pub fn clean(&self) -> ProblemPoint {
        let (pairs, features, trajectories) = (Vec::new(), Vec::new(), Vec::new());
        let mut clean = ProblemPoint { pairs, features, trajectories, ..self.clone() };
        for model in self.models() {
            let unset =
                [Site::Data, Site::Sketch, Site::Feature].map(|site| QuantOp::new(None, site, self.problem.grids()));
            let feature = feature(&mut clean, model, unset);
            clean.features.push(feature);
        }
        clean
    }
}

/// The features of one model size under the operations at data, sketch and feature.
fn feature(point: &mut ProblemPoint, model: u32, [data, sketch, op]: [QuantOp; 3]) -> Feature {
    let grids = point.problem.grids();
    let unset = |site: Site| QuantOp::new(None, site, grids);
    let sketched = point.problem.is_sketched();
    // One factor for all of x multiplies the projections: the covariates stay as they are.
    let (data, factor) = if data.one_draw != 0 { (unset(Site::Data), data) } else { (data, unset(Site::Data)) };
    // Without a sketch there is no draw, and none is read.
    let draw = point.draw_of(model).unwrap_or_default();
    let (data, law, label) = match point.problem.draws_features() {
        true => drawn(point, model, draw, data),
        false => (data, 0, 0),
    };
    // What no format rounds stands beside what one does.
    let least = if point.problem.draws_features() { grids.data } else { 0 };
    let splitting = match sketched {
        true => Splitting::new(data.precision(grids.data).max(least), sketch.precision(grids.sketch)),
        false => Splitting::whole(),
    };
    let pair = find_pair(&mut point.pairs, Pair { data, sketch, draw, law, splitting });
    let unit = libm::ldexp(1.0, data.unit);
    let scale = if sketched { (unit / sketch_norm(&point.problem, model).sqrt()) as f32 } else { unit as f32 };
    // What is drawn as features has it already.
    let tail = if point.problem.draws_features() { 0.0 } else { point.tail_deviation(model) };
    Feature { pair, model, factor: QuantOp { significand: 24, ..factor }, op, scale, tail, label }
}

/// What is left to do at `data` where features are drawn, and the law and the label that this model size reads: noise that
/// is added to x is in their law.
fn drawn(point: &mut ProblemPoint, model: u32, draw: usize, data: QuantOp) -> (QuantOp, usize, usize) {
    let unset = QuantOp::new(None, Site::Data, point.problem.grids());
    let (data, added) = match data.kind {
        class::ADDITIVE => (unset, f64::from(f32::from_bits(data.factor)).powi(2)),
        _ => (data, 0.0),
    };
    let law = place(&mut point.laws, DrawnLaw { draw, added });
    (data, law, place(&mut point.labels, Label { model, law }))
}

/// Where an element is, added at the end if it is new.
fn place<T: PartialEq>(list: &mut Vec<T>, element: T) -> usize {
    list.iter().position(|have| *have == element).unwrap_or_else(|| {
        list.push(element);
        list.len() - 1
    })
}
