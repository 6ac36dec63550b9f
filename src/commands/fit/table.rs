//! A fit as text.

use serde_json::Value;

use crate::fit::{DataFactor, Description, EDGES, Estimate, Fit, Group, Interval, LeftOut, Scores, Size, Type};

/// The settings of a group, then what its rows come to.
pub fn text(group: &Group, fit: &Fit, object: &Value) -> String {
    let mut lines = vec![settings(object)];
    match group.readable() {
        Ok(baseline) => {
            lines.extend(full_precision(&group.recipes[baseline].name, group, fit));
            lines.extend(sizes(group, fit));
            lines.extend(dropped(group, fit));
            lines.extend(data(group, fit));
        }
        // What all recipes lack alike is said once.
        Err(reason) => {
            lines.push(format!("neither a power law nor effective sizes: {reason}"));
            lines.extend(added(group, fit));
        }
    }
    lines.extend(fit.scores.iter().map(scores));
    lines.iter().map(|line| format!("{line}\n")).chain(["\n".to_owned()]).collect()
}

/// Names and values up to the number of seeds.
fn settings(object: &Value) -> String {
    let settings = object.as_object().into_iter().flatten().take_while(|(name, _)| *name != "full_precision");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), String::from);
    let all: Vec<String> =
        settings.filter(|(_, value)| !value.is_null()).map(|(name, value)| format!("{name} {}", text(value))).collect();
    all.join(", ")
}

/// A number with four digits; a dash where there is none.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else { return "-".into() };
    let text = format!("{value:.3e}");
    let exponent = text.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    match exponent {
        Some(exponent @ -3..5) => format!("{value:.digits$}", digits = (3 - exponent).max(0) as usize),
        _ => text,
    }
}

fn interval(Interval { value, low, high }: &Interval) -> String {
    match (value, low, high) {
        (None, None, None) => "-".into(),
        (None, Some(low), None) => format!("above {}", number(Some(*low))),
        (None, None, Some(high)) => format!("below {}", number(Some(*high))),
        _ => format!("{} [{}, {}]", number(*value), number(*low), number(*high)),
    }
}

fn percent(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}

fn full_precision(name: &str, group: &Group, fit: &Fit) -> Vec<String> {
    let description = match &fit.description {
        Ok(description) => description,
        Err(reason) => return vec![format!("{name}: no power law, {reason}")],
    };
    let parameters: Vec<String> =
        description.parameters.iter().map(|(name, value)| format!("{name} = {}", interval(value))).collect();
    let held_out = description
        .held_out
        .map_or(String::new(), |error| format!("; {} at the largest M and N when they are left out", percent(error)));
    let mut lines = vec![
        format!("{name}: {}, {}", Description::form(), parameters.join(", ")),
        format!(
            "  describes {} cells within {} (rms {}){held_out}",
            description.cells,
            percent(description.misfit),
            percent(description.misfit_rms)
        ),
    ];
    let LeftOut { diverged, heavy } = description.left_out;
    if description.diverged + diverged + heavy > 0 {
        let (seeds, all) = (description.diverged, group.seeds.len());
        lines.push(format!(
            "  left out: {seeds} of {all} seeds diverged; of {diverged} cells too many did, of {heavy} one seed carries too much"
        ));
    }
    for axis in ["model", "samples"] {
        let own = description.local.iter().filter(|local| local.axis == axis);
        let all: Vec<String> =
            own.map(|local| format!("{}-{} {}", local.from, local.to, interval(&local.exponent))).collect();
        lines.push(format!("  local exponents in {axis}: {}", all.join(", ")));
    }
    for rival in &fit.rivals {
        let error = |error: Option<f64>| error.map_or("none".into(), percent);
        let (own, plain) = (error(rival.held_out), error(rival.held_out_plain));
        lines.push(format!("  {} of {} recipes: left out {own}, without precision {plain}", rival.form, rival.recipes));
    }
    lines
}

/// What recipes add at the largest N, which is known without a size.
fn added(group: &Group, fit: &Fit) -> Vec<String> {
    let own = fit.sizes.iter().filter(|size| size.added.value.is_some());
    let line = |model: &str, added: &str, recipe: &str| format!("{model:>5} {added:>25}  {recipe}");
    let of = |size: &Size| line(&size.model.to_string(), &interval(&size.added), &group.recipes[size.recipe].name);
    own.clone().take(1).map(|_| line("M", "added", "recipe")).chain(own.clone().map(of)).collect()
}

fn sizes(group: &Group, fit: &Fit) -> Vec<String> {
    if fit.sizes.is_empty() {
        return Vec::new();
    }
    let line = |cells: [String; 10]| {
        let widths = [5, 8, 25, 9, 9, 23, 7, 23, 23];
        let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        format!("{}  {}", padded.join(" "), cells[9])
    };
    let head = ["M", "x/A", "added", "F/A", "phi", "M_total", "gain", "g", "M_gc", "type, recipe"].map(String::from);
    let of = |size: &Size| {
        let of = |of: fn(&Estimate) -> f64| number(size.estimate.map(|own| of(&own)));
        let reason = size.kind.reason().map_or(String::new(), |reason| format!(": {reason}"));
        line([
            size.model.to_string(),
            of(|own| own.x_over_a),
            interval(&size.added),
            number(size.floor_over_a()),
            number(size.phi()),
            interval(&size.m_total),
            of(|own| own.gain),
            interval(&size.share),
            interval(&size.m_gc),
            format!("{}: {}{reason}", group.recipes[size.recipe].name, size.kind.name()),
        ])
    };
    [line(head)].into_iter().chain(fit.sizes.iter().map(of)).collect()
}

/// Seeds that are left out of both recipes.
fn dropped(group: &Group, fit: &Fit) -> Vec<String> {
    let own = fit.sizes.iter().filter(|size| size.diverged + size.heavy > 0);
    let line = |size: &Size| {
        let (name, all) = (&group.recipes[size.recipe].name, group.seeds.len());
        format!(
            "left out at M = {} of {name} and full precision: {} of {all} seeds diverged, {} carry too much of a mean",
            size.model, size.diverged, size.heavy
        )
    };
    own.map(line).collect()
}

/// Of each recipe where its floors are from, and k_N.
fn data(group: &Group, fit: &Fit) -> Vec<String> {
    let line = |recipe: usize| {
        let own = || fit.sizes.iter().filter(|size| size.recipe == recipe);
        let at: Vec<String> = own().filter(|size| size.k_n.is_some()).map(|size| size.model.to_string()).collect();
        let at = format!("at M = {}", at.join(", "));
        let text = match fit.k_n(recipe) {
            Some(DataFactor { value: Some(value), .. }) => format!("{} {at}", number(Some(value))),
            Some(DataFactor { low, high, .. }) => {
                let end =
                    |end: f64| if end.is_finite() { number(Some(end)) } else { "beyond the N that were run".into() };
                format!("depends on M and N: {} to {} {at}", end(low), end(high))
            }
            None if own().any(|size| size.kind == Type::Size) => {
                "not comparable: own optimum is a smaller model".into()
            }
            None => "not identified".into(),
        };
        let from = own().next().map_or("", Size::floor_from);
        format!("{}: floors from {from}; k_N {text}", group.recipes[recipe].name)
    };
    (0..group.recipes.len()).filter(|recipe| Some(*recipe) != group.baseline).map(line).collect()
}

fn scores(scores: &Scores) -> String {
    let Scores { cells, without, max, rms, max_usual, rms_usual, histogram } = scores;
    let bins = EDGES.iter().map(|edge| format!("below {edge}")).chain(["beyond".into()]).zip(histogram);
    let bins: Vec<String> = bins.map(|(edge, cells)| format!("{edge}: {cells}")).collect();
    format!(
        "z of {cells} cells ({without} without): max {max:.2}, by chance below {max_usual:.2} in 95 %; rms {rms:.2}, by \
         chance below {rms_usual:.2}; {}",
        bins.join(", ")
    )
}
