//! The `[[recipe]]` tables: a number format or a law per site.

use toml::{Table, Value};

use super::quantizer::{options, quantizer};
use super::{MAX_NAME, MAX_RECIPES, Recipe};
use crate::config::keys::{Keys, bad};
use crate::error::{Error, Result};
use crate::format::{LAW_OPTIONS, LawOptions, Layout, Spec};
use crate::site::{PerSite, Site};

pub(super) fn recipes(value: Option<Value>) -> Result<Vec<Recipe>> {
    let list = match value {
        Some(Value::Array(list)) => list,
        Some(other) => return Err(bad("recipe", &other, "[[recipe]] tables, each with a name")),
        None => return Err(Error::Input("recipe is missing: at least one [[recipe]] with a name".into())),
    };
    if list.len() > MAX_RECIPES {
        return Err(Error::Input(format!("recipe stands {} times: allowed are up to {MAX_RECIPES}", list.len())));
    }
    let mut recipes: Vec<Recipe> = Vec::new();
    for item in list {
        let mut keys = Keys::from_value("recipe", item)?;
        let allowed = format!("a non-empty text of at most {MAX_NAME} characters");
        let name = match keys.required("name", &allowed)? {
            Value::String(name) if !name.trim().is_empty() && name.chars().count() <= MAX_NAME => name,
            other => return Err(bad("recipe.name", &other, &allowed)),
        };
        if recipes.iter().any(|recipe| recipe.name == name) {
            return Err(Error::Input(format!("recipe.name = {name:?} stands twice: names must differ")));
        }
        let mut sites = PerSite::default();
        for site in Site::ALL {
            if let Some(value) = keys.take(site.name()) {
                sites[site] = spec(&format!("recipe {name:?}, {}", site.name()), site, value)?;
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

fn spec(key: &str, site: Site, value: Value) -> Result<Option<Spec>> {
    let value = match value {
        Value::String(name) => Value::Table(Table::from_iter([("format".to_string(), Value::String(name))])),
        other => other,
    };
    let keys = Keys::from_value(key, value)?;
    if !keys.has("noise") {
        return number_format(keys);
    }
    let mut law = LawOptions::new(site.is_scalar());
    options(keys, LAW_OPTIONS, &mut law)?;
    Ok(Some(law.into()))
}

fn number_format(keys: Keys) -> Result<Option<Spec>> {
    let path = keys.path("format");
    let quantizer = quantizer(keys)?;
    if !quantizer.format.has_zero() {
        return Err(Error::Input(format!(
            "{path} = \"{}\": allowed at a site are formats with a zero; `roundlaw quantize` knows this one",
            quantizer.format.name
        )));
    }
    Ok((quantizer.layout != Layout::Identity).then_some(Spec::Format(quantizer)))
}
