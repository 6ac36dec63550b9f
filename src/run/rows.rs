//! From the raw state of a trajectory to the rows of its runs. One routine for every adapter and for replay.

use crate::config::Output;
use crate::error::Result;
use crate::format::Spec;
use crate::hash::fnv1a64;
use crate::plan::{Cohort, Plan, Prefix, Snapshot, Trajectory, spec_at};
use crate::risk::{CohortRisk, Risks};
use crate::site::{Counts, PerSite, Site};
use crate::store::row::{EXACT, Row, STREAM_VERSION, UNSAMPLED};
use crate::watch::Watch;

/// Bits of a value at a site that rounds nothing: an f32's.
const UNROUNDED_BITS: f64 = 32.0;

/// The sites whose mean bits are a recipe's: the tensors of a training step.
const BITS_OF: [Site; 5] = [Site::Data, Site::Feature, Site::Parameter, Site::Weight, Site::Gradient];

/// Who computed a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Where the run was computed.
    pub adapter: String,
    /// Its driver; for `cpu` architecture and system.
    pub driver: String,
    /// PCI bus id, empty where there is none.
    pub pci: String,
    /// How its arithmetic behaves.
    pub fingerprint: String,
}

/// Rows of a cohort, by (run_id, seen, output), with what `risk` makes of their weights. [`crate::Error::Input`] for
/// states that are not of the cohort's runs.
pub fn rows(
    plan: &Plan,
    cohort: Cohort,
    risk: &CohortRisk,
    raw: &[Snapshot],
    checked: bool,
    origin: &Origin,
    watch: &Watch,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for states in raw.chunk_by(|a, b| a.trajectory == b.trajectory) {
        let trajectory = &plan.points[cohort.point].trajectories[states[0].trajectory];
        for &Prefix { cell, samples } in &trajectory.cells {
            let due = plan.rows_due(trajectory, samples);
            for state in states.iter().filter(|state| due.binary_search(&state.seen).is_ok()) {
                watch.ask()?;
                for &output in &plan.config.train.outputs {
                    let mut row = settings(plan, cohort, cell, origin);
                    fill(&mut row, state, trajectory, output, risk)?;
                    row.checked = if checked { EXACT } else { UNSAMPLED }.into();
                    rows.push(row);
                }
            }
        }
    }
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(rows)
}

/// Rows that one seed index of a trajectory comes to.
pub fn rows_of(plan: &Plan, trajectory: &Trajectory) -> usize {
    let of_cells = trajectory.cells.iter().map(|prefix| plan.rows_due(trajectory, prefix.samples).len());
    of_cells.sum::<usize>() * plan.config.train.outputs.len()
}

/// A row with its settings and no results.
pub(super) fn settings(plan: &Plan, cohort: Cohort, id: u64, origin: &Origin) -> Row {
    let (config, cell) = (&plan.config, &plan.cells[id as usize]);
    let problem = &config.problems[cell.problem];
    let recipe = &config.recipes[cell.recipe];
    let spec = |site: Site| spec_at(recipe, problem, site);
    let bits = PerSite::from_fn(|site| spec(site).map_or(Some(UNROUNDED_BITS), Spec::bits));
    Row {
        run_id: plan.run_id(cohort.seed_index, id),
        cell: id,
        seed_index: cohort.seed_index,
        dim: problem.dim,
        spectrum: problem.spectrum.canonical(),
        spectrum_exponent: problem.spectrum.exponent(),
        target: problem.target.canonical(),
        target_exponent: problem.target.exponent(),
        noise: problem.noise,
        sketch_kind: problem.sketch.canonical(),
        sampling: problem.sampling.canonical(),
        tail: problem.tail.name().into(),
        model: cell.model,
        samples: cell.samples,
        batch: cell.batch,
        step_size: cell.step_size,
        schedule: config.train.schedule.name().into(),
        recipe: recipe.name.clone(),
        recipe_bits: recipe.bits.or_else(|| mean(BITS_OF.map(|site| bits[site]))),
        formats: PerSite::from_fn(|site| spec(site).map(Spec::canonical)),
        roundings: PerSite::from_fn(|site| spec(site).and_then(Spec::rounding)),
        eps: PerSite::from_fn(|site| spec(site).and_then(Spec::eps)),
        bits,
        counts: PerSite::from_fn(|site| matches!(spec(site), Some(Spec::Format(_))).then(Counts::default)),
        stream_version: STREAM_VERSION,
        adapter: origin.adapter.clone(),
        driver: origin.driver.clone(),
        fingerprint: origin.fingerprint.clone(),
        ..Row::default()
    }
}

/// `None` where one of them is unknown.
fn mean<const N: usize>(values: [Option<f64>; N]) -> Option<f64> {
    values.into_iter().sum::<Option<f64>>().map(|sum| sum / N as f64)
}

fn fill(row: &mut Row, state: &Snapshot, trajectory: &Trajectory, output: Output, risk: &CohortRisk) -> Result<()> {
    row.seen = state.seen;
    row.output = output.name().into();
    row.diverged_at = state.diverged_at;
    for (site, counts) in row.counts.iter_mut() {
        *counts = counts.map(|_| state.counts[site]);
    }
    let words = match output {
        Output::Last => state.v.clone(),
        Output::Average => [state.hi.as_slice(), &state.lo].concat(),
    };
    row.v_digest = format!("{:016x}", fnv1a64(words.iter().flat_map(|word| word.to_le_bytes())));
    if state.diverged_at.is_none() {
        put(row, risk.risks(trajectory, &weights(state, trajectory, output))?);
    }
    Ok(())
}

fn put(row: &mut Row, risks: Risks) {
    let Risks {
        excess,
        reducible,
        approximation,
        signal,
        overlap,
        quantized_test,
        quantized_test_se,
        quantized_test_exact,
        held_out,
        held_out_se,
    } = risks;
    (row.excess, row.reducible, row.approximation) = (excess, reducible, approximation);
    (row.signal, row.overlap) = (signal, overlap);
    (row.quantized_test, row.quantized_test_se) = (quantized_test, quantized_test_se);
    row.quantized_test_exact = quantized_test_exact;
    (row.held_out, row.held_out_se) = (held_out, held_out_se);
}

/// The output's weights: v, or (hi + lo)/t, the mean of v_0 .. v_{t-1}.
pub fn weights(state: &Snapshot, trajectory: &Trajectory, output: Output) -> Vec<f64> {
    let value = |bits: &u32| f64::from(f32::from_bits(*bits));
    match output {
        Output::Last => state.v.iter().map(value).collect(),
        Output::Average => {
            let updates = (state.seen / u64::from(trajectory.batch)) as f64;
            state.hi.iter().zip(&state.lo).map(|(hi, lo)| (value(hi) + value(lo)) / updates).collect()
        }
    }
}
