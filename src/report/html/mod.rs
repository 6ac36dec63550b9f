//! The report as one page that loads nothing: figures inline, light or dark as the reader's
//! system is.

mod markup;
mod panel;
mod totals;

use std::fmt::Write;

use serde_json::{Map, Value};

use self::markup::{counted, escape, minus, table};
use super::bootstrap::RESAMPLES;
use super::estimates::BOOTSTRAP_SEEDS;
use super::figure::pen::{self, PALETTE};
use super::panels::Panel;
use super::totals::Totals;
use crate::store::{MeasuredSpectrum, paths};

const STYLE: &str = include_str!("style.css");

/// All that the page shows.
pub struct Page<'a> {
    /// Each panel with the SVG of each of its charts.
    pub panels: &'a [Panel],
    pub drawings: &'a [Vec<String>],
    /// Each spectrum with its SVG.
    pub spectra: &'a [(MeasuredSpectrum, String)],
    pub totals: &'a Totals,
    pub config_toml: &'a str,
    pub provenance: &'a Map<String, Value>,
}

impl Page<'_> {
    /// The text of the page.
    pub fn html(&self) -> String {
        let mut body = String::from("<h1>roundlaw report</h1>\n");
        body += &totals::what_was_run(self.panels.len(), self.totals);
        body += "<h2>Risk against model size and samples</h2>\n";
        let _ = writeln!(
            body,
            "<p class=\"note\">Points are means over seeds, bars one standard error either way. Up to \
            {BOOTSTRAP_SEEDS} seeds, errors are bootstrapped over seeds ({RESAMPLES} resamples, the same for all \
            points, so that slopes are paired); beyond, the error of a mean is sd / √n, and that of a slope follows \
            by the delta method from the variances of both means and their covariance over shared seeds. A point \
            where any run diverged has no mean: the fraction above the frame counts its diverged runs.</p>"
        );
        for (number, (panel, drawn)) in (1..).zip(self.panels.iter().zip(self.drawings)) {
            body += &panel::section(number, panel, drawn, self.panels);
        }
        body += &spectra(self.spectra);
        body += &totals::diverged(self.totals);
        body += &totals::counters(self.totals);
        body += "<h2>Settings</h2>\n";
        let _ = writeln!(body, "<pre>{}</pre>", escape(self.config_toml));
        body += "<h2>Provenance</h2>\n";
        let rows = self.provenance.iter().map(|(key, value)| vec![escape(key), json(value)]);
        body += &table(&["key", "value"], 2, rows);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
            <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
            <meta name=\"color-scheme\" content=\"light dark\">\n<title>roundlaw report</title>\n\
            <style>\n{STYLE}{}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
            figure_style()
        )
    }
}

/// Rules that follow the colours a figure's elements carry: the SVG itself stays as written.
fn figure_style() -> String {
    let hex = |c: plotters::style::RGBColor| format!("#{:02X}{:02X}{:02X}", c.0, c.1, c.2);
    let mut colors = vec![
        (hex(pen::INK), "ink".to_string()),
        (hex(pen::PAPER), "paper".to_string()),
        (hex(pen::GRID), "grid".to_string()),
    ];
    let series = PALETTE.iter().filter(|color| **color != pen::INK).enumerate();
    colors.extend(series.map(|(i, color)| (hex(*color), format!("series-{i}"))));
    let rules = colors.iter().map(|(hex, name)| {
        format!(
            "figure [fill=\"{hex}\"] {{ fill: var(--{name}, {hex}) }}\n\
            figure [stroke=\"{hex}\"] {{ stroke: var(--{name}, {hex}) }}\n"
        )
    });
    rules.collect()
}

fn spectra(spectra: &[(MeasuredSpectrum, String)]) -> String {
    if spectra.is_empty() {
        return String::new();
    }
    let mut text = String::from("<h2>Measured spectrum</h2>\n<div class=\"figures\">\n");
    for (spectrum, svg) in spectra {
        let (number, all) = (spectrum.number, spectrum.eigenvalues.len());
        let _ = write!(
            text,
            "<figure>\n{svg}<figcaption>Eigenvalues of the covariates, spectrum {number}: {}.",
            counted(all, "eigenvalue", "eigenvalues"),
        );
        if let Some(slope) = spectrum.slope() {
            let slope = minus(format!("{slope:.3}"));
            let to = spectrum.fitted_to();
            let _ = write!(
                text,
                " Slope d log eigenvalue / d log index, least squares over indices 2 to {to}: {slope} (descriptive: \
                it assumes no power law and has no error)."
            );
        }
        match all - spectrum.positive().len() {
            0 => {}
            n => {
                let _ = write!(text, " Not drawn: {} not above zero.", counted(n, "eigenvalue", "eigenvalues"));
            }
        }
        let _ = writeln!(
            text,
            " Numbers: <code>{}/{}.csv</code></figcaption>\n</figure>",
            paths::FIGURES,
            paths::spectrum_name(number)
        );
    }
    text + "</div>\n"
}

fn json(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}
