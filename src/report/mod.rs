//! The report stage: figures, their numbers, and one page, from the stored rows.

mod axis;
mod best;
mod bootstrap;
mod cells;
mod csv;
mod errors;
mod figure;
mod html;
mod legend;
mod pen;
pub mod series;
pub mod spectrum;
mod summary;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::cells::Cells;
use self::html::Page;
use self::series::Panel;
use self::spectrum::Spectrum;
use self::summary::Summary;
use crate::error::{Error, Result};
use crate::store::row::Row;
use crate::store::write_whole;

/// Writes `dir/report.html` and `dir/figures/panel-<number>-<axis>.svg`, each with a `.csv` beside
/// it, and returns the paths. Rows come in key order, one at a time; those before the end of their run
/// (`seen` < `samples`) are left out. The spectra of [`spectrum`] that lie in `dir` are drawn too.
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
    let (mut cells, mut summary) = (Cells::default(), Summary::default());
    for row in rows {
        let row = row?;
        cells.add(&row);
        summary.add(&row);
    }
    if summary.runs == 0 {
        let what = "no finished run to report; run the experiment, or merge its parts, first";
        return Err(Error::Input(format!("{}: {what}", dir.display())));
    }
    let spectra = spectrum::read(dir)?;
    let figures = dir.join("figures");
    fs::create_dir_all(&figures).map_err(Error::io(&figures))?;

    let panels = series::panels(&cells);
    let page = dir.join("report.html");
    let mut paths = vec![page.clone()];
    let drawings = draw_panels(&figures, &panels, &mut paths)?;
    let spectra = draw_spectra(&figures, spectra, &mut paths)?;
    let text =
        Page { panels: &panels, drawings: &drawings, spectra: &spectra, summary: &summary, config_toml, provenance };
    replace(&page, &text.html())?;
    Ok(paths)
}

/// The SVG of each chart of each panel, stored and named in `paths`.
fn draw_panels(figures: &Path, panels: &[Panel], paths: &mut Vec<PathBuf>) -> Result<Vec<Vec<String>>> {
    let mut drawings = Vec::with_capacity(panels.len());
    for (number, panel) in (1..).zip(panels) {
        let mut drawn = Vec::with_capacity(panel.charts.len());
        for chart in &panel.charts {
            // Numbered, never named after a recipe or a problem: those are the user's text.
            let path = figures.join(format!("panel-{number}-{}.svg", chart.axis.name()));
            let svg = figure::svg(chart).map_err(Error::io(&path))?;
            store(path, &svg, &csv::csv(panel, chart), paths)?;
            drawn.push(svg);
        }
        drawings.push(drawn);
    }
    Ok(drawings)
}

fn draw_spectra(figures: &Path, spectra: Vec<Spectrum>, paths: &mut Vec<PathBuf>) -> Result<Vec<(Spectrum, String)>> {
    let mut drawn = Vec::with_capacity(spectra.len());
    for spectrum in spectra {
        let path = figures.join(format!("spectrum-{}.svg", spectrum.number));
        let svg = spectrum.svg().map_err(Error::io(&path))?;
        store(path, &svg, &spectrum.csv(), paths)?;
        drawn.push((spectrum, svg));
    }
    Ok(drawn)
}

/// A figure and its numbers.
fn store(path: PathBuf, svg: &str, csv: &str, paths: &mut Vec<PathBuf>) -> Result<()> {
    let numbers = path.with_extension("csv");
    replace(&path, svg)?;
    replace(&numbers, csv)?;
    paths.extend([path, numbers]);
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
    Ok(series::panels(&cells))
}

/// The report has one writer at a time: its lock is held.
fn replace(path: &Path, text: &str) -> Result<()> {
    write_whole(path, "report", |file| file.write_all(text.as_bytes()).map_err(Error::io(path)))
}
