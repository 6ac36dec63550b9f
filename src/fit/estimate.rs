//! What the means over seeds say of one recipe at one model size.

use super::floor::{Floor, two_point};
use super::sizes::Sizes;

/// Ratio by which the systematic interval of M_total is wider than the readings of the floor are apart; found on exact
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
    /// b^T v at the two largest N.
    pub full_overlap: [f64; 2],
    pub rounded_overlap: [f64; 2],
    /// Excess and overlap as N grows, where they have a closed form.
    pub limit: Option<[f64; 2]>,
}

impl Means<'_> {
    /// Columns beside those of the approximation, without a closed form.
    pub const COLUMNS: usize = 11;

    /// Of the means of `models` columns of the approximation, and then of the other fields in their order.
    pub fn of(means: &[f64], models: usize) -> Means<'_> {
        let (approximation, rest) = means.split_at(models);
        Means {
            approximation,
            signal: rest[0],
            full: [rest[1], rest[2], rest[3]],
            rounded: [rest[4], rest[5], rest[6]],
            full_overlap: [rest[7], rest[8]],
            rounded_overlap: [rest[9], rest[10]],
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
    /// Ainv(A + F), and its systematic interval.
    pub m_total: f64,
    pub m_low: f64,
    pub m_high: f64,
    /// Ainv(A + y), y the excess at the largest N: M_total is not below it.
    pub m_least: f64,
    /// Best factor on the recipe's weights over that in full precision, at the largest N.
    pub gain: f64,
    /// The share g of the floor that such a factor undoes.
    pub share: f64,
    /// Ainv(A + F_gc), F_gc the floor that no factor undoes.
    pub m_gc: f64,
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
        let floor = limit.map_or_else(|| Floor::new(full, rounded), |[excess, _]| Floor::exact(excess));
        let m_total = sizes.at(a + floor.value);
        let [m_low, m_high] = match limit {
            Some(_) => [m_total, m_total],
            None => {
                let ratio = (sizes.at(a + floor.low) / sizes.at(a + floor.high)).sqrt() * MARGIN;
                [m_total / ratio, m_total * ratio]
            }
        };
        let of_full = gain(signal, full[0], full_overlap[0]);
        let of_rounded = gain(signal, rounded[0], rounded_overlap[0]);
        // As N grows the best factor of full precision is 1.
        let (lost, floor_gc) = match limit {
            Some([excess, overlap]) => (1.0 - 1.0 / gain(signal, excess, overlap), corrected(signal, excess, overlap)),
            None => {
                let both =
                    |excess: [f64; 3], overlap: [f64; 2]| [0, 1].map(|n| corrected(signal, excess[n], overlap[n]));
                (1.0 - of_full / of_rounded, two_point(both(full, full_overlap), both(rounded, rounded_overlap)))
            }
        };
        Estimate {
            approximation: a,
            signal,
            x_over_a: full[0] / a,
            added: rounded[0] - full[0],
            floor,
            m_total,
            m_low,
            m_high,
            m_least: sizes.at(a + rounded[0]),
            gain: of_rounded / of_full,
            share: lost * lost * signal / floor.value,
            m_gc: sizes.at(a + floor_gc),
        }
    }
}
