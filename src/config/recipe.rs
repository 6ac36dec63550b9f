//! The `[[recipe]]` tables: a number format or a law per site.

use std::iter;

use super::item::Node;
use super::keys::Keys;
use super::lists::{Parts, Tables, Written, site_options};
use super::phases;
use super::places::Places;
use super::quantizer::{options, quantizer};
use super::{MAX_NAME, MAX_RECIPES, Recipe, Sites};
use crate::error::{Error, Result};
use crate::format::{LAW_OPTIONS, LawOptions, Layout, Spec};
use crate::site::Site;

/// The key of a format, whose name alone may stand for the table of a site.
pub(super) const FORMAT: &str = "format";
/// The key of its phases.
pub(super) const THEN: &str = "then";

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
    let mut recipes = Vec::new();
    for item in list {
        add(&mut recipes, item.called("recipe").table()?, places)?;
    }
    if recipes.is_empty() {
        return Err(Error::Input(format!("{key} is empty: at least one [[recipe]] with a name")));
    }
    Ok(recipes)
}

/// Adds the recipe of a table, or with lists those that it stands for.
fn add(recipes: &mut Vec<Recipe>, mut keys: Keys, places: &mut Places) -> Result<()> {
    let known: Vec<&str> = ["name", "bits", THEN].into_iter().chain(Site::ALL.iter().map(|site| site.name())).collect();
    keys.know(&known)?;
    let allowed = format!("a non-empty text of at most {MAX_NAME} characters");
    let name = keys.required("name", &allowed)?;
    let is_short = |text: &str| text.chars().count() <= MAX_NAME;
    let own =
        name.as_str().filter(|text| !text.trim().is_empty() && is_short(text)).ok_or_else(|| name.bad(&allowed))?;
    let bits = keys.take("bits").map(|item| item.number(1.0, 64.0)).transpose()?;
    let mut first = Parts::default();
    for site in Site::ALL {
        if let Some(item) = keys.take(site.name()) {
            let called = format!("{}, {}", phases::name(own, 0), site.name());
            first.tables[site] = Some(item.under(FORMAT).called(&called).table()?);
        }
    }
    let then = keys.take(THEN).map(|item| phases::written(item, own)).transpose()?;
    let written = Written::new(iter::once(first).chain(then.into_iter().flatten()).collect())?;
    let count = recipes.len().saturating_add(written.count());
    if count > MAX_RECIPES {
        let key = name.key();
        return Err(Error::Input(format!(
            "{key} = {name}: with its lists there are {count} recipes, allowed are up to {MAX_RECIPES}"
        )));
    }
    for (text, parts) in written.recipes(own) {
        let made = if text == own { name.to_string() } else { format!("{name}, by its lists {text:?},") };
        if !is_short(&text) {
            return Err(Error::Input(format!(
                "{} = {made} is too long: allowed are at most {MAX_NAME} characters",
                name.key()
            )));
        }
        if recipes.iter().any(|recipe| recipe.name == text) {
            return Err(Error::Input(format!("{} = {made} stands twice: names must differ", name.key())));
        }
        let mut sites = Sites::default();
        for (site, spec) in specs(&parts[0].tables, &phases::name(&text, 0), places)? {
            sites[site] = spec;
        }
        let then = phases::phases(&sites, &parts[1..], &text, places)?;
        recipes.push(Recipe { name: text, sites, then, bits });
    }
    Ok(())
}

/// What is asked for at each site that there is a table of; `called` is how messages call what the tables are in.
pub(super) fn specs(tables: &Tables, called: &str, places: &mut Places) -> Result<Vec<(Site, Option<Spec>)>> {
    let mut specs = Vec::new();
    for (site, keys) in tables.iter() {
        if let Some(keys) = keys {
            let keys = keys.clone().called(&format!("{called}, {}", site.name()));
            places.add(&keys);
            specs.push((site, spec(site, keys)?));
        }
    }
    Ok(specs)
}

fn spec(site: Site, keys: Keys) -> Result<Option<Spec>> {
    if !keys.has("noise") {
        if !keys.has(FORMAT) {
            keys.know(&site_options().collect::<Vec<_>>())?;
        }
        return number_format(keys);
    }
    let mut law = LawOptions::new(site.is_scalar());
    options(keys, LAW_OPTIONS, &mut law)?;
    Ok(Some(law.into()))
}

fn number_format(keys: Keys) -> Result<Option<Spec>> {
    let (key, four_over_six) = (keys.key(FORMAT), keys.key("four_over_six"));
    let tensor_scale = keys.key("tensor_scale");
    let quantizer = quantizer(keys)?;
    // What is trained keeps far from the ends of f32, which the scale of an array may be near to.
    if !(libm::ldexpf(1.0, -48)..=libm::ldexpf(1.0, 48)).contains(&quantizer.tensor_scale) {
        return Err(Error::Input(format!(
            "{tensor_scale} = {:?}: allowed in a recipe is a number from 2^-48 to 2^48",
            quantizer.tensor_scale
        )));
    }
    if quantizer.four_over_six {
        return Err(Error::Input(format!(
            "{four_over_six} = true: allowed at a site is false, since the choice would read each block twice; \
             `roundlaw quantize` and `roundlaw verify` have it"
        )));
    }
    if !quantizer.format.has_zero() {
        return Err(Error::Input(format!(
            "{key} = \"{}\": allowed at a site are formats with a zero; `roundlaw quantize` knows this one",
            quantizer.format.name
        )));
    }
    Ok((quantizer.layout != Layout::Identity).then_some(Spec::Format(quantizer)))
}
