//! The `[[recipe]]` tables: a number format or a law per site.

use super::item::{Item, Node};
use super::keys::Keys;
use super::places::Places;
use super::quantizer::{options, quantizer};
use super::{MAX_NAME, MAX_RECIPES, Recipe};
use crate::error::{Error, Result};
use crate::format::{FORMAT_OPTIONS, LAW_OPTIONS, LawOptions, Layout, Spec};
use crate::site::{PerSite, Site};

pub(super) fn recipes(root: &mut Keys, places: &mut Places) -> Result<Vec<Recipe>> {
    let item = root.required("recipe", "at least one [[recipe]] with a name")?;
    let key = item.key();
    let list = match item.node {
        Node::List(list) => list,
        _ => return Err(item.bad("[[recipe]] tables, each with a name")),
    };
    if list.len() > MAX_RECIPES {
        return Err(Error::Input(format!("{key} stands {} times: allowed are up to {MAX_RECIPES}", list.len())));
    }
    let allowed = format!("a non-empty text of at most {MAX_NAME} characters");
    let known: Vec<&str> = std::iter::once("name").chain(Site::ALL.iter().map(|site| site.name())).collect();
    let mut recipes: Vec<Recipe> = Vec::new();
    for item in list {
        let mut keys = item.called("recipe").table()?;
        keys.know(&known)?;
        let name = keys.required("name", &allowed)?;
        let is_name = |name: &&str| !name.trim().is_empty() && name.chars().count() <= MAX_NAME;
        let text = name.as_str().filter(is_name).ok_or_else(|| name.bad(&allowed))?.to_owned();
        if recipes.iter().any(|recipe| recipe.name == text) {
            return Err(Error::Input(format!("{} = {name} stands twice: names must differ", name.key())));
        }
        let mut sites = PerSite::default();
        for site in Site::ALL {
            if let Some(item) = keys.take(site.name()) {
                let item = item.called(&format!("recipe {text:?}, {}", site.name()));
                places.add(&item);
                sites[site] = spec(site, item)?;
            }
        }
        recipes.push(Recipe { name: text, sites });
    }
    if recipes.is_empty() {
        return Err(Error::Input(format!("{key} is empty: at least one [[recipe]] with a name")));
    }
    Ok(recipes)
}

fn spec(site: Site, item: Item) -> Result<Option<Spec>> {
    // A text alone is the name of a format.
    let keys = match item.as_str() {
        Some(_) => Keys::new(item.place.clone(), vec![("format".into(), item.clone())]).called(&item.name),
        None => item.table()?,
    };
    if !keys.has("noise") {
        if !keys.has("format") {
            keys.know(
                &FORMAT_OPTIONS
                    .iter()
                    .map(|row| row.name)
                    .chain(LAW_OPTIONS.iter().map(|row| row.name))
                    .collect::<Vec<_>>(),
            )?;
        }
        return number_format(keys);
    }
    let mut law = LawOptions::new(site.is_scalar());
    options(keys, LAW_OPTIONS, &mut law)?;
    Ok(Some(law.into()))
}

fn number_format(keys: Keys) -> Result<Option<Spec>> {
    let key = keys.key("format");
    let quantizer = quantizer(keys)?;
    if !quantizer.format.has_zero() {
        return Err(Error::Input(format!(
            "{key} = \"{}\": allowed at a site are formats with a zero; `roundlaw quantize` knows this one",
            quantizer.format.name
        )));
    }
    Ok((quantizer.layout != Layout::Identity).then_some(Spec::Format(quantizer)))
}
