//! What the means over seeds say of one recipe at one model size.

use super::floor::Floor;
use super::sizes::Sizes;

/// Ratio by which the systematic interval of a size is wider than the readings of its floor are apart; found on exact
/// curves, whose true sizes are known.
const MARGIN: f64 = 1.005;

/// Means over seeds, in the order of [`Means::of`].
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// By M.
    pub approximation: &'a [f64],
    /// V: what the best weights explain.
    pub signal: f64,
    /// Excess in full precision and of the recipe at the three largest N, the largest first.
    pub full: [f64; 3],
    pub rounded: [f64; 3],
    /// b^T v there.
    pub full_overlap: [f64; 3],
    pub rounded_overlap: [f64; 3],
    /// Excess and overlap as N grows, where they have a closed form.
    pub limit: Option<[f64; 2]>,
}

impl Means<'_> {
    /// Columns beside those of the approximation, without a closed form.
    pub const COLUMNS: usize = 13;

    /// Of the means of `models` columns of the approximation, and then of the other fields in their order.
    pub fn of(means: &[f64], models: usize) -> Means<'_> {
        let (approximation, rest) = means.split_at(models);
        Means {
            approximation,
            signal: rest[0],
            full: [rest[1], rest[2], rest[3]],
            rounded: [rest[4], rest[5], rest[6]],
            full_overlap: [rest[7], rest[8], rest[9]],
            rounded_overlap: [rest[10], rest[11], rest[12]],
            limit: rest.get(Means::COLUMNS..).and_then(|limit| limit.try_into().ok()),
        }
    }
}

/// One recipe at one M; risks in squared units of y, sizes in units of M.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// A, and V.
    pub approximation: f64,
    pub signal: f64,
    /// Excess in full precision at the largest N over A: whether training has come to an end there.
    pub x_over_a: f64,
    /// The recipe's excess at the largest N above that of full precision.
    pub added: f64,
    pub floor: Floor,
    /// Ainv(A + F).
    pub m_total: Effective,
    /// Ainv(A + y), y the excess at the largest N: M_total is not below it.
    pub m_least: f64,
    /// Best factor on the recipe's weights over that in full precision, at the largest N.
    pub gain: f64,
    /// The share g of the floor that such a factor undoes.
    pub share: f64,
    /// Ainv(A + F_gc), F_gc the floor that no factor undoes: that of the gain-corrected excess.
    pub m_gc: Effective,
}

/// A floor as a model size, with its systematic interval; of a floor in closed form there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effective {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Effective {
    /// Of a floor above `approximation`.
    fn new(sizes: &Sizes, approximation: f64, floor: &Floor) -> Effective {
        let value = sizes.at(approximation + floor.value);
        if floor.is_exact() {
            return Effective { value, low: value, high: value };
        }
        let ratio = (sizes.at(approximation + floor.low) / sizes.at(approximation + floor.high)).sqrt() * MARGIN;
        Effective { value, low: value / ratio, high: value * ratio }
    }
}

/// The best factor on weights of this excess and overlap, o / v^T Sigma v.
fn gain(signal: f64, excess: f64, overlap: f64) -> f64 {
    overlap / (excess - signal + 2.0 * overlap)
}

/// The excess after that factor.
fn corrected(signal: f64, excess: f64, overlap: f64) -> f64 {
    signal - overlap * gain(signal, excess, overlap)
}

impl Estimate {
    /// At the place `model` of `models`.
    pub fn new(means: &Means, models: &[u32], model: usize) -> Estimate {
        let Means { approximation, signal, full, rounded, full_overlap, rounded_overlap, limit } = *means;
        let (sizes, a) = (Sizes::new(models, approximation), approximation[model]);
        let of_full = gain(signal, full[0], full_overlap[0]);
        let of_rounded = gain(signal, rounded[0], rounded_overlap[0]);
        let (floor, lost, corrected_floor) = match limit {
            // As N grows the best factor of full precision is 1.
            Some([excess, overlap]) => (
                Floor::exact(excess),
                1.0 - 1.0 / gain(signal, excess, overlap),
                Floor::exact(corrected(signal, excess, overlap)),
            ),
            None => {
                let all = |excess: [f64; 3], overlap: [f64; 3]| {
                    std::array::from_fn(|n| corrected(signal, excess[n], overlap[n]))
                };
                let corrected_floor = Floor::new(all(full, full_overlap), all(rounded, rounded_overlap));
                (Floor::new(full, rounded), 1.0 - of_full / of_rounded, corrected_floor)
            }
        };
        Estimate {
            approximation: a,
            signal,
            x_over_a: full[0] / a,
            added: rounded[0] - full[0],
            floor,
            m_total: Effective::new(&sizes, a, &floor),
            m_least: sizes.at(a + rounded[0]),
            gain: of_rounded / of_full,
            share: lost * lost * signal / floor.value,
            m_gc: Effective::new(&sizes, a, &corrected_floor),
        }
    }
}
