//! The expected curves of one cohort: its own sketch and target, every trajectory.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use faer::Mat;
use rayon::prelude::*;

use super::cost::tail_updates;
use super::measured::Trial;
use super::{Job, Kind};
use crate::config::{Output, Schedule};
use crate::cpu::quantized_sketch;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, ProblemPoint, SketchDraw, tail_start};
use crate::problem::{self, Sketch, sketch_norm};
use crate::random::Stream;
use crate::risk::Truth;
use crate::theory::basis::Basis;
use crate::theory::dense::{self, Matrices};
use crate::theory::laws::{Laws, Method};
use crate::theory::matched::FormatLaw;
use crate::theory::recursion::{Expected, Phases, Recursion};
use crate::theory::regression::{Eigen, Inputs, Needs, Regression, Target, eigen, optimum, signal};
use crate::theory::schedule;
use crate::theory::stability::settled;
use crate::watch::Watch;

/// Core-seconds of a recursion between two looks at the watch, by estimate.
const LOOK: f64 = 0.05;

/// The expected risks of one trajectory of one seed index.
#[derive(Clone, Debug)]
pub struct Curve {
    /// A, which no training changes.
    pub approximation: f64,
    /// kappa of a constant step, and the excess at which the last iterate settles, where there is a closed form.
    pub settled: Option<(f64, f64)>,
    /// By the samples at which states of the trajectory are kept, and by output, where there is a row; none of full
    /// precision alone.
    pub points: Vec<Vec<Option<Expected>>>,
    /// The same in full precision, where formats are matched or no law is like them.
    pub full: Vec<Vec<Option<Expected>>>,
    /// What the formats of each phase do that are matched.
    pub formats: Vec<(usize, FormatLaw)>,
}

/// Follows the jobs of a cohort; by trajectory of the point. A job whose rounded sketch has an entry that is infinite or
/// NaN has no curve, nor one of whose formats leaves no numbers.
pub fn follow(
    plan: &Plan,
    cohort: Cohort,
    jobs: &[Job],
    fixed: &Fixed,
    prior: bool,
    watch: &Watch,
) -> Result<Vec<Option<Curve>>> {
    let point = &plan.points[cohort.point];
    let mut curves = vec![None; point.trajectories.len()];
    if jobs.is_empty() {
        return Ok(curves);
    }
    let truth = Truth::new(point, Stream::new(plan.config.sweep.seed, cohort.seed_index))
        .ok_or_else(|| Error::Other(format!("problem point {} has no truth", cohort.point)))?;
    let prior = prior.then(|| problem::prior(&point.problem, &truth.eigenvalues)).flatten();
    let inputs = inputs(&truth, prior.as_deref());
    let trial = jobs.iter().any(|job| job.kind == Kind::Matched);
    let trial = trial.then(|| Trial::new(plan, &truth, cohort.seed_index, watch)).transpose()?;
    // The curve of a job, given the weights that are best without formats, and matrices for its laws.
    type Of<'a> = &'a dyn Fn(&Laws) -> Result<Matrices>;
    let outputs = plan.config.train.outputs.as_slice();
    let average = outputs.contains(&Output::Average);
    let curve = |job: &Job, basis: &Basis, optimum: &[f64], matrices: Of| -> Result<Option<(usize, Curve)>> {
        let batch = job.trajectory.batch;
        let (mut laws, mut formats) = (job.laws.clone(), Vec::new());
        if let (Kind::Matched, Some(trial)) = (job.kind, &trial) {
            for (number, laws) in laws.iter_mut().enumerate() {
                let Some(found) = trial.measure(job.trajectory, number, optimum) else { return Ok(None) };
                formats.extend(laws.formats(&found).into_iter().map(|law| (number, law)));
                *laws = laws.matched(&found);
            }
        }
        let diagonal = |laws: &[Laws]| run(Recursion::new(basis, &laws[0], batch, average)?, laws, job, outputs, watch);
        let points = match (job.kind, job.method) {
            (Kind::FullPrecision, _) => Vec::new(),
            (_, Method::Diagonal) => diagonal(&laws)?,
            (_, Method::Dense) => {
                let all = laws.iter().map(matrices).collect::<Result<Vec<_>>>()?;
                let phases: Vec<&Matrices> = all.iter().collect();
                run(dense::Recursion::new(phases[0], batch, average)?, &phases, job, outputs, watch)?
            }
        };
        let full = if job.kind == Kind::Exact { Vec::new() } else { diagonal(&[Laws::default()])? };
        let is_constant = plan.config.train.schedule == Schedule::Constant && job.kind == Kind::Exact;
        let step = f64::from(batch) * f64::from(job.trajectory.step.first);
        let last = laws.last().filter(|_| is_constant);
        let settled = last.and_then(|laws| settled(basis, laws, step, batch));
        let settled = settled.map(|(kappa, risks)| (kappa, risks.excess));
        Ok(Some((job.number, Curve { approximation: basis.approximation(), settled, points, full, formats })))
    };
    let mut done: Vec<(usize, Curve)> = Vec::new();
    if !point.problem.is_sketched() {
        let basis = Basis::coordinates(&inputs);
        let none = |_: &Laws| Err(Error::Other("without a sketch all moments are diagonal".into()));
        let all = jobs.par_iter().map(|job| curve(job, &basis, &truth.target, &none));
        done = all.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    }
    for (number, draw) in point.sketches.iter().enumerate() {
        let own: Vec<&Job> = jobs.iter().filter(|job| point.draw_of(job.trajectory.model) == Some(number)).collect();
        if own.is_empty() {
            continue;
        }
        let sketched = Sketched::new(&truth, draw, &inputs, &own, watch)?;
        let models: BTreeSet<u32> = own.iter().map(|job| job.trajectory.model).collect();
        for model in models {
            let clean = sketched.clean.leading(model as usize);
            let found = fixed.of(model, &clean).map_err(|error| named(error, cohort.point, model))?;
            let basis = Basis::along(&found, &clean, &inputs);
            let optimum = match own.iter().any(|job| job.kind == Kind::Matched) {
                true => optimum(&found, &sketched.signal(model as usize), basis.tail),
                false => Vec::new(),
            };
            let has_numbers = |job: &Job| sketched.read.get(&pair(point, job)).is_none_or(|read| read.numbers >= model);
            let own = own.par_iter().filter(|job| job.trajectory.model == model && has_numbers(job));
            let of_model = own.map(|job| {
                let read = || sketched.read.get(&pair(point, job)).map(|read| read.regression.leading(model as usize));
                let matrices =
                    |laws: &Laws| Matrices::new(read().as_ref().unwrap_or(&clean), &clean, &basis, &inputs, laws);
                curve(job, &basis, &optimum, &matrices)
            });
            done.extend(of_model.collect::<Result<Vec<_>>>()?.into_iter().flatten());
        }
    }
    done.into_iter().for_each(|(number, curve)| curves[number] = Some(curve));
    Ok(curves)
}

/// Eigenbases that all seed indices of a problem point share, by model size: those of a sketch from a file.
#[derive(Default)]
pub struct Fixed(BTreeMap<u32, OnceLock<Eigen>>);

impl Fixed {
    pub fn new(point: &ProblemPoint) -> Fixed {
        let is_fixed = matches!(point.problem.sketch, Sketch::File(_));
        let models = if is_fixed { point.models() } else { Vec::new() };
        Fixed(models.into_iter().map(|model| (model, OnceLock::new())).collect())
    }

    /// That of a model size, where it is shared the first one that was found.
    fn of(&self, model: u32, regression: &Regression) -> Result<Cow<'_, Eigen>> {
        let Some(shared) = self.0.get(&model) else { return Ok(Cow::Owned(eigen(&regression.sigma)?)) };
        if shared.get().is_none() {
            let found = eigen(&regression.sigma)?;
            shared.get_or_init(|| found);
        }
        let found = shared.get().expect("it was just found");
        Ok(Cow::Borrowed(found))
    }
}

/// The regression problem of a truth before its sketch; of a target that is drawn the mean over these variances, where they
/// are given.
pub fn inputs<'a>(truth: &'a Truth, prior: Option<&'a [f64]>) -> Inputs<'a> {
    let point = truth.point;
    Inputs {
        lambda: &truth.eigenvalues.lambda,
        target: prior.map_or(Target::Fixed(&truth.target), Target::Prior),
        tail: point.tail.features,
        tail_label: point.tail.label,
        noise: point.problem.noise * point.problem.noise,
    }
}

/// An error of moments, with the place in the plan that they are of.
pub fn named(error: Error, point: usize, model: u32) -> Error {
    match error {
        Error::Input(reason) => Error::Input(format!("problem point {point}, train.model = {model}: {reason}")),
        other => other,
    }
}

/// Number of the pair of data and sketch that a job's features come from: its sketch is that of all phases.
fn pair(point: &ProblemPoint, job: &Job) -> usize {
    point.features[job.trajectory.phases[0].feature].pair
}

/// A draw of the sketch at its largest model size.
struct Sketched {
    /// As it was drawn, and, by pair, as those that round it read it.
    clean: Regression,
    read: BTreeMap<usize, Rounded>,
    /// S H w* of the cohort's own target, whose law may be all that `clean` knows.
    signal: Mat<f64>,
}

/// A draw of the sketch after a format or a law.
struct Rounded {
    regression: Regression,
    /// So many leading rows hold numbers alone.
    numbers: u32,
}

impl Sketched {
    fn new(truth: &Truth, draw: &SketchDraw, inputs: &Inputs, jobs: &[&Job], watch: &Watch) -> Result<Sketched> {
        let (point, is_prior) = (truth.point, matches!(inputs.target, Target::Prior(_)));
        let needs = |jobs: &mut dyn Iterator<Item = &&Job>| {
            jobs.filter(|job| job.method == Method::Dense)
                .flat_map(|job| job.laws.iter().map(|laws| laws.needs(is_prior)))
                .fold(Needs::default(), Needs::or)
        };
        let scale = sketch_norm(&point.problem, draw.rows).sqrt();
        let rows = truth.draw(draw);
        let clean = Regression::new(inputs, &rows, scale, needs(&mut jobs.iter()), watch)?;
        let signal = signal(inputs.lambda, &rows, scale, &truth.target);
        let mut read = BTreeMap::new();
        let pairs: BTreeSet<usize> =
            jobs.iter().filter(|job| job.laws[0].rounds_sketch).map(|job| pair(point, job)).collect();
        for number in pairs {
            let own = needs(&mut jobs.iter().filter(|job| pair(point, job) == number));
            let (rows, counts) = quantized_sketch(point, number, &truth.stream);
            let numbers = counts.iter().take_while(|row| row.nan == 0).count() as u32;
            read.insert(number, Rounded { regression: Regression::new(inputs, &rows, scale, own, watch)?, numbers });
        }
        Ok(Sketched { clean, read, signal })
    }

    /// That of the first rows, whose entries have variance 1/M.
    fn signal(&self, model: usize) -> Mat<f64> {
        let ratio = (self.signal.nrows() as f64 / model as f64).sqrt();
        Mat::from_fn(model, 1, |j, _| ratio * self.signal[(j, 0)])
    }
}

/// The expected risks wherever a state is kept, by output, of phases under these laws: quantized tests are under the last.
fn run<R: Phases>(
    recursion: R,
    laws: &[R::Laws],
    job: &Job,
    outputs: &[Output],
    watch: &Watch,
) -> Result<Vec<Vec<Option<Expected>>>> {
    let Job { trajectory, kind, .. } = *job;
    // Matched curves have those of full precision beside them.
    let work = if kind == Kind::Matched { job.work / 2.0 } else { job.work };
    let batch = u64::from(trajectory.batch);
    let (updates, mut due) = (trajectory.samples / batch, trajectory.rows.iter().peekable());
    // Updates of every recursion that is followed.
    let all = updates + tail_updates(trajectory, outputs);
    let look = ((all as f64 * LOOK / work.max(LOOK)) as u64).max(1);
    let mut since = 0;
    let mut recursion = recursion.tested(laws[laws.len() - 1]);
    let mut later = trajectory.phases.iter().zip(laws).skip(1).peekable();
    // By the samples at which they end; cells, and with them the starts of their tails, ascend.
    let mut tails: Vec<(u64, R)> = Vec::new();
    let with_tails = trajectory.cells.iter().filter(|_| outputs.contains(&Output::Tail));
    let mut ends = with_tails.map(|prefix| prefix.samples).peekable();
    let mut points = Vec::new();
    for (gamma, update) in schedule::steps(trajectory).zip(0..) {
        if let Some((_, laws)) = later.next_if(|(phase, _)| phase.from == update * batch) {
            recursion.change(*laws);
            tails.iter_mut().for_each(|(_, tail)| tail.change(*laws));
        }
        while let Some(end) = ends.next_if(|end| tail_start(trajectory.batch, *end) == update * batch) {
            let mut tail = recursion.clone();
            tail.begin_average();
            tails.push((end, tail));
        }
        recursion.update(gamma);
        tails.iter_mut().for_each(|(_, tail)| tail.update(gamma));
        since += 1 + tails.len() as u64;
        let seen = (update + 1) * batch;
        if due.next_if(|due| **due == seen).is_some() {
            let ended = tails.iter().position(|(end, _)| *end == seen).map(|at| tails.swap_remove(at).1);
            let of = |output: &Output| match output {
                Output::Last => Some(recursion.last()),
                Output::Average => recursion.average(),
                Output::Tail => ended.as_ref().and_then(R::average),
            };
            points.push(outputs.iter().map(of).collect());
        }
        if since >= look {
            watch.step(std::mem::take(&mut since) as f64 / all as f64 * work)?;
        }
    }
    watch.step(since as f64 / all as f64 * work)?;
    Ok(points)
}
