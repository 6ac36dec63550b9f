//! What figures are made of: every stored row under its cell, by seed.
//!
//! A cell is all that shares its settings, M, N, the samples seen and the recipe. Seventy-two bytes a row.

use std::collections::HashMap;

use super::variables::Value;
use crate::site::Site;
use crate::store::StoredBaselines;
use crate::store::predictions::ExpectedRisks;
use crate::store::row::Row;

/// What tells cells apart: places in [`Table::groups`] and [`Table::recipes`], and sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    pub group: usize,
    pub model: u32,
    pub samples: u64,
    pub seen: u64,
    pub recipe: usize,
}

impl CellKey {
    /// At the end of its runs.
    pub fn is_final(self) -> bool {
        self.seen == self.samples
    }
}

/// One row of a cell; NaN for what it has not.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub seed: u32,
    pub diverged: bool,
    pub reducible: f64,
    pub approximation: f64,
    pub quantized_test: f64,
    pub signal: f64,
    pub overlap: f64,
    pub held_out: f64,
    /// The exact mean of the excess over data and noise, or that of a law in place of a format.
    pub expected: f64,
    /// The same of the excess on quantized test features.
    pub expected_test: f64,
}

impl Run {
    fn new(row: &Row) -> Run {
        let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
        Run {
            seed: row.seed_index,
            diverged: row.diverged_at.is_some(),
            reducible: number(row.reducible),
            approximation: number(row.approximation),
            quantized_test: number(row.quantized_test),
            signal: number(row.signal),
            overlap: number(row.overlap),
            held_out: number(row.held_out),
            expected: f64::NAN,
            expected_test: f64::NAN,
        }
    }
}

/// Mean and scatter of values met one by one (Welford).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    pub n: usize,
    pub mean: f64,
    squares: f64,
}

impl Moments {
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let off = value - self.mean;
        self.mean += off / self.n as f64;
        self.squares += off * (value - self.mean);
    }

    /// Standard error of the mean; `None` with fewer than two values.
    pub fn standard_error(&self) -> Option<f64> {
        let n = self.n as f64;
        (self.n > 1).then(|| (self.squares / (n - 1.0) / n).sqrt()).filter(|se| se.is_finite())
    }
}

/// The excess on quantized test features over the seeds of a cell.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuantizedTest {
    pub sampled: Moments,
    pub exact: Moments,
    /// Sampled less exact, seed by seed.
    pub difference: Moments,
}

/// The rows of one cell.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Ascending in the seed, each seed once.
    pub runs: Vec<Run>,
    pub test: Option<Box<QuantizedTest>>,
    /// Standard errors of the held-out risks over the held-out rows, which all seeds share.
    pub held_out_se: Moments,
    /// Whether what is expected is of laws in place of formats.
    pub is_matched: bool,
    /// The step size chosen for it, where its group chooses one.
    pub step_size: Option<f64>,
}

impl Cell {
    fn add(&mut self, row: &Row) {
        // Rows come by seed; one given twice counts once.
        if self.runs.last().is_some_and(|last| last.seed == row.seed_index) {
            return;
        }
        self.runs.push(Run::new(row));
        row.held_out_se.into_iter().for_each(|error| self.held_out_se.add(error));
        let Some(sampled) = row.quantized_test else { return };
        let test = self.test.get_or_insert_default();
        test.sampled.add(sampled);
        if let Some(exact) = row.quantized_test_exact {
            test.exact.add(exact);
            test.difference.add(sampled - exact);
        }
    }

    pub fn has_quantized_test(&self) -> bool {
        self.runs.iter().any(|run| run.quantized_test.is_finite())
    }

    pub fn diverged(&self) -> usize {
        self.runs.iter().filter(|run| run.diverged).count()
    }
}

/// All that shares every setting but M, N and the recipe.
#[derive(Clone, Debug)]
pub struct Group {
    /// Place in [`Table::directories`].
    pub directory: usize,
    /// One of its rows.
    pub row: Row,
    /// The step sizes among which each cell has its best, ascending; empty where there is but the one of the row.
    pub best_of: Vec<f64>,
}

impl Group {
    /// The settings that it shares with groups of other step sizes.
    pub fn but_step_size(&self) -> (usize, Vec<Value>) {
        let mut settings = super::variables::settings(&self.row);
        // The step size is the last of them.
        settings.pop();
        (self.directory, settings)
    }
}

/// A recipe as figures name and order it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    pub name: String,
    /// Its sites without their eps, which recipes of one law have in common; where it has no eps its name, without the
    /// formats and widths that a list gave it.
    pub family: String,
    /// The one eps of its laws; `None` where there is none, or more than one.
    pub eps: Option<f64>,
    pub bits: Option<f64>,
    /// Whether it leaves every site unset.
    pub is_full_precision: bool,
    pub has_phases: bool,
}

/// M_total and M_gc of a recipe at a model size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sizes {
    pub total: Option<f64>,
    pub gain_corrected: Option<f64>,
}

/// The rows of one sweep or of several.
#[derive(Debug, Default)]
pub struct Table {
    /// As they were given, one a sweep.
    pub directories: Vec<String>,
    /// In order of first appearance, those of best step sizes last.
    pub groups: Vec<Group>,
    /// In order of first appearance.
    pub recipes: Vec<Recipe>,
    /// What held-out risks have to beat, by directory.
    pub baselines: Vec<(usize, StoredBaselines)>,
    /// Effective model sizes by group, recipe and M, of the directories that were fitted.
    pub sizes: HashMap<(usize, usize, u32), Sizes>,
    pub(super) cells: HashMap<CellKey, Cell>,
    /// By directory and name.
    recipe_names: HashMap<(usize, String), usize>,
    group_places: HashMap<(usize, Vec<Value>), usize>,
    recipe_places: HashMap<(String, String), usize>,
    /// The outputs of a directory, cell and number of samples seen: as expected risks name them.
    numbers: HashMap<(usize, u64, u64), Vec<(String, CellKey)>>,
}

impl Table {
    /// Opens the rows of another sweep; those that [`Table::add`] takes from now on are of it.
    pub fn open(&mut self, directory: &str) {
        self.directories.push(directory.to_owned());
    }

    /// Takes a row; rows come with the seeds of each cell ascending, as a store gives them. Returns the place of its recipe.
    pub fn add(&mut self, row: &Row) -> usize {
        let directory = self.directories.len().saturating_sub(1);
        let key = match self.key(row.cell, row.seen, &row.output) {
            Some(key) => key,
            None => {
                let (group, recipe) = (self.group(directory, row), self.recipe(row));
                let key = CellKey { group, model: row.model, samples: row.samples, seen: row.seen, recipe };
                let outputs = self.numbers.entry((directory, row.cell, row.seen)).or_default();
                outputs.push((row.output.clone(), key));
                key
            }
        };
        self.cells.entry(key).or_default().add(row);
        key.recipe
    }

    /// The place of the recipe that a directory calls so.
    pub fn recipe_named(&self, directory: usize, name: &str) -> Option<usize> {
        self.recipe_names.get(&(directory, name.to_owned())).copied()
    }

    /// That of a row of the last directory.
    fn key(&self, cell: u64, seen: u64, output: &str) -> Option<CellKey> {
        let outputs = self.numbers.get(&(self.directories.len().saturating_sub(1), cell, seen))?;
        outputs.iter().find(|(own, _)| own == output).map(|(_, key)| *key)
    }

    /// Takes what is expected of a row of the last sweep.
    pub fn expect(&mut self, risks: &ExpectedRisks) {
        let key = self.key(risks.cell, risks.seen, risks.output);
        let Some(cell) = key.and_then(|key| self.cells.get_mut(&key)) else { return };
        let Ok(place) = cell.runs.binary_search_by_key(&risks.seed_index, |run| run.seed) else { return };
        cell.is_matched |= risks.is_matched;
        cell.runs[place].expected = risks.excess.unwrap_or(f64::NAN);
        cell.runs[place].expected_test = risks.quantized_test.unwrap_or(f64::NAN);
    }

    /// Takes what the held-out risks of the last directory have to beat.
    pub fn compare(&mut self, baselines: Vec<StoredBaselines>) {
        let directory = self.directories.len().saturating_sub(1);
        self.baselines.extend(baselines.into_iter().map(|own| (directory, own)));
    }

    /// Those of a group's rows.
    pub fn baselines_of(&self, group: usize) -> Option<&StoredBaselines> {
        let Group { directory, row, .. } = self.groups.get(group)?;
        let is_own = |own: &StoredBaselines| own.spectrum == row.spectrum && own.target == row.target;
        self.baselines.iter().find(|(of, own)| of == directory && is_own(own)).map(|(_, own)| own)
    }

    fn group(&mut self, directory: usize, row: &Row) -> usize {
        let settings = super::variables::settings(row);
        let next = self.groups.len();
        let place = *self.group_places.entry((directory, settings)).or_insert(next);
        if place == next {
            self.groups.push(Group { directory, row: row.clone(), best_of: Vec::new() });
        }
        place
    }

    fn recipe(&mut self, row: &Row) -> usize {
        let formats: Vec<String> = row
            .formats
            .iter()
            .filter_map(|(site, format)| Some(format!("{} {}", site.name(), format.as_deref()?)))
            .chain(row.roundings.iter().filter_map(|(_, rounding)| rounding.clone()))
            .chain(row.phases.clone())
            .collect();
        let next = self.recipes.len();
        let place = *self.recipe_places.entry((row.recipe.clone(), formats.join(", "))).or_insert(next);
        if place == next {
            let again = self.recipes.iter().filter(|other| other.name == row.recipe).count();
            let name = if again == 0 { row.recipe.clone() } else { format!("{} ({})", row.recipe, again + 1) };
            self.recipes.push(Recipe { name, ..Recipe::of(row) });
        }
        let directory = self.directories.len().saturating_sub(1);
        self.recipe_names.insert((directory, row.recipe.clone()), place);
        place
    }

    pub fn cell(&self, key: CellKey) -> Option<&Cell> {
        self.cells.get(&key)
    }

    /// All keys, ascending.
    pub fn keys(&self) -> Vec<CellKey> {
        let mut keys: Vec<CellKey> = self.cells.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    pub fn is_empty(&self) -> bool {
        self.cells.keys().all(|key| !key.is_final())
    }
}

impl Recipe {
    fn of(row: &Row) -> Recipe {
        let set: Vec<(&str, &str)> =
            row.formats.iter().filter_map(|(site, format)| Some((site.name(), format.as_deref()?))).collect();
        let sites: Vec<String> = set
            .iter()
            .map(|(site, format)| {
                let words = format.split(' ').filter(|word| !word.starts_with("eps=") && *word != "law=gaussian");
                format!("{site} {}", words.collect::<Vec<_>>().join(" "))
            })
            .chain(row.roundings.iter().filter_map(|(site, rounding)| {
                // To the nearest is what a format does without a word.
                rounding.as_deref().filter(|r| *r != "nearest-even").map(|r| format!("{} {r}", site.name()))
            }))
            .chain(row.phases.clone())
            .collect();
        let mut eps: Vec<f64> = row.eps.iter().filter_map(|(_, eps)| *eps).collect();
        eps.sort_by(f64::total_cmp);
        eps.dedup();
        Recipe {
            name: row.recipe.clone(),
            family: if eps.len() == 1 { sites.join(", ") } else { without_formats(&row.recipe) },
            eps: (eps.len() == 1).then(|| eps[0]),
            bits: row.recipe_bits,
            is_full_precision: set.is_empty() && row.phases.is_none(),
            has_phases: row.phases.is_some(),
        }
    }
}

/// A name without the words of the form ` SITE.format=VALUE` that lists add to it.
fn without_formats(name: &str) -> String {
    let is_added = |word: &&str| {
        let site = word.split_once(".format=").map(|(site, _)| site);
        site.is_some_and(|site| Site::ALL.iter().any(|own| own.name() == site))
    };
    name.split(' ').filter(|word| !is_added(word)).collect::<Vec<_>>().join(" ")
}
