//! The final rows of a sweep, gathered into the groups that are fitted: every cell by seed, 24 bytes a run.

use super::group::{Cell, Group, Limit, Recipe};
use crate::config::{Config, Output, Sites};
use crate::format::{Element, Layout, Spec};
use crate::plan::{Plan, spec_at};
use crate::problem::Problem;
use crate::site::Site;
use crate::store::row::Row;

/// Groups by problem point, batch, step size and output, the last fastest.
pub struct Grid<'a> {
    plan: &'a Plan,
    /// Of every cell: the group of its first output, and its place there.
    places: Vec<(u32, u32)>,
    groups: Vec<Group>,
}

impl Grid<'_> {
    pub fn new(plan: &Plan) -> Grid<'_> {
        let train = &plan.config.train;
        let mut groups = Vec::new();
        for problem in 0..plan.config.problems.len() {
            let models = plan.points[problem].models();
            let of_batch = |batch| train.step_sizes.iter().map(move |step_size| (batch, *step_size));
            for (batch, step_size) in train.batches.iter().flat_map(|batch| of_batch(*batch)) {
                let empty = empty(plan, problem, &models, batch, step_size);
                groups.extend(train.outputs.iter().map(|output| Group { output: *output, ..empty.clone() }));
            }
        }
        let mut grid = Grid { plan, places: Vec::new(), groups };
        grid.places = plan.cells.iter().map(|cell| grid.place(cell)).collect();
        grid
    }

    fn place(&self, cell: &crate::plan::Cell) -> (u32, u32) {
        let train = &self.plan.config.train;
        let at = |found: Option<usize>| found.expect("a plan's cells are made of its lists");
        let batch = at(train.batches.iter().position(|batch| *batch == cell.batch));
        let step = at(train.step_sizes.iter().position(|step| *step == cell.step_size));
        let group = (cell.problem * train.batches.len() + batch) * train.step_sizes.len() + step;
        let group = group * train.outputs.len();
        let Group { models, samples, .. } = &self.groups[group];
        let model = at(models.binary_search(&cell.model).ok());
        let own = (cell.recipe * models.len() + model) * samples.len() + at(samples.binary_search(&cell.samples).ok());
        (group as u32, own as u32)
    }

    /// The group of a cell's rows of this output, and the cell's place in it.
    fn find(&self, cell: u64, output: &str) -> Option<(usize, usize)> {
        let (group, place) = *self.places.get(cell as usize)?;
        let output = self.plan.config.train.outputs.iter().position(|own| own.name() == output)?;
        Some((group as usize + output, place as usize))
    }

    /// Takes a row; rows come with seeds ascending, as a store gives them. Those before the end of their run are left out.
    pub fn add(&mut self, row: &Row) {
        if !row.is_final() {
            return;
        }
        let Some((group, place)) = self.find(row.cell, &row.output) else { return };
        let group = &mut self.groups[group];
        if group.seeds.last() != Some(&row.seed_index) {
            group.seeds.push(row.seed_index);
            let cells =
                group.cells.iter_mut().flat_map(|cell| [&mut cell.excess, &mut cell.overlap, &mut cell.expected]);
            let known = group.approximation.iter_mut().chain(&mut group.signal);
            cells.chain(known).for_each(|column| column.push(f64::NAN));
        }
        let seed = group.seeds.len() - 1;
        let model = place / group.samples.len() % group.models.len();
        group.cells[place].bits = row.recipe_bits;
        let put = |column: &mut [f64], value: Option<f64>| value.into_iter().for_each(|value| column[seed] = value);
        put(&mut group.cells[place].excess, row.excess);
        put(&mut group.cells[place].overlap, row.overlap);
        put(&mut group.approximation[model], row.approximation);
        put(&mut group.signal[model], row.signal);
    }

    /// Takes the exact mean of the excess at the end of a run; those of runs without a row are left out.
    pub fn expect(&mut self, cell: u64, seed_index: u32, seen: u64, output: &str, excess: Option<f64>) {
        let is_final = self.plan.cells.get(cell as usize).is_some_and(|cell| cell.samples == seen);
        let Some((group, place)) = self.find(cell, output).filter(|_| is_final) else { return };
        let group = &mut self.groups[group];
        if let (Ok(seed), Some(excess)) = (group.seeds.binary_search(&seed_index), excess) {
            group.cells[place].expected[seed] = excess;
        }
    }

    /// Takes where a recipe of a problem point settles at a model size, excess and overlap by [`Grid::seeds`].
    pub fn settle(&mut self, problem: usize, recipe: usize, model: u32, limits: &[[f64; 2]]) {
        for group in self.groups.iter_mut().filter(|group| group.problem == problem) {
            let Ok(place) = group.models.binary_search(&model) else { continue };
            let column = |k: usize| limits.iter().map(|limit| limit[k]).collect();
            let own = Limit { excess: column(0), overlap: column(1) };
            group.limits[recipe * group.models.len() + place] = Some(own);
        }
    }

    /// The seed indices of a problem point that have rows: all of its groups have the same.
    pub fn seeds(&self, problem: usize) -> &[u32] {
        self.groups.iter().find(|group| group.problem == problem).map_or(&[], |group| &group.seeds)
    }

    pub fn into_groups(self) -> Vec<Group> {
        self.groups
    }
}

/// A group without rows.
fn empty(plan: &Plan, problem: usize, models: &[u32], batch: u32, step_size: f64) -> Group {
    let (config, setting) = (&plan.config, &plan.config.problems[problem]);
    let mut samples = config.train.samples.clone();
    samples.sort_unstable();
    let recipes = recipes(config, setting);
    let count = recipes.len() * models.len();
    Group {
        problem,
        batch,
        step_size,
        schedule: config.train.schedule,
        output: Output::Last,
        baseline: baseline(config, setting),
        recipes,
        seeds: Vec::new(),
        approximation: vec![Vec::new(); models.len()],
        signal: vec![Vec::new(); models.len()],
        cells: vec![Cell::default(); count * samples.len()],
        limits: vec![None; count],
        models: models.to_vec(),
        samples,
    }
}

fn recipes(config: &Config, problem: &Problem) -> Vec<Recipe> {
    let recipe = |recipe: &crate::config::Recipe| {
        let floats = Site::ALL.into_iter().filter_map(|site| spec_at(&recipe.sites, problem, site)).map(float);
        // Phases have no one format.
        let float = if recipe.then.is_empty() { one(floats) } else { None };
        Recipe { name: recipe.name.clone(), float }
    };
    config.recipes.iter().map(recipe).collect()
}

/// What rounds nothing has the bits of an f32.
fn one(mut floats: impl Iterator<Item = Option<(f64, f64)>>) -> Option<(f64, f64)> {
    let Some(first) = floats.next() else { return Some((8.0, 23.0)) };
    first.filter(|_| floats.all(|other| other == first))
}

/// Bits of exponent and mantissa of a floating format of single values.
fn float(spec: &Spec) -> Option<(f64, f64)> {
    let Spec::Format(quantizer) = spec else { return None };
    match quantizer.layout {
        Layout::Float(float) | Layout::Block { element: Element::Float(float), .. } => {
            Some((float.exponent.into(), float.mantissa.into()))
        }
        _ => None,
    }
}

/// The first recipe without a format or a law at any site, in any phase.
fn baseline(config: &Config, problem: &Problem) -> Option<usize> {
    let is_plain = |sites: &Sites| Site::ALL.into_iter().all(|site| spec_at(sites, problem, site).is_none());
    config.recipes.iter().position(|recipe| recipe.phases().all(is_plain))
}
