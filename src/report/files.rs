//! The files of a report: figures with their numbers, the table of all cells, the page.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::curves::Chart;
use super::estimates::{Center, HEAVY};
use super::html::Page;
use super::risk::Risk;
use super::story::sections;
use super::table::CellKey;
use super::variables::Variable;
use super::view::View;
use super::{FeatureSpectra, FigureFormat, Report, csv, figure, problem_text};
use crate::error::{Error, Result};
use crate::files::{csv_text, write_whole};
use crate::store::{MeasuredSpectrum, paths};

/// Names the writer of a report in its temporary files; there is one at a time, who holds the lock of the report.
pub const TAG: &str = "report";

/// Writes the files of a report.
pub struct Writer<'a> {
    pub report: &'a Report,
    /// Where the figures go.
    pub figures: PathBuf,
    pub format: FigureFormat,
    /// What was written.
    pub written: Vec<PathBuf>,
}

/// A figure on the page: its file's name without ending, and its SVG.
pub struct Drawing {
    pub name: String,
    pub svg: String,
}

impl Writer<'_> {
    /// The page with all its figures, and the table of all cells.
    pub fn page(&mut self, dir: &Path, keys: &[CellKey], part: Option<String>, baseline: usize) -> Result<()> {
        self.remove_earlier()?;
        let report = self.report;
        let sections = sections(&report.table, keys, baseline);
        let mut drawings = Vec::new();
        let mut number = 0;
        for section in &sections {
            let mut drawn = Vec::new();
            for chart in &section.charts {
                number += 1;
                drawn.push(self.chart(paths::chart_name(number, chart.y.name(), chart.x.name), chart)?);
            }
            drawings.push(drawn);
        }
        let histograms = self.histograms()?;
        let (spectra, features) = (self.spectra()?, self.feature_spectra()?);
        let cells = self.figures.join("cells.csv");
        replace(&cells, csv::of_cells(&report.table, keys, baseline).as_bytes())?;
        self.written.push(cells);
        let page = paths::report(dir);
        let text = Page { report, keys, part, baseline, sections: &sections, drawings, histograms, spectra, features };
        replace(&page, text.html().as_bytes())?;
        self.written.insert(0, page);
        Ok(())
    }

    /// Figures of an earlier page, whose numbers may have been others. Those of views stay.
    fn remove_earlier(&self) -> Result<()> {
        let entries = std::fs::read_dir(&self.figures).map_err(Error::io(&self.figures))?;
        for entry in entries {
            let entry = entry.map_err(Error::io(&self.figures))?;
            if entry.file_name().to_str().is_some_and(paths::is_figure) {
                std::fs::remove_file(entry.path()).map_err(Error::io(&entry.path()))?;
            }
        }
        Ok(())
    }

    /// The figures of views.
    pub fn views(&mut self, views: &[View], keys: &[CellKey]) -> Result<()> {
        for view in views {
            let charts = view.charts(&self.report.table, keys);
            if charts.is_empty() {
                let why = match view.y {
                    Risk::Difference if self.report.table.recipes.len() < 2 => "there is no recipe but the baseline",
                    Risk::Residual => "no cell has both; `roundlaw predict DIR` computes exact expectations",
                    Risk::QuantizedTest => "no cell has both; train.quantized_test = true asks for it in a sweep",
                    _ if matches!(view.x.name, "m_total" | "m_gc") => {
                        "no cell has both; `roundlaw fit DIR` finds effective sizes"
                    }
                    Risk::HeldOut => "no cell has both; covariates from a file have held-out rows",
                    _ => "no cell has both",
                };
                let what = format!("--x {} --y {}: {why}", view.x.name, view.y.name());
                return Err(Error::Input(what));
            }
            for (number, chart) in (1..).zip(&charts) {
                let series: Vec<&str> = view.series.iter().map(|variable| variable.name).collect();
                self.chart(paths::view_name(number, chart.y.name(), chart.x.name, &series.join("-")), chart)?;
            }
        }
        Ok(())
    }

    fn chart(&mut self, name: String, chart: &Chart) -> Result<Drawing> {
        let svg = figure::chart::svg(chart, &notes(chart, &self.report.source())).map_err(Error::io(&self.figures))?;
        self.keep(name, svg, &csv::of_chart(&self.report.table, chart))
    }

    /// The z-scores of each fit that has some.
    fn histograms(&mut self) -> Result<Vec<Drawing>> {
        let scores = self.report.fits.iter().filter_map(|(group, fitted)| Some((*group, fitted.z.as_ref()?)));
        let mut drawings = Vec::new();
        for (number, (group, scores)) in (1..).zip(scores) {
            let edges: Vec<Option<f64>> = scores.histogram.iter().map(|bin| bin.below).collect();
            let names = edges.iter().enumerate().map(|(place, below)| match (place.checked_sub(1), below) {
                (None, Some(below)) => format!("< {below}"),
                (Some(before), Some(below)) => format!("{} to {below}", edges[before].unwrap_or_default()),
                (Some(before), None) => format!("> {}", edges[before].unwrap_or_default()),
                (None, None) => "all".into(),
            });
            // Of |z| of a standard normal variable.
            let below = |edge: Option<f64>| edge.map_or(1.0, |edge| libm::erf(edge / std::f64::consts::SQRT_2));
            let share =
                |place: usize| below(edges[place]) - place.checked_sub(1).map_or(0.0, |before| below(edges[before]));
            let bars: Vec<figure::bars::Bar> = (0..)
                .zip(names)
                .zip(&scores.histogram)
                .map(|((place, name), bin)| figure::bars::Bar {
                    name,
                    count: bin.cells,
                    expected: share(place) * scores.cells as f64,
                })
                .collect();
            let title = format!("z-scores of {} cells against the exact expectation", scores.cells);
            let name = paths::histogram_name(number);
            let row = &self.report.table.groups[group].row;
            let settings = format!("output {} · {}", row.output, problem_text(row));
            let notes = [settings, NORMAL.to_owned(), self.report.source()];
            let svg = figure::bars::svg(&title, &notes, "|z|", &bars).map_err(Error::io(&self.figures))?;
            let lines = bars.iter().map(|bar| vec![bar.name.clone(), bar.count.to_string(), bar.expected.to_string()]);
            let header = ["z", "cells", "expected"].map(String::from).to_vec();
            drawings.push(self.keep(name, svg, &csv_text(std::iter::once(header).chain(lines)))?);
        }
        Ok(drawings)
    }

    /// Of Sigma and of the features as recipes read them.
    fn feature_spectra(&mut self) -> Result<Vec<Drawing>> {
        let mut drawn = Vec::new();
        let all = self.report.sources.iter().flat_map(|source| &source.features);
        for (number, spectra) in (1..).zip(all) {
            let FeatureSpectra { problem, model, named } = spectra;
            let title = format!("Spectra of the features at M = {model}");
            let drawings: Vec<_> =
                named.iter().map(|(name, values)| figure::spectrum::Named::new(name, values)).collect();
            let notes = [problem.clone(), SPECTRA.to_owned(), self.report.source()];
            let svg = figure::spectrum::svg(&title, &notes, &drawings, None).map_err(Error::io(&self.figures))?;
            let header = ["spectrum", "index", "eigenvalue"].map(String::from).to_vec();
            let lines = named.iter().flat_map(|(name, values)| {
                (1..)
                    .zip(values)
                    .map(|(index, value): (u32, _)| vec![name.clone(), index.to_string(), value.to_string()])
            });
            let csv = csv_text(std::iter::once(header).chain(lines));
            drawn.push(self.keep(paths::features_name(number), svg, &csv)?);
        }
        Ok(drawn)
    }

    fn spectra(&mut self) -> Result<Vec<(MeasuredSpectrum, Drawing)>> {
        let mut drawn = Vec::new();
        let spectra = self.report.sources.iter().flat_map(|source| &source.spectra);
        for (number, spectrum) in (1..).zip(spectra) {
            let svg = spectrum.svg(&self.report.source()).map_err(Error::io(&self.figures))?;
            let drawing = self.keep(paths::spectrum_name(number), svg, &spectrum.csv(|value| value.to_string()))?;
            drawn.push((spectrum.clone(), drawing));
        }
        Ok(drawn)
    }

    /// Stores a figure and its numbers.
    fn keep(&mut self, name: String, svg: String, csv: &str) -> Result<Drawing> {
        let base = self.figures.join(&name);
        let path = match self.format {
            FigureFormat::Svg => base.with_extension("svg"),
            FigureFormat::Pdf => base.with_extension("pdf"),
        };
        match self.format {
            FigureFormat::Svg => replace(&path, svg.as_bytes())?,
            FigureFormat::Pdf => {
                let pdf = figure::pdf::pdf(&svg).map_err(|why| Error::Input(format!("{}: {why}", path.display())))?;
                replace(&path, &pdf)?;
            }
        }
        let numbers = base.with_extension("csv");
        replace(&numbers, csv.as_bytes())?;
        self.written.extend([path, numbers]);
        Ok(Drawing { name, svg })
    }
}

const NORMAL: &str = "dashes: of as many standard normal z";
const SPECTRA: &str =
    "seed 0: Sigma, and E q qᵀ of the features q of recipes; of formats by test samples, 128 for each of M";

/// What stands below a chart: what its points share, how they were made, and of what.
fn notes(chart: &Chart, source: &str) -> Vec<String> {
    let shown = |variable: &Variable| !matches!(variable.name, "recipe" | "directory");
    let settings = chart.settings.iter().filter(|(variable, _)| shown(variable));
    let settings: Vec<String> = settings
        .map(|(variable, value)| match variable.name {
            "step_size" if !chart.best_of.is_empty() => {
                let sizes: Vec<String> = chart.best_of.iter().map(f64::to_string).collect();
                format!("γ best of {} (chosen on even seeds, shown on odd)", sizes.join(", "))
            }
            _ => variable.text(value),
        })
        .collect();
    let over = match (chart.center, chart.seeds) {
        (_, 1) => "one seed".to_owned(),
        (Center::Mean, seeds) => format!("mean of up to {seeds} seeds ± one standard error"),
        (Center::Median, seeds) => format!("median of up to {seeds} seeds ± half its 68 % interval"),
    };
    let heavy = chart.points().any(|point| point.is_heavy);
    let expected = |matched| chart.points().any(|point| point.expected.is_some() && point.is_matched == matched);
    let more = [
        (heavy, format!("hollow: one seed carries more than {:.0} % of the mean", 100.0 * HEAVY)),
        (expected(false), "thin line: exact expectation".to_owned()),
        (expected(true), "dashes: expectation of laws like the formats".to_owned()),
    ];
    let more = more.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text);
    let made: Vec<String> = std::iter::once(over).chain(more).collect();
    vec![settings.join(" · "), made.join(" · "), source.to_owned()]
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, TAG, |file| file.write_all(bytes).map_err(Error::io(path)))
}
