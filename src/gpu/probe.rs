//! The fingerprint: how an adapter's arithmetic was found to behave.

use super::device::{Context, header};
use super::shader::{MODEL_SIZES, PROBE, Variant};
use crate::error::Result;

/// Operands of shaders/probe.wgsl. With e = 2^-23: a tie to even each way, (1+e)^2, whose square has a bit f32
/// drops, and products around the smallest normal number.
fn operands() -> [f32; 10] {
    let e = f32::EPSILON;
    let square = (1.0 + e) * (1.0 + e);
    [
        1.0,
        e / 2.0,
        1.0 + e,
        -square,
        e * 0.75,
        1.0 + 2.0 * e + 0.5,
        f32::MIN_POSITIVE,
        0.5,
        f32::MIN_POSITIVE * 0.5,
        4.0,
    ]
}

/// Runs the probe and names what it shows, e.g. "rne,separate,reassociates,barrier-holds,subnormals-kept".
pub fn fingerprint(context: &Context) -> Result<String> {
    let operands = operands();
    let mut params = header(0);
    params.extend(operands.map(f32::to_bits));
    let result = context.buffer("probe", 16);
    let variant = Variant { strict: false, model: MODEL_SIZES[0], every_class: false };
    context.dispatch((PROBE, variant), &params, &[&result], [1, 1, 1])?;
    let words = context.read(&[(&result, 0, 10)])?;
    let [a, b, c, d, up, factor, ..] = operands;
    let is = |k: usize, value: f32| words[k] == value.to_bits();
    let rounding = is(0, a + b) && is(1, a + up) && is(2, c * c) && is(3, c * factor);
    let contraction = match (is(4, c * c + d), is(4, c.mul_add(c, d))) {
        (true, _) => "separate",
        (_, true) => "fused",
        _ => "other-contraction",
    };
    let plain = is(6, (a + b) - a);
    let barrier = is(5, c * c + d) && is(7, (a + b) - a);
    let subnormals = is(8, operands[6] * operands[7]) && is(9, operands[8] * operands[9]);
    Ok([
        if rounding { "rne" } else { "not-rne" },
        contraction,
        if plain { "in-order" } else { "reassociates" },
        if barrier { "barrier-holds" } else { "barrier-fails" },
        if subnormals { "subnormals-kept" } else { "subnormals-flushed" },
    ]
    .join(","))
}
