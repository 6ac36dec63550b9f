//! What the runs add up to: checks, divergences, counters.

use std::fmt::Write;

use super::markup::{counted, escape, grouped, percent, plural, significant, table};
use crate::report::totals::{SiteTotal, Totals};

/// Diverged cells named one by one; a sweep may have a million.
const CELLS_LISTED: usize = 200;

pub fn what_was_run(totals: &Totals) -> String {
    let mut text = format!(
        "<p>{} finished {} of {}.",
        totals.runs,
        plural(totals.runs, "run", "runs"),
        counted(totals.recipes.len(), "recipe", "recipes"),
    );
    text += &match totals.diverged {
        0 => " None diverged.".to_string(),
        n => format!(" {n} diverged."),
    };
    let adapters = totals.adapters.iter().filter(|(adapter, _)| !adapter.is_empty());
    let adapters: Vec<String> = adapters.map(|(a, d)| format!("{} (driver {})", escape(a), escape(d))).collect();
    if !adapters.is_empty() {
        let _ = write!(text, " Computed on {}.", adapters.join("; "));
    }
    text += "</p>\n<p>";
    text += &checked(totals);
    text += "</p>\n";
    for (recipe, site, share) in totals.warnings() {
        let _ = writeln!(
            text,
            "<p class=\"warning\">Recipe {}: {} of the values at {} saturated.</p>",
            escape(recipe),
            percent(share),
            site.name()
        );
    }
    text
}

/// The share of checked runs, and what their agreement says about the others.
fn checked(totals: &Totals) -> String {
    let Some(bound) = totals.error_bound() else {
        return "No run was redone by the CPU reference, so nothing bounds the rate of wrong runs.".to_string();
    };
    let share = 100.0 * totals.checked as f64 / totals.runs as f64;
    format!(
        "The CPU reference redid <strong>{} of {} runs ({} %)</strong> and every one agreed bit \
        for bit. With no mismatch among {} checked {}, chosen without regard to their results, \
        the rate of runs with an error is below <strong>{} %</strong> at 95 % confidence.",
        totals.checked,
        totals.runs,
        significant(share, 3),
        totals.checked,
        plural(totals.checked, "run", "runs"),
        significant(100.0 * bound, 2),
    )
}

pub fn diverged(totals: &Totals) -> String {
    let mut text = String::from("<h2>Diverged cells</h2>\n");
    let all = totals.diverged_cells().count();
    if all == 0 {
        return text + "<p>None.</p>\n";
    }
    let rows = totals.diverged_cells().take(CELLS_LISTED).map(|(cell, recipe, runs)| {
        vec![
            escape(recipe),
            runs.model.to_string(),
            runs.samples.to_string(),
            format!("{}/{}", runs.diverged, runs.runs),
            runs.earliest.to_string(),
            cell.to_string(),
        ]
    });
    text += &table(&["recipe", "M", "N", "diverged", "first at update", "cell"], 1, rows);
    if all > CELLS_LISTED {
        let _ = writeln!(text, "<p class=\"note\">The first {CELLS_LISTED} of {all} cells with diverged runs.</p>");
    }
    text
}

pub fn counters(totals: &Totals) -> String {
    let mut text = String::from(
        "<h2>Rounding counters</h2>\n<p class=\"note\">Totals over all runs of a recipe, and their share of the \
        values the site saw, up to the update at which a run diverged. \
        Saturated: clipped at the format's largest value; underflowed: non-zero values that \
        became zero.</p>\n",
    );
    let rows: Vec<Vec<String>> = totals
        .recipes
        .iter()
        .flat_map(|(recipe, sites)| {
            sites.iter().filter_map(move |(site, total)| {
                let names = [escape(recipe), site.name().to_string()];
                Some(names.into_iter().chain(counts(&(*total)?)).collect())
            })
        })
        .collect();
    if rows.is_empty() {
        return text + "<p>No site counts.</p>\n";
    }
    let heads = ["recipe", "site", "saturated", "share", "underflowed", "share", "NaN", "share"];
    text += &table(&heads, 2, rows.into_iter());
    text
}

/// Each count and its share.
fn counts(total: &SiteTotal) -> Vec<String> {
    let counts = [total.counts.saturated, total.counts.underflowed, total.counts.nan];
    counts.into_iter().flat_map(|count| [grouped(count), percent(total.share(count))]).collect()
}
