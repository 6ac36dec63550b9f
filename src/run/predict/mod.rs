//! What is expected of a plan's runs: the exact recursions of [`crate::theory`] under each seed's own sketch and
//! target.

mod cohort;
mod cost;
mod directory;
mod document;
mod measured;
mod memory;
mod rows;

use std::borrow::Cow;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, Builder};
use std::time::Duration;

use rayon::prelude::*;

use self::cohort::{Curve, Fixed};
pub use self::cohort::{inputs, named};
pub use self::cost::shared_seconds;
pub use self::directory::of_directory;
pub use self::document::RISKS;
pub use self::rows::{Found, FoundMeans, Mean, Means, Place, Risks};
use crate::config::{Recipe, Sites};
use crate::error::Result;
use crate::plan::{Cohort, Plan, Trajectory};
use crate::problem::Problem;
use crate::run::progress::Progress;
use crate::theory::laws::{Laws, Method};
use crate::watch::Watch;
use crate::{store, threads};

/// Progress is told at least this often.
const TICK: Duration = Duration::from_millis(250);

/// What [`predict`] may be told besides its plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictOptions {
    /// The mean over the law of w* in place of each seed's own; of a target that is not drawn nothing changes.
    pub prior: bool,
    /// Seconds on the threads that compute, by estimate, of what is predicted: the cheapest trajectories come first.
    pub budget: f64,
}

/// Whether a cell's numbers are expectations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Up to the rounding of f64; the grids of the draws and the rounding of f32 are not part of it.
    Exact,
    /// Those of the laws that come closest to the recipe's formats, with measured gains and errors: the reason.
    Matched(Cow<'static, str>),
    /// There are no numbers: the reason.
    None(Cow<'static, str>),
}

/// That of a seed index whose sketch a format rounds to infinities or NaN, and of the means with it.
static ENDED: Status =
    Status::None(Cow::Borrowed("the rounded sketch has an infinite or NaN entry: its runs end at update 0"));
/// That of a seed index for which a format has no gain, and of the means with it.
static WITHOUT_GAIN: Status =
    Status::None(Cow::Borrowed("a format makes values infinite or NaN, or leaves nothing of them"));

impl Status {
    pub fn name(&self) -> &'static str {
        match self {
            Status::Exact => store::predictions::EXACT,
            Status::Matched(_) => "matched",
            Status::None(_) => "none",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Status::Exact => None,
            Status::Matched(reason) | Status::None(reason) => Some(reason),
        }
    }
}

/// The trajectories of a plan, whether each is predicted, and what that came to.
pub struct Predicted<'a> {
    plan: &'a Plan,
    /// The means are over the law of w*.
    prior: bool,
    /// By problem point and trajectory.
    statuses: Vec<Vec<Status>>,
    /// By problem point and seed index, the curves of the point's trajectories, in order; `None` of what is not
    /// predicted, and of what is [`ENDED`].
    curves: Curves,
}

/// What there is to follow of a trajectory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exact,
    /// Laws in place of formats, and full precision.
    Matched,
    /// Full precision alone: no law is like the recipe.
    FullPrecision,
}

impl Kind {
    /// What there is of a recipe, with the laws of its phases, and what its cells' numbers are then; no more than a status
    /// where there is nothing.
    fn of(recipe: &Recipe, problem: &Problem) -> (Option<(Kind, Vec<Laws>)>, Status) {
        let all = |of: fn(&Sites, &Problem) -> std::result::Result<Laws, String>| {
            let of_phase = |(number, sites)| {
                let named = |reason| if number > 0 { format!("phase {number}: {reason}") } else { reason };
                of(sites, problem).map_err(|reason| Cow::from(named(reason)))
            };
            recipe.phases().enumerate().map(of_phase).collect::<std::result::Result<Vec<_>, Cow<_>>>()
        };
        let inexact = match all(Laws::of) {
            Ok(laws) => return (Some((Kind::Exact, laws)), Status::Exact),
            Err(reason) => reason,
        };
        match all(Laws::of_formats) {
            Ok(laws) => (Some((Kind::Matched, laws)), Status::Matched(inexact)),
            Err(reason) if problem.covariates().is_some() => (None, Status::None(reason)),
            Err(reason) => (Some((Kind::FullPrecision, vec![Laws::default()])), Status::None(reason)),
        }
    }
}

/// One trajectory to follow.
#[derive(Clone, Debug)]
struct Job<'a> {
    /// Its number in the problem point.
    number: usize,
    trajectory: &'a Trajectory,
    kind: Kind,
    /// Of each phase; of full precision alone one for all.
    laws: Vec<Laws>,
    method: Method,
    /// Core-seconds of one seed index, by estimate.
    work: f64,
}

/// Predicts every cell of a plan that fits into the budget, for every seed index: exactly, or with laws in place of
/// formats.
///
/// # Errors
/// [`crate::Error::Input`] where the predictions need more memory than is left; [`crate::Error::Incomplete`] where the
/// watch asked to end: what was done by then is dropped.
pub fn predict<'a>(plan: &'a Plan, options: &PredictOptions, watch: &Watch) -> Result<Predicted<'a>> {
    let (mut statuses, mut jobs) = (Vec::new(), Vec::new());
    for point in &plan.points {
        let (mut of_point, mut own) = (Vec::new(), Vec::new());
        for (number, trajectory) in point.trajectories.iter().enumerate() {
            let (found, status) = Kind::of(&plan.config.recipes[trajectory.recipe], &point.problem);
            own.extend(found.map(|(kind, laws)| {
                let methods = laws.iter().map(|laws| laws.method(point.problem.is_sketched()));
                let method = methods.max().unwrap_or(Method::Diagonal);
                let work = cost::seconds(plan, point, trajectory, kind, &laws, method);
                Job { number, trajectory, kind, laws, method, work }
            }));
            of_point.push(status);
        }
        statuses.push(of_point);
        jobs.push(own);
    }
    let (beyond, seconds) = cost::keep_within(plan, &mut jobs, options.budget);
    for (point, job) in beyond {
        let reason = format!("beyond --budget {}: all cells take about {:.0} seconds", options.budget, seconds.ceil());
        // Of what has no law a larger budget gives full precision alone.
        if job.kind != Kind::FullPrecision {
            statuses[point][job.number] = Status::None(reason.into());
        }
    }
    memory::fits(plan, &jobs, options.prior, rayon::current_num_threads() as u64)?;
    let curves = follow(plan, &jobs, options.prior, watch)?;
    Ok(Predicted { plan, prior: options.prior, statuses, curves })
}

/// By problem point, seed index and trajectory.
type Curves = Vec<Vec<Vec<Option<Curve>>>>;

/// Follows all jobs of all cohorts.
fn follow(plan: &Plan, jobs: &[Vec<Job>], prior: bool, watch: &Watch) -> Result<Curves> {
    let seeds = plan.config.sweep.seeds;
    let cohorts: Vec<Cohort> =
        (0..seeds).flat_map(|seed_index| (0..jobs.len()).map(move |point| Cohort { point, seed_index })).collect();
    let cells = |jobs: &[Job]| jobs.iter().map(|job| job.trajectory.cells.len() as u64).sum::<u64>();
    let runs = jobs.iter().map(|jobs| cells(jobs)).sum::<u64>() * u64::from(seeds);
    let work: f64 = jobs.iter().flatten().map(|job| job.work).sum::<f64>() * f64::from(seeds);
    let own = watch.branch().share(1.0 / work.max(f64::MIN_POSITIVE));
    let wave = memory::wave(plan, jobs, prior, rayon::current_num_threads() as u64);
    let fixed: Vec<Fixed> = plan.points.iter().map(Fixed::new).collect();
    let mut progress = Progress::new("expected curves", runs, cohorts.len(), watch);
    let (sender, finished) = channel();
    let pool = threads::own_pool()?;
    thread::scope(|scope| {
        let (cohorts, own, fixed, pool) = (&cohorts, &own, &fixed, &pool);
        let all = move || {
            let one = |sender: &mut std::sync::mpsc::Sender<_>, cohort: &Cohort| {
                let done = cohort::follow(plan, *cohort, &jobs[cohort.point], &fixed[cohort.point], prior, own);
                // Who receives it ends only after all is sent.
                let _ = sender.send((*cohort, done));
            };
            // A thread that waits for the jobs of its cohort takes up other work: without waves that may be one cohort after
            // another, each with a sketch of its own.
            let all = || cohorts.chunks(wave).for_each(|wave| wave.par_iter().for_each_with(sender.clone(), one));
            match pool {
                Some(pool) => pool.install(all),
                None => all(),
            }
        };
        Builder::new().spawn_scoped(scope, all).map_err(|error| threads::refused(&error))?;
        let mut curves: Curves = jobs.iter().map(|_| vec![Vec::new(); seeds as usize]).collect();
        let (mut failed, mut done, mut done_runs) = (None, 0, 0);
        loop {
            match finished.recv_timeout(TICK) {
                Ok((cohort, Ok(own))) => {
                    (done, done_runs) = (done + 1, done_runs + cells(&jobs[cohort.point]));
                    curves[cohort.point][cohort.seed_index as usize] = own;
                }
                Ok((_, Err(error))) => {
                    own.stop();
                    failed.get_or_insert(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return failed.map_or(Ok(curves), Err),
            }
            progress.update(done_runs, done);
        }
    })
}
