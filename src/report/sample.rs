//! The risks that one point of a curve is made of.

use super::cells::CellRuns;
use super::variables::RiskKind;

/// The risks behind a point, and the runs they are of.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Of the runs that did not diverge, by ascending seed.
    pub values: Vec<(u32, f64)>,
    pub runs: usize,
    pub diverged: usize,
    pub step_size: Option<f64>,
    pub held_out_se: Option<f64>,
}

impl Sample {
    /// The runs of a cell whose seed is wanted.
    pub fn of(cell: &CellRuns, risk: RiskKind, wanted: impl Fn(u32) -> bool) -> Sample {
        let rows = &cell.held_out_se;
        let held_out_se = (risk == RiskKind::HeldOut && rows.n > 0).then_some(rows.mean);
        let mut sample = Sample { held_out_se, ..Sample::default() };
        for run in cell.runs.iter().filter(|run| wanted(run.seed)) {
            sample.runs += 1;
            sample.diverged += usize::from(run.diverged);
            sample.values.extend(run.risk(risk).map(|value| (run.seed, value)));
        }
        sample
    }

    /// Whether every run has a risk.
    pub fn is_whole(&self) -> bool {
        self.values.len() == self.runs
    }
}
