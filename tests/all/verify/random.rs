//! Random rounding by somebody else: right codecs pass, whatever their seed, and each fault is caught.

use roundlaw::format::{Direction, Quantizer, Rounding, format};
use roundlaw::verify::foreign::random::{FALSE_ALARMS, RandomComparison, judge};
use roundlaw::verify::foreign::{Case, Found};

use super::blocks::{numbers, word};
use super::foreign::{E2M1, E4M3, Grid, array, double, even, exponent, power};

/// Words of a generator, by element, seed and call.
fn uniform(k: usize, seed: u32) -> f64 {
    let mixed = word(k) ^ word(seed as usize + 0x5000_0000).rotate_left(7);
    f64::from(word(mixed as usize)) / power(32)
}

fn quantizer(name: &str, bits: u32) -> Quantizer {
    let rounding = Rounding { bits, ..Rounding::new(Direction::Stochastic) };
    Quantizer { rounding, ..Quantizer::new(format(name).unwrap()) }
}

/// Codes of a grid: a fraction f goes up where `goes_up(element, f)`.
fn rounded(bits: &[u32], grid: Grid, scale: impl Fn(usize) -> f64, goes_up: impl Fn(usize, f64) -> bool) -> Vec<u32> {
    let code = |(k, bits): (usize, &u32)| {
        grid.encode(double(*bits) / scale(k), |q| q.floor() + f64::from(q.fract() > 0.0 && goes_up(k, q.fract())))
    };
    bits.iter().enumerate().map(code).collect()
}

/// Values between those of E4M3, in 40 rows.
fn inputs(count: usize) -> Vec<u32> {
    (0..count).map(|k| word(k) & 0x807f_ffff | (124 + word(k + 5) % 8) << 23).collect()
}

fn e4m3(bits: &[u32], goes_up: impl Fn(usize, f64) -> bool) -> Found {
    Found::Codes { codes: rounded(bits, E4M3, |_| 1.0, goes_up), scales: vec![] }
}

fn case(bits: &[u32], found: Found) -> Case {
    array(quantizer("e4m3", 32), bits.to_vec(), bits.len() / 40, found)
}

fn caught(found: &RandomComparison) -> Vec<&str> {
    found.tests.iter().filter(|test| test.is_caught()).map(|test| test.name.as_str()).collect()
}

#[test]
fn right_ones_pass_with_every_seed() {
    let bits = inputs(4000);
    for seed in 0..200 {
        let call = |call: u32| e4m3(&bits, |k, f| uniform(k, 2 * seed + call) < f);
        let found = judge(&case(&bits, call(0)), Some(&call(1)), FALSE_ALARMS);
        assert!(found.drawn > 3900 && found.different == 0, "{found:?}");
        assert!(caught(&found).is_empty(), "seed {seed}: {:?}", found.tests);
    }
}

/// The bound holds for whatever rate is asked for: of 200 seeds fewer fail than that share.
#[test]
fn false_alarms_are_as_rare_as_they_are_said_to_be() {
    let bits = inputs(2000);
    let alarms = (0..200).filter(|seed| {
        let found = e4m3(&bits, |k, f| uniform(k, 1000 + seed) < f);
        !caught(&judge(&case(&bits, found), None, 0.2)).is_empty()
    });
    // Three standard deviations above 40 are 57.
    assert!(alarms.count() < 57);
}

#[test]
fn faults_are_caught() {
    let bits = inputs(1 << 15);
    let columns = bits.len() / 40;
    let own = |k: usize| uniform(k, 1);
    let of = |goes_up: &dyn Fn(usize, f64) -> bool| judge(&case(&bits, e4m3(&bits, goes_up)), None, FALSE_ALARMS);
    let biased = of(&|k, f| own(k) < f + 0.03);
    assert!(caught(&biased).contains(&"bias away from zero") && biased.different == 0, "{:?}", biased.tests);
    let upward = of(&|k, f| own(k) < if double(bits[k]) < 0.0 { f - 0.03 } else { f + 0.03 });
    assert!(caught(&upward).contains(&"bias upward"), "{:?}", upward.tests);
    let fair = of(&|k, _| own(k) < 0.5);
    assert!(caught(&fair).contains(&"variance"), "{:?}", fair.tests);
    let nearest = of(&|_, f| f > 0.5);
    assert!(caught(&nearest).contains(&"variance"), "{:?}", nearest.tests);
    // The mean is right, and every probability is wrong.
    let curved = of(&|k, f| own(k) < f * f * (3.0 - 2.0 * f));
    assert!(caught(&curved).iter().any(|name| name.starts_with("probability")), "{:?}", curved.tests);
    let four_bits = of(&|k, f| own(k) < (16.0 * f).floor() / 16.0);
    assert!(caught(&four_bits).contains(&"bias away from zero"), "{:?}", four_bits.tests);
    let pairs = of(&|k, f| own(k / 2) < f);
    assert_eq!(caught(&pairs), ["independence 1 elements apart"], "{:?}", pairs.tests);
    let threads = of(&|k, f| own(k % 256) < f);
    assert!(caught(&threads).contains(&"independence 256 elements apart"), "{:?}", threads.tests);
    let rows = of(&|k, f| own(k % columns) < f);
    assert!(caught(&rows).contains(&"independence 1 rows apart"), "{:?}", rows.tests);
    assert!(caught(&of(&|k, f| own(k) < f)).is_empty());
}

#[test]
fn the_same_bits_in_every_call_are_caught() {
    let bits = inputs(4000);
    let call = |seed: u32| e4m3(&bits, |k, f| uniform(k, seed) < f);
    let same = judge(&case(&bits, call(1)), Some(&call(1)), FALSE_ALARMS);
    assert_eq!(caught(&same), ["independence of two calls"]);
    // Each rounds up where the other rounds down.
    let opposite = e4m3(&bits, |k, f| 1.0 - uniform(k, 1) < f);
    assert_eq!(caught(&judge(&case(&bits, call(1)), Some(&opposite), FALSE_ALARMS)), ["independence of two calls"]);
}

#[test]
fn what_is_neither_of_two_values_is_told() {
    let bits = inputs(4000);
    let Found::Codes { mut codes, .. } = e4m3(&bits, |k, f| uniform(k, 1) < f) else { panic!() };
    codes[70] = codes[70].wrapping_add(2) & 0xff;
    codes[71] ^= 0x80;
    let found = judge(&case(&bits, Found::Codes { codes, scales: vec![] }), None, FALSE_ALARMS);
    assert_eq!((found.different, found.first.iter().map(|first| first.element).collect::<Vec<_>>()), (2, vec![70, 71]));
    // What the format has stays as it is.
    let exact = [1.0f32, -0.0, 448.0, 1000.0, f32::INFINITY, f32::NAN].map(f32::to_bits);
    let right = exact.map(|bits| E4M3.encode(double(bits), even));
    let of = |codes: [u32; 6]| {
        let found = Found::Codes { codes: codes.to_vec(), scales: vec![] };
        judge(&array(quantizer("e4m3", 32), exact.to_vec(), 6, found), None, FALSE_ALARMS)
    };
    assert_eq!((of(right).different, of(right).drawn), (0, 0));
    (0..6).for_each(|k| {
        let mut codes = right;
        codes[k] = if k == 5 { 0x38 } else { codes[k] ^ 1 };
        // The largest code less one is a value of none of them.
        assert_eq!(of(codes).different, 1, "{k}");
    });
}

#[test]
fn blocks_and_few_random_bits() {
    let bits = numbers(-6, 6);
    let most = |block: &[u32]| block.iter().map(|bits| double(*bits).abs()).fold(0.0, f64::max);
    let scales: Vec<i32> = bits.chunks(32).map(|block| exponent(most(block)) - 2).collect();
    let bytes = || scales.iter().map(|scale| (scale + 127) as u32).collect::<Vec<u32>>();
    let of = |quantizer: Quantizer, bytes: Vec<u32>, goes_up: &dyn Fn(usize, f64) -> bool| {
        let codes = rounded(&bits, E2M1, |k| power(scales[k / 32]), goes_up);
        judge(&array(quantizer, bits.clone(), 160, Found::Codes { codes, scales: bytes }), None, FALSE_ALARMS)
    };
    let right = of(quantizer("mxfp4", 32), bytes(), &|k, f| uniform(k, 3) < f);
    assert!(right.different == 0 && right.drawn > 5000 && caught(&right).is_empty(), "{right:?}");
    let eight = of(quantizer("mxfp4", 8), bytes(), &|k, f| (uniform(k, 3) * 256.0).floor() < (f * 256.0).floor());
    assert!(eight.different == 0 && caught(&eight).is_empty(), "{eight:?}");
    assert!(!caught(&of(quantizer("mxfp4", 32), bytes(), &|k, f| uniform(k, 3) < f - 0.1)).is_empty());
    // A scale is no matter of chance: all of its elements are wrong.
    let mut other = bytes();
    other[7] += 1;
    assert_eq!(of(quantizer("mxfp4", 32), other, &|k, f| uniform(k, 3) < f).different, 32);
}
