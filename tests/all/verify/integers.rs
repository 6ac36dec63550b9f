//! Faults of integers with a fixed step are diagnosed.

use roundlaw::format::{Direction, Layout, Quantizer, Rounding, format};
use roundlaw::verify::foreign::{Case, Found};

use super::foreign::{diagnosed, right};

fn quantizer(name: &str) -> Quantizer {
    Quantizer::new(format(name).unwrap())
}

fn unsigned(step: f64, zero_point: u32) -> Quantizer {
    Quantizer { layout: Layout::Unsigned { bits: 8, zero_point }, scale: step, ..quantizer("uint8") }
}

/// Codes of quarters of steps and of the f32 beside them, which reach beyond all codes of 8 bits.
fn case(quantizer: Quantizer, code: impl Fn(f32) -> f64) -> Case {
    let near = (-1400..1400).map(|k| (k as f32 * (0.25 * quantizer.scale as f32)).to_bits());
    let inputs: Vec<u32> = near.flat_map(|bits| [bits, bits + 1, bits.saturating_sub(1)]).collect();
    let code = |bits: &u32| code(f32::from_bits(*bits)).rem_euclid(256.0) as u32;
    let codes = inputs.iter().map(code).collect();
    Case::list(quantizer, false, inputs, None, Found::Codes { codes, scales: vec![] })
}

#[test]
fn integers_that_divide_or_use_the_most_negative_code() {
    let int8 = Quantizer { scale: 0.1f32.into(), ..quantizer("int8") };
    let near_ties: Vec<u32> =
        (1..126u32).flat_map(|k| (0..7).map(move |d| ((k as f32 + 0.5) * 0.1).to_bits() + d - 3)).collect();
    let of = |inputs: &[u32], codec: &dyn Fn(f32) -> i32| {
        let codes = inputs.iter().map(|bits| codec(f32::from_bits(*bits)) as u32 & 0xff).collect();
        Case::list(int8, false, inputs.to_vec(), None, Found::Codes { codes, scales: vec![] })
    };
    let whole = |q: f64, least: f64| q.round_ties_even().clamp(least, 127.0) as i32;
    right(&of(&near_ties, &|x| whole((x * (1.0 / 0.1f32)).into(), -127.0)));
    diagnosed(&of(&near_ties, &|x| whole((x / 0.1f32).into(), -127.0)), "divides by the step in f32");
    let exact = of(&near_ties, &|x| whole(f64::from(x) / f64::from(0.1f32), -127.0));
    diagnosed(&exact, "divides by the step exactly");
    let many: Vec<u32> = [-200.0f32, -12.8, -12.7, -1.0, 3.0].map(f32::to_bits).to_vec();
    diagnosed(&of(&many, &|x| whole((x * (1.0 / 0.1f32)).into(), -128.0)), "uses the most negative code");
}

#[test]
fn zero_points_that_are_left_out_others_or_added_before_rounding() {
    let layout = Layout::Unsigned { bits: 8, zero_point: 77 };
    let uint8 = Quantizer { layout, scale: 0.25, ..quantizer("uint8") };
    let inputs: Vec<u32> = (-700..900).map(|k| (k as f32 * 0.0625).to_bits()).collect();
    let of = |code: fn(f64) -> f64| {
        let code = |bits: &u32| code(f64::from(f32::from_bits(*bits)) * 4.0).clamp(0.0, 255.0) as u32;
        let codes = inputs.iter().map(code).collect();
        Case::list(uint8, false, inputs.clone(), None, Found::Codes { codes, scales: vec![] })
    };
    right(&of(|q| q.round_ties_even() + 77.0));
    diagnosed(&of(f64::round_ties_even), "the zero point is left out");
    diagnosed(&of(|q| q.round_ties_even() + 78.0), "another zero point: one more");
    diagnosed(&of(|q| q.round_ties_even() + 76.0), "another zero point: one less");
    diagnosed(&of(|q| (q + 77.0).round_ties_even()), "the zero point is added before rounding");
}

/// Values in steps of 0.1, as they are multiplied by its reciprocal.
fn tenths(x: f32) -> f64 {
    (x * (1.0 / 0.1f32)).into()
}

const TENTH: f64 = 0.1f32 as f64;

#[test]
fn zero_points_clamps_and_wraps_of_unsigned_integers() {
    for (step, of_step) in [(TENTH, tenths as fn(f32) -> f64), (0.125, |x| f64::from(x) * 8.0)] {
        let of = |code: &dyn Fn(f64) -> f64| case(unsigned(step, 77), |x| code(of_step(x)));
        let whole = |q: f64| q.round_ties_even();
        let clamped = |q: f64| q.clamp(0.0, 255.0);
        right(&of(&|q| clamped(whole(q) + 77.0)));
        diagnosed(&of(&|q| whole(q) + 77.0), "codes wrap around: their last bits are kept");
        diagnosed(&of(&|q| (whole(q) + 77.0).clamp(1.0, 255.0)), "never uses the code 0");
        diagnosed(
            &of(&|q| clamped(clamped(whole(q)) + 77.0)),
            "clamps to the codes before the zero point is added, and after",
        );
        diagnosed(
            &of(&|q| clamped(whole(q)) + 77.0),
            "clamps to the codes before the zero point is added: the sum wraps",
        );
        diagnosed(&of(&|q| clamped(whole(q + 77.0))), "the zero point is added before rounding");
        diagnosed(
            &of(&|q| clamped(whole((q as f32 + 77.0f32).into()))),
            "the zero point is added in f32 before rounding",
        );
        let right = of(&|q| clamped(whole(q) + 77.0));
        let Found::Codes { codes, .. } = &right.found else { unreachable!() };
        let values = codes.iter().map(|code| (*code as f32 * step as f32).to_bits()).collect();
        let case = Case::list(right.quantizer, false, right.inputs.clone(), None, Found::Values(values));
        diagnosed(&case, "the zero point is not subtracted from codes");
    }
    let int8 = Quantizer { scale: TENTH, ..quantizer("int8") };
    diagnosed(&case(int8, |x| tenths(x).round_ties_even()), "codes wrap around: their last bits are kept");
}

#[test]
fn quotients_are_rounded_as_the_format_rounds() {
    for (direction, whole) in [
        (Direction::NearestAway, f64::round as fn(f64) -> f64),
        (Direction::TowardZero, f64::trunc),
        (Direction::Up, f64::ceil),
        (Direction::Down, f64::floor),
    ] {
        let quantizer = Quantizer { rounding: Rounding::new(direction), ..unsigned(TENTH, 128) };
        let clamped = |q: f64| (whole(q) + 128.0).clamp(0.0, 255.0);
        right(&case(quantizer, |x| clamped(tenths(x))));
        diagnosed(&case(quantizer, |x| clamped((x / 0.1f32).into())), "divides by the step in f32");
        diagnosed(&case(quantizer, |x| clamped(f64::from(x) / TENTH)), "divides by the step exactly");
    }
}

#[test]
fn a_power_of_two_divides_as_it_multiplies() {
    let away = |x: f32| ((f64::from(x) * 8.0).round() + 77.0).clamp(0.0, 255.0);
    let found = diagnosed(&case(unsigned(0.125, 77), away), "ties go away from zero");
    assert!(found.causes.iter().all(|cause| !cause.name.starts_with("divides")), "{:?}", found.causes);
}

#[test]
fn signed_codes_where_unsigned_ones_are_asked_for_and_back() {
    for step in [TENTH, 0.125] {
        let of_step = |x: f32| f64::from(x * (1.0 / step as f32)).round_ties_even();
        let int8 = Quantizer { scale: step, ..quantizer("int8") };
        let uint8 = unsigned(step, 128);
        diagnosed(&case(uint8, |x| of_step(x).clamp(-127.0, 127.0)), "another format: int8");
        diagnosed(
            &case(uint8, |x| of_step(x).clamp(-128.0, 127.0)),
            "another format: int8 with the most negative code",
        );
        diagnosed(&case(int8, |x| of_step(x).clamp(0.0, 255.0)), "another format: uint8");
        let found = diagnosed(
            &case(int8, |x| of_step(x).clamp(-128.0, 127.0) + 128.0),
            "another format: uint8 with the zero point 128",
        );
        assert_eq!(found.causes[0].repeat.unwrap().quantizer, Quantizer { scale: step, ..uint8 });
    }
}

#[test]
fn nan_becomes_0_or_the_code_0() {
    let inputs: Vec<u32> = [1.0f32, 2.0, f32::NAN, -3.0, -f32::NAN].map(f32::to_bits).to_vec();
    let of = |quantizer: Quantizer, zero_point: u32, nan: u32| {
        let code = |bits: &u32| match f32::from_bits(*bits) {
            x if x.is_nan() => nan,
            x => (x as i32 as u32).wrapping_add(zero_point) & 0xff,
        };
        let codes = inputs.iter().map(code).collect();
        Case::list(quantizer, false, inputs.clone(), None, Found::Codes { codes, scales: vec![] })
    };
    for zero_point in [3, 77, 128] {
        let uint8 = unsigned(1.0, zero_point);
        let found = diagnosed(&of(uint8, zero_point, zero_point), "NaN becomes 0");
        assert_eq!(found.causes.len(), 1, "{:?}", found.causes);
        diagnosed(&of(uint8, zero_point, 0), "NaN becomes the most negative value");
        diagnosed(&of(uint8, zero_point, 255), "NaN becomes the largest value");
    }
    diagnosed(&of(quantizer("int8"), 0, 0), "NaN becomes 0");
    diagnosed(&of(quantizer("int8"), 0, 0x81), "NaN becomes the most negative value");
}
