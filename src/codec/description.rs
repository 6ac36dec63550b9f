//! A format in words and numbers, as `formats` lists it.

use serde_json::{Map, Value, json};

use super::magnitudes;
use crate::format::{
    Element, FORMAT_OPTIONS, FORMATS, Float, Format, Kind, Layout, OptionRow, QuantOp, Quantizer, Specials, Unset,
    applying, block_name, format as format_of, usual,
};

/// Every row of the table, and the formats without a row.
pub fn descriptions() -> impl Iterator<Item = Map<String, Value>> {
    FORMATS.iter().map(description).chain([any_float()])
}

/// Layout, limits, special values, every default, and the source of a format; keys that do not apply are left out.
/// Limits are those of step, scale and shared scale 1.
pub fn description(format: &'static Format) -> Map<String, Value> {
    let quantizer = Quantizer::new(format);
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
            Specials::Fnuz => vec![1 << (float.exponent + float.mantissa)],
        };
        add("nan", codes(!nans.is_empty(), &nans));
    }
    if let Layout::Coded(coding) = format.layout {
        let nan = if coding.specials == Specials::Fnuz { 1 << (coding.width - 1) } else { coding.limits.0 + 1 };
        add("nan", codes(coding.specials != Specials::None, &[nan]));
    }
    add("zero", json!(format.has_zero()));
    if let Some(sharing) = quantizer.sharing {
        add("block", json!(block_name(sharing.size)));
        let scale = match format.layout {
            Layout::TwoLevel { scale, .. } => format!("{}, and an f32 for the tensor", scale.name()),
            _ => "e8m0".into(),
        };
        add("scale", json!(scale));
        if let Layout::Block { emax, .. } = format.layout {
            add("emax", json!(emax));
        }
    }
    // What belongs to the layout is told above.
    map.extend(defaults(format, |row| row.unset == Unset::Usual));
    map.insert("source".into(), json!(format.source));
    map
}

/// The formats without a row.
pub fn any_float() -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("name".into(), json!("eXmY"));
    map.insert("layout".into(), json!("sign, X = 1 to 8 exponent bits, Y = 0 to 22 mantissa bits, bias 2^(X-1) - 1"));
    if let Some(example) = format_of("e3m4") {
        // The codes of the specials, which tell them apart elsewhere, are those of X and Y.
        map.extend(defaults(example, |row| row.unset == Unset::Usual || row.name == "specials"));
        map.insert("source".into(), json!(example.source));
    }
    map
}

/// The options that a format has, each with its default.
fn defaults(format: &'static Format, told: fn(&OptionRow<Quantizer>) -> bool) -> Vec<(String, Value)> {
    let quantizer = Quantizer::new(format);
    let options = applying(FORMAT_OPTIONS, Kind::DESCRIBED, &quantizer).filter(|row| told(row));
    let default = |row: &OptionRow<Quantizer>| {
        let settings = usual(row, format).into_iter().enumerate().map(|(place, (direction, setting))| match place {
            0 => setting.to_string(),
            _ => format!("{} {setting}", direction.name()),
        });
        (format!("default_{}", row.name), json!(settings.collect::<Vec<_>>().join(", ")))
    };
    options.map(default).collect()
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
        Layout::Unsigned { bits, .. } => format!("{bits} bits c: c less the zero point, times a step"),
        Layout::Logarithmic { bits, base_factor, bias } => {
            let place = if base_factor == 1 { format!("c - {bias}") } else { format!("(c - {bias})/{base_factor}") };
            format!("sign, {} bits c: 2^({place}), and 0 for c = 0", bits - 1)
        }
        Layout::Block { element: Element::Integer { bits, unit }, .. } => {
            format!("two's complement of {bits} bits, symmetric, times 2^{unit}")
        }
        Layout::Block { .. } | Layout::TwoLevel { .. } => self::layout(&layout.element()),
    }
}

fn largest(op: &QuantOp) -> u32 {
    magnitudes(op).max().unwrap_or(0)
}

fn smallest(op: &QuantOp) -> u32 {
    magnitudes(op).filter(|magnitude| *magnitude > 0).min().unwrap_or(0)
}
