//! The list oracle: every magnitude of a format from its definition, and rounding by looking for the neighbours.

use roundlaw::format::{Direction, Layout, Quantizer, Specials};

/// Every magnitude of a small format, ascending, with its code; from the definition of its layout. Behind them the one
/// that would come next, which decides whether a value still rounds to the largest one.
pub fn magnitudes(quantizer: &Quantizer) -> (Vec<(f64, u32)>, f64) {
    let scale = quantizer.scale;
    match quantizer.layout {
        Layout::Float(float) => {
            let (e_bits, m_bits) = (float.exponent, float.mantissa);
            let value = |e: u32, m: u32| {
                let fraction = f64::from(m) / f64::from(1u32 << m_bits);
                (if e > 0 { 1.0 } else { 0.0 } + fraction) * 2f64.powi(e.max(1) as i32 - float.bias) * scale
            };
            let (mut values, mut next) = (Vec::new(), None);
            for e in 0..=1u32 << e_bits {
                for m in 0..1u32 << m_bits {
                    let last = e == (1 << e_bits) - 1;
                    let special = match float.specials {
                        Specials::None | Specials::Fnuz => false,
                        Specials::Nan => last && m == (1 << m_bits) - 1,
                        Specials::Ieee => last,
                    };
                    if special || e == 1 << e_bits {
                        next.get_or_insert(value(e, m));
                    } else if e > 0 || m == 0 || float.gradual {
                        values.push((value(e, m), e << m_bits | m));
                    }
                }
            }
            (values, next.unwrap())
        }
        Layout::Integer { bits, .. } => {
            let last = 1u32 << (bits - 1);
            ((0..last).map(|q| (f64::from(q) * scale, q)).collect(), f64::from(last) * scale)
        }
        Layout::Logarithmic { bits, base_factor, bias } => {
            let power = |c: u32| {
                let place = c as i32 - bias;
                let (octave, j) = (place.div_euclid(base_factor as i32), place.rem_euclid(base_factor as i32));
                // The f32 nearest a root, scaled exactly.
                f64::from((f64::from(j) / f64::from(base_factor)).exp2() as f32) * 2f64.powi(octave) * scale
            };
            let last = 1u32 << (bits - 1);
            (std::iter::once((0.0, 0)).chain((1..last).map(|c| (power(c), c))).collect(), power(last))
        }
        _ => unreachable!("a block has no values of its own"),
    }
}

/// Index in the list of what the format makes of a finite magnitude, and whether it lies beyond the last value.
pub fn rounded(
    (list, next): &(Vec<(f64, u32)>, f64),
    magnitude: f64,
    negative: bool,
    direction: Direction,
) -> (usize, bool) {
    let last = list.len() - 1;
    let at = |k: usize| if k > last { *next } else { list[k].0 };
    let above = list.partition_point(|(v, _)| *v < magnitude);
    if magnitude >= at(above) {
        return (above.min(last), above > last);
    }
    let (low, high) = (above - 1, above);
    let (below, over) = (magnitude - at(low), at(high) - magnitude);
    let nearest = if below < over { low } else { high };
    let even = if list[low].1.is_multiple_of(2) { low } else { high };
    let chosen = match direction {
        Direction::NearestEven if below == over => even,
        Direction::NearestAway if below == over => high,
        Direction::NearestEven | Direction::NearestAway => nearest,
        Direction::Up => {
            if negative {
                low
            } else {
                high
            }
        }
        Direction::Down => {
            if negative {
                high
            } else {
                low
            }
        }
        Direction::TowardZero => low,
        Direction::Stochastic | Direction::Dither => unreachable!("has its own test"),
    };
    (chosen.min(last), chosen > last)
}

/// Values on, halfway between, and one f32 beside the values of a list and the points halfway; and beyond its end.
pub fn telling_inputs(list: &[(f64, u32)]) -> Vec<f32> {
    let last = list[list.len() - 1].0;
    let ends = [last * 1.01, last * 1.5, last * 100.0, f64::from(f32::MAX)];
    let halfway = list.windows(2).map(|pair| 0.5 * (pair[0].0 + pair[1].0));
    let mut inputs = Vec::new();
    for point in list.iter().map(|(v, _)| *v).chain(halfway).chain(ends) {
        let bits = (point.min(f64::from(f32::MAX)) as f32).to_bits();
        for near in [bits.saturating_sub(1), bits, bits + 1].into_iter().filter(|bits| *bits < 0x7f80_0000) {
            inputs.extend([f32::from_bits(near), -f32::from_bits(near)]);
        }
    }
    inputs
}
