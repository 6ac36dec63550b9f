//! The report stage: figures, their numbers, and one page, from the stored rows of one sweep or of several.
//!
//! It reads like the modules: rows -> `table` (every cell by seed), joined by `best` step sizes, expected risks and what
//! `fitted` found -> `view` (what is drawn against which of the `variables`) by `risk` and `estimates` -> `curves` ->
//! `figure`, `csv` and `html`. The `story` is the views of the page; beside them stand the `totals` over all rows and the
//! measured `spectrum`.

mod best;
mod csv;
mod curves;
mod estimates;
mod figure;
mod files;
mod fitted;
mod html;
mod risk;
mod scaling;
mod spectrum;
mod story;
mod table;
mod totals;
mod variables;
mod view;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

pub use self::curves::{Chart, Line, Point, Style};
pub use self::estimates::{Center, HEAVY};
use self::files::{TAG, Writer};
pub use self::fitted::{Fitted, fits};
pub use self::risk::Risk;
pub use self::scaling::Guide;
pub use self::spectrum::FeatureSpectra;
pub use self::story::{Section, sections};
pub use self::table::{CellKey, Sizes, Table};
use self::totals::Totals;
pub use self::variables::{Value, Variable, problem_text, variable, variables};
pub use self::view::View;
use self::view::values_of;
use crate::error::{Error, Result};
use crate::files::remove_left_over;
use crate::plan::Plan;
use crate::store::row::Row;
use crate::store::{MeasuredSpectrum, paths};

/// How figures are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FigureFormat {
    #[default]
    Svg,
    Pdf,
}

/// One sweep behind a report.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its directory, as it was named.
    pub directory: String,
    /// What the config calls it.
    pub title: Option<String>,
    /// Of its rows, as `status` prints it.
    pub digest: String,
    pub config_toml: String,
    pub provenance: Map<String, Json>,
    /// Those that lie in its directory.
    pub spectra: Vec<MeasuredSpectrum>,
    /// Eigenvalues of features, by problem point.
    pub features: Vec<FeatureSpectra>,
    /// What the directory lacks, and the command that makes it.
    pub missing: Vec<String>,
    /// Of its config, where the files that it names can be read.
    pub plan: Option<Arc<Plan>>,
}

/// What a report is made of.
#[derive(Debug, Default)]
pub struct Report {
    pub table: Table,
    totals: Totals,
    pub sources: Vec<Source>,
    /// A group of the table, and its fit.
    pub fits: Vec<(usize, Fitted)>,
}

/// What [`Report::write`] may be told.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// Draw these alone, and no page.
    pub views: Vec<View>,
    /// Names of the recipes to show; all where there is none.
    pub recipes: Vec<String>,
    /// Variables and the one value that cells are to have of each, as a CSV has it.
    pub only: Vec<(&'static Variable, String)>,
    /// Place of the recipe that differences are to.
    pub baseline: usize,
    pub format: FigureFormat,
}

impl ReportOptions {
    /// The options that leave out cells.
    fn part(&self) -> Option<String> {
        let recipes = self.recipes.iter().map(|name| format!("--recipe {name}"));
        let only = self.only.iter().map(|(variable, value)| format!("--only {}={value}", variable.name));
        let part: Vec<String> = recipes.chain(only).collect();
        (!part.is_empty()).then(|| part.join(" "))
    }
}

impl Report {
    /// Opens the rows of another sweep; those that [`Report::add`] takes from now on are of it.
    pub fn open(&mut self, directory: &str) {
        self.table.open(directory);
        self.totals.open();
    }

    /// Takes a row; rows come in key order, as a store gives them.
    pub fn add(&mut self, row: &Row) {
        let recipe = self.table.add(row);
        self.totals.add(row, &self.table.recipes[recipe].name);
    }

    /// The place of the recipe of this name.
    ///
    /// # Errors
    /// [`Error::Input`] with the names there are.
    pub fn recipe(&self, option: &str, name: &str) -> Result<usize> {
        let names = || self.table.recipes.iter().map(|recipe| recipe.name.as_str());
        names().position(|other| other == name).ok_or_else(|| {
            let all = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Error::Input(format!("{option} {name}: no such recipe; allowed is one of {all}"))
        })
    }

    /// The cells of the recipes that are to be shown.
    fn keys(&self, options: &ReportOptions) -> Result<Vec<CellKey>> {
        let wanted = options.recipes.iter().map(|name| self.recipe("--recipe", name)).collect::<Result<Vec<_>>>()?;
        let has = |key: &CellKey| {
            let is_only =
                |(variable, value): &(&Variable, String)| variable.of(&self.table, *key).to_string() == *value;
            (wanted.is_empty() || wanted.contains(&key.recipe)) && options.only.iter().all(is_only)
        };
        let keys: Vec<CellKey> = self.table.keys().into_iter().filter(has).collect();
        if keys.is_empty() {
            let part = options.part().unwrap_or_default();
            let all = self.table.keys();
            let values = options.only.iter().map(|(variable, _)| {
                let values: Vec<String> = values_of(&self.table, &all, variable).iter().map(Value::to_string).collect();
                format!("{} has {}", variable.name, values.join(", "))
            });
            return Err(Error::Input(format!(
                "{part}: no cell has all of it; {}",
                values.collect::<Vec<_>>().join("; ")
            )));
        }
        Ok(keys)
    }

    /// Writes figures, each with a `.csv` beside it, into `dir/figures`, and unless views are asked for the page
    /// `dir/report.html` and the table of all cells `dir/figures/cells.csv`. Returns the paths.
    ///
    /// # Errors
    /// [`Error::Input`] where no run is finished, a recipe is not there, a view has nothing to show, or a PDF has no
    /// font; [`Error::Io`] if a file can't be written.
    pub fn write(&self, dir: &Path, options: &ReportOptions) -> Result<Vec<PathBuf>> {
        if self.table.is_empty() {
            let names: Vec<&str> = self.sources.iter().map(|source| source.directory.as_str()).collect();
            return Err(Error::Input(format!(
                "{}: no finished run to report: `roundlaw sweep` first",
                names.join(", ")
            )));
        }
        let keys = self.keys(options)?;
        let figures = dir.join(paths::FIGURES);
        fs::create_dir_all(&figures).map_err(Error::io(&figures))?;
        for dir in [dir, &figures] {
            remove_left_over(dir, TAG)?;
        }
        let mut writer = Writer { report: self, figures, format: options.format, written: Vec::new() };
        if options.views.is_empty() {
            writer.page(dir, &keys, options.part(), options.baseline)?;
        } else {
            writer.views(&options.views, &keys)?;
        }
        Ok(writer.written)
    }

    /// The page's title.
    fn title(&self) -> String {
        let names = self.sources.iter().map(|source| {
            if let Some(title) = &source.title {
                return title.clone();
            }
            let name = Path::new(&source.directory).file_name().map(|name| name.to_string_lossy().into_owned());
            name.unwrap_or_else(|| source.directory.clone())
        });
        names.collect::<Vec<_>>().join(", ")
    }

    /// The line that says what a figure was made of.
    fn source(&self) -> String {
        let of = |source: &Source| format!("{}, rows {}", source.directory, source.digest);
        let all: Vec<String> = self.sources.iter().map(of).collect();
        format!("roundlaw {}: {}", env!("CARGO_PKG_VERSION"), all.join("; "))
    }
}
