//! The list of cases, derived from the table of formats.

use super::Level;
use super::kernels::KernelCase;
use crate::format::{
    Direction, FORMATS, Format, Layout, Nan, Overflow, Quantizer, Rounding, ScaleMode, Sharing, Specials, Subnormals,
    WHOLE, format,
};
use crate::reference::verify::Question;

/// One named case.
#[derive(Clone, Debug)]
pub enum Case {
    Codec(Quantizer),
    Block(Quantizer),
    Answers(Question),
    Gemv(Option<Quantizer>),
    Kernel(KernelCase),
}

/// Formats beside the rows of the table whose codecs are tried: what their exponent and mantissa bits make different.
const OTHERS: [&str; 7] = ["e1m6", "e2m5", "e3m4", "e4m0", "e5m3", "e6m9", "e8m22"];

/// Every case by its name, in the order they run.
pub fn cases(level: Level) -> Vec<(String, Case)> {
    let mut cases = vec![
        ("random/words".to_string(), Case::Answers(Question::Words)),
        ("normal".to_string(), Case::Answers(Question::Normal)),
    ];
    let others = OTHERS.iter().filter_map(|name| format(name));
    for format in FORMATS.iter().chain(others) {
        match format.layout {
            Layout::Identity => {}
            Layout::Block { .. } | Layout::TwoLevel { .. } => cases.extend(blocks(format)),
            _ => cases.extend(codecs(format)),
        }
    }
    let gemv = |name: &str, quantizer: Option<Quantizer>| (format!("kernel/gemv/{name}"), Case::Gemv(quantizer));
    cases.push(gemv("fp32", None));
    let rows = FORMATS.iter().filter(|format| format.layout != Layout::Identity && format.has_zero());
    cases.extend(rows.map(|format| gemv(format.name, Some(Quantizer::new(format)))));
    cases.extend(KernelCase::all(level).into_iter().map(|case| (case.name(), Case::Kernel(case))));
    cases
}

/// A format with its defaults in every direction, then nearest-even with every other policy.
fn codecs(format: &'static Format) -> Vec<(String, Case)> {
    let name = format.name;
    let steps: &[(f64, &str)] =
        if let Layout::Integer { .. } = format.layout { &[(0.0625, ""), (0.3, "-reciprocal")] } else { &[(1.0, "")] };
    let mut cases = Vec::new();
    for &(scale, suffix) in steps {
        for rounding in roundings(format) {
            let quantizer = Quantizer { scale, rounding, ..Quantizer::new(format) };
            cases.push((format!("codec/{name}{suffix}/{}/encode", short(&rounding)), Case::Codec(quantizer)));
        }
    }
    if let Layout::Integer { .. } = format.layout {
        let sharing = Some(Sharing { size: WHOLE, mode: ScaleMode::Rceil });
        cases.push((format!("block/{name}/absmax"), Case::Block(Quantizer { sharing, ..Quantizer::new(format) })));
    }
    let base = Quantizer { scale: steps[0].0, ..Quantizer::new(format) };
    let overflow = if base.overflow == Overflow::Ieee { Overflow::Saturate } else { Overflow::Ieee };
    let layout = match base.layout {
        Layout::Integer { bits, .. } => Layout::Integer { bits, full: true },
        Layout::Float(float) => Layout::Float(crate::format::Float { gradual: false, ..float }),
        other => other,
    };
    if let Layout::Float(_) = format.layout {
        for direction in [Direction::TowardZero, Direction::Up, Direction::Down, Direction::Stochastic] {
            let quantizer = Quantizer { overflow, layout, rounding: Rounding::new(direction), ..base };
            let (direction, policy) = (direction.abbreviation(), overflow.name());
            cases.push((format!("codec/{name}/{direction}-abrupt-{policy}/encode"), Case::Codec(quantizer)));
        }
    }
    let policies = [
        Quantizer { overflow, ..base },
        Quantizer { nan: Nan::Satfinite, ..base },
        Quantizer { subnormals: Subnormals::Flush, ..base },
        Quantizer { layout, ..base },
    ];
    let names =
        [overflow.name(), "satfinite", "flush", if let Layout::Integer { .. } = layout { "full" } else { "abrupt" }];
    for (quantizer, policy) in policies.into_iter().zip(names) {
        let has_overflow = match format.layout {
            Layout::Float(_) => true,
            Layout::Coded(coding) => coding.specials != Specials::None,
            _ => false,
        };
        if quantizer != base && (has_overflow || quantizer.overflow == base.overflow) {
            let direction = base.rounding.direction.abbreviation();
            cases.push((format!("codec/{name}/{direction}-{policy}/encode"), Case::Codec(quantizer)));
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
        (Direction::Dither, Layout::Integer { .. }) => true,
        (Direction::Dither, _) => false,
        _ => true,
    };
    let few = Rounding { direction: Direction::Stochastic, bits: 8, zero_mean: false };
    let zero_mean = Rounding { zero_mean: true, ..Rounding::new(Direction::Stochastic) };
    let more = [few, zero_mean].into_iter().filter(|rounding| fits(&rounding.direction));
    Direction::ALL.into_iter().filter(fits).map(Rounding::new).chain(more).collect()
}

/// A block format in every scale mode, and stochastically; an integer's absmax.
fn blocks(format: &'static Format) -> Vec<(String, Case)> {
    let base = Quantizer::new(format);
    let name = format.name;
    let Some(sharing) = base.sharing else { return Vec::new() };
    let stochastic = Quantizer { rounding: Rounding::new(Direction::Stochastic), ..base };
    if let Layout::TwoLevel { .. } = format.layout {
        let scaled = |tensor_scale: f32| Quantizer { tensor_scale, ..base };
        let cases = [
            ("e4m3", base),
            ("sr", stochastic),
            ("satfinite", Quantizer { nan: Nan::Satfinite, ..base }),
            ("tensor-scale", scaled(0.003)),
            ("tiny-tensor-scale", scaled(3e-41)),
            ("huge-tensor-scale", scaled(2.7e37)),
        ];
        return cases.map(|(word, q)| (format!("block/{name}/{word}"), Case::Block(q))).to_vec();
    }
    let modes = ScaleMode::ALL.map(|mode| {
        let quantizer = Quantizer { sharing: Some(Sharing { mode, ..sharing }), ..base };
        (format!("block/{name}/{}", mode.name()), Case::Block(quantizer))
    });
    let satfinite = Quantizer { nan: Nan::Satfinite, ..base };
    let more = [("sr", stochastic), ("satfinite", satfinite)];
    modes.into_iter().chain(more.map(|(word, q)| (format!("block/{name}/{word}"), Case::Block(q)))).collect()
}
