//! The report stage: figures, their numbers, and one page, from the stored rows.
//!
//! It reads like the modules: rows -> `cells` (gathered under their `settings`) -> `sample` -> `estimates` (by
//! `bootstrap` or formula) -> `curves` -> `panels` -> `figure`, `csv` and `html`; beside the panels stand the
//! `totals` over all rows and the measured `spectrum`. Each imports from those before it alone.

mod bootstrap;
mod cells;
mod csv;
mod curves;
mod estimates;
mod figure;
mod html;
mod panels;
mod places;
mod sample;
mod settings;
mod spectrum;
mod totals;
mod variables;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::cells::Cells;
pub use self::curves::{Chart, CurvePoint, Series};
use self::html::Page;
pub use self::panels::{Panel, TestLine};
pub use self::settings::{PanelSettings, STEP_SIZE};
use self::totals::Totals;
pub use self::variables::{Axis, RiskKind};
use crate::error::{Error, Result};
use crate::files::{remove_left_over, write_whole};
use crate::store::row::Row;
use crate::store::{self, MeasuredSpectrum, paths};

/// Names the writer of a report in its temporary files; there is one at a time, who holds the lock of the report.
const TAG: &str = "report";

/// Writes `dir/report.html` and `dir/figures/panel-<number>-<axis>.svg`, each with a `.csv` beside
/// it, and returns the paths. Rows come in key order, one at a time; those before the end of their run
/// (`seen` < `samples`) are left out. The spectra that lie in `dir` are drawn too.
///
/// # Errors
/// The first error of the rows, `Error::Input` if no row is final, `Error::Corrupt` for a malformed spectrum,
/// `Error::Io` if a file can't be written.
pub fn write(
    dir: &Path,
    rows: impl IntoIterator<Item = Result<Row>>,
    config_toml: &str,
    provenance: &Map<String, Value>,
) -> Result<Vec<PathBuf>> {
    let (mut cells, mut totals) = (Cells::default(), Totals::default());
    for row in rows {
        let row = row?;
        cells.add(&row);
        totals.add(&row);
    }
    if totals.runs == 0 {
        let what = "no finished run to report: `roundlaw sweep` first";
        return Err(Error::Input(format!("{}: {what}", dir.display())));
    }
    let spectra = store::spectra(dir)?;
    let figures = dir.join(paths::FIGURES);
    fs::create_dir_all(&figures).map_err(Error::io(&figures))?;
    for dir in [dir, &figures] {
        remove_left_over(dir, TAG)?;
    }

    let panels = panels::panels(&cells);
    let page = paths::report(dir);
    let mut written = vec![page.clone()];
    let drawings = draw_panels(&figures, &panels, &mut written)?;
    let spectra = draw_spectra(&figures, spectra, &mut written)?;
    let text =
        Page { panels: &panels, drawings: &drawings, spectra: &spectra, totals: &totals, config_toml, provenance };
    replace(&page, &text.html())?;
    Ok(written)
}

/// The SVG of each chart of each panel, stored and named in `written`.
fn draw_panels(figures: &Path, panels: &[Panel], written: &mut Vec<PathBuf>) -> Result<Vec<Vec<String>>> {
    let mut drawings = Vec::with_capacity(panels.len());
    for (number, panel) in (1..).zip(panels) {
        let mut drawn = Vec::with_capacity(panel.charts.len());
        for chart in &panel.charts {
            let path = figures.join(paths::chart_name(number, chart.axis.name()) + ".svg");
            let svg = figure::chart::svg(chart).map_err(Error::io(&path))?;
            keep(path, &svg, &csv::csv(panel, chart), written)?;
            drawn.push(svg);
        }
        drawings.push(drawn);
    }
    Ok(drawings)
}

fn draw_spectra(
    figures: &Path,
    spectra: Vec<MeasuredSpectrum>,
    written: &mut Vec<PathBuf>,
) -> Result<Vec<(MeasuredSpectrum, String)>> {
    let mut drawn = Vec::with_capacity(spectra.len());
    for spectrum in spectra {
        let path = figures.join(paths::spectrum_name(spectrum.number) + ".svg");
        let svg = figure::spectrum::svg(&spectrum).map_err(Error::io(&path))?;
        keep(path, &svg, &spectrum.csv(|value| value.to_string()), written)?;
        drawn.push((spectrum, svg));
    }
    Ok(drawn)
}

/// A figure and its numbers.
fn keep(path: PathBuf, svg: &str, csv: &str, written: &mut Vec<PathBuf>) -> Result<()> {
    let numbers = path.with_extension("csv");
    replace(&path, svg)?;
    replace(&numbers, csv)?;
    written.extend([path, numbers]);
    Ok(())
}

/// The panels of rows in key order.
///
/// # Errors
/// The first error of the rows.
pub fn panels(rows: impl IntoIterator<Item = Result<Row>>) -> Result<Vec<Panel>> {
    let mut cells = Cells::default();
    for row in rows {
        cells.add(&row?);
    }
    Ok(panels::panels(&cells))
}

fn replace(path: &Path, text: &str) -> Result<()> {
    write_whole(path, TAG, |file| file.write_all(text.as_bytes()).map_err(Error::io(path)))
}
