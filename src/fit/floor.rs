//! Where the excess of a recipe ends as N grows, from the largest N that were run.
//!
//! With x and y the excess in full precision and of the recipe at the same N, y - F falls as x does: two N give F. It is
//! exact where the recipe only slows training down, and else wrong by a part of what is still falling, which two other
//! readings of the same rows bound: a line y = F + b x through three N, and the difference y - x.

/// A floor, and what it lies between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    pub value: f64,
    pub low: f64,
    /// y at the largest N: all that is there yet.
    pub high: f64,
}

impl Floor {
    /// Of the excess x and y at three N, the largest first.
    pub fn new(x: [f64; 3], y: [f64; 3]) -> Floor {
        let value = two_point([x[0], x[1]], [y[0], y[1]]);
        Floor { value, low: value.min(line(x, y)).min(y[0] - x[0]), high: y[0] }
    }

    /// One that is known.
    pub fn exact(value: f64) -> Floor {
        Floor { value, low: value, high: value }
    }

    /// Whether it lies between nothing but itself, as one that is read never does: y is above y - x.
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }
}

/// F with (y_n - F) / (y_{n-1} - F) = x_n / x_{n-1}, of the excess at the two largest N, the larger first.
fn two_point(x: [f64; 2], y: [f64; 2]) -> f64 {
    y[0] - x[0] * (y[1] - y[0]) / (x[1] - x[0])
}

/// F of the line y = F + b x with the least sum of ((y - F - b x) / y)^2.
fn line(x: [f64; 3], y: [f64; 3]) -> f64 {
    let sum = |of: fn(f64, f64) -> f64| x.iter().zip(&y).map(|(x, y)| of(*x, *y) / (y * y)).sum::<f64>();
    let (w, wx, wy, wxx, wxy) = (sum(|_, _| 1.0), sum(|x, _| x), sum(|_, y| y), sum(|x, _| x * x), sum(|x, y| x * y));
    (wxx * wy - wx * wxy) / (w * wxx - wx * wx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slows_training_down_leaves_its_floor() {
        // y = F + k x, at any k.
        let x = [0.01, 0.03, 0.08];
        for k in [0.5, 1.0, 2.0] {
            let floor = Floor::new(x, x.map(|x| 0.02 + k * x));
            let low = 0.02 + (k.min(1.0) - 1.0) * 0.01;
            assert!((floor.value - 0.02).abs() < 1e-14 && (floor.low - low).abs() < 1e-14, "{k}: {floor:?}");
            assert_eq!(floor.high, 0.02 + k * 0.01);
        }
    }

    #[test]
    fn the_line_is_the_least_squares_line_of_relative_errors() {
        // Found by trying lines: no other one nearby has a smaller sum.
        let (x, y) = ([0.01, 0.03, 0.08], [0.031, 0.048, 0.11]);
        let loss = |f: f64, b: f64| x.iter().zip(&y).map(|(x, y)| ((y - f - b * x) / y).powi(2)).sum::<f64>();
        let f = line(x, y);
        let best = |f: f64| (0..=2000).map(|k| loss(f, 0.001 * f64::from(k))).fold(f64::INFINITY, f64::min);
        assert!(best(f) < best(f + 1e-4) && best(f) < best(f - 1e-4), "{f}");
    }
}
