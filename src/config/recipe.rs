//! The `[[recipe]]` tables: a number format or a law per site.

use toml::{Table, Value};

use super::Recipe;
use crate::error::{Error, Result};
use crate::format::{FORMATS, Layout, Rounding, Spec};
use crate::keys::{Keys, bad, number, one_of, power_of_two};
use crate::row::{SITES, Site};

pub(super) fn recipes(value: Option<Value>) -> Result<Vec<Recipe>> {
    let list = match value {
        Some(Value::Array(list)) => list,
        Some(other) => return Err(bad("recipe", &other, "[[recipe]] tables, each with a name")),
        None => return Err(Error::Input("recipe is missing: at least one [[recipe]] with a name".into())),
    };
    let mut recipes: Vec<Recipe> = Vec::new();
    for item in list {
        let mut keys = Keys::from_value("recipe", item)?;
        let name = match keys.required("name", "a non-empty text")? {
            Value::String(name) if !name.trim().is_empty() => name,
            other => return Err(bad("recipe.name", &other, "a non-empty text")),
        };
        if recipes.iter().any(|recipe| recipe.name == name) {
            return Err(Error::Input(format!("recipe.name = {name:?} stands twice: names must differ")));
        }
        let mut sites = [None; SITES];
        for site in Site::ALL {
            if let Some(value) = keys.take(site.name()) {
                if site == Site::FeatureGrad {
                    return Err(bad("recipe.feature_grad", &value, "nothing (the site is not implemented yet)"));
                }
                sites[site as usize] = spec(&format!("recipe {name:?}, {}", site.name()), value)?;
            }
        }
        let mut allowed = vec!["name"];
        allowed.extend(Site::ALL.iter().map(|site| site.name()));
        keys.finish(&allowed)?;
        recipes.push(Recipe { name, sites });
    }
    if recipes.is_empty() {
        return Err(Error::Input("recipe is empty: at least one [[recipe]] with a name".into()));
    }
    Ok(recipes)
}

fn spec(key: &str, value: Value) -> Result<Option<Spec>> {
    let value = match value {
        Value::String(name) => Value::Table(Table::from_iter([("format".to_string(), Value::String(name))])),
        other => other,
    };
    let mut keys = Keys::from_value(key, value)?;
    if let Some(noise) = keys.take("noise") {
        one_of(&keys.path("noise"), &noise, &["additive"])?;
        let eps = number(&keys.path("eps"), &keys.required("eps", "a variance, as 0.01")?, 2f64.powi(-96), 1e6)?;
        if let Some(law) = keys.take("law") {
            one_of(&keys.path("law"), &law, &["gaussian"])?;
        }
        keys.finish(&["noise", "eps", "law"])?;
        return Ok(Some(Spec::Additive { eps }));
    }
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    let name = keys.required("format", &names.join(", "))?;
    let chosen = &FORMATS[one_of(&keys.path("format"), &name, &names)?];
    if chosen.layout == Layout::Identity {
        keys.finish(&["format"])?;
        return Ok(None);
    }
    let rounding = keys.take("rounding").unwrap_or(Value::from("nearest-even"));
    let rounding = Rounding::ALL[one_of(&keys.path("rounding"), &rounding, &Rounding::ALL.map(Rounding::name))?];
    let option = match chosen.layout {
        Layout::Integer { .. } => "step",
        _ => "scale",
    };
    let mut allowed = vec!["format", "rounding"];
    let scale = match chosen.layout {
        Layout::Integer { .. } => {
            power_of_two(&keys.path(option), &keys.required(option, "a power of two, as 0.03125")?, -48, 48)?
        }
        Layout::Float { .. } => match keys.take(option) {
            Some(value) => power_of_two(&keys.path(option), &value, -32, 32)?,
            None => 1.0,
        },
        Layout::Identity | Layout::Block { .. } => 1.0,
    };
    if !matches!(chosen.layout, Layout::Block { .. }) {
        allowed.push(option);
    }
    keys.finish(&allowed)?;
    Ok(Some(Spec::Format { format: chosen, scale, rounding }))
}
