//! Somebody else's codec, as a list of inputs and codes: where it differs, and what would explain it.

use crate::codec::{INFINITY, MAGNITUDE, Rounded, quantize};
use crate::format::{Direction, Float, Layout, Nan, Op, Overflow, Quantizer, Rounding, Specials, Subnormals};

/// Differences told one by one.
const FIRST: usize = 10;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub rows: usize,
    pub different: usize,
    /// The first differences: (row, input, their code, ours).
    pub first: Vec<(usize, u32, u32, Rounded)>,
    /// Likely causes, the best first.
    pub causes: Vec<Cause>,
}

/// A habit of other codecs that gives some of the codes that differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    pub name: &'static str,
    /// Differences it explains.
    pub explains: usize,
    /// Rows, alike or not, in which it gives another code than theirs.
    pub contradicts: usize,
}

/// Compares rows of (f32 bits, code) with the codec of a format.
pub fn check(quantizer: &Quantizer, rows: &[(u32, u32)]) -> Report {
    let op = Op::of(quantizer);
    let ours: Vec<Rounded> = rows.iter().map(|(bits, _)| quantize(&op, *bits, 0, 0)).collect();
    let different: Vec<usize> = (0..rows.len()).filter(|&k| ours[k].code != rows[k].1).collect();
    let first = different.iter().take(FIRST).map(|&k| (k, rows[k].0, rows[k].1, ours[k])).collect();
    let mut causes: Vec<Cause> = habits(quantizer)
        .into_iter()
        .map(|(name, habit)| {
            let same = |k: usize| habit(rows[k].0) == rows[k].1;
            let explains = different.iter().filter(|&&k| same(k)).count();
            Cause { name, explains, contradicts: (0..rows.len()).filter(|&k| !same(k)).count() }
        })
        .filter(|cause| cause.explains > 0)
        .collect();
    causes.sort_by_key(|cause| (cause.contradicts, std::cmp::Reverse(cause.explains)));
    Report { rows: rows.len(), different: different.len(), first, causes }
}

type Habit = Box<dyn Fn(u32) -> u32>;

/// What other codecs are known to do otherwise, each as the code it gives.
fn habits(base: &Quantizer) -> Vec<(&'static str, Habit)> {
    let of = |quantizer: Quantizer| -> Habit {
        let op = Op::of(&quantizer);
        Box::new(move |bits| quantize(&op, bits, 0, 0).code)
    };
    let rounding = |direction: Direction| of(Quantizer { rounding: Rounding::new(direction), ..*base });
    let mut habits = vec![
        ("ties go away from zero", rounding(Direction::NearestAway)),
        ("ties go to even", rounding(Direction::NearestEven)),
        ("truncation: rounds toward zero", rounding(Direction::TowardZero)),
        ("rounds up", rounding(Direction::Up)),
        ("rounds down", rounding(Direction::Down)),
        ("saturates beyond the largest value", of(Quantizer { overflow: Overflow::Saturate, ..*base })),
        ("infinity or NaN beyond the largest value", of(Quantizer { overflow: Overflow::Ieee, ..*base })),
        ("flushes subnormal inputs", of(Quantizer { subnormals: Subnormals::Flush, ..*base })),
        ("NaN becomes the largest value", of(Quantizer { nan: Nan::Satfinite, ..*base })),
    ];
    let op = Op::of(base);
    let nan_is = move |code: u32| -> Habit {
        Box::new(move |bits| if bits & MAGNITUDE > INFINITY { code } else { quantize(&op, bits, 0, 0).code })
    };
    habits.push(("NaN becomes 0", nan_is(0)));
    habits.push(("NaN becomes the code of all ones", nan_is(u32::MAX >> (32 - op.width))));
    let unsigned: Habit = Box::new(move |bits| {
        let magnitude = if bits & MAGNITUDE > INFINITY { bits & MAGNITUDE } else { bits };
        quantize(&op, magnitude, 0, 0).code
    });
    habits.push(("NaN loses its sign", unsigned));
    if let Layout::Float(float) = base.layout {
        let with = |float: Float| of(Quantizer { layout: Layout::Float(float), ..*base });
        for (name, specials) in [
            ("wrong maximum: every code counts as a number", Specials::None),
            ("wrong maximum: only the largest code is NaN", Specials::Nan),
            ("wrong maximum: the top exponent counts as infinity and NaN", Specials::Ieee),
        ] {
            if specials != float.specials && (Float { specials, ..float }).max_code() > 0 {
                habits.push((name, with(Float { specials, ..float })));
            }
        }
        let smallest_normal = 1 << float.mantissa;
        habits.push((
            "flushes subnormal results to zero",
            Box::new(move |bits| {
                let code = quantize(&op, bits, 0, 0).code;
                let sign = 1 << (op.width - 1);
                if code & (sign - 1) < smallest_normal { code & sign } else { code }
            }),
        ));
        let negative_zero: Habit = Box::new(move |bits| {
            let code = quantize(&op, bits, 0, 0).code;
            if code == 1 << (op.width - 1) { 0 } else { code }
        });
        habits.push(("loses the sign of zero", negative_zero));
    }
    habits
}
