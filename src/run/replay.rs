//! One run again, by the scalar reference alone: its rows, its weights as bits, its risk after every update.

use super::rows::{self, Origin, Source};
use crate::cpu::memory;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, Trajectory};
use crate::reference;
use crate::risk::CohortRisk;
use crate::store::row::Row;
use crate::watch::Watch;

/// One row of a run, with the weights it is a row of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Replayed {
    /// Settings, risks and counters, as a sweep stores them; its `adapter` is `reference`.
    pub row: Row,
    /// The weights whose risks those are, M of them: v, or the mean of v_0 .. v_{t-1} before update t, or of the later half
    /// of these.
    pub weights: Vec<f64>,
    /// The f32 bits of v (output `last`), or of the sum of the iterates (`average`); of `tail` behind them that of the
    /// iterates before it, where there are any.
    pub bits: Vec<u32>,
    /// The f32 bits of what the additions to these sums have lost; of output `last` empty.
    pub low_bits: Vec<u32>,
}

/// The state of a run after one update.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Counted from 0.
    pub update: u64,
    /// Samples consumed.
    pub seen: u64,
    /// Exact risks of v, in squared units of y; `None` where the truth is not known.
    pub excess: Option<f64>,
    /// `excess` and the risk of the best weights.
    pub reducible: Option<f64>,
    /// Mean squared error on the held-out rows of a file.
    pub held_out: Option<f64>,
    /// An update was refused: v stays as it was from then on.
    pub diverged: bool,
}

/// Redoes run `run_id` of a plan with the scalar reference: sequential, without any adapter, and all of the run
/// whatever was stored of it. The rows are ascending in (seen, output).
///
/// # Errors
/// [`Error::Input`] for a `run_id` that the plan has not, and for a run that does not fit into memory.
///
/// # Examples
/// ```
/// use roundlaw::{Config, Plan, replay};
///
/// let text = r#"
///     problem = { dim = 40, spectrum = { kind = "power", exponent = 2.0 } }
///     train = { model = [4, 8], samples = 64, checkpoints = [16] }
///     recipe = [{ name = "int8", weight = { format = "int8", step = 0.0625 } }]
///     sweep = { seeds = 2 }
/// "#;
/// let plan = Plan::new(Config::parse(text, &[])?)?;
/// // run_id = seed_index * cells + cell: the last run is M = 8 of the second seed.
/// let rows = replay(&plan, plan.runs() - 1)?;
/// assert_eq!(rows.iter().map(|replayed| replayed.row.seen).collect::<Vec<_>>(), [16, 64]);
/// let end = &rows[1];
/// assert_eq!((end.row.model, end.row.seed_index, end.bits.len()), (8, 1, 8));
/// assert!(end.weights.iter().all(|v| (v / 0.0625).fract() == 0.0), "weights are multiples of the step");
/// assert_eq!(replay(&plan, 99).unwrap_err().to_string(), "there is no run 99: allowed are 0 to 3");
/// # Ok::<(), roundlaw::Error>(())
/// ```
pub fn replay(plan: &Plan, run_id: u64) -> Result<Vec<Replayed>> {
    let place = Place::of(plan, run_id)?;
    memory::fits(plan, 1)?;
    let trajectory = place.trajectory(plan);
    let watch = Watch::default();
    let states = reference::cohort(plan, place.cohort, Some(place.trajectory), &watch)?;
    let origin = Origin { adapter: "reference".into(), ..Origin::default() };
    let risk = CohortRisk::watched(plan, place.cohort, &watch)?;
    let mut rows = rows::rows(plan, place.cohort, &risk, &states, true, &origin, &watch)?;
    rows.retain(|row| row.run_id == run_id);
    let replayed = rows.into_iter().map(|row| {
        let output = plan.config.train.outputs.iter().find(|output| output.name() == row.output);
        let output = *output.expect("rows are of the plan's outputs");
        let source = Source::of(&states, trajectory, row.seen, output);
        Replayed { weights: source.weights(), bits: source.bits(), low_bits: source.low_bits(), row }
    });
    Ok(replayed.collect())
}

/// Redoes run `run_id` as [`replay`] does and hands over its state after every update.
///
/// # Errors
/// Those of [`replay`], and that of `each`, after which it is not called again.
///
/// # Examples
/// ```
/// # use roundlaw::{Config, Plan, replay, trace};
/// # let text = r#"
/// #     problem = { dim = 40, spectrum = { kind = "power", exponent = 2.0 } }
/// #     train = { model = 8, samples = 64, batch = 2 }
/// #     recipe = [{ name = "fp32" }]
/// # "#;
/// # let plan = Plan::new(Config::parse(text, &[])?)?;
/// let mut excess = Vec::new();
/// trace(&plan, 0, |step| Ok(excess.extend(step.excess)))?;
/// assert_eq!(excess.len(), 64 / 2, "one for every update of two samples");
/// assert_eq!(excess.last().copied(), replay(&plan, 0)?[0].row.excess);
/// # Ok::<(), roundlaw::Error>(())
/// ```
pub fn trace(plan: &Plan, run_id: u64, mut each: impl FnMut(Step) -> Result<()>) -> Result<()> {
    let place = Place::of(plan, run_id)?;
    memory::fits(plan, 1)?;
    let trajectory = place.trajectory(plan);
    let batch = u64::from(trajectory.batch);
    let own = trajectory.cells.iter().find(|prefix| prefix.cell == place.cell);
    let samples = own.map_or(trajectory.samples, |prefix| prefix.samples);
    let rows: Vec<u64> = (1..=samples / batch).map(|t| t * batch).collect();
    let mut dense = plan.clone();
    dense.points[place.cohort.point].trajectories = vec![Trajectory { rows, samples, ..trajectory.clone() }];
    let risk = CohortRisk::new(plan, place.cohort)?;
    let mut told = Ok(());
    reference::each(&dense, place.cohort, None, &Watch::default(), |state| {
        if told.is_err() {
            return;
        }
        let v = rows::last(&state);
        let step = risk.risk(&v).and_then(|exact| {
            Ok(Step {
                update: state.seen / batch - 1,
                seen: state.seen,
                excess: exact.map(|risk| risk.excess),
                reducible: exact.map(|risk| risk.reducible),
                held_out: risk.held_out(&v)?.map(|measured| measured.mean),
                diverged: state.diverged_at.is_some(),
            })
        });
        told = step.and_then(&mut each);
    })?;
    told
}

/// Where a plan has a run.
pub(super) struct Place {
    pub(super) cohort: Cohort,
    pub(super) cell: u64,
    /// Of the cohort's problem point.
    trajectory: usize,
}

impl Place {
    pub(super) fn of(plan: &Plan, run_id: u64) -> Result<Place> {
        if run_id >= plan.runs() {
            return Err(Error::Input(format!("there is no run {run_id}: allowed are 0 to {}", plan.runs() - 1)));
        }
        let cells = plan.cells.len() as u64;
        let (seed_index, cell) = ((run_id / cells) as u32, run_id % cells);
        let point = plan.cells[cell as usize].problem;
        let mut trajectories = plan.points[point].trajectories.iter();
        let trajectory = trajectories
            .position(|trajectory| trajectory.cells.iter().any(|prefix| prefix.cell == cell))
            .ok_or_else(|| Error::Other(format!("run {run_id} has no trajectory")))?;
        Ok(Place { cohort: Cohort { point, seed_index }, cell, trajectory })
    }

    pub(super) fn trajectory<'a>(&self, plan: &'a Plan) -> &'a Trajectory {
        &plan.points[self.cohort.point].trajectories[self.trajectory]
    }
}
