//! The `[[recipe]]` tables: a number format or a law per site.

use toml::{Table, Value};

use super::{MAX_NAME, MAX_RECIPES, Recipe};
use crate::error::{Error, Result};
use crate::format::{Direction, FORMATS, Law, Layout, Noise, Overflow, Rounding, ScaleMode, Sharing, Spec, WHOLE};
use crate::keys::{Keys, bad, number, one_of, power_of_two};
use crate::row::{SITES, Site};

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
        let mut sites = [None; SITES];
        for site in Site::ALL {
            if let Some(value) = keys.take(site.name()) {
                sites[site as usize] = spec(&format!("recipe {name:?}, {}", site.name()), site, value)?;
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
    let mut keys = Keys::from_value(key, value)?;
    match keys.take("noise") {
        Some(noise) => law(keys, site, &noise).map(Some),
        None => number_format(keys),
    }
}

fn law(mut keys: Keys, site: Site, noise: &Value) -> Result<Spec> {
    let noise = Noise::ALL[one_of(&keys.path("noise"), noise, &Noise::ALL.map(Noise::name))?];
    let eps = number(&keys.path("eps"), &keys.required("eps", "a variance, as 0.01")?, 2f64.powi(-96), 1e6)?;
    let law = keys.take("law").unwrap_or(Value::from("gaussian"));
    let law = Law::ALL[one_of(&keys.path("law"), &law, &Law::ALL.map(Law::name))?];
    let mut allowed = vec!["noise", "eps", "law"];
    let mut shared = false;
    if site.is_scalar() {
        allowed.push("shared_batch");
        shared = match keys.take("shared_batch") {
            None => false,
            Some(Value::Boolean(shared)) => shared,
            Some(other) => return Err(bad(&keys.path("shared_batch"), &other, "true, false")),
        };
    }
    keys.finish(&allowed)?;
    Ok(Spec::Noise { noise, eps, law, shared })
}

fn number_format(mut keys: Keys) -> Result<Option<Spec>> {
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    let name = keys.required("format", &names.join(", "))?;
    let format = &FORMATS[one_of(&keys.path("format"), &name, &names)?];
    if format.layout == Layout::Identity {
        keys.finish(&["format"])?;
        return Ok(None);
    }
    let mut allowed = vec!["format", "rounding", "bits", "variant"];
    let rounding = rounding(&mut keys)?;
    let (mut scale, mut overflow, mut sharing) = (1.0, format.overflow, None);
    match format.layout {
        Layout::Integer { .. } => {
            let step = keys.required("step", "a power of two, as 0.03125")?;
            scale = power_of_two(&keys.path("step"), &step, -48, 48)?;
            allowed.push("step");
        }
        Layout::Float { max, .. } => {
            if let Some(value) = keys.take("scale") {
                // Beyond, the scaled format's largest value would not be an f32.
                let most = (127 - libm::ilogb(max.into())).min(32);
                scale = power_of_two(&keys.path("scale"), &value, -32, most)?;
            }
            if let Some(value) = keys.take("overflow") {
                overflow = Overflow::ALL[one_of(&keys.path("overflow"), &value, &Overflow::ALL.map(Overflow::name))?];
            }
            allowed.extend(["scale", "overflow"]);
        }
        Layout::Block { size, .. } => {
            sharing = Some(block_sharing(&mut keys, size)?);
            allowed.extend(["block", "scale_mode"]);
        }
        Layout::Identity => {}
    }
    keys.finish(&allowed)?;
    Ok(Some(Spec::Format { format, scale, rounding, overflow, sharing }))
}

fn rounding(keys: &mut Keys) -> Result<Rounding> {
    let direction = keys.take("rounding").unwrap_or(Value::from("nearest-even"));
    let names = Direction::ALL.map(Direction::name);
    let direction = Direction::ALL[one_of(&keys.path("rounding"), &direction, &names)?];
    let mut rounding = Rounding { direction, ..Rounding::NEAREST_EVEN };
    if direction != Direction::Stochastic {
        for key in ["bits", "variant"] {
            if let Some(value) = keys.take(key) {
                return Err(bad(&keys.path(key), &value, "nothing, but with rounding = \"stochastic\""));
            }
        }
        return Ok(rounding);
    }
    if let Some(bits) = keys.take("bits") {
        let known = [8, 16, 32].into_iter().find(|known| bits.as_integer() == Some((*known).into()));
        rounding.bits = known.ok_or_else(|| bad(&keys.path("bits"), &bits, "8, 16, 32"))?;
    }
    if let Some(variant) = keys.take("variant") {
        rounding.zero_mean = one_of(&keys.path("variant"), &variant, &["a", "b"])? == 1;
    }
    Ok(rounding)
}

fn block_sharing(keys: &mut Keys, size: u32) -> Result<Sharing> {
    let mut sharing = Sharing { size, mode: ScaleMode::Floor };
    if let Some(block) = keys.take("block") {
        let known = [8, 16, 32, 64].into_iter().find(|known| block.as_integer() == Some((*known).into()));
        let whole = (block.as_str() == Some("vector")).then_some(WHOLE);
        let allowed = "8, 16, 32, 64, \"vector\"";
        sharing.size = known.or(whole).ok_or_else(|| bad(&keys.path("block"), &block, allowed))?;
    }
    if let Some(mode) = keys.take("scale_mode") {
        let names = ScaleMode::ALL.map(ScaleMode::name);
        sharing.mode = ScaleMode::ALL[one_of(&keys.path("scale_mode"), &mode, &names)?];
    }
    Ok(sharing)
}
