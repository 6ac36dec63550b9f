//! Fits as records.

use serde_json::{Map, Value, json};

use super::data::DataFactor;
use super::description::{Description, Rival};
use super::group::Group;
use super::size::Size;
use super::z::{EDGES, Scores};
use super::{Estimate, Fit};
use crate::store::row::Row;
use crate::store::{COLUMNS, Kind};

/// Settings that the rows of a group do not share.
const OWN: [&str; 5] = ["run_id", "cell", "seed_index", "model", "samples"];

impl Fit {
    /// One object: the settings that the group's rows share, those of `row`, then what they come to.
    pub fn object(&self, group: &Group, row: &Row) -> Map<String, Value> {
        let mut object = shared(row);
        let description = self.description.as_ref().ok();
        let of = |of: fn(&Description) -> Value| description.map_or(Value::Null, of);
        let range = |first: u64, last: u64| json!([first, last]);
        let [models, samples] = [&group.models.iter().map(|m| u64::from(*m)).collect::<Vec<_>>(), &group.samples]
            .map(|all| range(all[0], all[all.len() - 1]));
        let full = group.baseline.map(|recipe| group.recipes[recipe].name.as_str());
        let recipes: Vec<Value> = self.sizes.iter().map(|size| recipe(group, size)).collect();
        let pairs = [
            ("seeds", group.seeds.len().into()),
            ("full_precision", full.into()),
            ("reason", self.description.as_ref().err().map(String::as_str).into()),
            ("form", of(|_| Description::form().into())),
            ("parameters", of(parameters)),
            ("range", json!({ "model": models, "samples": samples })),
            ("cells", of(|description| description.cells.into())),
            ("diverged", of(|description| description.diverged.into())),
            ("left_out", of(|own| json!({ "diverged": own.left_out.diverged, "heavy": own.left_out.heavy }))),
            ("misfit", of(|description| json!({ "max": description.misfit, "rms": description.misfit_rms }))),
            ("held_out_error", of(|description| description.held_out.into())),
            ("local_exponents", of(Description::local_json)),
            ("rivals", self.rivals.iter().map(Rival::json).collect()),
            ("recipes", recipes.into()),
            ("z", self.scores.as_ref().map_or(Value::Null, scores)),
        ];
        object.extend(pairs.map(|(name, value)| (name.to_owned(), value)));
        object
    }
}

/// The settings of a row that its group shares, without those of the recipe.
pub fn shared(row: &Row) -> Map<String, Value> {
    let recipe = COLUMNS.iter().position(|column| column.name() == "recipe").unwrap_or(COLUMNS.len());
    let settings = COLUMNS[..recipe].iter().filter(|column| column.kind == Kind::Setting || column.name() == "output");
    let own = settings.filter(|column| !OWN.contains(&column.name()));
    own.map(|column| (column.name().to_owned(), column.get(row).into())).collect()
}

fn parameters(description: &Description) -> Value {
    let parameters = description.parameters.iter().map(|(name, interval)| ((*name).to_owned(), interval.json()));
    Value::Object(parameters.collect())
}

fn recipe(group: &Group, size: &Size) -> Value {
    let of = |of: fn(&Estimate) -> f64| size.estimate.map(|own| of(&own)).filter(|value| value.is_finite());
    let k_n = |DataFactor { value, low, high }| json!({ "value": value, "low": low, "high": high });
    json!({
        "recipe": group.recipes[size.recipe].name,
        "model": size.model,
        "x_over_a": of(|own| own.x_over_a),
        "added": size.added.json(),
        "floor": size.floor,
        "floor_from": size.floor_from(),
        "floor_over_a": size.floor_over_a(),
        "phi": size.phi(),
        "m_total": size.m_total.json(),
        "gain": of(|own| own.gain),
        "g": size.share.json(),
        "m_gc": size.m_gc.json(),
        "type": size.kind.name(),
        "reason": size.kind.reason(),
        "k_n": size.k_n.map(k_n),
        "seeds": size.seeds,
        "diverged": size.diverged,
        "heavy": size.heavy,
    })
}

fn scores(scores: &Scores) -> Value {
    let bins = EDGES.iter().map(|edge| Some(*edge)).chain([None]).zip(scores.histogram);
    let histogram: Vec<Value> = bins.map(|(below, cells)| json!({ "below": below, "cells": cells })).collect();
    json!({
        "cells": scores.cells,
        "without": scores.without,
        "max": scores.max,
        "rms": scores.rms,
        "max_95": scores.max_usual,
        "rms_95": scores.rms_usual,
        "histogram": histogram,
    })
}
