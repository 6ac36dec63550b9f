//! A format in words and numbers, as `formats` lists it.

use serde_json::{Map, Value, json};

use super::{Direction, Float, Format, Layout, QuantOp, Quantizer, Specials, block_name};
use crate::codec;

/// Layout, limits, special values, every default, and the source of a format; keys that do not apply are left out.
/// Limits are those of step, scale and shared scale 1.
pub fn description(format: &Format) -> Map<String, Value> {
    let quantizer = Quantizer::new(find(format));
    let op = QuantOp::of(&quantizer);
    let mut map = Map::new();
    let mut add = |key: &str, value: Value| drop(map.insert(key.to_string(), value));
    add("name", json!(format.name));
    add("layout", json!(layout(&format.layout)));
    add("bits", json!(format.layout.width()));
    if format.layout != Layout::Identity {
        add("largest", json!(f64::from(f32::from_bits(largest(&op)))));
    }
    if let Layout::Float(float) = format.layout.element() {
        add("smallest_normal", json!(libm::ldexp(1.0, 1 - float.bias)));
    }
    if format.layout != Layout::Identity {
        add("smallest", json!(f64::from(f32::from_bits(smallest(&op)))));
    }
    if let Layout::Float(float) = format.layout.element() {
        add("infinity", codes(float.specials == Specials::Ieee, &[float.max_code() + 1]));
        let nans = match float.specials {
            Specials::None => vec![],
            Specials::Nan => vec![float.max_code() + 1],
            Specials::Ieee => vec![float.max_code() + 2, (1 << (float.exponent + float.mantissa)) - 1],
        };
        add("nan", codes(!nans.is_empty(), &nans));
    }
    if let Layout::Coded(coding) = format.layout {
        add("nan", codes(coding.specials == Specials::Nan, &[coding.limits.0 + 1]));
    }
    add("zero", json!(format.has_zero()));
    if let Some(sharing) = quantizer.sharing {
        add("block", json!(block_name(sharing.size)));
        let scale =
            if let Layout::TwoLevel { .. } = format.layout { "e4m3, and an f32 for the tensor" } else { "e8m0" };
        add("scale", json!(scale));
        if let Layout::Block { emax, .. } = format.layout {
            add("emax", json!(emax));
        }
    }
    if format.layout != Layout::Identity {
        defaults(&quantizer).into_iter().for_each(|(key, value)| add(key, json!(value)));
    }
    add("source", json!(format.source));
    map
}

/// Every option that applies, with its default.
fn defaults(quantizer: &Quantizer) -> Vec<(&'static str, &'static str)> {
    let mut defaults = vec![("default_rounding", quantizer.rounding.direction.name())];
    match quantizer.layout {
        Layout::Coded(coding) if !coding.directions.contains(&Direction::Stochastic) => {}
        Layout::Integer { .. } => defaults.extend([("default_bits", "32, dither 8"), ("default_variant", "a")]),
        _ => defaults.extend([("default_bits", "32"), ("default_variant", "a")]),
    }
    match quantizer.layout {
        Layout::Float(_) => defaults.extend([("default_scale", "1"), ("default_gradual_underflow", "true")]),
        Layout::Logarithmic { .. } => defaults.push(("default_scale", "1")),
        Layout::Integer { .. } => defaults.push(("default_range", "symmetric")),
        Layout::TwoLevel { .. } => defaults.push(("default_tensor_scale", "1")),
        Layout::Block { .. } => {
            let mode = quantizer.sharing.map_or("", |sharing| sharing.mode.name());
            defaults.push(("default_scale_mode", mode));
        }
        Layout::Identity | Layout::Coded(_) => {}
    }
    let overflows = match quantizer.layout {
        Layout::Float(_) => true,
        Layout::Coded(coding) => coding.specials != Specials::None,
        _ => false,
    };
    if overflows {
        defaults.push(("default_overflow", quantizer.overflow.name()));
    }
    defaults.extend([("default_nan", quantizer.nan.name()), ("default_subnormals", quantizer.subnormals.name())]);
    defaults
}

/// The row itself: a quantizer keeps a reference to it.
fn find(format: &Format) -> &'static Format {
    super::format(format.name).unwrap_or(&super::FORMATS[0])
}

/// Codes without sign: one, or the first and the last.
fn codes(exist: bool, codes: &[u32]) -> Value {
    let text = codes.iter().map(|code| format!("{code:#x}")).collect::<Vec<_>>();
    if exist { json!(text.join(" to ")) } else { Value::Null }
}

fn layout(layout: &Layout) -> String {
    match *layout {
        Layout::Identity => "sign, 8 exponent bits, 23 mantissa bits".into(),
        Layout::Float(Float { exponent, mantissa, bias, .. }) => {
            let plural = if mantissa == 1 { "" } else { "s" };
            format!("sign, {exponent} exponent bits, {mantissa} mantissa bit{plural}, bias {bias}")
        }
        Layout::Coded(coding) => coding.text.into(),
        Layout::Integer { bits, .. } => format!("two's complement of {bits} bits, symmetric, times a step"),
        Layout::Logarithmic { bits, roots, bias } => {
            let place = if roots == 1 { format!("c - {bias}") } else { format!("(c - {bias})/{roots}") };
            format!("sign, {} bits c: 2^({place}), and 0 for c = 0", bits - 1)
        }
        Layout::Block { element, unit, .. } => match *element {
            Layout::Integer { bits, .. } => format!("two's complement of {bits} bits, symmetric, times 2^{unit}"),
            other => self::layout(&other),
        },
        Layout::TwoLevel { element, .. } => self::layout(element),
    }
}

fn largest(op: &QuantOp) -> u32 {
    codec::magnitudes(op).max().unwrap_or(0)
}

fn smallest(op: &QuantOp) -> u32 {
    codec::magnitudes(op).filter(|magnitude| *magnitude > 0).min().unwrap_or(0)
}
