//! The report as one page that loads nothing: figures inline, light or dark as the reader's system is.

mod findings;
mod markup;
mod section;
mod totals;

use std::fmt::Write;

use serde_json::Value;

use self::markup::{counted, escape, table};
use super::figure::pen::{self, PALETTE, RAMP};
use super::files::Drawing;
use super::table::Cell;
use super::{CellKey, Report, Section};
use crate::store::{MeasuredSpectrum, paths};

const STYLE: &str = include_str!("style.css");

/// All that the page shows.
pub struct Page<'a> {
    pub report: &'a Report,
    /// The cells that are shown.
    pub keys: &'a [CellKey],
    /// What was asked for, where these are not all.
    pub part: Option<String>,
    /// Place of the recipe that differences are to.
    pub baseline: usize,
    /// Each section with the drawings of its charts.
    pub sections: &'a [Section],
    pub drawings: Vec<Vec<Drawing>>,
    pub histograms: Vec<Drawing>,
    pub spectra: Vec<(MeasuredSpectrum, Drawing)>,
    pub features: Vec<Drawing>,
}

impl Page<'_> {
    fn cell(&self, key: CellKey) -> Option<&Cell> {
        self.report.table.cell(key)
    }

    /// The text of the page.
    pub fn html(&self) -> String {
        let title = escape(&self.report.title());
        let totals = &self.report.totals;
        let mut body = format!("<h1>{title}</h1>\n");
        body += &findings::found(self);
        body += "<h2>What was checked</h2>\n";
        body += &totals::what_was_run(totals);
        body += &findings::scores(self);
        let _ = writeln!(
            body,
            "<p class=\"note\">Points are means over seeds, bars one standard error either way: sd / √n over seeds. Errors \
            of slopes follow by the delta method from the variances of both means and their covariance over shared seeds. \
            A point where any run diverged has no mean: the fraction above the frame counts its diverged runs. Every \
            cell's mean, error and number of seeds: <code>{}/cells.csv</code>.</p>",
            paths::FIGURES
        );
        for (section, drawings) in self.sections.iter().zip(&self.drawings) {
            body += &section::section(section, drawings);
        }
        body += &section::quantized_test(self);
        body += &self.histograms();
        body += &self.measured_spectra();
        body += &self.feature_spectra();
        body += &totals::diverged(totals);
        body += &totals::counters(totals);
        for source in &self.report.sources {
            let of = if self.report.sources.len() > 1 {
                format!(" of {}", escape(&source.directory))
            } else {
                String::new()
            };
            let _ = writeln!(body, "<h2>Settings{of}</h2>\n<pre>{}</pre>", escape(&source.config_toml));
            let _ = writeln!(body, "<h2>Provenance{of}</h2>");
            let digest = ("digest", &Value::from(source.digest.as_str()));
            let all = source.provenance.iter().map(|(key, value)| (key.as_str(), value)).chain([digest]);
            body += &table(&["key", "value"], 2, all.map(|(key, value)| vec![escape(key), json(value)]));
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
            <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
            <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · roundlaw</title>\n\
            <style>\n{STYLE}{}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
            figure_style()
        )
    }

    fn histograms(&self) -> String {
        if self.histograms.is_empty() {
            return String::new();
        }
        let figures: Vec<String> =
            self.histograms.iter().map(|drawing| section::figure(drawing, "z-scores of the cells.")).collect();
        format!("<h2>z-scores</h2>\n<div class=\"figures\">\n{}</div>\n", figures.concat())
    }

    fn feature_spectra(&self) -> String {
        if self.features.is_empty() {
            return String::new();
        }
        let caption = "Eigenvalues of Sigma = S H Sᵀ, and of the second moments of the features as recipes read them.";
        let figures: Vec<String> = self.features.iter().map(|drawing| section::figure(drawing, caption)).collect();
        format!("<h2>Spectra of the features</h2>\n<div class=\"figures\">\n{}</div>\n", figures.concat())
    }

    fn measured_spectra(&self) -> String {
        if self.spectra.is_empty() {
            return String::new();
        }
        let figure = |(spectrum, drawing): &(MeasuredSpectrum, Drawing)| {
            let all = spectrum.eigenvalues.len();
            let mut caption = format!("{} of the covariates.", counted(all, "eigenvalue", "eigenvalues"));
            if let Some(law) = spectrum.power_law() {
                let _ = write!(
                    caption,
                    " Fitted exponent a = {:.3}, least squares of log eigenvalue over log index from {} to {} (descriptive: \
                    it assumes no power law and has no error).",
                    -law.slope, law.from, law.to
                );
            }
            section::figure(drawing, &caption)
        };
        let figures: Vec<String> = self.spectra.iter().map(figure).collect();
        format!("<h2>Measured spectrum</h2>\n<div class=\"figures\">\n{}</div>\n", figures.concat())
    }
}

/// Rules that follow the colours a figure's elements carry: the SVG itself stays as written.
fn figure_style() -> String {
    let hex = |c: plotters::style::RGBColor| format!("#{:02X}{:02X}{:02X}", c.0, c.1, c.2);
    let themed = [(pen::INK, "ink"), (pen::SOFT, "soft"), (pen::PAPER, "paper"), (pen::GRID, "grid")];
    let rule = |color: &str, to: &str| {
        format!("figure [fill=\"{color}\"] {{ fill: {to} }}\nfigure [stroke=\"{color}\"] {{ stroke: {to} }}\n")
    };
    let mut style: String = themed.iter().map(|(color, name)| rule(&hex(*color), &format!("var(--{name})"))).collect();
    // The steps of the ramp turn round on a dark page; the other colours stand out from both.
    style += "@media screen and (prefers-color-scheme: dark) {\n";
    style
        .extend(RAMP.iter().filter(|(light, _)| !PALETTE.contains(light)).map(|(l, dark)| rule(&hex(*l), &hex(*dark))));
    style + "}\n"
}

fn json(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}
