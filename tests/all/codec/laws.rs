//! Laws that hold for every format and direction.

use proptest::prelude::*;
use roundlaw::codec::logarithmic::ROOTS;
use roundlaw::format::{Direction, FORMATS, Layout, MAX_BASE_FACTOR, Quantizer, Rounding};

use super::{FIXED, one, value};

#[test]
fn laws_of_rounding() {
    let element =
        |layout: &Layout| matches!(layout, Layout::Float(_) | Layout::Integer { .. } | Layout::Logarithmic { .. });
    let mut formats: Vec<Quantizer> = FORMATS.iter().filter(|f| element(&f.layout)).map(Quantizer::new).collect();
    formats.extend(["e3m4", "e4m0", "e7m1", "e8m22", "e5m16"].map(super::quantizer));
    formats.iter_mut().filter(|q| matches!(q.layout, Layout::Integer { .. })).for_each(|q| q.scale = 0.125);
    let any =
        || prop_oneof![-1e3f32..1e3, any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |x| x.is_finite())];
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(30_000) }, |(index in 0..formats.len(), direction in 0..5usize, a in any(), b in any())| {
        let direction = FIXED[direction];
        let with = |direction| Quantizer { rounding: Rounding::new(direction), ..formats[index] };
        let round = |x: f32| value(one(&with(direction), x));
        // Idempotent and monotone; odd, with up and down changing places; never past the neighbour of the other side.
        prop_assert_eq!(round(round(a)).to_bits(), round(a).to_bits());
        prop_assert!(a > b || round(a) <= round(b));
        let mirrored = match direction { Direction::Up => Direction::Down, Direction::Down => Direction::Up, same => same };
        let minus = if round(a) == 0.0 { 0.0 } else { -round(a) };
        prop_assert_eq!(value(one(&with(mirrored), -a)) + 0.0, minus);
        let (down, up) = (value(one(&with(Direction::Down), a)), value(one(&with(Direction::Up), a)));
        prop_assert!(round(a) == down || round(a) == up, "{} of {:e}", formats[index].format.name, a);
        if direction == Direction::NearestEven && down <= a && a <= up && round(a).is_finite() {
            let distance = |v: f32| (f64::from(v) - f64::from(a)).abs();
            prop_assert!(distance(round(a)) <= distance(down).min(distance(up)));
        }
    });
}

/// 2^(j/n) 2^23 lies within half of a root: (2 r - 1)^n <= 2^(24 n + j) <= (2 r + 1)^n, in whole numbers.
#[test]
fn roots_of_two_are_rounded_right() {
    let power = |base: u32, n: u32| (0..n).fold(vec![1u32], |product, _| times(&product, base));
    let shifted = |bits: u32| {
        let mut number = vec![0u32; bits as usize / 32 + 1];
        number[bits as usize / 32] = 1 << (bits % 32);
        number
    };
    let mut at = 0;
    for n in 1..=MAX_BASE_FACTOR {
        for j in 0..n {
            let (root, exact) = (ROOTS[at], shifted(24 * n + j));
            assert!(less(&power(2 * root - 1, n), &exact) && less(&exact, &power(2 * root + 1, n)), "2^({j}/{n})");
            at += 1;
        }
    }
    assert_eq!(at, ROOTS.len());
}

/// Little-endian words times a word.
fn times(number: &[u32], factor: u32) -> Vec<u32> {
    let mut carry = 0;
    let mut product: Vec<u32> = number
        .iter()
        .map(|word| {
            let sum = u64::from(*word) * u64::from(factor) + carry;
            carry = sum >> 32;
            sum as u32
        })
        .collect();
    product.push(carry as u32);
    product
}

fn less(a: &[u32], b: &[u32]) -> bool {
    let digit = |number: &[u32], k: usize| number.get(k).copied().unwrap_or(0);
    let first = (0..a.len().max(b.len())).rev().find(|&k| digit(a, k) != digit(b, k));
    first.is_some_and(|k| digit(a, k) < digit(b, k))
}
