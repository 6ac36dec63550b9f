//! Rows with known means: exact curves, and the noise of seeds around them.

use roundlaw::config::{Output, Schedule};
use roundlaw::fit::{Cell, Group, Limit, Recipe};
use roundlaw::random::threefry4x32;

use super::exact::{Exact, FACTOR, State};

/// Normal numbers of one data set: functions of the seed and of what they are of, as the words of a sweep are.
pub struct Noise {
    pub data_set: u32,
}

impl Noise {
    /// One of mean 0 and variance 1.
    pub fn normal(&self, seed: usize, what: [usize; 3]) -> f64 {
        let counter = [seed as u32, what[0] as u32, what[1] as u32, what[2] as u32];
        let [a, b, ..] = threefry4x32([0x7465_7374, 20_261_127, self.data_set, 0], counter);
        let unit = |word: u32| (f64::from(word) + 0.5) / 4_294_967_296.0;
        (-2.0 * unit(a).ln()).sqrt() * (std::f64::consts::TAU * unit(b)).cos()
    }

    /// A factor of mean 1 and this deviation of its logarithm.
    pub fn factor(&self, deviation: f64, seed: usize, what: [usize; 3]) -> f64 {
        lognormal(deviation, self.normal(seed, what))
    }
}

fn lognormal(deviation: f64, normal: f64) -> f64 {
    (deviation * normal - deviation * deviation / 2.0).exp()
}

/// A group of one row a cell, without seeds.
pub fn empty(models: &[u32], samples: &[u64], recipes: &[&str]) -> Group {
    let recipe = |name: &&str| Recipe { name: (*name).to_owned(), float: None };
    Group {
        problem: 0,
        batch: 1,
        step_size: 0.2,
        schedule: Schedule::Geometric,
        output: Output::Last,
        models: models.to_vec(),
        samples: samples.to_vec(),
        recipes: recipes.iter().map(recipe).collect(),
        baseline: Some(0),
        seeds: Vec::new(),
        approximation: vec![Vec::new(); models.len()],
        signal: vec![Vec::new(); models.len()],
        cells: vec![Cell::default(); recipes.len() * models.len() * samples.len()],
        limits: vec![None; recipes.len() * models.len()],
    }
}

const RECIPES: [&str; 5] = ["fp32", "fine", "coarse", "factor", "gradient"];

/// One seed, whose rows are the means themselves.
pub fn means(exact: &Exact) -> Group {
    let mut group = empty(&exact.models, &exact.samples, &RECIPES);
    group.seeds = vec![0, 1, 2, 3];
    let (models, samples) = (exact.models.len(), exact.samples.len());
    for m in 0..models {
        group.approximation[m] = vec![exact.approximation[m]; 4];
        group.signal[m] = vec![exact.signal[m]; 4];
    }
    for (place, cell) in group.cells.iter_mut().enumerate() {
        let State { excess, overlap } =
            exact.states[place / samples / models][place / samples % models][place % samples];
        (cell.excess, cell.overlap) = (vec![excess; 4], vec![overlap; 4]);
    }
    group
}

/// The closed forms of the recipes with noise at the features, the same for every seed.
pub fn with_limits(mut group: Group, exact: &Exact) -> Group {
    let seeds = group.seeds.len();
    for recipe in 1..=FACTOR {
        for m in 0..exact.models.len() {
            let State { excess, overlap } = exact.limits[recipe][m];
            let limit = Limit { excess: vec![excess; seeds], overlap: vec![overlap; seeds] };
            group.limits[recipe * exact.models.len() + m] = Some(limit);
        }
    }
    group
}

/// A data set of so many seeds. What the target and the sketch do to A, to V and to floors, and what the samples do to the
/// rest of the excess, a seed's recipes share, the latter in good part; means are the exact ones.
pub fn data_set(exact: &Exact, seeds: usize, data_set: u32) -> Group {
    let (noise, mut group) = (Noise { data_set }, means(exact));
    let (models, samples) = (exact.models.len(), exact.samples.len());
    group.seeds = (0..seeds as u32).collect();
    group.cells.iter_mut().for_each(|cell| *cell = Cell::default());
    for known in group.approximation.iter_mut().chain(&mut group.signal) {
        known.clear();
    }
    for seed in 0..seeds {
        // A is a sum over the directions that M features miss, each with its own share of the target.
        let mut rest = 0.0;
        for m in (0..models).rev() {
            let next = exact.approximation.get(m + 1).copied().unwrap_or(0.0);
            let deviation = 0.7 / f64::from(exact.models[m]).sqrt();
            rest += (exact.approximation[m] - next) * noise.factor(deviation, seed, [0, m, 0]);
            group.approximation[m].push(rest);
        }
        let energy = noise.factor(0.5, seed, [1, 0, 0]);
        for m in 0..models {
            group.signal[m].push(exact.signal[m] * energy);
        }
        for (place, cell) in group.cells.iter_mut().enumerate() {
            let (recipe, m, n) = (place / samples / models, place / samples % models, place % samples);
            let (state, floor) = (exact.states[recipe][m][n], exact.limits[recipe][m].excess);
            // A gain's floor is a share of V.
            let floor = floor * if recipe == FACTOR { energy } else { noise.factor(0.2, seed, [2, 0, 0]) };
            let shared = noise.normal(seed, [3, m, n]);
            let own = noise.normal(seed, [4, place, 0]);
            // As sweeps have it: the more directions, the less a seed's mean moves, and the less of that is a recipe's.
            let (model, share) = (f64::from(exact.models[m]), 2.0 / f64::from(exact.models[m]));
            let deviation = 1.3 * model.powf(-0.4);
            let factor = lognormal(deviation, (1.0 - share).sqrt() * shared + share.sqrt() * own);
            let moving = (state.excess - exact.limits[recipe][m].excess) * factor;
            cell.excess.push(floor + moving);
            cell.overlap.push(state.overlap * energy * (1.0 + 0.02 * shared + 0.005 * own));
        }
    }
    group
}
