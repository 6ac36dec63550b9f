//! From the raw state of a trajectory to the rows of its runs. One routine for every adapter and for replay.

use crate::config::{Output, Recipe, Sites};
use crate::error::Result;
use crate::format::Spec;
use crate::hash::fnv1a64;
use crate::plan::{Cell, Cohort, Plan, Prefix, Snapshot, Trajectory, spec_at, tail_start};
use crate::problem::Problem;
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

impl Origin {
    /// The adapter, with its bus where it has one: several may be alike.
    pub fn name(&self) -> String {
        match self.pci.is_empty() {
            true => self.adapter.clone(),
            false => format!("{} pci:{}", self.adapter, self.pci),
        }
    }
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
            for (seen, output) in plan.places(trajectory, samples) {
                watch.ask()?;
                let source = Source::of(states, trajectory, seen, output);
                let mut row = settings(plan, cohort, cell, origin);
                fill(&mut row, &source, trajectory, risk)?;
                row.checked = if checked { EXACT } else { UNSAMPLED }.into();
                rows.push(row);
            }
        }
    }
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(rows)
}

/// A row with its settings and no results.
pub(super) fn settings(plan: &Plan, cohort: Cohort, id: u64, origin: &Origin) -> Row {
    let (config, cell) = (&plan.config, &plan.cells[id as usize]);
    let problem = &config.problems[cell.problem];
    let recipe = &config.recipes[cell.recipe];
    let spec = |site: Site| spec_at(&recipe.sites, problem, site);
    let is_counted =
        |site: Site| recipe.phases().any(|sites| matches!(spec_at(sites, problem, site), Some(Spec::Format(_))));
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
        recipe_bits: recipe.bits.or_else(|| mean_bits(recipe, problem, cell)),
        phases: recipe.phases_text(),
        formats: PerSite::from_fn(|site| spec(site).map(Spec::canonical)),
        roundings: PerSite::from_fn(|site| spec(site).and_then(Spec::rounding)),
        eps: PerSite::from_fn(|site| spec(site).and_then(Spec::eps)),
        bits: PerSite::from_fn(|site| bits_at(&recipe.sites, problem, site)),
        counts: PerSite::from_fn(|site| is_counted(site).then(Counts::default)),
        stream_version: STREAM_VERSION,
        adapter: origin.adapter.clone(),
        driver: origin.driver.clone(),
        fingerprint: origin.fingerprint.clone(),
        ..Row::default()
    }
}

/// Bits of a value at a site; `None` of a law.
fn bits_at(sites: &Sites, problem: &Problem, site: Site) -> Option<f64> {
    spec_at(sites, problem, site).map_or(Some(UNROUNDED_BITS), Spec::bits)
}

/// Over the sites that are a recipe's and over the samples of a run; `None` where some phase has a law there.
fn mean_bits(recipe: &Recipe, problem: &Problem, cell: &Cell) -> Option<f64> {
    let starts: Vec<u64> = recipe.then.iter().map(|phase| phase.from.sample(cell.samples, cell.batch)).collect();
    let ends = starts.iter().copied().chain([cell.samples]);
    let of_phase = |(sites, (start, end)): (&Sites, (u64, u64))| {
        let sum: f64 = BITS_OF.into_iter().map(|site| bits_at(sites, problem, site)).sum::<Option<f64>>()?;
        Some((end - start) as f64 / cell.samples as f64 * (sum / BITS_OF.len() as f64))
    };
    recipe.phases().zip([0].into_iter().chain(starts.iter().copied()).zip(ends)).map(of_phase).sum()
}

fn fill(row: &mut Row, source: &Source, trajectory: &Trajectory, risk: &CohortRisk) -> Result<()> {
    let state = source.state;
    row.seen = state.seen;
    row.output = source.output.name().into();
    row.diverged_at = state.diverged_at;
    for (site, counts) in row.counts.iter_mut() {
        *counts = counts.map(|_| state.counts[site]);
    }
    let words = [source.bits(), source.low_bits()].concat();
    row.v_digest = format!("{:016x}", fnv1a64(words.iter().flat_map(|word| word.to_le_bytes())));
    if state.diverged_at.is_none() {
        put(row, risk.risks(trajectory, &source.weights())?);
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

/// What a row is made of: a state of its run; of a tail the sums of all iterates, and of those before it.
pub struct Source<'a> {
    pub state: &'a Snapshot,
    /// Where there are any.
    before: Option<&'a Snapshot>,
    pub output: Output,
    batch: u32,
}

impl<'a> Source<'a> {
    /// From the states of a trajectory, ascending: a plan keeps those that its rows are made of.
    pub fn of(states: &'a [Snapshot], trajectory: &Trajectory, seen: u64, output: Output) -> Source<'a> {
        let find = |seen| {
            let at = states.binary_search_by_key(&seen, |state| state.seen);
            &states[at.expect("a trajectory keeps the states of its rows")]
        };
        let before = match (output, tail_start(trajectory.batch, seen)) {
            (Output::Tail, start) if start > 0 => Some(find(start)),
            _ => None,
        };
        Source { state: find(seen), before, output, batch: trajectory.batch }
    }

    /// f32 bits: of v, or of the sum of the iterates; behind it the sum of those before a tail, where there are any.
    pub fn bits(&self) -> Vec<u32> {
        match self.output {
            Output::Last => self.state.v.clone(),
            Output::Average | Output::Tail => self.sums(|state| &state.hi),
        }
    }

    /// Of the sums what the additions have lost.
    pub fn low_bits(&self) -> Vec<u32> {
        match self.output {
            Output::Last => Vec::new(),
            Output::Average | Output::Tail => self.sums(|state| &state.lo),
        }
    }

    fn sums(&self, of: fn(&Snapshot) -> &Vec<u32>) -> Vec<u32> {
        let before = self.before.map_or(&[][..], |before| of(before));
        [of(self.state), before].concat()
    }

    /// The output's weights: v, or (hi + lo)/t, the mean of v_0 .. v_{t-1}; of a tail, which is that of the later half,
    /// ((hi - hi') + (lo - lo'))/(t - t').
    pub fn weights(&self) -> Vec<f64> {
        let value = |bits: &u32| f64::from(f32::from_bits(*bits));
        let updates = |state: &Snapshot| (state.seen / u64::from(self.batch)) as f64;
        let Snapshot { v, hi, lo, .. } = self.state;
        match (self.output, self.before) {
            (Output::Last, _) => v.iter().map(value).collect(),
            (_, None) => {
                let count = updates(self.state);
                hi.iter().zip(lo).map(|(hi, lo)| (value(hi) + value(lo)) / count).collect()
            }
            (_, Some(before)) => {
                let count = updates(self.state) - updates(before);
                let sums = hi.iter().zip(lo).zip(before.hi.iter().zip(&before.lo));
                let mean = |((hi, lo), (hi_before, lo_before))| {
                    ((value(hi) - value(hi_before)) + (value(lo) - value(lo_before))) / count
                };
                sums.map(mean).collect()
            }
        }
    }
}

/// The weights of a state.
pub fn last(state: &Snapshot) -> Vec<f64> {
    state.v.iter().map(|bits| f64::from(f32::from_bits(*bits))).collect()
}
