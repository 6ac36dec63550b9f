//! What was found: exponents, effective sizes, and which recipe costs what.

use std::fmt::Write;

use super::Page;
use super::markup::{escape, minus, percent, short, table, with_error};
use crate::report::fitted::{Effect, Fitted, Interval};
use crate::report::risk::{Risk, own};
use crate::report::story::without_choices;
use crate::report::{Chart, Point, View};

/// Groups of which something is said; a sweep may have any number.
const GROUPS: usize = 6;

pub fn found(page: &Page) -> String {
    let mut text = String::from("<h2>What was found</h2>\n");
    let exponents: Vec<String> =
        page.report.fits.iter().take(GROUPS).filter_map(|(_, fit)| exponents(page, fit)).collect();
    if !exponents.is_empty() {
        let _ = writeln!(text, "<ul>\n{}</ul>", exponents.concat());
    }
    text += &costs(page);
    for missing in page.report.sources.iter().flat_map(|source| &source.missing) {
        let _ = writeln!(text, "<p class=\"note\">{}</p>", escape(missing));
    }
    text
}

/// How the simulation compares with what is expected.
pub fn scores(page: &Page) -> String {
    let mut text = String::new();
    for scores in page.report.fits.iter().take(GROUPS).filter_map(|(_, fit)| fit.z.as_ref()) {
        let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.2}"));
        let _ = writeln!(
            text,
            "<p>Against the exact expectation {} cells have z-scores of rms {} and at most {} (95 % of resamples stay below {} \
            and {}).</p>",
            scores.cells,
            number(scores.rms),
            number(scores.max),
            number(scores.rms_95),
            number(scores.max_95),
        );
    }
    text
}

fn interval(interval: &Interval) -> String {
    match (interval.value, interval.low, interval.high) {
        (None, None, None) => "–".into(),
        (None, Some(low), None) => format!("above {}", short(Some(low))),
        (None, None, Some(high)) => format!("below {}", short(Some(high))),
        (value, low, high) => format!("{} [{}, {}]", short(value), short(low), short(high)),
    }
}

/// `<li>` of the power law of full precision.
fn exponents(page: &Page, fit: &Fitted) -> Option<String> {
    let (name, form, parameters) = (fit.full_precision.as_ref()?, fit.form.as_ref()?, fit.parameters.as_ref()?);
    let exponents = parameters.iter().filter(|(name, _)| name.starts_with('a'));
    let exponents: Vec<String> = exponents.map(|(name, value)| format!("{name} = {}", interval(value))).collect();
    let misfit = fit.misfit.map_or(String::new(), |misfit| format!(", within {} of every cell", percent(misfit.max)));
    let group = page.report.fits.iter().find(|(_, other)| std::ptr::eq(other, fit)).map(|(group, _)| *group)?;
    Some(format!(
        "<li>{}{}: {} with {}{misfit}.</li>\n",
        escape(name),
        of_group(page, group),
        escape(form),
        exponents.join(", ")
    ))
}

/// What tells a group from the others, where there are others.
pub fn of_group(page: &Page, group: usize) -> String {
    let first = |group| crate::report::CellKey { group, model: 0, samples: 0, seen: 0, recipe: 0 };
    let all = &page.report.table;
    let differs = |variable: &&crate::report::Variable| {
        (0..all.groups.len()).any(|other| variable.of(all, first(other)) != variable.of(all, first(group)))
    };
    let settings = crate::report::variables::group_settings().filter(differs);
    let settings: Vec<String> = settings
        .map(|variable| format!("{} {}", variable.symbol, escape(&variable.of(all, first(group)).to_string())))
        .collect();
    if settings.is_empty() { String::new() } else { format!(" ({})", settings.join(", ")) }
}

/// A table for each of the first groups: what a recipe adds at the largest sizes, and what it does to the size.
fn costs(page: &Page) -> String {
    let (table_of, risk) = (&page.report.table, own(&page.report.table));
    let mut text = String::new();
    let mut said = 0;
    let shown = without_choices(table_of, page.keys);
    for group in 0..table_of.groups.len() {
        let keys: Vec<_> = shown.iter().copied().filter(|key| key.group == group).collect();
        let at_end = |risk| {
            let view = View::new("model", risk, &["recipe"], page.baseline).at_largest("samples").at_largest("model");
            view.charts(table_of, &keys)
        };
        for chart in at_end(Risk::Difference) {
            said += 1;
            if said <= GROUPS {
                text += &cost(page, &chart, &at_end(risk));
            }
        }
    }
    if said > GROUPS {
        let _ = writeln!(text, "<p class=\"note\">The first {GROUPS} of {said} groups of settings.</p>");
    }
    text
}

fn cost(page: &Page, chart: &Chart, own: &[Chart]) -> String {
    let Some(key) = chart.points().next().map(|point| point.key) else { return String::new() };
    let (group, baseline) = (key.group, &page.report.table.recipes[page.baseline].name);
    let of_baseline =
        own.iter().flat_map(Chart::points).find(|p| p.key.group == group && p.key.recipe == page.baseline);
    let base = of_baseline.and_then(|point| point.y);
    let fit = page.report.fits.iter().find(|(fitted, _)| *fitted == group).map(|(_, fit)| fit);
    let rows = chart.lines.iter().flat_map(|line| line.points.iter().map(move |point| (line, point)));
    let mut rows: Vec<(f64, Vec<String>)> = rows
        .map(|(line, point)| {
            let effect =
                fit.and_then(|fit| fit.recipes.iter().find(|own| own.recipe == line.name && own.model == key.model));
            let share = point.y.zip(base).map(|(added, base)| added / base);
            let cost = [added(point), share.map_or("–".into(), signed_percent)];
            let name = escape(&line.name);
            let cells = match (fit, effect) {
                (None, _) => std::iter::once(name).chain(cost).collect(),
                (Some(_), None) => [name, "–".into()].into_iter().chain(cost).chain(["–".into()]).collect(),
                (Some(_), Some(effect)) => {
                    [name, escape(&kind(effect))].into_iter().chain(cost).chain([interval(&effect.m_total)]).collect()
                }
            };
            (point.y.unwrap_or(f64::INFINITY), cells)
        })
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (heads, words): (&[&str], usize) = match fit {
        None => (&["recipe", "added risk", "of the risk"], 1),
        Some(_) => (&["recipe", "what it does", "added risk", "of the risk", "effective size M_total"], 2),
    };
    let risk = base.map_or(String::new(), |base| format!(", whose risk is {}", short(Some(base))));
    format!(
        "<p>Over {}{risk}, at M = {} and N = {}{}:</p>\n{}",
        escape(baseline),
        key.model,
        key.samples,
        of_group(page, group),
        table(heads, words, rows.into_iter().map(|(_, cells)| cells))
    )
}

fn added(point: &Point) -> String {
    match (point.y, point.se) {
        (None, _) => format!("{}/{} diverged", point.diverged, point.runs),
        (Some(added), Some(se)) => with_error(added, se),
        (added, None) => short(added),
    }
}

fn signed_percent(share: f64) -> String {
    minus(format!("{:+.2} %", 100.0 * share))
}

/// In words, with its number.
fn kind(effect: &Effect) -> String {
    match (&effect.reason, effect.kind.as_str()) {
        (Some(reason), kind) => format!("{kind}: {reason}"),
        (None, kind) if kind.starts_with("size") => format!("{kind} = {}", interval(&effect.m_gc)),
        (None, kind) if kind.starts_with("gain") => format!("{kind} = {}", short(effect.phi)),
        (None, kind) => kind.to_owned(),
    }
}
