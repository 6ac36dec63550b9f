//! Causes at single elements.

use std::cmp::Ordering;

use super::case::Case;
use super::cause::{Cause, Habit};
use super::parts::{Element, between, unscaled};
use super::{integer_causes, posit_causes};
use crate::codec::bits::{FRACTION, SMALLEST_NORMAL};
use crate::codec::{INFINITY, MAGNITUDE, NO_CODE, SIGN, quantize, stored};
use crate::format::{
    self, Coding, Direction, FORMATS, Float, Format, Layout, Nan, Overflow, QuantOp, Quantizer, Rounding, Specials,
    Subnormals, class, policy,
};

/// Every cause at an element that a codec of the case's format may have.
pub fn all(case: &Case) -> Vec<Cause> {
    let base = &case.quantizer;
    let mut causes = roundings(base);
    causes.extend(policies(base));
    causes.extend(nans());
    causes.extend(zeros());
    causes.push(Cause::new("the two codes of a byte are exchanged", Habit::Swap));
    causes.extend(roundings_before());
    causes.extend(other_formats(base));
    match base.layout.element() {
        Layout::Integer { bits, full } if base.sharing.is_none() => {
            causes.extend(integer_causes::signed(base, bits, full))
        }
        Layout::Unsigned { bits, zero_point } => causes.extend(integer_causes::unsigned(base, bits, zero_point)),
        Layout::Float(float) => causes.extend(floats(base, float)),
        Layout::Coded(Coding { class: class::POSIT, .. }) => causes.extend(posit_causes::all()),
        _ => {}
    }
    causes
}

/// Other directions, and other ties.
fn roundings(base: &Quantizer) -> Vec<Cause> {
    let directions = [
        ("ties go away from zero", Direction::NearestAway),
        ("ties go to even", Direction::NearestEven),
        ("truncation: rounds toward zero", Direction::TowardZero),
        ("rounds up", Direction::Up),
        ("rounds down", Direction::Down),
    ];
    let knows = |direction| !matches!(base.layout, Layout::Coded(coding) if !coding.directions.contains(&direction));
    let known = directions.into_iter().filter(|(_, direction)| knows(*direction));
    let mut causes: Vec<Cause> = known
        .map(|(name, direction)| {
            Cause::new(name, Habit::Format(Quantizer { rounding: Rounding::new(direction), ..*base }))
        })
        .collect();
    let code = |name: &str, code| Cause::new(name, Habit::Code(code));
    causes.extend([
        code("ties go toward zero", |op, x| nearest(op, x, |below, _| below)),
        code("ties go to odd", |op, x| nearest(op, x, |below, above| if below & 1 == 1 { below } else { above })),
        code("ties go up, as by floor(x + 1/2)", |op, x| {
            nearest(op, x, |below, above| if x.bits & SIGN == 0 { above } else { below })
        }),
        code("truncation of bits: the significand is cut, and what is subnormal is 0", cut),
    ]);
    causes
}

/// The nearest code, of a tie the one that is chosen from those nearer zero and farther from it.
pub(super) fn nearest(op: &QuantOp, x: Element, tie: impl Fn(u32, u32) -> u32) -> u32 {
    let around = between(op, x.bits, x.scale).and_then(|around| Some((around, around.half?)));
    match around {
        Some((around, Ordering::Less)) => around.below,
        Some((around, Ordering::Equal)) => tie(around.below, around.above),
        Some((around, Ordering::Greater)) => around.above,
        None => x.code,
    }
}

/// The first bits of the significand under an exponent with another bias.
fn cut(op: &QuantOp, x: Element) -> u32 {
    if op.has(policy::INTEGER | policy::OWN_SIGN) || op.kind == class::LOGARITHMIC || op.kind == class::NONE {
        return x.code;
    }
    let bits = match op.shares() {
        true => (unscaled(op, x.bits, x.scale) as f32).to_bits(),
        false => x.bits,
    };
    let (magnitude, mantissa) = (bits & MAGNITUDE, op.mantissa as u32);
    let bias = 1 - op.lsb_min - op.mantissa;
    let field = (magnitude >> 23) as i32 - 127 + bias;
    let sign = (bits >> 31) << (op.width - 1);
    let fraction = (magnitude & FRACTION) >> (23 - mantissa);
    match field {
        // f32's own exponents: infinities, NaN and subnormals are cut like all else.
        _ if bias == 127 => sign | magnitude >> (23 - mantissa),
        ..=0 => sign,
        _ if ((field as u32) << mantissa | fraction) > op.max_code => x.code,
        _ => sign | (field as u32) << mantissa | fraction,
    }
}

/// Other options at the edges.
fn policies(base: &Quantizer) -> Vec<Cause> {
    let with = |name: &str, quantizer| Cause::new(name, Habit::Format(quantizer));
    let mut causes = Vec::new();
    if matches!(base.layout, Layout::Float(_) | Layout::Coded(_)) {
        causes.push(with("saturates beyond the largest value", Quantizer { overflow: Overflow::Saturate, ..*base }));
        causes.push(with("infinity or NaN beyond the largest value", Quantizer { overflow: Overflow::Ieee, ..*base }));
    }
    causes.extend([
        with("flushes subnormal inputs", Quantizer { subnormals: Subnormals::Flush, ..*base }),
        with("NaN becomes the largest value", Quantizer { nan: Nan::Satfinite, ..*base }),
        Cause::new("flushes subnormal values", Habit::Value(flushed)),
        Cause::new("flushes subnormal results to zero", Habit::Code(without_subnormals)),
    ]);
    if let Layout::Float(float) = base.layout
        && float.max_code() >= 1 << float.mantissa
    {
        let layout = Layout::Float(Float { gradual: false, ..float });
        causes.push(with("has no subnormal numbers", Quantizer { layout, ..*base }));
    }
    causes
}

fn flushed(_: u32, value: u32) -> u32 {
    if value & MAGNITUDE < SMALLEST_NORMAL { value & SIGN } else { value }
}

fn without_subnormals(op: &QuantOp, x: Element) -> u32 {
    let is_float = !op.has(policy::INTEGER | policy::OWN_SIGN) && op.kind != class::LOGARITHMIC;
    let sign = 1 << (op.width - 1);
    let is_subnormal = x.code & (sign - 1) < 1 << op.mantissa && !is_nan_code(op, x);
    match is_float && x.code != NO_CODE && is_subnormal {
        true if op.has(policy::ONE_ZERO) => 0,
        true => x.code & sign,
        false => x.code,
    }
}

fn is_nan_code(op: &QuantOp, x: Element) -> bool {
    super::parts::is_nan(stored(op, x.code, x.scale))
}

/// Codes that a NaN or an infinity becomes.
fn nans() -> Vec<Cause> {
    let code = |name: &str, code| Cause::new(name, Habit::Code(code));
    fn nan(x: Element, code: u32) -> u32 {
        if x.bits & MAGNITUDE > INFINITY { code } else { x.code }
    }
    fn infinite(x: Element, code: u32) -> u32 {
        if x.bits & MAGNITUDE == INFINITY { code } else { x.code }
    }
    fn sign(op: &QuantOp, bits: u32) -> u32 {
        (bits >> 31) << (op.width - 1)
    }
    fn code_of(op: &QuantOp, bits: u32) -> u32 {
        quantize(op, bits, 0, 0).code
    }
    fn largest(op: &QuantOp, bits: u32) -> u32 {
        code_of(&QuantOp { policy: op.policy & !policy::OVERFLOWS, ..*op }, bits & SIGN | INFINITY)
    }
    /// Where a zero has a sign; else the code of the sign alone is another number's, or NaN's.
    fn zero_of(op: &QuantOp, x: Element, bits: u32) -> u32 {
        let is_signed = !op.has(policy::INTEGER | policy::OWN_SIGN | policy::ONE_ZERO);
        if is_signed { nan(x, sign(op, bits)) } else { x.code }
    }
    vec![
        code("NaN becomes 0", |op, x| nan(x, if op.has(policy::OFFSET) { op.min_code } else { 0 })),
        code("NaN becomes a zero of its sign", |op, x| zero_of(op, x, x.bits)),
        code("NaN becomes a zero of the other sign", |op, x| zero_of(op, x, !x.bits)),
        code("NaN becomes the code of all ones", |op, x| nan(x, u32::MAX >> (32 - op.width))),
        code("NaN becomes the most negative value", |op, x| nan(x, largest(op, SIGN))),
        code("NaN becomes the largest value of its sign", |op, x| nan(x, largest(op, x.bits))),
        code("infinity saturates", |op, x| infinite(x, largest(op, x.bits))),
        code("infinity becomes an infinity or NaN", |op, x| {
            infinite(x, code_of(&QuantOp { policy: op.policy | policy::OVERFLOWS, ..*op }, x.bits))
        }),
        code("infinity becomes NaN", |op, x| infinite(x, code_of(op, x.bits | 1))),
    ]
}

/// The sign of zero.
fn zeros() -> Vec<Cause> {
    fn has_sign(op: &QuantOp) -> bool {
        !op.has(policy::INTEGER | policy::OWN_SIGN)
    }
    vec![
        Cause::new(
            "loses the sign of zero",
            Habit::Code(|op, x| {
                let is_negative = has_sign(op) && !op.has(policy::ONE_ZERO) && x.code == 1 << (op.width - 1);
                if is_negative { 0 } else { x.code }
            }),
        ),
        Cause::new(
            "keeps the sign of zero: its code is that of NaN",
            Habit::Code(|op, x| {
                let is_fnuz = has_sign(op) && op.has(policy::ONE_ZERO) && x.code == 0;
                if is_fnuz { (x.bits >> 31) << (op.width - 1) } else { x.code }
            }),
        ),
        Cause::new("keeps the sign of zero", Habit::Value(|bits, value| if value == 0 { bits & SIGN } else { value })),
    ]
}

/// Values that are rounded before.
fn roundings_before() -> Vec<Cause> {
    let mut causes = vec![
        Cause::new("double rounding: values go through f32, its subnormals too", Habit::Input(Case::nearest)),
        Cause::new("values are cut to bf16 before", Habit::Input(|case, k| case.inputs[k] & 0xffff_0000)),
    ];
    causes.extend(["f16", "bf16", "tf32"].into_iter().filter_map(format::format).map(|format| {
        Cause::new(format!("double rounding: values go through {}", format.name), Habit::Through(format))
    }));
    let quotient = |name: &str, code| Cause::new(name, Habit::Code(code));
    causes.extend([
        quotient("double rounding: the quotient by the scale goes through f32's subnormals", |op, x| {
            through_quotient(op, x, |quotient| quotient)
        }),
        quotient("the quotient by the scale is flushed where f32 is subnormal", |op, x| {
            through_quotient(op, x, |quotient| f32::from_bits(flushed(0, quotient.to_bits())))
        }),
    ]);
    causes
}

/// The code of the f32 that is left of a value without its power of two.
fn through_quotient(op: &QuantOp, x: Element, of: fn(f32) -> f32) -> u32 {
    let scaled = |op: &QuantOp, bits: u32| quantize(&QuantOp { kind: class::SCALAR, ..*op }, bits, 0, 0).code;
    match op.kind {
        class::BLOCK if !is_nan_code(op, x) => scaled(op, of(unscaled(op, x.bits, x.scale) as f32).to_bits()),
        _ => x.code,
    }
}

/// Formats with codes of as many bits, and the largest values and biases that floats are given.
fn other_formats(base: &Quantizer) -> Vec<Cause> {
    let is_other = |format: &&'static Format| {
        let (own, other) = (Quantizer::new(base.format), Quantizer::new(format));
        let shares = |quantizer: &Quantizer| quantizer.layout.sharing().is_some();
        format.name != base.format.name
            && other.layout.width() == own.layout.width()
            && shares(&other) == shares(&own)
            && other.layout != Layout::Identity
    };
    let is_fixed = |layout: Layout| matches!(layout, Layout::Integer { .. } | Layout::Unsigned { .. });
    let with = |(format, layout, detail): (&'static Format, Layout, String)| {
        let usual = Quantizer::new(format);
        let rounding = if let Layout::Coded(_) = format.layout { usual.rounding } else { base.rounding };
        // Whole numbers of the same step.
        let keeps_step = is_fixed(base.layout) && is_fixed(layout) && base.sharing.is_none();
        let scale = if keeps_step { base.scale } else { usual.scale };
        let Quantizer { overflow, nan, subnormals, sharing, tensor_scale, .. } = *base;
        let options = Quantizer { rounding, overflow, nan, subnormals, sharing, tensor_scale, ..usual };
        let quantizer = Quantizer { layout, scale, ..options };
        Cause::new(format!("another format: {}{detail}", format.name), Habit::Format(quantizer))
    };
    let layouts = |format: &'static Format| {
        let other = match (base.layout, format.layout) {
            (Layout::Integer { .. }, Layout::Unsigned { bits, .. }) => {
                let zero_point = 1 << (bits - 1);
                Some((Layout::Unsigned { bits, zero_point }, format!(" with the zero point {zero_point}")))
            }
            (Layout::Unsigned { .. }, Layout::Integer { bits, .. }) => {
                Some((Layout::Integer { bits, full: true }, " with the most negative code".into()))
            }
            _ => None,
        };
        let usual = (format, format.layout, String::new());
        std::iter::once(usual).chain(other.map(|(layout, detail)| (format, layout, detail)))
    };
    FORMATS.iter().filter(is_other).flat_map(layouts).map(with).collect()
}

/// Other top codes and biases.
fn floats(base: &Quantizer, float: Float) -> Vec<Cause> {
    let layout = |float: Float| match base.layout {
        Layout::Block { emax, size, .. } => Layout::Block { element: format::Element::Float(float), emax, size },
        Layout::TwoLevel { scale, size, .. } => Layout::TwoLevel { element: float, scale, size },
        _ => Layout::Float(float),
    };
    let with = |name: &str, float: Float| Cause::new(name, Habit::Format(Quantizer { layout: layout(float), ..*base }));
    let mut causes = Vec::new();
    for (name, specials) in [
        ("wrong maximum: every code counts as a number", Specials::None),
        ("wrong maximum: only the largest code is NaN", Specials::Nan),
        ("wrong maximum: the top exponent counts as infinity and NaN", Specials::Ieee),
        ("wrong NaN: it takes the code of -0 (fnuz)", Specials::Fnuz),
    ] {
        let other = Float { specials, ..float };
        if specials != float.specials && other.max_code() > 0 {
            causes.push(with(name, other));
        }
    }
    // In blocks another bias does what another scale does.
    if base.sharing.is_none() {
        causes.extend(biases(float).into_iter().map(|(name, float)| with(name, float)));
    }
    causes
}

/// Floats that reach elsewhere.
fn biases(float: Float) -> Vec<(&'static str, Float)> {
    let of = |by: i32| Float { bias: float.bias + by, ..float };
    // The formats of that name have a bias of one more, so that their numbers reach as far.
    let fnuz = Float { specials: Specials::Fnuz, ..of(1) };
    let has_row = FORMATS.iter().any(|format| format.layout == Layout::Float(fnuz));
    let all = [
        ("the fnuz format of these widths, whose bias is one more", fnuz),
        ("another exponent bias: one more", of(1)),
        ("another exponent bias: one less", of(-1)),
    ];
    let (low, high) = float.biases();
    let is_new = |other: &Float| *other == of(1) || *other == of(-1) || float.specials != Specials::Fnuz && !has_row;
    all.into_iter().filter(|(_, other)| (low..=high).contains(&other.bias) && is_new(other)).collect()
}
