//! Causes at the scales that blocks share.

use strum::VariantArray as _;

use super::case::{Case, Cut};
use super::cause::{Cause, Habit};
use super::product_causes;
use crate::codec::bits::FRACTION;
use crate::codec::{INFINITY, LARGEST, MAGNITUDE, SIGN, quantize, scale_of_one, stored_scale};
use crate::format::{BLOCK_SIZES, Format, Layout, QuantOp, Quantizer, ScaleMode, Sharing, class, format, policy};

/// Every cause at the blocks of a format that has any.
pub fn all(case: &Case) -> Vec<Cause> {
    let Some(sharing) = case.quantizer.sharing else { return Vec::new() };
    let mut causes = modes(&case.quantizer, sharing);
    causes.extend(maxima());
    causes.extend(bytes());
    match case.op.kind {
        class::TWO_LEVEL => causes.extend(product_causes::two_level(&case.quantizer)),
        class::ABSMAX => causes.extend(product_causes::absmax()),
        _ => causes.extend(powers()),
    }
    causes.extend(places());
    causes.extend(cuts(case, sharing));
    causes
}

/// Other ways to choose the scale.
fn modes(base: &Quantizer, sharing: Sharing) -> Vec<Cause> {
    if !matches!(base.layout, Layout::Block { .. }) {
        return Vec::new();
    }
    let other = |mode: &ScaleMode| {
        let quantizer = Quantizer { sharing: Some(Sharing { mode: *mode, ..sharing }), ..*base };
        Cause::new(format!("scale mode {}", mode.name()), Habit::Format(quantizer))
    };
    ScaleMode::VARIANTS.iter().filter(|mode| **mode != sharing.mode).map(other).collect()
}

/// Other largest magnitudes.
fn maxima() -> Vec<Cause> {
    let largest = |name: &str, largest| Cause::new(name, Habit::Largest(largest));
    vec![
        largest("the scale is that of values rounded to bf16", |case| rounded_maxima(case, "bf16")),
        largest("the scale is that of values rounded to f16", |case| rounded_maxima(case, "f16")),
        largest("the scale is that of the values rounded to the element", maxima_of_values),
        largest("wrong maximum: the largest value, not the largest magnitude", |case| {
            folded(case, |bits| if bits & SIGN == 0 { bits } else { 0 })
        }),
        largest("NaN and infinity stay in their elements: the scale is that of the finite ones", |case| {
            folded(case, |bits| if bits & MAGNITUDE <= LARGEST { bits & MAGNITUDE } else { 0 })
        }),
        largest("NaN stays in its element: the scale is that of the other ones", |case| {
            folded(case, |bits| if bits & MAGNITUDE <= INFINITY { bits & MAGNITUDE } else { 0 })
        }),
        largest("infinity counts as the largest f32", |case| {
            folded(case, |bits| if bits & MAGNITUDE == INFINITY { LARGEST } else { bits & MAGNITUDE })
        }),
    ]
}

/// The largest of what each element of a block counts as.
fn folded(case: &Case, of: fn(u32) -> u32) -> Vec<u32> {
    let mut maxima = vec![0; case.blocks.maxima.len()];
    for (k, bits) in case.inputs.iter().enumerate() {
        let most = &mut maxima[case.block_of(k)];
        *most = of(*bits).max(*most);
    }
    maxima
}

/// Rounding keeps order: the largest of what is rounded is what the largest becomes.
fn rounded_maxima(case: &Case, name: &str) -> Vec<u32> {
    let op = format(name).map(|format: &'static Format| QuantOp::of(&Quantizer::new(format)));
    let rounded = |bits: u32| op.map_or(bits, |op| quantize(&op, bits, 0, 0).bits);
    case.blocks.maxima.iter().map(|bits| rounded(*bits)).collect()
}

fn maxima_of_values(case: &Case) -> Vec<u32> {
    case.blocks.maxima.iter().map(|bits| quantize(&case.op, *bits, *bits, 0).bits & MAGNITUDE).collect()
}

/// Other bytes, whatever a scale is.
fn bytes() -> Vec<Cause> {
    let scale = |name: &str, scale| Cause::new(name, Habit::Scale(scale));
    vec![
        scale("the scale is one step too small", |op, largest| stepped(op, largest, -1)),
        scale("the scale is one step too large", |op, largest| stepped(op, largest, 1)),
        scale("a block of zeros has the scale 1", |op, largest| match largest {
            0 => scale_of_one(op),
            _ => stored_scale(largest, op),
        }),
        scale("an infinity has the largest scale", |op, largest| match largest {
            INFINITY if op.kind == class::ABSMAX => stored_scale(LARGEST, op),
            INFINITY => nan_byte(op) - 1,
            _ => stored_scale(largest, op),
        }),
    ]
}

/// What is stored of a scale that is NaN.
pub(super) fn nan_byte(op: &QuantOp) -> u32 {
    stored_scale(INFINITY, &QuantOp { policy: op.policy & !policy::SATFINITE, ..*op })
}

fn stepped(op: &QuantOp, largest: u32, by: i32) -> u32 {
    let own = stored_scale(largest, op);
    match largest {
        0 | INFINITY.. => own,
        // A power of two is limited where it is used, not where it is found; but which of two is even depends on it.
        _ if op.kind == class::BLOCK && !op.has(policy::EVEN_SCALE) => {
            stored_scale(largest, &QuantOp { emax: op.emax - by, ..*op })
        }
        _ => own.saturating_add_signed(by).min(nan_byte(op) - 1),
    }
}

/// Of powers of two.
fn powers() -> Vec<Cause> {
    let scale = |name: &str, scale| Cause::new(name, Habit::Scale(scale));
    vec![
        scale("the scale is found by log2 in f32, which rounds up below a power of two", by_logarithm),
        scale("the scale is an f32 product rounded up, whose subnormals round first", by_product),
        scale("the scale is never below 2^-126", |op, largest| stored_scale(largest, op).max(1)),
        scale("the scale stays within f16: it saturates at 2^-24 and 2^15", |op, largest| {
            within(op, largest, (-24, 15))
        }),
        scale("the scale stays within f16's normal numbers: 2^-14 to 2^15", |op, largest| {
            within(op, largest, (-14, 15))
        }),
        Cause::new(
            "the scale 2^-127 is flushed: its elements are 0",
            Habit::Code(|op, x| match x.scale {
                0 if op.kind == class::BLOCK => quantize(op, x.bits & SIGN, 0, 0).code,
                _ => x.code,
            }),
        ),
        Cause::new(
            "the reciprocal of the scale is stored",
            Habit::ScaleByte(|op, byte| match byte {
                _ if byte == nan_byte(op) => byte,
                _ => 254 - byte,
            }),
        ),
    ]
}

fn within(op: &QuantOp, largest: u32, (low, high): (i32, i32)) -> u32 {
    let byte = stored_scale(largest, op);
    if byte == nan_byte(op) { byte } else { byte.clamp((127 + low) as u32, (127 + high) as u32) }
}

/// floor(log2 A) of an f32 logarithm (the PyTorch path of microxcaling).
fn by_logarithm(op: &QuantOp, largest: u32) -> u32 {
    match largest {
        0 | INFINITY.. => stored_scale(largest, op),
        _ => {
            let exponent = (libm::log2(f32::from_bits(largest).into()) as f32).floor() as i32;
            ((exponent - op.emax).clamp(-127, 127) + 127) as u32
        }
    }
}

/// The exponent of fl(A fl(1/L)), one more where bits follow; a subnormal product above 2^-127 has the exponent 2^-126
/// (NVIDIA Transformer Engine, float_to_e8m0).
fn by_product(op: &QuantOp, largest: u32) -> u32 {
    match largest {
        0 | INFINITY.. => stored_scale(largest, op),
        _ => {
            let product = (f32::from_bits(largest) * (1.0 / f32::from_bits(op.max_bits))).to_bits();
            let (field, fraction) = (product >> 23, product & FRACTION);
            field + u32::from(fraction > 0 && field != 254 && !(field == 0 && fraction <= 0x40_0000))
        }
    }
}

/// Scales of other blocks.
fn places() -> Vec<Cause> {
    /// The block whose scale is mistaken for that of another.
    type Place = fn(&Case, usize) -> usize;
    let of: [(&str, Place); 3] = [
        ("the next block", |case, block| (block + 1).min(case.blocks.maxima.len() - 1)),
        ("the previous block", |_, block| block.saturating_sub(1)),
        ("the block at the transposed place", transposed),
    ];
    let mut causes = Vec::new();
    for (name, of) in of {
        for (what, is_used, is_stored) in [
            ("the scale is that of", true, true),
            ("the stored scale is that of", false, true),
            ("codes are found by the scale of", true, false),
        ] {
            causes.push(Cause::new(format!("{what} {name}"), Habit::Place { of, is_used, is_stored }));
        }
    }
    causes
}

/// Where scales are that were stored column by column.
fn transposed(case: &Case, block: usize) -> usize {
    let Some((rows, columns)) = case.grid_of_blocks() else { return block };
    let (plane, place) = (block / (rows * columns), block % (rows * columns));
    plane * rows * columns + place % rows * columns + place / rows
}

/// Other elements that share a scale.
fn cuts(case: &Case, sharing: Sharing) -> Vec<Cause> {
    let Cut::Along(own) = case.cut else { return Vec::new() };
    let axes = (0..case.shape.len()).filter(|axis| *axis != own);
    let mut causes: Vec<Cause> =
        axes.map(|axis| Cause::new(format!("blocks run along axis {axis}"), Habit::Cut(Cut::Along(axis)))).collect();
    let sizes = BLOCK_SIZES.into_iter().filter(|size| *size != sharing.size);
    causes.extend(
        sizes.filter(|_| matches!(case.quantizer.layout, Layout::Block { .. } | Layout::TwoLevel { .. })).map(|size| {
            let quantizer = Quantizer { sharing: Some(Sharing { size, ..sharing }), ..case.quantizer };
            Cause::new(format!("blocks of {size}"), Habit::Format(quantizer))
        }),
    );
    causes
}
