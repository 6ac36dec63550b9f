//! What was found: exponents, effective sizes, and which recipe costs what.

use std::fmt::Write;

use super::Page;
use super::markup::{escape, minus, percent, short, table, with_error};
use crate::report::fitted::{Effect, Fitted, Interval};
use crate::report::risk::{Risk, own};
use crate::report::story::without_choices;
use crate::report::{CellKey, Chart, Line, Point, View};

/// Groups of which something is said; a sweep may have any number.
pub const GROUPS: usize = 6;

pub fn found(page: &Page) -> String {
    let mut text = String::from("<h2>What was found</h2>\n");
    if let Some(part) = &page.part {
        let _ = writeln!(text, "<p class=\"warning\">Not all cells are shown: {} alone.</p>", escape(part));
    }
    let exponents: Vec<String> =
        page.report.fits.iter().take(GROUPS).filter_map(|(group, fit)| exponents(page, *group, fit)).collect();
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
fn exponents(page: &Page, group: usize, fit: &Fitted) -> Option<String> {
    let (name, form, parameters) = (fit.full_precision.as_ref()?, fit.form.as_ref()?, fit.parameters.as_ref()?);
    let exponents = parameters.iter().filter(|(name, _)| name.starts_with('a'));
    let exponents: Vec<String> = exponents.map(|(name, value)| format!("{name} = {}", interval(value))).collect();
    let misfit = fit.misfit.map_or(String::new(), |misfit| format!(", within {} of every cell", percent(misfit.max)));
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
    let first = |group| CellKey { group, model: 0, samples: 0, seen: 0, recipe: 0 };
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
    let (table_of, risks) = (&page.report.table, own(&page.report.table));
    let shown = without_choices(table_of, page.keys);
    let groups: Vec<&[CellKey]> = shown.chunk_by(|a, b| a.group == b.group).collect();
    let mut text = String::new();
    for keys in groups.iter().take(GROUPS) {
        let costs = View::new("model", Risk::Difference, &["recipe"], page.baseline);
        let costs = costs.at_largest("samples").at_largest("model").charts(table_of, keys);
        // The baseline's risk too where it is not shown.
        let Some(group) = keys.first().map(|key| key.group) else { continue };
        let all: Vec<CellKey> = table_of.keys().into_iter().filter(|key| key.group == group).collect();
        let view = View::new("model", risks[group], &["recipe"], page.baseline);
        let own = view.at_largest("samples").at_largest("model").charts(table_of, &all);
        text.extend(costs.iter().map(|chart| cost(page, chart, &own)));
    }
    if groups.len() > GROUPS {
        let _ = writeln!(text, "<p class=\"note\">The first {GROUPS} of {} groups of settings.</p>", groups.len());
    }
    text
}

/// What `fit` found of the recipe of a point, at the step size that was chosen for it.
fn effect<'a>(page: &'a Page, point: &Point) -> Option<&'a Effect> {
    let table = &page.report.table;
    let own = &table.groups[point.key.group];
    let step_size = point.step_size.unwrap_or(own.row.step_size);
    let is_own = |group: &usize| {
        let other = &table.groups[*group];
        other.row.step_size == step_size && other.but_step_size() == own.but_step_size()
    };
    let (_, fit) = page.report.fits.iter().find(|(group, _)| is_own(group))?;
    let is_recipe = |effect: &&Effect| table.recipe_named(own.directory, &effect.recipe) == Some(point.key.recipe);
    fit.recipes.iter().filter(|effect| effect.model == point.key.model).find(is_recipe)
}

fn cost(page: &Page, chart: &Chart, own: &[Chart]) -> String {
    let Some(key) = chart.points().next().map(|point| point.key) else { return String::new() };
    let baseline = &page.report.table.recipes[page.baseline].name;
    let base =
        own.iter().flat_map(Chart::points).find(|point| point.key.recipe == page.baseline).and_then(|point| point.y);
    let points = chart.lines.iter().flat_map(|line| line.points.iter().map(move |point| (line, point)));
    let points: Vec<_> = points.map(|(line, point)| (line, point, effect(page, point))).collect();
    let is_fitted = points.iter().any(|(.., effect)| effect.is_some());
    let row = |(line, point, effect): (&Line, &Point, Option<&Effect>)| {
        let share = point.y.zip(base).map(|(added, base)| added / base);
        let cost = [added(point), share.map_or("–".into(), signed_percent)];
        let words = std::iter::once(escape(&line.name));
        let (kind, size) =
            effect.map_or(("–".into(), "–".into()), |own| (escape(&kind(own)), interval(&own.m_total)));
        let cells = match is_fitted {
            true => words.chain([kind]).chain(cost).chain([size]).collect(),
            false => words.chain(cost).collect::<Vec<String>>(),
        };
        (point.y.unwrap_or(f64::INFINITY), cells)
    };
    let mut rows: Vec<(f64, Vec<String>)> = points.into_iter().map(row).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (heads, words): (&[&str], usize) = match is_fitted {
        false => (&["recipe", "added risk", "of the risk"], 1),
        true => (&["recipe", "what it does", "added risk", "of the risk", "effective size M_total"], 2),
    };
    let risk = base.map_or(String::new(), |base| format!(", whose risk is {}", short(Some(base))));
    format!(
        "<p>Over {}{risk}, at M = {} and N = {}{}:</p>\n{}",
        escape(baseline),
        key.model,
        key.samples,
        of_group(page, key.group),
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
