//! The report stage: figures, their numbers, and one page, from the stored rows.

mod axis;
pub mod bootstrap;
pub mod csv;
pub mod figure;
mod html;
pub mod series;
mod summary;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::row::Row;

/// Writes `dir/report.html` and `dir/figures/panel-<number>-<axis>.svg`, each with a `.csv` beside
/// it, and returns the paths. Rows before the end of their run (`seen` < `samples`) are left out.
///
/// # Errors
/// `Error::Input` if no row is final, `Error::Io` if a file can't be written.
pub fn write(dir: &Path, rows: &[Row], config_toml: &str, provenance: &Map<String, Value>) -> Result<Vec<PathBuf>> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.seen == row.samples).collect();
    if rows.is_empty() {
        let what = "no finished run to report; run the experiment, or merge its parts, first";
        return Err(Error::Input(format!("{}: {what}", dir.display())));
    }
    let figures = dir.join("figures");
    fs::create_dir_all(&figures).map_err(Error::io(&figures))?;

    let panels = series::panels(&rows);
    let mut drawings = Vec::with_capacity(panels.len());
    let mut paths = Vec::new();
    for (number, panel) in (1..).zip(&panels) {
        let mut drawn = Vec::with_capacity(panel.charts.len());
        for chart in &panel.charts {
            // Numbered, never named after a recipe or a problem: those are the user's text.
            let path = figures.join(format!("panel-{number}-{}.svg", chart.axis.name()));
            let svg = figure::svg(chart).map_err(Error::io(&path))?;
            replace(&path, &svg)?;
            let numbers = path.with_extension("csv");
            replace(&numbers, &csv::csv(panel, chart))?;
            paths.extend([path, numbers]);
            drawn.push(svg);
        }
        drawings.push(drawn);
    }
    let summary = summary::Summary::new(&rows);
    let path = dir.join("report.html");
    replace(&path, &html::page(&panels, &drawings, &summary, config_toml, provenance))?;
    paths.insert(0, path);
    Ok(paths)
}

/// Writes under a temporary name, then renames: a reader never sees half a file.
fn replace(path: &Path, text: &str) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(Error::io(path))
}
