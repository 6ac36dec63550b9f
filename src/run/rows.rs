//! From the raw state of a trajectory to the rows of its runs. One routine for every adapter and for replay.

use crate::config::{Checkpoints, Output};
use crate::format::Spec;
use crate::hash::fnv1a64;
use crate::plan::{Cohort, Plan, Snapshot, Trajectory};
use crate::risk::{CohortRisk, Risks};
use crate::site::{SITES, Site};
use crate::store::row::{Row, STREAM_VERSION};

/// Who computed a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub adapter: String,
    pub driver: String,
    /// PCI bus id, empty where there is none.
    pub pci: String,
    pub fingerprint: String,
}

/// Rows of a cohort, by (run_id, seen, output).
pub fn rows(plan: &Plan, cohort: Cohort, raw: &[Snapshot], checked: bool, origin: &Origin) -> Vec<Row> {
    let risk = CohortRisk::new(plan, cohort);
    let mut rows = Vec::new();
    for state in raw {
        let trajectory = &plan.points[cohort.point].trajectories[state.trajectory];
        for &(cell, samples) in &trajectory.cells {
            if !due(plan, trajectory, samples, state.seen) {
                continue;
            }
            for &output in &plan.config.train.outputs {
                let mut row = settings(plan, cohort, cell, origin);
                fill(&mut row, state, trajectory, output, &risk);
                row.checked = if checked { "exact" } else { "unsampled" }.into();
                rows.push(row);
            }
        }
    }
    rows.sort_by(|a, b| (a.run_id, a.seen, &a.output).cmp(&(b.run_id, b.seen, &b.output)));
    rows
}

/// Rows that one seed index of a trajectory comes to.
pub fn rows_of(plan: &Plan, trajectory: &Trajectory) -> usize {
    let of_cell = |&(_, samples): &(u64, u64)| {
        trajectory.rows.iter().filter(|&&seen| due(plan, trajectory, samples, seen)).count()
    };
    trajectory.cells.iter().map(of_cell).sum::<usize>() * plan.config.train.outputs.len()
}

/// Whether the cell of `samples` has a row after `seen`.
fn due(plan: &Plan, trajectory: &Trajectory, samples: u64, seen: u64) -> bool {
    seen == samples
        || seen < samples
            && match &plan.config.train.checkpoints {
                Checkpoints::At(points) => points.contains(&seen),
                Checkpoints::Log2 => {
                    (seen / u64::from(trajectory.batch)).is_power_of_two()
                        && seen.is_multiple_of(trajectory.batch.into())
                }
            }
}

/// A row with its settings and no results.
fn settings(plan: &Plan, cohort: Cohort, id: u64, origin: &Origin) -> Row {
    let (config, cell) = (&plan.config, &plan.cells[id as usize]);
    let problem = &config.problems[cell.problem];
    let recipe = &config.recipes[cell.recipe];
    let site = |site: usize| {
        let unused = site == Site::Sketch as usize && !problem.is_sketched();
        recipe.sites[site].as_ref().filter(|_| !unused)
    };
    let per_site = |text: &dyn Fn(&Spec) -> Option<String>| -> [Option<String>; SITES] {
        std::array::from_fn(|index| site(index).and_then(text))
    };
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
        sampling: "ambient".into(),
        tail: problem.tail.name().into(),
        model: cell.model,
        samples: cell.samples,
        batch: cell.batch,
        step_size: cell.step_size,
        schedule: config.train.schedule.name().into(),
        recipe: recipe.name.clone(),
        formats: per_site(&|spec| Some(spec.canonical())),
        roundings: per_site(&Spec::rounding),
        counts: std::array::from_fn(|index| matches!(site(index), Some(Spec::Format(_))).then(Default::default)),
        stream_version: STREAM_VERSION,
        adapter: origin.adapter.clone(),
        driver: origin.driver.clone(),
        fingerprint: origin.fingerprint.clone(),
        ..Row::default()
    }
}

fn fill(row: &mut Row, state: &Snapshot, trajectory: &Trajectory, output: Output, risk: &CohortRisk) {
    row.seen = state.seen;
    row.output = output.name().into();
    row.diverged_at = state.diverged_at;
    for (counts, counted) in row.counts.iter_mut().zip(&state.counts) {
        *counts = counts.map(|_| *counted);
    }
    let words = match output {
        Output::Last => state.v.clone(),
        Output::Average => [state.hi.as_slice(), &state.lo].concat(),
    };
    row.v_digest = format!("{:016x}", fnv1a64(words.iter().flat_map(|word| word.to_le_bytes())));
    if state.diverged_at.is_none() {
        put(row, risk.risks(trajectory, &weights(state, trajectory, output)));
    }
}

fn put(row: &mut Row, risks: Risks) {
    let Risks {
        excess,
        reducible,
        approximation,
        quantized_test,
        quantized_test_se,
        quantized_test_exact,
        held_out,
        held_out_se,
    } = risks;
    (row.excess, row.reducible, row.approximation) = (excess, reducible, approximation);
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
