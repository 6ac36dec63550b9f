//! Causes at the scales that blocks share.

use strum::VariantArray as _;

use super::case::{Case, Cut};
use super::cause::{Cause, Habit};
use super::parts::scale_value;
use crate::codec::bits::FRACTION;
use crate::codec::{INFINITY, LARGEST, MAGNITUDE, SIGN, quantize, scale_of_one, stored_scale};
use crate::format::{
    BLOCK_SIZES, Format, Layout, Overflow, QuantOp, Quantizer, SCALE_MANTISSA, ScaleFormat, ScaleMode, Sharing, class,
    format, policy,
};

/// Every cause at the blocks of a format that has any.
pub fn all(case: &Case) -> Vec<Cause> {
    let Some(sharing) = case.quantizer.sharing else { return Vec::new() };
    let mut causes = modes(&case.quantizer, sharing);
    causes.extend(maxima());
    causes.extend(bytes());
    match case.op.kind {
        class::TWO_LEVEL => causes.extend(two_level(&case.quantizer)),
        class::ABSMAX => causes.extend(absmax()),
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
fn nan_byte(op: &QuantOp) -> u32 {
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

/// Of 8-bit floats as scales below an f32 of the tensor.
fn two_level(base: &Quantizer) -> Vec<Cause> {
    const SMALLEST_NORMAL: u32 = 1 << SCALE_MANTISSA;
    let Layout::TwoLevel { scale: own, .. } = base.layout else { return Vec::new() };
    let others = ScaleFormat::VARIANTS.iter().filter(|other| **other != own).map(|&scale| {
        let layout = base.layout.with_scale(scale);
        Cause::new(format!("scale format {}", scale.name()), Habit::Format(Quantizer { layout, ..*base }))
    });
    let scale = |name: &str, scale| Cause::new(name, Habit::Scale(scale));
    let least = format!("the scale is never below 2^{}, the smallest normal one", 1 - own.float().bias);
    let mut causes = vec![
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
fn absmax() -> Vec<Cause> {
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
