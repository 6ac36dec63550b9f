//! Tables made with ml_dtypes and gfloat; tests/oracles/README.md says how.

use std::collections::{BTreeMap, BTreeSet};

use roundlaw::codec::{NO_CODE, quantize};
use roundlaw::format::{Direction, Float, Layout, Overflow, QuantOp, Quantizer, Rounding, Specials, policy};
use roundlaw::reference::quantize::Job;

use super::{FIXED, quantizer};

const DECODE: &str = include_str!("../../oracles/decode.csv");
const ENCODE: &str = include_str!("../../oracles/encode.csv");
const ROUND: &str = include_str!("../../oracles/round.csv");
const STOCHASTIC: &str = include_str!("../../oracles/stochastic.csv");
const BLOCK: &str = include_str!("../../oracles/block.csv");

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().skip(1).map(|line| line.split(',').collect())
}

fn hex(text: &str) -> u32 {
    u32::from_str_radix(text, 16).unwrap_or_else(|_| panic!("{text:?}"))
}

/// The format of a table's name, overflowing or saturating.
fn named(name: &str, overflow: Overflow) -> Quantizer {
    let base = quantizer(name.strip_suffix("-ieee").unwrap_or(name));
    match base.layout {
        Layout::Float(float) if name.ends_with("-ieee") => {
            Quantizer { layout: Layout::Float(Float { specials: Specials::Ieee, ..float }), overflow, ..base }
        }
        _ => Quantizer { overflow, ..base },
    }
}

#[test]
fn codes_stand_for_the_values_that_ml_dtypes_and_gfloat_have() {
    let mut codes: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for row in rows(DECODE) {
        let (code, value) = (hex(row[1]), hex(row[2]));
        let op = QuantOp::of(&named(row[0], Overflow::Ieee));
        let found = quantize(&op, value, 0, 0);
        if f32::from_bits(value).is_nan() {
            // A format's other NaN codes are not made.
            let magnitude = if row[0] == "e8m0" { code } else { code & ((1 << (op.width - 1)) - 1) };
            // With one zero its other code is the only NaN.
            let is_one = if op.has(policy::ONE_ZERO) { found.code == code } else { magnitude > op.max_code };
            assert!(found.code != NO_CODE && is_one, "{row:?}");
        } else {
            assert_eq!((found.bits, found.code), (value, code), "{row:?}");
        }
        codes.entry(row[0]).or_default().insert(code);
    }
    // Every code there is, where they are few.
    for (name, codes) in codes {
        let width = QuantOp::of(&named(name, Overflow::Ieee)).width;
        assert!(width > 8 || codes.len() == 1 << width, "{name}: {} codes", codes.len());
    }
}

#[test]
fn nearest_even_gives_the_codes_of_ml_dtypes() {
    let mut compared = BTreeSet::new();
    for row in rows(ENCODE) {
        let (input, code) = (hex(row[1]), hex(row[2]));
        let x = f32::from_bits(input);
        let (quantizer, saturating) = (named(row[0], Overflow::Ieee), named(row[0], Overflow::Saturate));
        // ml_dtypes overflows where a format has something to overflow to, rounds E8M0 its own way, and makes zeros of
        // a NaN where a format has none: docs/disagreements.md.
        let float = matches!(quantizer.layout, Layout::Float(Float { specials: Specials::None, .. }));
        if row[0] == "e8m0" || float && x.is_nan() {
            continue;
        }
        let found = quantize(&QuantOp::of(if float { &saturating } else { &quantizer }), input, 0, 0);
        if x.is_nan() {
            assert!(f32::from_bits(found.bits).is_nan(), "{row:?}");
        } else {
            assert_eq!(found.code, code, "{row:?}, {x:e}");
            compared.insert(row[0]);
        }
    }
    let named: BTreeSet<&str> = rows(DECODE).map(|row| row[0]).filter(|name| *name != "e8m0").collect();
    assert_eq!(compared, named, "both tables have the same formats");
}

#[test]
fn every_direction_gives_the_values_of_gfloat() {
    let mut compared: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows(ROUND) {
        let (input, saturate) = (hex(row[1]), row[2] == "1");
        let overflow = if saturate { Overflow::Saturate } else { Overflow::Ieee };
        for (direction, theirs) in FIXED.into_iter().zip(&row[3..]) {
            // gfloat refuses what a format without NaN and infinity cannot hold.
            if *theirs == "none" {
                continue;
            }
            let quantizer = Quantizer { rounding: Rounding::new(direction), ..named(row[0], overflow) };
            let (found, theirs) = (quantize(&QuantOp::of(&quantizer), input, 0, 0), hex(theirs));
            let nan = |bits: u32| f32::from_bits(bits).is_nan();
            assert!(
                found.bits == theirs || nan(found.bits) && nan(theirs),
                "{} {row:?}: {:08x}",
                direction.name(),
                found.bits
            );
            compared.entry(row[0]).or_default().insert(direction.name());
        }
    }
    for (name, directions) in compared {
        assert_eq!(directions.len(), FIXED.len(), "{name}: {directions:?}");
    }
}

#[test]
fn stochastic_a_and_b_are_gfloats_fastest_and_fast() {
    for row in rows(STOCHASTIC) {
        let (input, bits, random) = (hex(row[1]), row[2].parse::<u32>().unwrap(), hex(row[3]));
        for (zero_mean, theirs) in [(false, row[4]), (true, row[5])] {
            let rounding = Rounding { direction: Direction::Stochastic, bits, zero_mean };
            let op = QuantOp::of(&Quantizer { rounding, ..named(row[0], Overflow::Saturate) });
            let found = quantize(&op, input, 0, random << (32 - bits));
            assert_eq!(found.bits, hex(theirs), "zero mean {zero_mean}, {row:?}");
        }
    }
}

#[test]
fn blocks_have_the_scales_and_values_of_gfloat() {
    let words = |text: &str| -> Vec<u32> { text.split(' ').map(hex).collect() };
    let mut differ = Vec::new();
    for row in rows(BLOCK) {
        let (input, values) = (words(row[2]), words(row[4]));
        let job = Job { op: QuantOp::of(&quantizer(row[0])), input: &input, columns: 32, words: Default::default() };
        let done = job.run();
        assert_eq!(done.scales, [hex(row[3])], "{row:?}");
        for (k, (found, theirs)) in done.elements.iter().zip(&values).enumerate() {
            // gfloat's MXINT8 uses the most negative code, which OCP MX 1.0 leaves open: -2 for what rounds to it.
            if row[0] == "mxint8" && found.code == 0x81 && found.bits != *theirs {
                differ.push((f32::from_bits(input[k]), f32::from_bits(*theirs)));
                continue;
            }
            assert_eq!(found.bits, *theirs, "element {k} of {row:?}");
        }
    }
    assert_eq!(differ, [(-2f32.next_down(), -2.0)]);
}
