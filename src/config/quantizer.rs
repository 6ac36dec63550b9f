//! A number format with its options, as a recipe or the command line names them.

use toml::Value;

use crate::codec::logarithmic;
use crate::config::keys::{Keys, bad, number, one_of, power_of_two};
use crate::error::Result;
use crate::format::{
    Direction, Float, Layout, Nan, Overflow, Quantizer, Rounding, ScaleMode, Sharing, Specials, Subnormals, WHOLE,
    format, names,
};

/// Reads a format and its options. `fp32` has none.
pub fn quantizer(mut keys: Keys) -> Result<Quantizer> {
    let name = keys.required("format", &names())?;
    let known = name.as_str().and_then(format);
    let mut quantizer = Quantizer::new(known.ok_or_else(|| bad(&keys.path("format"), &name, &names()))?);
    if quantizer.layout == Layout::Identity {
        keys.finish(&["format"])?;
        return Ok(quantizer);
    }
    let mut allowed = vec!["format", "rounding", "bits", "variant", "nan", "subnormals"];
    quantizer.rounding = rounding(&mut keys, quantizer.rounding.direction)?;
    if let Some(nan) = keys.take("nan") {
        quantizer.nan = Nan::ALL[one_of(&keys.path("nan"), &nan, &Nan::ALL.map(Nan::name))?];
    }
    if let Some(value) = keys.take("subnormals") {
        let names = Subnormals::ALL.map(Subnormals::name);
        quantizer.subnormals = Subnormals::ALL[one_of(&keys.path("subnormals"), &value, &names)?];
    }
    allowed.extend_from_slice(match quantizer.layout {
        Layout::Identity => &[],
        Layout::Float(float) => minifloat(&mut keys, &mut quantizer, float)?,
        Layout::Coded(coding) if coding.specials != Specials::None => overflow(&mut keys, &mut quantizer)?,
        Layout::Coded(_) => &[],
        Layout::Integer { bits, .. } => integer(&mut keys, &mut quantizer, bits)?,
        Layout::Logarithmic { bits, .. } => logarithmic(&mut keys, &mut quantizer, bits)?,
        Layout::Block { .. } => block(&mut keys, &mut quantizer)?,
        Layout::TwoLevel { .. } => two_level(&mut keys, &mut quantizer)?,
    });
    fits(&keys, &quantizer)?;
    keys.finish(&allowed)?;
    Ok(quantizer)
}

/// What a direction asks of the format.
fn fits(keys: &Keys, quantizer: &Quantizer) -> Result<()> {
    let Rounding { direction, bits, .. } = quantizer.rounding;
    let refused = |allowed: &str| Err(bad(&keys.path("rounding"), &Value::from(direction.name()), allowed));
    match (direction, quantizer.layout, quantizer.sharing) {
        (Direction::Dither, Layout::Integer { bits: width, full }, None) => {
            // Value and dither together are exact in f32.
            let most = 24 - width - u32::from(full);
            if most < 8 {
                return refused("another rounding: so many bits of a code leave no room for 8 random ones in f32");
            }
            match bits <= most {
                true => Ok(()),
                false => Err(bad(
                    &keys.path("bits"),
                    &Value::from(i64::from(bits)),
                    &format!("at most {most}, so that a dithered value is exact in f32"),
                )),
            }
        }
        (_, Layout::Coded(coding), _) if !coding.directions.contains(&direction) => {
            refused(&coding.directions.iter().map(|known| known.name()).collect::<Vec<_>>().join(", "))
        }
        (Direction::Dither, ..) => refused("another rounding: dither is for integers with a fixed step"),
        _ => Ok(()),
    }
}

fn rounding(keys: &mut Keys, default: Direction) -> Result<Rounding> {
    let direction = keys.take("rounding").unwrap_or(Value::from(default.name()));
    let names = Direction::ALL.map(Direction::name);
    let direction = Direction::ALL[one_of(&keys.path("rounding"), &direction, &names)?];
    let mut rounding = Rounding::new(direction);
    for key in ["bits", "variant"] {
        let applies = if key == "bits" { direction.is_random() } else { direction == Direction::Stochastic };
        let Some(value) = keys.take(key) else { continue };
        if !applies {
            let or = if key == "bits" { " or \"dither\"" } else { "" };
            return Err(bad(&keys.path(key), &value, &format!("nothing, but with rounding = \"stochastic\"{or}")));
        }
        match key {
            "bits" => {
                let known = [8, 16, 32].into_iter().find(|known| value.as_integer() == Some((*known).into()));
                rounding.bits = known.ok_or_else(|| bad(&keys.path("bits"), &value, "8, 16, 32"))?;
            }
            _ => rounding.zero_mean = one_of(&keys.path("variant"), &value, &["a", "b"])? == 1,
        }
    }
    Ok(rounding)
}

fn overflow(keys: &mut Keys, quantizer: &mut Quantizer) -> Result<&'static [&'static str]> {
    if let Some(value) = keys.take("overflow") {
        let names = Overflow::ALL.map(Overflow::name);
        quantizer.overflow = Overflow::ALL[one_of(&keys.path("overflow"), &value, &names)?];
    }
    Ok(&["overflow"])
}

fn minifloat(keys: &mut Keys, quantizer: &mut Quantizer, mut float: Float) -> Result<&'static [&'static str]> {
    if let Some(value) = keys.take("specials") {
        let names = Specials::ALL.map(Specials::name);
        float.specials = Specials::ALL[one_of(&keys.path("specials"), &value, &names)?];
    }
    if float.max_code() == 0 {
        return Err(bad(
            &keys.path("format"),
            &Value::from(quantizer.format.name),
            "with specials = \"none\" alone: it has no number but 0",
        ));
    }
    if let Some(value) = keys.take("gradual_underflow") {
        float.gradual = boolean(keys, "gradual_underflow", &value)?;
        if !float.gradual && float.max_code() < 1 << float.mantissa {
            return Err(bad(
                &keys.path("gradual_underflow"),
                &value,
                "true: with these specials all numbers are subnormal, and without them there is no number but 0",
            ));
        }
    }
    let (low, high) = float.biases();
    if let Some(value) = keys.take("bias") {
        float.bias = whole(keys, "bias", &value, low, high)?;
    } else if !(low..=high).contains(&float.bias) {
        let allowed = format!("{low} to {high}, so that every value is an f32");
        return Err(bad(&keys.path("bias"), &Value::from(i64::from(float.bias)), &allowed));
    }
    if let Some(value) = keys.take("scale") {
        // Every scaled value is an f32.
        let (least, most) = ((-149 - float.lsb()).max(-32), (127 - libm::ilogb(float.max())).min(32));
        quantizer.scale = power_of_two(&keys.path("scale"), &value, least, most)?;
    }
    quantizer.layout = Layout::Float(float);
    overflow(keys, quantizer)?;
    Ok(&["scale", "overflow", "bias", "specials", "gradual_underflow"])
}

fn integer(keys: &mut Keys, quantizer: &mut Quantizer, bits: u32) -> Result<&'static [&'static str]> {
    let step = keys.required("step", "a number, best a power of two as 0.03125, or \"absmax\"")?;
    if step.as_str() == Some("absmax") {
        quantizer.sharing = Some(Sharing { size: WHOLE, mode: ScaleMode::Rceil });
    } else {
        quantizer.scale = number(&keys.path("step"), &step, libm::ldexp(1.0, -48), libm::ldexp(1.0, 48))?;
    }
    if let Some(value) = keys.take("range") {
        let full = one_of(&keys.path("range"), &value, &["symmetric", "full"])? == 1;
        quantizer.layout = Layout::Integer { bits, full };
    }
    Ok(&["step", "range"])
}

fn logarithmic(keys: &mut Keys, quantizer: &mut Quantizer, bits: u32) -> Result<&'static [&'static str]> {
    let Layout::Logarithmic { mut roots, mut bias, .. } = quantizer.layout else { return Ok(&[]) };
    if let Some(value) = keys.take("roots") {
        roots = whole(keys, "roots", &value, 1, logarithmic::MOST as i32)? as u32;
    }
    if let Some(value) = keys.take("scale") {
        quantizer.scale = power_of_two(&keys.path("scale"), &value, -32, 32)?;
    }
    // Codes 1 to the largest lie in 2^-126 to below 2^128, scaled.
    let (n, scale, largest) = (roots as i32, libm::ilogb(quantizer.scale), (1 << (bits - 1)) - 1);
    let (low, high) = (largest - n * (128 - scale) + 1, 1 + n * (126 + scale));
    match keys.take("bias") {
        Some(value) => bias = whole(keys, "bias", &value, low, high)?,
        None if (low..=high).contains(&bias) => {}
        None => return Err(bad(&keys.path("bias"), &Value::from(i64::from(bias)), &format!("{low} to {high}"))),
    }
    quantizer.layout = Layout::Logarithmic { bits, roots, bias };
    Ok(&["scale", "roots", "bias"])
}

fn block(keys: &mut Keys, quantizer: &mut Quantizer) -> Result<&'static [&'static str]> {
    block_size(keys, quantizer)?;
    if let Some(mode) = keys.take("scale_mode") {
        let mode = ScaleMode::ALL[one_of(&keys.path("scale_mode"), &mode, &ScaleMode::ALL.map(ScaleMode::name))?];
        quantizer.sharing.iter_mut().for_each(|sharing| sharing.mode = mode);
    }
    Ok(&["block", "scale_mode"])
}

fn two_level(keys: &mut Keys, quantizer: &mut Quantizer) -> Result<&'static [&'static str]> {
    block_size(keys, quantizer)?;
    if let Some(value) = keys.take("tensor_scale") {
        let range = libm::ldexp(1.0, 48);
        quantizer.tensor_scale = number(&keys.path("tensor_scale"), &value, 1.0 / range, range)? as f32;
    }
    Ok(&["block", "tensor_scale"])
}

fn block_size(keys: &mut Keys, quantizer: &mut Quantizer) -> Result<()> {
    let Some(block) = keys.take("block") else { return Ok(()) };
    let known = [8, 16, 32, 64].into_iter().find(|known| block.as_integer() == Some((*known).into()));
    let whole = (block.as_str() == Some("vector")).then_some(WHOLE);
    let size = known.or(whole).ok_or_else(|| bad(&keys.path("block"), &block, "8, 16, 32, 64, \"vector\""))?;
    quantizer.sharing.iter_mut().for_each(|sharing| sharing.size = size);
    Ok(())
}

fn whole(keys: &Keys, key: &str, value: &Value, low: i32, high: i32) -> Result<i32> {
    let fits = |v: &i64| (i64::from(low)..=i64::from(high)).contains(v);
    let found = value.as_integer().filter(fits);
    found.map(|v| v as i32).ok_or_else(|| bad(&keys.path(key), value, &format!("a whole number from {low} to {high}")))
}

pub(super) fn boolean(keys: &Keys, key: &str, value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(|| bad(&keys.path(key), value, "true, false"))
}
