//! The list of cases, derived from the table of formats.

use strum::VariantArray as _;

use super::Level;
use super::kernels::KernelCase;
use crate::format::{
    Direction, FORMATS, Float, Format, Layout, Nan, Overflow, Quantizer, Rounding, ScaleFormat, ScaleMode, Sharing,
    Specials, Subnormals, WHOLE, format,
};
use crate::reference::verify::Question;

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique, and the same at every level, as `codec/e4m3/rne/encode`.
    pub name: String,
    pub subject: Subject,
}

/// What a case tries.
#[derive(Clone, Debug)]
pub enum Subject {
    Codec(Quantizer),
    Block(Quantizer),
    Answers(Question),
    Gemv(Option<Quantizer>),
    Maxima,
    Kernel(KernelCase),
}

impl Case {
    fn new(name: impl Into<String>, subject: Subject) -> Case {
        Case { name: name.into(), subject }
    }
}

/// Formats beside the rows of the table whose codecs are tried: what their exponent and mantissa bits make different.
const OTHERS: [&str; 7] = ["e1m6", "e2m5", "e3m4", "e4m0", "e5m3", "e6m9", "e8m22"];

/// Every case, in the order they run.
pub fn cases(level: Level) -> Vec<Case> {
    let mut cases = vec![
        Case::new("random/words", Subject::Answers(Question::Words)),
        Case::new("normal", Subject::Answers(Question::Normal)),
    ];
    let others = OTHERS.iter().filter_map(|name| format(name));
    for format in FORMATS.iter().chain(others) {
        match format.layout {
            Layout::Identity => {}
            Layout::Block { .. } | Layout::TwoLevel { .. } => cases.extend(blocks(format)),
            _ => cases.extend(codecs(format)),
        }
    }
    let gemv = |name: &str, quantizer| Case::new(format!("kernel/gemv/{name}"), Subject::Gemv(quantizer));
    cases.push(gemv("fp32", None));
    let rows = FORMATS.iter().filter(|format| format.layout != Layout::Identity && format.has_zero());
    cases.extend(rows.map(|format| gemv(format.name, Some(Quantizer::new(format)))));
    cases.push(Case::new("driver/subgroup-max", Subject::Maxima));
    cases.extend(KernelCase::all(level).into_iter().map(|case| Case::new(case.name(), Subject::Kernel(case))));
    cases
}

/// A format with its defaults in every direction, then nearest-even with every other policy.
fn codecs(format: &'static Format) -> Vec<Case> {
    let name = format.name;
    let steps: &[(f64, &str)] =
        if format.layout.is_integer() { &[(0.0625, ""), (0.3, "-reciprocal")] } else { &[(1.0, "")] };
    let mut cases = Vec::new();
    for &(scale, suffix) in steps {
        for rounding in roundings(format) {
            let base = Quantizer { scale, rounding, ..Quantizer::new(format) };
            cases.push(codec(&format!("{name}{suffix}/{}", short(&rounding)), base));
            // Where half of the numbers are negative, and where all are.
            if let Layout::Unsigned { bits, .. } = format.layout {
                let zero_point = if suffix.is_empty() { 1 << (bits - 1) } else { (1 << bits) - 1 };
                let shifted = Quantizer { layout: Layout::Unsigned { bits, zero_point }, ..base };
                cases.push(codec(&format!("{name}{suffix}-zero-{zero_point}/{}", short(&rounding)), shifted));
            }
        }
    }
    if let Layout::Integer { .. } = format.layout {
        let sharing = Some(Sharing { size: WHOLE, mode: ScaleMode::Rceil });
        let absmax = Quantizer { sharing, ..Quantizer::new(format) };
        cases.push(Case::new(format!("block/{name}/absmax"), Subject::Block(absmax)));
        let satfinite = Quantizer { nan: Nan::Satfinite, ..absmax };
        cases.push(Case::new(format!("block/{name}/absmax-satfinite"), Subject::Block(satfinite)));
        let single = Some(Sharing { size: WHOLE, mode: ScaleMode::Absmax });
        let single = Quantizer { sharing: single, ..satfinite };
        cases.push(Case::new(format!("block/{name}/absmax-f32-satfinite"), Subject::Block(single)));
    }
    cases.extend(policies(Quantizer { scale: steps[0].0, ..Quantizer::new(format) }));
    cases
}

fn codec(name: &str, quantizer: Quantizer) -> Case {
    Case::new(format!("codec/{name}/encode"), Subject::Codec(quantizer))
}

/// The policies that a format may have besides its defaults, and some of them in other directions.
fn policies(base: Quantizer) -> Vec<Case> {
    let name = base.format.name;
    let overflow = if base.overflow == Overflow::Ieee { Overflow::Saturate } else { Overflow::Ieee };
    let layout = match base.layout {
        Layout::Integer { bits, .. } => Layout::Integer { bits, full: true },
        Layout::Float(float) => Layout::Float(Float { gradual: false, ..float }),
        other => other,
    };
    let mut cases = Vec::new();
    if let Layout::Float(_) = base.layout {
        for direction in [Direction::TowardZero, Direction::Up, Direction::Down, Direction::Stochastic] {
            let quantizer = Quantizer { overflow, layout, rounding: Rounding::new(direction), ..base };
            let (direction, policy) = (direction.abbreviation(), overflow.name());
            cases.push(codec(&format!("{name}/{direction}-abrupt-{policy}"), quantizer));
        }
    }
    let of_layout = if let Layout::Integer { .. } = layout { "full" } else { "abrupt" };
    for (policy, quantizer) in [
        (overflow.name(), Quantizer { overflow, ..base }),
        ("satfinite", Quantizer { nan: Nan::Satfinite, ..base }),
        ("flush", Quantizer { subnormals: Subnormals::Flush, ..base }),
        (of_layout, Quantizer { layout, ..base }),
    ] {
        let has_overflow = match base.layout {
            Layout::Float(_) => true,
            Layout::Coded(coding) => coding.specials != Specials::None,
            _ => false,
        };
        if quantizer != base && (has_overflow || quantizer.overflow == base.overflow) {
            let direction = base.rounding.direction.abbreviation();
            cases.push(codec(&format!("{name}/{direction}-{policy}"), quantizer));
        }
    }
    cases
}

/// The abbreviation of a direction, with random bits and variant where they are not the defaults.
fn short(rounding: &Rounding) -> String {
    let Rounding { direction, bits, zero_mean } = *rounding;
    let bits = if bits == Rounding::new(direction).bits { String::new() } else { bits.to_string() };
    format!("{}{bits}{}", direction.abbreviation(), if zero_mean { "b" } else { "" })
}

/// The directions that a format knows, with the default random bits, and stochastic with 8 and the zero-mean variant.
fn roundings(format: &Format) -> Vec<Rounding> {
    let fits = |direction: &Direction| match (direction, format.layout) {
        (_, Layout::Coded(coding)) => coding.directions.contains(direction),
        // The others differ in nothing but the number of codes.
        (_, Layout::Unsigned { bits, .. }) if bits != 8 => *direction == Direction::NearestEven,
        (Direction::Dither, layout) => layout.is_integer(),
        _ => true,
    };
    let few = Rounding { direction: Direction::Stochastic, bits: 8, zero_mean: false };
    let zero_mean = Rounding { zero_mean: true, ..Rounding::new(Direction::Stochastic) };
    let more = [few, zero_mean].into_iter().filter(|rounding| fits(&rounding.direction));
    Direction::VARIANTS.iter().copied().filter(fits).map(Rounding::new).chain(more).collect()
}

/// A block format in every scale mode, and stochastically.
fn blocks(format: &'static Format) -> Vec<Case> {
    let base = Quantizer::new(format);
    let Some(sharing) = base.sharing else { return Vec::new() };
    let stochastic = Quantizer { rounding: Rounding::new(Direction::Stochastic), ..base };
    let satfinite = Quantizer { nan: Nan::Satfinite, ..base };
    let case = |(word, quantizer): (&str, Quantizer)| {
        Case::new(format!("block/{}/{word}", format.name), Subject::Block(quantizer))
    };
    if let Layout::TwoLevel { .. } = format.layout {
        let scaled = |tensor_scale: f32| Quantizer { tensor_scale, ..base };
        let four_over_six = |base: Quantizer| Quantizer { four_over_six: true, ..base };
        let ue5m3 = |base: Quantizer| Quantizer { layout: format.layout.with_scale(ScaleFormat::Ue5m3), ..base };
        let cases = [
            ("e4m3", base),
            ("sr", stochastic),
            ("satfinite", satfinite),
            ("tensor-scale", scaled(0.003)),
            ("ue5m3", ue5m3(base)),
            ("four-over-six", four_over_six(base)),
            ("four-over-six-sr", four_over_six(Quantizer { tensor_scale: 0.003, ..stochastic })),
            ("four-over-six-ue5m3-satfinite", four_over_six(ue5m3(Quantizer { tensor_scale: 2.66e37, ..satfinite }))),
            ("ue5m3-tensor-scale", ue5m3(scaled(0.003))),
            ("ue5m3-tiny-tensor-scale", ue5m3(scaled(3e-41))),
            ("ue5m3-huge-tensor-scale-satfinite", ue5m3(Quantizer { tensor_scale: 2.66e37, ..satfinite })),
            ("tiny-tensor-scale", scaled(3e-41)),
            ("huge-tensor-scale", scaled(2.7e37)),
            // The largest f32 gets a scale that takes the largest element beyond f32.
            ("huge-tensor-scale-satfinite", Quantizer { tensor_scale: 2.66e37, ..satfinite }),
        ];
        return cases.map(case).to_vec();
    }
    let of_mode = |mode: ScaleMode, base: Quantizer| Quantizer { sharing: Some(Sharing { mode, ..sharing }), ..base };
    let modes = ScaleMode::VARIANTS.iter().map(|&mode| case((mode.name(), of_mode(mode, base))));
    let others = ScaleMode::VARIANTS.iter().filter(|&&mode| mode != sharing.mode);
    let finite = others.map(|&mode| case((&format!("{}-satfinite", mode.name()), of_mode(mode, satfinite))));
    modes.chain([case(("sr", stochastic)), case(("satfinite", satfinite))]).chain(finite).collect()
}
