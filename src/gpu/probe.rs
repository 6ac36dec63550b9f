//! The fingerprint: how an adapter's arithmetic was found to behave.

use super::device::{Context, header};
use super::shader::{MODEL_SIZES, PROBE, Variant};
use crate::error::Result;

/// Operands of shaders/probe.wgsl. With e = 2^-23: sums and products that are ties, to the even number below and above;
/// (1+e)^2, whose square has a bit f32 drops; products around the smallest normal number.
fn operands() -> [f32; 12] {
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
        1.5,
        1.0 + 3.0 * e,
    ]
}

/// A signalling and a quiet NaN, each with a payload.
const NANS: [u32; 2] = [0x7fa0_0001, 0xffc1_2345];
/// Four signed bytes each, with the extremes.
const BYTES: [u32; 2] = [0x8080_7f81, 0x807f_7f05];
/// First of the whole numbers that become floats, and how many do: most have more bits than f32 holds.
const WHOLE: [u32; 2] = [0xffff_ff80, 256];
/// Turns of a loop, beyond what the drivers known to stop one allow.
const TURNS: u32 = 100_000;

/// Runs the probe and names what it shows, as docs/arithmetic.md lists it. `subgroups`: the sizes the adapter tells.
pub fn fingerprint(context: &Context, subgroups: (u32, u32)) -> Result<String> {
    let operands = operands();
    let mut params = header(0);
    params.extend(operands.map(f32::to_bits));
    params.extend(NANS);
    params.extend(BYTES);
    params.extend(WHOLE);
    params.push(TURNS);
    let (result, carried) = (context.buffer("probe", 17), context.buffer("carried", 4));
    let variant = Variant { strict: false, model: MODEL_SIZES[0], every_class: false };
    context.dispatch((PROBE, variant), &params, &[&result, &carried], [2, 1, 1])?;
    let words = context.read(&[(&result, 0, 17), (&carried, 0, 2)])?;
    let [a, b, c, d, up, factor, .., half, three] = operands;
    let is = |k: usize, value: f32| words[k] == value.to_bits();
    let rounding = is(0, a + b) && is(1, a + up) && is(2, c * c) && is(3, c * factor);
    let rounding = rounding && is(14, c + b) && is(15, c * half) && is(16, three * half);
    let contraction = match (is(4, c * c + d), is(4, c.mul_add(c, d))) {
        (true, _) => "separate",
        (_, true) => "fused",
        _ => "other-contraction",
    };
    let plain = is(6, (a + b) - a);
    let barrier = is(5, c * c + d) && is(7, (a + b) - a);
    let subnormals = is(8, operands[6] * operands[7]) && is(9, operands[8] * operands[9]);
    let dot =
        BYTES[0].to_le_bytes().into_iter().zip(BYTES[1].to_le_bytes()).map(|(a, b)| a as i8 as i32 * b as i8 as i32);
    let turned = words[12] == TURNS && words[13] == (0..TURNS).fold(1, turn);
    let choose = |holds: bool, yes: &str, no: &str| if holds { yes.to_string() } else { no.to_string() };
    Ok([
        choose(rounding, "rne", "not-rne"),
        contraction.to_string(),
        choose(plain, "in-order", "reassociates"),
        choose(barrier, "barrier-holds", "barrier-fails"),
        choose(subnormals, "subnormals-kept", "subnormals-flushed"),
        choose(words[17..] == NANS, "nans-kept", "nans-changed"),
        choose(words[10] == dot.sum::<i32>() as u32, "dot4i8", "dot4i8-wrong"),
        choose(words[11] == converted(), "u32-rne", "u32-not-rne"),
        choose(turned, &format!("loops-{TURNS}"), &format!("loops-stop-at-{}", words[12])),
        format!("subgroups-{}-{}", subgroups.0, subgroups.1),
    ]
    .join(","))
}

/// The floats of [`WHOLE`], as one number.
fn converted() -> u32 {
    let next = |word: &u32| Some(turn(*word, 0));
    let words = std::iter::successors(Some(WHOLE[0]), next).take(WHOLE[1] as usize);
    words.fold(0, |sum: u32, word| sum.wrapping_mul(31).wrapping_add((word as f32).to_bits()))
}

fn turn(state: u32, _: u32) -> u32 {
    state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)
}
