//! What `fit DIR` found, as its document says it, joined to the groups of a table.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::table::{Group, Sizes, Table};
use crate::fit;

/// A number with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
pub struct Interval {
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// How far a form is from the cells that it describes, as a share.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub struct Misfit {
    pub max: f64,
    pub rms: f64,
}

/// What a recipe does to a model of one size.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Effect {
    pub recipe: String,
    pub model: u32,
    pub phi: Option<f64>,
    pub m_total: Interval,
    pub m_gc: Interval,
    #[serde(rename = "type")]
    pub kind: String,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Bin {
    /// The upper edge; none of the last bin.
    pub below: Option<f64>,
    pub cells: usize,
}

/// z-scores of the cells against what is expected of them.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Scores {
    pub cells: usize,
    pub without: usize,
    pub max: Option<f64>,
    pub rms: Option<f64>,
    /// What 95 % of resamples stay below.
    pub max_95: Option<f64>,
    pub rms_95: Option<f64>,
    pub histogram: Vec<Bin>,
}

/// What the rows of one group come to.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Fitted {
    pub full_precision: Option<String>,
    pub form: Option<String>,
    pub parameters: Option<BTreeMap<String, Interval>>,
    pub misfit: Option<Misfit>,
    pub cells: Option<usize>,
    pub recipes: Vec<Effect>,
    pub z: Option<Scores>,
    /// Those that its rows share, by column.
    #[serde(flatten)]
    settings: Map<String, Value>,
}

/// The fits in a document.
///
/// # Errors
/// What the document lacks.
pub fn fits(document: &Value) -> Result<Vec<Fitted>, String> {
    let all = document["fits"].as_array().ok_or("it has no array `fits`")?;
    all.iter().map(|fit| Fitted::deserialize(fit).map_err(|e| e.to_string())).collect()
}

/// Settings as a text by which both are found. Numbers may have lost their last bit on the way through a document.
fn key(settings: &Map<String, Value>, names: &[String]) -> String {
    let text = |value: Option<&Value>| match value {
        Some(Value::Number(number)) => format!("{:.12e}", number.as_f64().unwrap_or(f64::NAN)),
        value => value.map_or(String::new(), Value::to_string),
    };
    names.iter().map(|name| text(settings.get(name)) + "\n").collect()
}

impl Table {
    /// Gives the cells of the last directory their effective sizes; returns each fit with its group.
    pub fn fit(&mut self, fits: Vec<Fitted>) -> Vec<(usize, Fitted)> {
        let mut found = Vec::new();
        let Some(directory) = self.directories.len().checked_sub(1) else { return found };
        let own = |group: &&Group| group.directory == directory && group.best_of.is_empty();
        let settings: Vec<Map<String, Value>> =
            self.groups.iter().filter(own).map(|group| fit::shared(&group.row)).collect();
        let names: Vec<String> = settings.first().into_iter().flat_map(|settings| settings.keys().cloned()).collect();
        let places = (0..self.groups.len()).filter(|place| own(&&self.groups[*place]));
        let groups: HashMap<String, usize> =
            settings.iter().map(|settings| key(settings, &names)).zip(places).collect();
        for fitted in fits {
            let Some(group) = groups.get(&key(&fitted.settings, &names)).copied() else { continue };
            for effect in &fitted.recipes {
                let Some(recipe) = self.recipe_named(directory, &effect.recipe) else { continue };
                let sizes = Sizes { total: effect.m_total.value, gain_corrected: effect.m_gc.value };
                self.sizes.insert((group, recipe, effect.model), sizes);
            }
            found.push((group, fitted));
        }
        found
    }
}
