//! What `fit DIR` found, as its document says it, joined to the groups of a table.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::table::{Sizes, Table};
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

impl Fitted {
    /// The group of the table's last directory whose rows have its settings.
    fn group(&self, table: &Table) -> Option<usize> {
        let directory = table.directories.len().checked_sub(1)?;
        let has = |(name, value): (&String, &Value)| self.settings.get(name).is_some_and(|own| is_same(own, value));
        let is_own = |group: &super::table::Group| group.best_of.is_empty() && fit::shared(&group.row).iter().all(has);
        table.groups.iter().position(|group| group.directory == directory && is_own(group))
    }
}

/// Numbers may have lost their last bit on the way through a text.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * a.abs(),
        _ => a == b,
    }
}

impl Table {
    /// Gives the cells of the last directory their effective sizes; returns each fit with its group.
    pub fn fit(&mut self, fits: Vec<Fitted>) -> Vec<(usize, Fitted)> {
        let mut found = Vec::new();
        for fitted in fits {
            let Some(group) = fitted.group(self) else { continue };
            for effect in &fitted.recipes {
                let Some(recipe) = self.recipes.iter().position(|recipe| recipe.name == effect.recipe) else {
                    continue;
                };
                let sizes = Sizes { total: effect.m_total.value, gain_corrected: effect.m_gc.value };
                self.sizes.insert((group, recipe, effect.model), sizes);
            }
            found.push((group, fitted));
        }
        found
    }
}
