//! Builds the table of `roundlaw::normal` from the normal distribution, in f64 with + - * / only:
//! the same words on every IEEE machine, whatever its math library.

/// sqrt(2 pi)
const SQRT_TWO_PI: f64 = 2.506_628_274_631_000_5;
const OCTAVES: u32 = 26;
const SEGMENTS: u32 = 32;
/// From this u on z = 0: the last 32 values share entry 832.
const LAST: u32 = (1 << 31) - SEGMENTS;

/// exp(x) for -50 < x <= 0: Taylor series of x / 64, squared six times.
fn exp(x: f64) -> f64 {
    let y = x / 64.0;
    let mut sum = 1.0;
    for n in (1..=24).rev() {
        sum = 1.0 + sum * y / f64::from(n);
    }
    for _ in 0..6 {
        sum *= sum;
    }
    sum
}

fn density(z: f64) -> f64 {
    exp(-0.5 * z * z) / SQRT_TWO_PI
}

/// P(Z > z) for 0 <= z < 10: a series around 0 where it loses no digits, else Laplace's fraction.
fn upper_tail(z: f64) -> f64 {
    if z < 3.0 {
        let (mut term, mut sum) = (z, z);
        for n in 1..60 {
            term *= z * z / f64::from(2 * n + 1);
            sum += term;
        }
        return 0.5 - density(z) * sum;
    }
    let mut fraction = z;
    for n in (1..=100).rev() {
        fraction = z + f64::from(n) / fraction;
    }
    density(z) / fraction
}

/// The z with P(|Z| > z) = p, by bisection.
pub fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 9.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if 2.0 * upper_tail(middle) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Entry of a segment of `width` values of u, the first of them `first`.
///
/// The mean of |z| over a <= p <= b is 2 (phi(z_b) - phi(z_a)) / (b - a). The base starts from the
/// chord through that mean; the slope then absorbs the rounding of the base, so that the mean of
/// the values which really occur is kept.
fn entry(first: u32, width: u32) -> u32 {
    let (a, b) = (f64::from(first), f64::from(first + width));
    let scale = 1.0 / 2_147_483_648.0;
    let z_b = quantile(b * scale);
    let (z_a, density_a) = match first {
        0 => (z_b, 0.0),
        _ => (quantile(a * scale), density(quantile(a * scale))),
    };
    let mean = 2.0 * (density(z_b) - density_a) / ((b - a) * scale);
    // The fractions are 0, 1/n, .., (n-1)/n: their mean is not 1/2.
    let n = f64::from(width.min(65_536));
    let mean_fraction = (n - 1.0) / (2.0 * n);
    // The last segment ends at zero: its base is rounded down, lest magnitudes turn negative.
    let rounding = if first + width == LAST { 0.0 } else { 0.5 };
    let base = ((mean + (z_a - z_b) * mean_fraction) * 32_768.0 + rounding) as u32;
    if width == 1 {
        return base << 14;
    }
    let slope = (f64::from(base) / 32_768.0 - mean) / mean_fraction * 524_288.0;
    let slope = (slope + 0.5) as u32;
    assert!(base < 1 << 18 && slope < 1 << 14, "entry of u = {first} does not fit");
    (base << 14) | slope
}

/// The 26 octaves of 32 segments; entry 832 and the padding are 0.
pub fn build_table() -> [u32; 1024] {
    let mut table = [0; 1024];
    for octave in 0..OCTAVES {
        let width = 1 << octave;
        for segment in 0..SEGMENTS {
            let first = (SEGMENTS + segment) * width - SEGMENTS;
            table[(octave * SEGMENTS + segment) as usize] = entry(first, width);
        }
    }
    table
}
