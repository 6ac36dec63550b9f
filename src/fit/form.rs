//! Forms of a risk in M and N, fitted by variable projection: coefficients follow from the exponents, and a search is
//! over the exponents alone.

use rayon::prelude::*;

/// Most coefficients of a form.
const MOST: usize = 3;
/// Steps of the search, in ln of an exponent: the first one, that of a start close by, and the last.
const FIRST: f64 = 0.5;
const NEAR: f64 = 0.05;
const LAST: f64 = 1e-6;
/// Exponents and scales lie between.
const RANGE: [f64; 2] = [1e-3, 1e3];

/// What forms depend on, and the risk that they are to have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// ln M, and ln of what N counts for.
    pub model: f64,
    pub samples: f64,
    /// Bits of a stored value, and of its exponent and mantissa.
    pub bits: f64,
    pub exponent: f64,
    pub mantissa: f64,
    pub risk: f64,
}

/// A sum of terms, each a coefficient times what exponents make of a point.
pub struct Form {
    pub text: &'static str,
    pub coefficients: &'static [&'static str],
    /// Where searches begin.
    pub exponents: &'static [(&'static str, [f64; 2])],
    terms: fn(&Point, &[f64]) -> [f64; MOST],
}

/// The terms of model and data size.
fn sizes(point: &Point, p: &[f64]) -> [f64; MOST] {
    [libm::exp(-p[0] * point.model), libm::exp(-p[1] * point.samples), 0.0]
}

/// Kaplan et al. (2020) and Hoffmann et al. (2022), of the reducible risk.
pub static PLAIN: Form = Form {
    text: "c1 M^-a1 + c2 N_eff^-a2",
    coefficients: &["c1", "c2"],
    exponents: &[("a1", [0.3, 1.0]), ("a2", [0.3, 1.0])],
    terms: sizes,
};

/// Kumar et al., "Scaling laws for precision" (2024), with one precision P for all that is stored.
pub static KUMAR: Form = Form {
    text: "c1 (M (1 - exp(-P/g)))^-a1 + c2 N_eff^-a2",
    coefficients: &["c1", "c2"],
    exponents: &[("a1", [0.3, 1.0]), ("a2", [0.3, 1.0]), ("g", [1.0, 4.0])],
    terms: |point, p| {
        let [model, samples, _] = sizes(point, p);
        [model * libm::exp(-p[0] * libm::log(-libm::expm1(-point.bits / p[2]))), samples, 0.0]
    },
};

/// Sun et al., "Scaling laws for floating point quantization training" (2025), without the block size, which formats of
/// single values have not.
pub static SUN: Form = Form {
    text: "c1 M^-a1 + c2 N_eff^-a2 + c3 M^-a1 N_eff^a2 (E + 0.5)^-d (m + 0.5)^-v",
    coefficients: &["c1", "c2", "c3"],
    exponents: &[("a1", [0.3, 1.0]), ("a2", [0.3, 1.0]), ("d", [1.0, 4.0]), ("v", [1.0, 4.0])],
    terms: |point, p| {
        let [model, samples, _] = sizes(point, p);
        let bits = p[2] * libm::log(point.exponent + 0.5) + p[3] * libm::log(point.mantissa + 0.5);
        [model, samples, model / samples * libm::exp(-bits)]
    },
};

/// A form with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    pub coefficients: Vec<f64>,
    pub exponents: Vec<f64>,
    /// Sum of the squares of relative errors.
    loss: f64,
}

impl Form {
    /// Coefficients and exponents of the least sum of squares of relative errors, the best of searches from every start.
    pub fn fit(&self, points: &[Point]) -> Fitted {
        let count = self.exponents.len();
        let start = |start: usize| (0..count).map(|k| self.exponents[k].1[start >> k & 1]).collect();
        let searches = (0..1_usize << count).into_par_iter().map(|number| self.search(points, start(number), FIRST));
        // In order: of two that are alike the first stays, whichever ended first.
        let searches: Vec<Fitted> = searches.collect();
        let best = searches.into_iter().min_by(|a, b| a.loss.total_cmp(&b.loss));
        best.expect("a form has a start")
    }

    /// The same from parameters that are close.
    pub fn fit_near(&self, points: &[Point], near: &Fitted) -> Fitted {
        self.search(points, near.exponents.clone(), NEAR)
    }

    /// Predicted risk over the true one, less 1.
    pub fn error(&self, fitted: &Fitted, point: &Point) -> f64 {
        let terms = (self.terms)(point, &fitted.exponents);
        fitted.coefficients.iter().zip(terms).map(|(c, term)| c * term).sum::<f64>() / point.risk - 1.0
    }

    /// Each exponent is moved by a step up and down while that helps, then the step is halved (Hooke and Jeeves, "Direct
    /// search solution of numerical and statistical problems", Journal of the ACM 8(2), 1961).
    fn search(&self, points: &[Point], start: Vec<f64>, first: f64) -> Fitted {
        let (mut best, mut step) = (self.projected(points, start), first);
        while step > LAST {
            let before = best.exponents.clone();
            for k in 0..before.len() {
                for factor in [libm::exp(step), libm::exp(-step)] {
                    let mut moved = best.exponents.clone();
                    moved[k] = (moved[k] * factor).clamp(RANGE[0], RANGE[1]);
                    best = self.better(points, best, moved);
                }
            }
            match best.exponents == before {
                true => step /= 2.0,
                // What helped once may help again.
                false => {
                    let again = best.exponents.iter().zip(&before).map(|(p, b)| (p * p / b).clamp(RANGE[0], RANGE[1]));
                    let again = again.collect();
                    best = self.better(points, best, again);
                }
            }
        }
        best
    }

    fn better(&self, points: &[Point], best: Fitted, exponents: Vec<f64>) -> Fitted {
        let moved = self.projected(points, exponents);
        if moved.loss < best.loss { moved } else { best }
    }

    /// The best coefficients of these exponents, none of them below 0.
    fn projected(&self, points: &[Point], exponents: Vec<f64>) -> Fitted {
        let terms = || points.iter().map(|point| (self.terms)(point, &exponents).map(|term| term / point.risk));
        let (mut normal, mut right) = ([[0.0; MOST]; MOST], [0.0; MOST]);
        for term in terms() {
            for i in 0..MOST {
                right[i] += term[i];
                (0..MOST).for_each(|j| normal[i][j] += term[i] * term[j]);
            }
        }
        let count = self.coefficients.len();
        let mut best = Fitted { coefficients: vec![0.0; count], exponents: Vec::new(), loss: points.len() as f64 };
        for used in 1..1_usize << count {
            let Some(solved) = solve(&normal, &right, used) else { continue };
            let error = |term: [f64; MOST]| (0..MOST).map(|k| solved[k] * term[k]).sum::<f64>() - 1.0;
            let loss = terms().map(|term| error(term).powi(2)).sum();
            if solved.iter().all(|c| *c >= 0.0) && loss < best.loss {
                best.coefficients.copy_from_slice(&solved[..count]);
                best.loss = loss;
            }
        }
        Fitted { exponents, ..best }
    }
}

/// Solves the normal equations of the columns in the set `used`; `None` where they are not independent.
fn solve(normal: &[[f64; MOST]; MOST], right: &[f64; MOST], used: usize) -> Option<[f64; MOST]> {
    let is_used = |k: usize| used >> k & 1 == 1;
    let (mut a, mut b) = (*normal, *right);
    for k in (0..MOST).filter(|k| is_used(*k)) {
        // Relative to the column's own square: what is left after those before it.
        if a[k][k] <= 1e-13 * normal[k][k] || !a[k][k].is_finite() {
            return None;
        }
        for i in (0..MOST).filter(|i| is_used(*i) && *i != k) {
            let factor = a[i][k] / a[k][k];
            (0..MOST).for_each(|j| a[i][j] -= factor * a[k][j]);
            b[i] -= factor * b[k];
        }
    }
    Some(std::array::from_fn(|k| if is_used(k) { b[k] / a[k][k] } else { 0.0 }))
}

/// Root mean square of the relative errors at the points that are left out, by a fit to the others; `None` where either
/// are none.
pub fn held_out(form: &Form, points: &[Point]) -> Option<f64> {
    let largest = |of: fn(&Point) -> f64| points.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let (model, samples) = (largest(|point| point.model), largest(|point| point.samples));
    let (out, rest): (Vec<Point>, Vec<Point>) =
        points.iter().partition(|point| point.model == model || point.samples == samples);
    if rest.len() < form.coefficients.len() + form.exponents.len() {
        return None;
    }
    let fitted = form.fit(&rest);
    Some(rms(out.iter().map(|point| form.error(&fitted, point)))).filter(|error| error.is_finite())
}

/// Root mean square; NaN of none.
pub fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value * value, count + 1.0));
    (sum / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every M and N at these bits, with the risk of a form.
    fn points(form: &Form, coefficients: &[f64], exponents: &[f64], bits: &[[f64; 3]]) -> Vec<Point> {
        let fitted = Fitted { coefficients: coefficients.to_vec(), exponents: exponents.to_vec(), loss: 0.0 };
        let grid = bits.iter().flat_map(|bits| (3..9).flat_map(move |m| (6..12).map(move |n| (*bits, m, n))));
        let of = |([bits, exponent, mantissa], m, n): ([f64; 3], i32, i32)| {
            let [model, samples] = [m, n].map(|k| f64::from(k) * libm::log(2.0));
            let point = Point { model, samples, bits, exponent, mantissa, risk: 1.0 };
            Point { risk: form.error(&fitted, &point) + 1.0, ..point }
        };
        grid.map(of).collect()
    }

    #[test]
    fn every_form_finds_the_parameters_that_were_planted() {
        let bits =
            [[32.0, 8.0, 23.0], [8.0, 4.0, 3.0], [8.0, 5.0, 2.0], [6.0, 2.0, 3.0], [6.0, 3.0, 2.0], [4.0, 2.0, 1.0]];
        let cases: [(&Form, &[f64], &[f64]); 3] = [
            (&PLAIN, &[2.0, 3.0], &[0.5, 0.7]),
            (&KUMAR, &[2.0, 3.0], &[0.5, 0.7, 6.0]),
            (&SUN, &[2.0, 3.0, 0.02], &[0.5, 0.7, 2.0, 1.5]),
        ];
        for (form, coefficients, exponents) in cases {
            let points = points(form, coefficients, exponents, &bits);
            let fitted = form.fit(&points);
            let found = fitted.coefficients.iter().chain(&fitted.exponents);
            for (found, planted) in found.zip(coefficients.iter().chain(exponents)) {
                assert!((found / planted - 1.0).abs() < 1e-3, "{}: {fitted:?}", form.text);
            }
            assert!(held_out(form, &points).unwrap() < 1e-4, "{}", form.text);
        }
        // Without precision no form of M and N alone can tell the recipes apart.
        assert!(held_out(&PLAIN, &points(&KUMAR, &[2.0, 3.0], &[0.5, 0.7, 6.0], &bits)).unwrap() > 0.05);
    }
}
