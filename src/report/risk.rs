//! What figures show of a cell, seed by seed.

use super::estimates::{Center, Estimate, mean};
use super::scaling::collapse;
use super::table::{Cell, CellKey, Run, Table};

/// What a figure shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    Reducible,
    Excess,
    /// The excess on quantized test features.
    QuantizedTest,
    /// Mean squared error on held-out rows.
    HeldOut,
    /// The reducible risk of the weights times the one factor that is best for the cell.
    GainCorrected,
    /// The reducible risk times M_total^(b-1), which against N_eff / M_total^a is one curve for all sizes in theory.
    Collapsed,
    /// Of the reducible risk, or the held-out one, to that of the baseline at the same seeds.
    Difference,
    /// Of the reducible risk to the exact one of the same seeds, relative to the exact mean.
    Residual,
}

impl Risk {
    pub const ALL: [Risk; 8] = [
        Risk::Reducible,
        Risk::Excess,
        Risk::QuantizedTest,
        Risk::HeldOut,
        Risk::GainCorrected,
        Risk::Collapsed,
        Risk::Difference,
        Risk::Residual,
    ];

    /// As columns and options name it.
    pub fn name(self) -> &'static str {
        match self {
            Risk::Reducible => "reducible",
            Risk::Excess => "excess",
            Risk::QuantizedTest => "quantized_test",
            Risk::HeldOut => "held_out",
            Risk::GainCorrected => "gain_corrected",
            Risk::Collapsed => "collapsed",
            Risk::Difference => "difference",
            Risk::Residual => "residual",
        }
    }

    /// As the axis of a figure names it.
    pub fn label(self) -> &'static str {
        match self {
            Risk::Reducible => "reducible risk",
            Risk::Excess => "excess risk",
            Risk::QuantizedTest => "excess risk, quantized test features",
            Risk::HeldOut => "held-out risk",
            Risk::GainCorrected => "reducible risk, gain corrected",
            Risk::Collapsed => "reducible risk × M_total^(b − 1)",
            Risk::Difference => "added risk (paired by seed)",
            Risk::Residual => "simulated / exact - 1",
        }
    }

    /// Whether it compares with something, and may have either sign.
    pub fn is_difference(self) -> bool {
        matches!(self, Risk::Difference | Risk::Residual)
    }
}

/// The risks behind a point, and the runs they are of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Of the runs that did not diverge, by ascending seed.
    pub values: Vec<(u32, f64)>,
    pub runs: usize,
    pub diverged: usize,
    /// What is expected of the mean over these seeds.
    pub expected: Option<f64>,
    /// Whether that is of laws in place of formats.
    pub is_matched: bool,
    pub step_size: Option<f64>,
    pub held_out_se: Option<f64>,
}

impl Sample {
    /// Whether every run has a risk.
    pub fn is_whole(&self) -> bool {
        !self.values.is_empty() && self.values.len() == self.runs
    }
}

/// The sample of a cell; an empty one where it has no such risk. `baseline` is the recipe that differences are to.
pub fn sample(table: &Table, key: CellKey, risk: Risk, baseline: usize) -> Sample {
    let Some(cell) = table.cell(key) else { return Sample::default() };
    let mut sample = match risk {
        Risk::Difference => difference(table, key, cell, baseline),
        Risk::GainCorrected => gain_corrected(cell),
        Risk::Residual => residual(cell),
        Risk::Collapsed => collapsed(table, key, cell),
        _ => plain(cell, risk),
    };
    if risk != Risk::Difference {
        count(&mut sample, cell);
    }
    (sample.is_matched, sample.step_size) = (cell.is_matched, cell.step_size);
    let rows = cell.held_out_se;
    sample.held_out_se = (risk == Risk::HeldOut && rows.n > 0).then_some(rows.mean);
    sample
}

/// A run's risk of its own; NaN for none.
fn of_run(run: &Run, risk: Risk) -> f64 {
    match risk {
        _ if run.diverged => f64::NAN,
        Risk::Reducible => run.reducible,
        Risk::Excess => run.reducible - run.approximation,
        Risk::QuantizedTest => run.quantized_test,
        Risk::HeldOut => run.held_out,
        _ => f64::NAN,
    }
}

/// What is expected of a run's risk; NaN for nothing.
fn expected_of(run: &Run, risk: Risk) -> f64 {
    match risk {
        Risk::Reducible => run.expected + run.approximation,
        Risk::Excess => run.expected,
        Risk::QuantizedTest => run.expected_test,
        _ => f64::NAN,
    }
}

/// The sample of a risk that each run has of its own.
pub fn plain(cell: &Cell, risk: Risk) -> Sample {
    let values = pairs(cell.runs.iter().map(|run| (run.seed, of_run(run, risk))));
    let expected = whole_mean(cell.runs.iter().map(|run| expected_of(run, risk)));
    let mut sample = Sample { values, expected, ..Sample::default() };
    count(&mut sample, cell);
    sample
}

fn count(sample: &mut Sample, cell: &Cell) {
    (sample.runs, sample.diverged) = (cell.runs.len(), cell.diverged());
}

/// The risk that each group of a table has of its own: the reducible one, or the held-out one of a user's data.
pub fn own(table: &Table) -> Vec<Risk> {
    let mut cells: Vec<Vec<&Cell>> = vec![Vec::new(); table.groups.len()];
    table.cells.iter().for_each(|(key, cell)| cells[key.group].push(cell));
    cells.iter().map(|cells| own_of(cells.iter().flat_map(|cell| &cell.runs))).collect()
}

/// Whether a cell's own risk is carried by single seeds, and held-out, so that medians stand for its means.
pub fn is_heavy_tailed(table: &Table, key: CellKey) -> bool {
    let held_out = |cell: &Cell| own_of(cell.runs.iter()) == Risk::HeldOut;
    let values = |cell: &Cell| plain(cell, Risk::HeldOut).values;
    let heavy = |cell: &Cell| Estimate::new(values(cell), Center::Mean).is_some_and(|estimate| estimate.is_heavy);
    table.cell(key).is_some_and(|cell| held_out(cell) && heavy(cell))
}

/// Held-out only where no run has a reducible risk: the two are never mixed.
fn own_of<'a>(runs: impl Iterator<Item = &'a Run> + Clone) -> Risk {
    let has = |of: fn(&Run) -> f64| runs.clone().any(|run| !of(run).is_nan());
    if !has(|run| run.reducible) && has(|run| run.held_out) { Risk::HeldOut } else { Risk::Reducible }
}

/// By seeds that both cells have; a pair of which one run diverged has diverged.
fn difference(table: &Table, key: CellKey, cell: &Cell, baseline: usize) -> Sample {
    let Some(other) = table.cell(CellKey { recipe: baseline, ..key }) else { return Sample::default() };
    let risk = own_of(cell.runs.iter());
    let both = || {
        cell.runs.iter().filter_map(|run| {
            let place = other.runs.binary_search_by_key(&run.seed, |other| other.seed).ok()?;
            Some((run, &other.runs[place]))
        })
    };
    let of = |(run, other): (&Run, &Run)| (run.seed, of_run(run, risk) - of_run(other, risk));
    let expected = both().map(|(run, other)| expected_of(run, risk) - expected_of(other, risk));
    let (runs, diverged) = (both().count(), both().filter(|(run, other)| run.diverged || other.diverged).count());
    Sample { values: pairs(both().map(of)), expected: whole_mean(expected), runs, diverged, ..Sample::default() }
}

/// Of alpha v, alpha = mean overlap / mean norm with v^T Sigma v = excess - signal + 2 overlap: the factor of the least
/// mean risk, for which the mean is A + signal - overlap^2 / norm.
fn gain_corrected(cell: &Cell) -> Sample {
    let norm = |run: &Run| run.reducible - run.approximation - run.signal + 2.0 * run.overlap;
    let known: Vec<&Run> =
        cell.runs.iter().filter(|run| !run.diverged && norm(run).is_finite() && run.overlap.is_finite()).collect();
    let sum = |of: &dyn Fn(&Run) -> f64| known.iter().map(|run| of(run)).sum::<f64>();
    let alpha = sum(&|run| run.overlap) / sum(&norm);
    let of = |run: &&Run| {
        let excess = run.signal - 2.0 * alpha * run.overlap + alpha * alpha * norm(run);
        (run.seed, run.approximation + excess)
    };
    Sample { values: pairs(known.iter().map(of)), ..Sample::default() }
}

fn collapsed(table: &Table, key: CellKey, cell: &Cell) -> Sample {
    let Some((_, factor)) = collapse(table, key) else { return Sample::default() };
    let mut sample = plain(cell, Risk::Reducible);
    sample.values.iter_mut().for_each(|(_, value)| *value *= factor);
    sample.expected = sample.expected.map(|expected| expected * factor);
    sample
}

fn residual(cell: &Cell) -> Sample {
    let expected = |run: &Run| run.expected + run.approximation;
    let known: Vec<&Run> =
        cell.runs.iter().filter(|run| !run.diverged && expected(run).is_finite() && !cell.is_matched).collect();
    // Beyond the edge of mean-square stability the exact mean is carried by runs that no simulation meets.
    const FAR: f64 = 3.0;
    let simulated = mean(known.iter().map(|run| run.reducible)).unwrap_or_default();
    let scale = mean(known.iter().map(|run| expected(run))).filter(|scale| *scale > 0.0 && *scale < FAR * simulated);
    let Some(scale) = scale else { return Sample::default() };
    let of = |run: &&Run| (run.seed, (run.reducible - expected(run)) / scale);
    Sample { values: pairs(known.iter().map(of)), ..Sample::default() }
}

fn pairs(values: impl Iterator<Item = (u32, f64)>) -> Vec<(u32, f64)> {
    values.filter(|(_, value)| !value.is_nan()).collect()
}

/// `None` where one of them is missing.
fn whole_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    mean(values).filter(|mean| mean.is_finite())
}
