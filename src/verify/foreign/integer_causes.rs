//! Causes at integers with a fixed step.

use super::cause::{Cause, Habit};
use super::parts::unscaled;
use crate::format::{Layout, QuantOp, Quantizer, class, policy};

/// The most negative code, and other ways to divide by the step.
pub(super) fn signed(base: &Quantizer, bits: u32, full: bool) -> Vec<Cause> {
    let other = Quantizer { layout: Layout::Integer { bits, full: !full }, ..*base };
    let name = if full { "never uses the most negative code" } else { "uses the most negative code" };
    let mut causes = vec![Cause::new(name, Habit::Format(other))];
    causes.extend(quotients());
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
    causes.push(Cause::new(
        "the zero point is added before rounding",
        Habit::Code(|op, x| {
            let zero_point = f64::from(op.min_code);
            let sum = (unscaled_steps(op, x.bits) + zero_point).round_ties_even();
            sum.clamp(0.0, f64::from(op.max_code) + zero_point) as u32
        }),
    ));
    causes.extend(quotients());
    causes
}

fn step(op: &QuantOp) -> f32 {
    if op.kind == class::STEP { f32::from_bits(op.step) } else { libm::ldexpf(1.0, op.lsb_min) }
}

/// A value in steps, as the codec takes them.
fn unscaled_steps(op: &QuantOp, bits: u32) -> f64 {
    let value = unscaled(op, bits, 0);
    if op.kind == class::STEP { value } else { value / f64::from(step(op)) }
}

/// Other ways to divide by the step of an integer.
fn quotients() -> [Cause; 2] {
    fn whole(op: &QuantOp, quotient: f64) -> u32 {
        let clamped = quotient.round_ties_even().clamp(-f64::from(op.min_code), f64::from(op.max_code));
        let zero_point = if op.has(policy::OFFSET) { op.min_code } else { 0 };
        (clamped as i32 as u32).wrapping_add(zero_point) & (u32::MAX >> (32 - op.width))
    }
    [
        Cause::new(
            "divides by the step in f32",
            Habit::Code(|op, x| whole(op, (f32::from_bits(x.bits) / step(op)).into())),
        ),
        Cause::new(
            "divides by the step exactly",
            Habit::Code(|op, x| whole(op, f64::from(f32::from_bits(x.bits)) / f64::from(step(op)))),
        ),
    ]
}
