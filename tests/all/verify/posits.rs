//! Faults of posits are diagnosed.

use roundlaw::format::{Direction, Overflow, Quantizer, Rounding, format};
use roundlaw::verify::foreign::{Case, Found};

use super::foreign::{diagnosed, double, power, right};

/// The number of a code without sign, read bit by bit.
fn number(code: u32, width: u32, es: u32) -> f64 {
    if code == 0 {
        return 0.0;
    }
    let bits: Vec<i32> = (0..width - 1).rev().map(|place| (code >> place & 1) as i32).collect();
    let run = bits.iter().take_while(|bit| **bit == bits[0]).count();
    let regime = if bits[0] == 1 { run as i32 - 1 } else { -(run as i32) };
    let mut rest = bits.into_iter().skip(run + 1).chain(std::iter::repeat(0));
    let exponent = rest.by_ref().take(es as usize).fold(0, |sum, bit| 2 * sum + bit);
    let fraction: f64 = rest.take(16).zip(1..).map(|(bit, place)| f64::from(bit) * power(-place)).sum();
    (1.0 + fraction) * power((regime << es) + exponent)
}

/// A codec of posits, by a list of its numbers.
struct Posits {
    width: u32,
    numbers: Vec<f64>,
    /// Where the code changes between a number and the next one.
    halves: Vec<f64>,
    tie: fn(u32) -> bool,
    /// What lies up to there becomes 0.
    zero: f64,
}

impl Posits {
    /// Halfway lies the code of one bit more, ties go to even codes, and no number becomes 0.
    fn new(width: u32, es: u32) -> Posits {
        let codes = || 0..1 << (width - 1);
        Posits {
            width,
            numbers: codes().map(|code| number(code, width, es)).collect(),
            halves: codes().map(|code| number(2 * code + 1, width + 1, es)).collect(),
            tie: |code| code % 2 == 1,
            zero: 0.0,
        }
    }

    fn on_the_line(width: u32) -> Posits {
        let posits = Posits::new(width, 2);
        let middles = posits.numbers.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
        Posits { halves: middles, ..posits }
    }

    fn code(&self, x: f64) -> u32 {
        let below = self.numbers.partition_point(|number| *number <= x.abs()) as u32 - 1;
        let magnitude = match below {
            _ if !x.is_finite() => return 1 << (self.width - 1),
            _ if x.abs() <= self.zero => 0,
            0 => 1,
            _ if below as usize + 1 == self.numbers.len() || self.numbers[below as usize] == x.abs() => below,
            _ => match x.abs() - self.halves[below as usize] {
                0.0 => below + u32::from((self.tie)(below)),
                beyond => below + u32::from(beyond > 0.0),
            },
        };
        let sign = if x < 0.0 { magnitude.wrapping_neg() } else { magnitude };
        sign & ((1 << self.width) - 1)
    }

    /// Numbers where codecs differ, and others between, with both signs.
    fn inputs(width: u32) -> Vec<u32> {
        let (codes, line) = (Posits::new(width, 2), Posits::on_the_line(width));
        let smallest = [0.25, 0.5, 0.75].map(|part| part * codes.numbers[1]);
        let stride = 1 << (width - 8);
        let told = codes.numbers.iter().chain(&codes.halves).chain(&line.halves);
        let told = told.step_by(stride).chain(&smallest).map(|x| (*x as f32).to_bits());
        let near = told.flat_map(|bits| [bits, bits + 1, bits.saturating_sub(1)]);
        let other = (0..1u32 << 12).map(|k| k << 19);
        let ends = [0, f32::MAX.to_bits(), f32::INFINITY.to_bits(), f32::NAN.to_bits()];
        near.chain(other).chain(ends).flat_map(|bits| [bits, bits | 1 << 31]).collect()
    }
}

fn posit(width: u32, codec: impl Fn(f64) -> u32) -> Case {
    let quantizer = Quantizer::new(format(if width == 8 { "posit8" } else { "posit16" }).unwrap());
    let inputs = Posits::inputs(width);
    let codes = inputs.iter().map(|bits| codec(double(*bits))).collect();
    Case::list(quantizer, false, inputs, None, Found::Codes { codes, scales: vec![] })
}

#[test]
fn ties_go_by_codes() {
    let of = |tie: fn(u32) -> bool| posit(8, |x| Posits { tie, ..Posits::new(8, 2) }.code(x));
    right(&of(|code| code % 2 == 1));
    right(&posit(16, {
        let right = Posits::new(16, 2);
        move |x| right.code(x)
    }));
    diagnosed(&of(|_| false), "ties go toward zero");
    diagnosed(&of(|_| true), "ties go away from zero");
    diagnosed(&of(|code| code % 2 == 0), "ties go to odd");
}

#[test]
fn nearest_numbers_in_place_of_nearest_codes() {
    for width in [8, 16] {
        let line = Posits::on_the_line(width);
        diagnosed(&posit(width, |x| line.code(x)), "nearest on the number line, ties to even");
        let to_zero = Posits { zero: line.numbers[1] / 2.0, ..line };
        diagnosed(&posit(width, |x| to_zero.code(x)), "nearest on the number line, ties to even: down to 0");
    }
}

#[test]
fn numbers_that_become_0() {
    let right = Posits::new(8, 2);
    let below = |zero: f64| posit(8, move |x| Posits { zero, ..Posits::new(8, 2) }.code(x));
    let smallest = right.numbers[1];
    let just_below = f64::from((smallest as f32).next_down());
    diagnosed(&below(just_below), "numbers below the smallest one become 0");
    diagnosed(&below(smallest / 2.0), "numbers up to half the smallest one become 0");
    diagnosed(&below(right.halves[0]), "numbers nearer the code of 0 than that of the smallest one become 0");
}

#[test]
fn exponent_bits_and_signs() {
    for (width, es, name) in [
        (8, 0, "no exponent bits (es = 0)"),
        (8, 1, "one exponent bit (es = 1)"),
        (16, 0, "no exponent bits (es = 0)"),
        (16, 1, "one exponent bit (es = 1)"),
    ] {
        let other = Posits::new(width, es);
        let case = posit(width, |x| other.code(x));
        diagnosed(&case, name);
        let value = |bits: &u32| match (double(*bits), other.code(double(*bits))) {
            (x, _) if !x.is_finite() => f32::NAN.to_bits(),
            (_, 0) => 0,
            (x, _) => {
                let code = other.code(x.abs());
                (number(code, width, es).copysign(x) as f32).to_bits()
            }
        };
        let values = case.inputs.iter().map(value).collect();
        diagnosed(&Case::list(case.quantizer, false, case.inputs.clone(), None, Found::Values(values)), name);
    }
    // Numbers that are cut: below the smallest one lies 0.
    let cut = |es: u32| {
        let posits = Posits::new(8, es);
        let zero = f64::from((posits.numbers[1] as f32).next_down());
        let posits = Posits { zero, halves: vec![f64::INFINITY; 1 << 7], ..posits };
        let case = posit(8, |x| posits.code(x));
        let quantizer = Quantizer { rounding: Rounding::new(Direction::TowardZero), ..case.quantizer };
        Case::list(quantizer, false, case.inputs, None, case.found)
    };
    right(&cut(2));
    diagnosed(&cut(0), "no exponent bits (es = 0)");
    diagnosed(&cut(1), "one exponent bit (es = 1)");
    let right = Posits::new(8, 2);
    let magnitude = |x: f64| if x.is_finite() && x < 0.0 { 0x80 | right.code(-x) } else { right.code(x) };
    diagnosed(&posit(8, magnitude), "codes are sign and magnitude, not two's complement");
}

#[test]
fn infinity_and_nan() {
    let right = Posits::new(8, 2);
    let saturating = |x: f64| if x.is_infinite() { right.code(f64::MAX.copysign(x)) } else { right.code(x) };
    diagnosed(&posit(8, saturating), "saturates beyond the largest value");
    diagnosed(&posit(8, |x| if x.is_nan() { 0 } else { right.code(x) }), "NaN becomes 0");
    let saturates = Quantizer { overflow: Overflow::Saturate, ..Quantizer::new(format("posit8").unwrap()) };
    let case = posit(8, |x| right.code(x));
    diagnosed(
        &Case::list(saturates, false, case.inputs.clone(), None, case.found),
        "infinity or NaN beyond the largest value",
    );
}
