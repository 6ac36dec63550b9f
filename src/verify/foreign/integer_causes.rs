//! Causes at integers with a fixed step.

use super::cause::{Cause, Habit};
use super::parts::{Element, is_nan, unscaled};
use crate::codec::stored;
use crate::format::direction::{DOWN, NEAREST_AWAY, TOWARD_ZERO, UP};
use crate::format::{Layout, NO_CODE, QuantOp, Quantizer, class, policy};

/// The most negative code, codes that wrap, and other ways to divide by the step.
pub(super) fn signed(base: &Quantizer, bits: u32, full: bool) -> Vec<Cause> {
    let other = Quantizer { layout: Layout::Integer { bits, full: !full }, ..*base };
    let name = if full { "never uses the most negative code" } else { "uses the most negative code" };
    let mut causes = vec![Cause::new(name, Habit::Format(other)), wraps()];
    causes.extend(quotients(base));
    causes
}

/// Other zero points, and ways to add one.
pub(super) fn unsigned(base: &Quantizer, bits: u32, zero_point: u32) -> Vec<Cause> {
    let largest = (1 << bits) - 1;
    let others = [
        ("the zero point is left out", Some(0)),
        ("another zero point: one more", Some(zero_point + 1)),
        ("another zero point: one less", zero_point.checked_sub(1)),
    ];
    let others = others.into_iter().filter_map(|(name, other)| Some((name, other?)));
    let others = others.filter(|(_, other)| *other != zero_point && *other <= largest);
    let mut causes: Vec<Cause> = others
        .map(|(name, zero_point)| {
            let layout = Layout::Unsigned { bits, zero_point };
            Cause::new(name, Habit::Format(Quantizer { layout, ..*base }))
        })
        .collect();
    let code = |name: &str, code| Cause::new(name, Habit::Code(code));
    causes.extend([
        code("the zero point is added before rounding", |op, x| {
            of_number(x, || clamped(op, rounded(op, steps(op, x.bits) + zero(op))))
        }),
        code("the zero point is added in f32 before rounding", |op, x| {
            of_number(x, || clamped(op, rounded(op, (steps(op, x.bits) as f32 + op.min_code as f32).into())))
        }),
        code("clamps to the codes before the zero point is added, and after", |op, x| {
            of_number(x, || clamped(op, whole(op, x).clamp(0.0, largest_code(op)) + zero(op)))
        }),
        code("clamps to the codes before the zero point is added: the sum wraps", |op, x| {
            of_number(x, || wrapped(op, whole(op, x).clamp(0.0, largest_code(op)) + zero(op)))
        }),
        code("never uses the code 0", |_, x| x.code.max(1)),
        wraps(),
        Cause::new(
            "the zero point is not subtracted from codes",
            Habit::Number(|op, x| match x.code {
                NO_CODE => (x.code, stored(op, x.code, 0)),
                code => (code, (code as f32 * step(op)).to_bits()),
            }),
        ),
    ]);
    causes.extend(quotients(base));
    causes
}

/// NaN is not what these habits are about.
fn of_number(x: Element, code: impl Fn() -> u32) -> u32 {
    if is_nan(x.bits) { x.code } else { code() }
}

fn step(op: &QuantOp) -> f32 {
    if op.kind == class::STEP { f32::from_bits(op.step) } else { libm::ldexpf(1.0, op.lsb_min) }
}

/// A value in steps, as the codec takes them.
fn steps(op: &QuantOp, bits: u32) -> f64 {
    let value = unscaled(op, bits, 0);
    if op.kind == class::STEP { value } else { value / f64::from(step(op)) }
}

/// A whole number in the direction of the format.
fn rounded(op: &QuantOp, steps: f64) -> f64 {
    match op.rounding {
        NEAREST_AWAY => steps.round(),
        TOWARD_ZERO => steps.trunc(),
        UP => steps.ceil(),
        DOWN => steps.floor(),
        _ => steps.round_ties_even(),
    }
}

/// The steps of a value, before they are clamped.
fn whole(op: &QuantOp, x: Element) -> f64 {
    rounded(op, steps(op, x.bits))
}

fn zero(op: &QuantOp) -> f64 {
    if op.has(policy::OFFSET) { op.min_code.into() } else { 0.0 }
}

fn largest_code(op: &QuantOp) -> f64 {
    f64::from(op.max_code) + zero(op)
}

/// The code of a whole number, the zero point included.
fn clamped(op: &QuantOp, sum: f64) -> u32 {
    wrapped(op, sum.clamp(zero(op) - f64::from(op.min_code), largest_code(op)))
}

/// Its last bits.
fn wrapped(op: &QuantOp, sum: f64) -> u32 {
    sum.rem_euclid(f64::from(op.width).exp2()) as u32
}

/// Codes beyond the largest and the smallest one.
fn wraps() -> Cause {
    Cause::new(
        "codes wrap around: their last bits are kept",
        Habit::Code(|op, x| match whole(op, x) {
            whole if whole.is_finite() => wrapped(op, whole + zero(op)),
            _ => x.code,
        }),
    )
}

/// Other ways to divide by a step: by a power of two all of them are the same.
fn quotients(base: &Quantizer) -> Vec<Cause> {
    if base.is_power_of_two() {
        return Vec::new();
    }
    fn of(op: &QuantOp, x: Element, quotient: f64) -> u32 {
        of_number(x, || clamped(op, rounded(op, quotient) + zero(op)))
    }
    let code = |name: &str, code| Cause::new(name, Habit::Code(code));
    vec![
        code("divides by the step in f32", |op, x| of(op, x, (f32::from_bits(x.bits) / step(op)).into())),
        code("divides by the step exactly", |op, x| of(op, x, f64::from(f32::from_bits(x.bits)) / f64::from(step(op)))),
    ]
}
