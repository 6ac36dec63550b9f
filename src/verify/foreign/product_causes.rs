//! Causes at scales that are no powers of two: 8-bit floats below an f32 of the tensor, and f32.

use strum::VariantArray as _;

use super::block_causes::nan_byte;
use super::cause::{Cause, Habit};
use super::parts::scale_value;
use crate::codec::bits::FRACTION;
use crate::codec::{INFINITY, quantize, stored_scale};
use crate::format::{Layout, Overflow, QuantOp, Quantizer, SCALE_MANTISSA, ScaleFormat, class, format, policy};

/// Of 8-bit floats as scales below an f32 of the tensor.
pub fn two_level(base: &Quantizer) -> Vec<Cause> {
    const SMALLEST_NORMAL: u32 = 1 << SCALE_MANTISSA;
    let Layout::TwoLevel { scale: own, .. } = base.layout else { return Vec::new() };
    let others = ScaleFormat::VARIANTS.iter().filter(|other| **other != own).map(|&scale| {
        let layout = base.layout.with_scale(scale);
        Cause::new(format!("scale format {}", scale.name()), Habit::Format(Quantizer { layout, ..*base }))
    });
    let scale = |name: &str, scale| Cause::new(name, Habit::Scale(scale));
    let least = format!("the scale is never below 2^{}, the smallest normal one", 1 - own.float().bias);
    let four_over_six = !base.four_over_six;
    let name = if four_over_six { "the better of the scales to 6 and to 4" } else { "the scale is always that to 6" };
    let mut causes = vec![
        Cause::new(name, Habit::Format(Quantizer { four_over_six, ..*base })),
        scale("the scale is always that to 4", |op, largest| stored_scale(largest, &op.to_four())),
        scale(&least, |op, largest| stored_scale(largest, op).max(SMALLEST_NORMAL)),
        scale("the top exponent of a scale is reserved: it saturates below", |op, largest| {
            let byte = stored_scale(largest, op);
            if byte == nan_byte(op) { byte } else { byte.min((op.scale_add & !(SMALLEST_NORMAL - 1)) - 1) }
        }),
        scale("subnormal scales are flushed to 0", |op, largest| match stored_scale(largest, op) {
            ..SMALLEST_NORMAL => 0,
            byte => byte,
        }),
        scale("a scale beyond the largest is NaN", |op, largest| {
            scale_of(op, f32::from_bits(largest) * f32::from_bits(op.factor), Overflow::Ieee)
        }),
        scale("the scale divides in f32, by the largest element and then by that of the tensor", |op, largest| {
            let quotient = f32::from_bits(largest) / f32::from_bits(op.max_bits) / f32::from_bits(op.step);
            if largest < INFINITY { scale_of(op, quotient, Overflow::Saturate) } else { stored_scale(largest, op) }
        }),
        Cause::new("the scale of the tensor is 1", Habit::TensorScale(1.0)),
        divided(),
    ];
    causes.extend(others);
    causes
}

/// Of both kinds of f32 products.
fn divided() -> Cause {
    Cause::new(
        "values are divided by the scale, not multiplied by its reciprocal",
        Habit::Code(|op, x| {
            let scale = scale_value(op, x.scale) as f32 * f32::from_bits(op.step);
            let quotient = f32::from_bits(x.bits) / scale;
            match scale > 0.0 {
                true => quantize(&QuantOp { kind: class::SCALAR, ..*op }, quotient.to_bits(), 0, 0).code,
                false => x.code,
            }
        }),
    )
}

/// Of scales that are f32.
pub fn absmax() -> Vec<Cause> {
    let scale = |name: &str, scale| Cause::new(name, Habit::Scale(scale));
    /// What becomes of a scale that is a number.
    fn of(op: &QuantOp, largest: u32, then: impl Fn(f32) -> f32) -> u32 {
        let own = stored_scale(largest, op);
        if largest < INFINITY { then(f32::from_bits(own)).to_bits() } else { own }
    }
    fn through(op: &QuantOp, largest: u32, name: &str) -> u32 {
        let format = format(name).map(|format| QuantOp::of(&Quantizer::new(format)));
        of(op, largest, |own| {
            f32::from_bits(format.map_or(own.to_bits(), |op| quantize(&op, own.to_bits(), 0, 0).bits))
        })
    }
    vec![
        scale("the scale is the quotient of the largest magnitude and the largest element", |op, largest| {
            of(op, largest, |_| f32::from_bits(largest) / f32::from_bits(op.max_bits))
        }),
        scale("the scale is rounded to bf16", |op, largest| through(op, largest, "bf16")),
        scale("the scale is rounded to f16", |op, largest| through(op, largest, "f16")),
        scale("the scale is rounded up to a power of two", |op, largest| {
            let up = |own: f32| f32::from_bits((own.to_bits() + FRACTION) & !FRACTION);
            of(op, largest, up)
        }),
        scale("the largest element counts as 2^(b-1), the magnitude of the most negative code", |op, largest| {
            let most = f32::from_bits(op.max_bits) + libm::ldexpf(1.0, op.lsb_min);
            let factor = if op.has(policy::INTEGER) { (1.0 / most).to_bits() } else { op.factor };
            stored_scale(largest, &QuantOp { factor, ..*op })
        }),
        divided(),
        Cause::new(
            "the reciprocal of the scale is stored",
            Habit::ScaleByte(|_, own| match f32::from_bits(own) {
                own if own > 0.0 => (1.0 / own).min(f32::MAX).to_bits(),
                _ => own,
            }),
        ),
    ]
}

/// The scale of a block nearest it; `overflow` says what is beyond.
fn scale_of(op: &QuantOp, scale: f32, overflow: Overflow) -> u32 {
    let format = format("e4m3").expect("the format of scales has a row");
    let mut floats = ScaleFormat::VARIANTS.iter().map(|own| own.float());
    let layout = Layout::Float(floats.find(|float| float.lsb() == op.emax).expect("an operation has one of them"));
    quantize(&QuantOp::of(&Quantizer { overflow, layout, ..Quantizer::new(format) }), scale.to_bits(), 0, 0).code
}
