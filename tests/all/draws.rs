//! The random words and the normals drawn from them, as distributions.

use std::collections::HashSet;

use roundlaw::random::normal::{TABLE, normal, normal_units};
use roundlaw::random::{Purpose, Stream, site_purpose};
use roundlaw::site::Site;

const SIGN: u32 = 1 << 31;
const UNIT: f64 = 1.0 / 524_288.0;

/// Calls `visit(u, repeats)` so that every magnitude word below 2^31 is counted once: the
/// `repeats` words from u on share segment and fraction, hence the draw.
fn for_all_magnitudes(mut visit: impl FnMut(u32, u32)) {
    for octave in 0..26 {
        let repeats = 1u32 << (octave as u32).saturating_sub(16);
        let (start, end) = ((32u32 << octave) - 32, (64u64 << octave) - 32);
        for u in (start..end as u32).step_by(repeats as usize) {
            visit(u, repeats);
        }
    }
    visit(SIGN - 32, 32);
}

#[test]
fn the_table_is_the_one_built_from_the_normal_distribution() {
    assert_eq!(crate::normal_table::build_table(), TABLE);
}

#[test]
fn even_moments_over_all_words_are_gaussian() {
    // Exact sums of the 2nd and 4th powers: 4 * 22 bits and 31 bits of words fit u128.
    let (mut words, mut second, mut fourth) = (0u64, 0u128, 0u128);
    let (mut sixth, mut eighth) = (0.0, 0.0);
    for_all_magnitudes(|u, repeats| {
        let units = normal_units(u);
        assert!((0..1 << 22).contains(&units), "word {u}: {units}");
        let square = (units as u64 * units as u64) as u128;
        words += u64::from(repeats);
        second += square * u128::from(repeats);
        fourth += square * square * u128::from(repeats);
        let z2 = (f64::from(units) * UNIT).powi(2);
        sixth += z2 * z2 * z2 * f64::from(repeats);
        eighth += z2 * z2 * z2 * z2 * f64::from(repeats);
    });
    assert_eq!(words, 1 << 31);
    let n = words as f64;
    let moments = [
        (2, second as f64 * UNIT.powi(2) / n, 1.0, 1e-6),
        (4, fourth as f64 * UNIT.powi(4) / n, 3.0, 1e-6),
        (6, sixth / n, 15.0, 1e-4),
        (8, eighth / n, 105.0, 1e-4),
    ];
    for (order, moment, gaussian, tolerance) in moments {
        let error = moment / gaussian - 1.0;
        println!("moment {order}: relative error {error:+.2e}");
        assert!(error.abs() < tolerance, "moment {order}: relative error {error:+e}");
    }
}

#[test]
fn magnitudes_are_quantiles_to_5e_5() {
    // Below u = 1024 the spread of |z| within one value of u shows.
    let mut worst: f64 = 0.0;
    for u in (1024..SIGN).step_by(99_991).chain((1024..1 << 20).step_by(97)) {
        let quantile = crate::normal_table::quantile((f64::from(u) + 0.5) / f64::from(SIGN));
        worst = worst.max((f64::from(normal_units(u)) * UNIT - quantile).abs());
    }
    println!("largest quantile error {worst:.2e}");
    assert!(worst < 5e-5, "{worst:e}");
}

#[test]
fn words_that_share_a_fraction_share_the_draw() {
    for u in (0..SIGN - 32).step_by(9973) {
        let v = u + 32;
        let repeats = 1 << (26 - v.leading_zeros()).saturating_sub(16);
        assert_eq!(normal_units(u), normal_units(v / repeats * repeats - 32), "word {u}");
    }
}

#[test]
fn the_sign_bit_mirrors_and_zero_is_positive() {
    for u in (0..SIGN).step_by(9973).chain([0, 1, SIGN - 33, SIGN - 32, SIGN - 1]) {
        assert!(normal_units(u) >= 0 && normal_units(u | SIGN) == -normal_units(u));
        for word in [u, u | SIGN] {
            let z = normal(word);
            assert_eq!(f64::from(z), f64::from(normal_units(word)) * UNIT);
            assert!(z != 0.0 || z.to_bits() == 0, "word {word} gives -0");
        }
    }
    assert_eq!(normal(u32::MAX).to_bits(), 0);
    assert!((normal(0) - 6.38).abs() < 0.005 && normal(SIGN) == -normal(0));
}

/// P(Z > t) for t = 1..6 (Abramowitz and Stegun, table 26.2).
const UPPER_TAIL: [f64; 6] = [
    1.586_552_539_3e-1,
    2.275_013_194_8e-2,
    1.349_898_031_6e-3,
    3.167_124_183_3e-5,
    2.866_515_718_8e-7,
    9.865_876_450_4e-10,
];

#[test]
fn tails_over_all_words_have_gaussian_counts() {
    let mut counts = [0u64; 6];
    for_all_magnitudes(|u, repeats| {
        let units = normal_units(u);
        for (count, t) in counts.iter_mut().zip(1..) {
            *count += 2 * u64::from(repeats) * u64::from(units > t << 19);
        }
    });
    for (t, (&count, upper)) in (1..).zip(counts.iter().zip(UPPER_TAIL)) {
        // A quantile error of 4.8e-5 moves the tail by 4.8e-5 times the hazard, about t + 1/t; a
        // whole word of either sign may sit on the wrong side.
        let expected = 2.0 * upper * 2f64.powi(32);
        let tolerance = 4.8e-5 * (f64::from(t) + 1.0 / f64::from(t)) * expected + 2.0;
        println!("|z| > {t}: {count} words, expected {expected:.1}, tolerance {tolerance:.1}");
        assert!((count as f64 - expected).abs() <= tolerance, "|z| > {t}: {count}");
    }
}

const N: u32 = 1 << 18;

fn covariates(stream: Stream, purpose: u32, first: u32) -> Vec<u32> {
    (0..N).map(|i| stream.word(first + i % 512, i / 512, purpose)).collect()
}

/// Neither the normals nor any of the 32 bits of two lists of words may go together.
fn assert_independent(a: &[u32], b: &[u32], what: &str) {
    let n = a.len() as f64;
    let product: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(normal(a)) * f64::from(normal(b))).sum();
    let deviations = product / n.sqrt();
    assert!(deviations.abs() < 5.0, "{what}: correlation at {deviations:.1} sigma");
    for bit in 0..32 {
        let agree = a.iter().zip(b).filter(|&(a, b)| (a ^ b) >> bit & 1 == 0).count();
        let deviations = (agree as f64 - n / 2.0) / (n / 4.0).sqrt();
        assert!(deviations.abs() < 5.0, "{what}: bit {bit} agrees at {deviations:.1} sigma");
    }
}

#[test]
fn draws_are_independent_across_everything_that_addresses_them() {
    let stream = Stream::new(17, 0);
    let purpose = Purpose::Covariate as u32;
    let words = covariates(stream, purpose, 0);
    let others = [
        Purpose::LabelNoise as u32,
        Purpose::Sketch as u32,
        Purpose::Target as u32,
        site_purpose(Site::Data),
        site_purpose(Site::Parameter),
    ];
    for other in others {
        assert_independent(&words, &covariates(stream, other, 0), &format!("purpose {other}"));
    }
    for seed in [16, 18, 17 + (1 << 32), u64::MAX] {
        let other = covariates(Stream::new(seed, 0), purpose, 0);
        assert_independent(&words, &other, &format!("seed {seed}"));
    }
    for seed_index in [1, 2, 17] {
        let other = covariates(Stream::new(17, seed_index), purpose, 0);
        assert_independent(&words, &other, &format!("seed index {seed_index}"));
    }
    // Disjoint blocks of coordinates, then neighbours within a block: one apart, one word of the
    // same counter apart, one slice apart.
    assert_independent(&words, &covariates(stream, purpose, 512), "next 512 coordinates");
    for lag in [1, 32, 64, 96, 128, 512] {
        assert_independent(&words[lag..], &words[..words.len() - lag], &format!("lag {lag}"));
    }
}

#[test]
fn a_sample_of_normals_looks_normal() {
    let words = covariates(Stream::new(3, 1), Purpose::Covariate as u32, 0);
    let draws: Vec<f64> = words.iter().map(|&word| f64::from(normal(word))).collect();
    let n = draws.len() as f64;
    // Standard deviations of the sample moments: Var z^k = E z^2k - (E z^k)^2.
    for (power, mean, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        let sum: f64 = draws.iter().map(|z| z.powi(power) - mean).sum();
        let deviations = sum / (n * variance).sqrt();
        assert!(deviations.abs() < 5.0, "mean of z^{power} at {deviations:.1} sigma");
    }
}

#[test]
fn a_word_depends_on_its_address_alone() {
    let purpose = Purpose::Sketch as u32;
    let forward: Vec<u32> = (0..1000).map(|k| Stream::new(5, 2).word(k, 7, purpose)).collect();
    let stream = Stream::new(5, 2);
    for k in (0..1000).rev().step_by(3) {
        assert_eq!(stream.word(k, 7, purpose), forward[k as usize]);
    }
}

#[test]
fn no_two_addresses_share_a_word() {
    // Two 32-bit words collide by chance soon; the pair drawn under two seeds names its address,
    // as 2^18 random 64-bit pairs would collide with probability 2e-9.
    let (a, b) = (Stream::new(1, 0), Stream::new(2, 0));
    let mut seen = HashSet::new();
    let purposes = [
        0,
        1,
        2,
        3,
        site_purpose(Site::Data),
        site_purpose(Site::Sketch),
        site_purpose(Site::Feature),
        site_purpose(Site::Parameter),
    ];
    let seconds = [0, 1, 2, 3, 127, 128, 1 << 20, (1 << 31) - 1];
    let coordinates = (0..2048).chain((1 << 24) - 2048..1 << 24);
    for coordinate in coordinates {
        for second in seconds {
            for purpose in purposes {
                let high = u64::from(a.word(coordinate, second, purpose));
                let low = u64::from(b.word(coordinate, second, purpose));
                assert!(seen.insert(high << 32 | low), "{coordinate} {second} {purpose}");
            }
        }
    }
    assert_eq!(seen.len(), 1 << 18);
}
