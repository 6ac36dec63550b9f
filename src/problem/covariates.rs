//! Covariates and labels from files: which rows train, in which order, and which are held out.

use std::sync::Arc;

use super::Input;
use crate::codec::flush48;
use crate::random::{Purpose, Stream};

/// Real data in place of a spectrum and a target.
#[derive(Clone)]
pub struct Covariates {
    /// The file, without its values.
    pub x: Input,
    pub labels: Input,
    /// Training rows in a random order, another for each seed index; else as they stand in the file.
    pub permuted: bool,
    /// Fraction of the rows that measures the risk.
    pub held_out: f64,
    /// Columns less their mean over their standard deviation, both over the training rows.
    pub standardize: bool,
    dim: usize,
    /// What the runs read: row-major, standardized if asked for, with the floor of 2^-48.
    rows: Arc<[f32]>,
    /// File rows, ascending.
    training: Arc<[u32]>,
    held: Arc<[u32]>,
}

/// The rows follow from the rest.
impl PartialEq for Covariates {
    fn eq(&self, other: &Covariates) -> bool {
        let settings = |c: &Covariates| (c.permuted, c.held_out, c.standardize);
        self.x == other.x && self.labels == other.labels && settings(self) == settings(other)
    }
}

/// Without the rows: they may be many.
impl std::fmt::Debug for Covariates {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}, labels {:?}", self.canonical(), self.labels)
    }
}

impl Covariates {
    /// `x` has at least two rows, `labels` one for each.
    pub fn new(x: Input, labels: Input, permuted: bool, held_out: f64, standardize: bool) -> Covariates {
        let (rows, dim) = (x.shape[0], x.shape[1]);
        let (training, held) = parts(rows, held_out, permuted);
        let values = prepared(&x.values, dim, &training, standardize);
        // The file's own values are not read again.
        let x = Input { values: Arc::new([]), ..x };
        Covariates { x, labels, permuted, held_out, standardize, dim, rows: values.into(), training, held }
    }

    /// The first value beyond `limit` in magnitude: its row of the file, its column, and the value.
    pub fn first_beyond(&self, limit: f64) -> Option<(usize, usize, f32)> {
        let at = self.rows.iter().position(|x| !(-limit..=limit).contains(&f64::from(*x)))?;
        Some((at / self.dim, at % self.dim, self.rows[at]))
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Rows of the file that train, ascending.
    pub fn training(&self) -> &[u32] {
        &self.training
    }

    pub fn training_rows(&self) -> usize {
        self.training.len()
    }

    pub fn held_rows(&self) -> usize {
        self.held.len()
    }

    /// The training rows of one seed index, in the order in which they are read.
    pub fn order(&self, stream: &Stream) -> Vec<u32> {
        let mut order = self.training.to_vec();
        if self.permuted {
            shuffle(&mut order, stream, Purpose::Order);
        }
        order
    }

    /// Held-out row `k`, as a row of the file.
    pub fn held_row(&self, k: usize) -> u32 {
        self.held[k]
    }

    pub fn row(&self, row: u32) -> &[f32] {
        &self.rows[row as usize * self.dim..][..self.dim]
    }

    /// Label of a row of the file.
    pub fn label(&self, row: u32) -> f32 {
        f32::from_bits(flush48(self.labels.values[row as usize].to_bits()))
    }

    /// Mean square of each column over the training rows.
    pub fn second_moments(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.dim];
        for &row in self.training.iter() {
            for (sum, x) in sums.iter_mut().zip(self.row(row)) {
                *sum += f64::from(*x) * f64::from(*x);
            }
        }
        sums.iter().map(|sum| sum / self.training.len() as f64).collect()
    }

    /// The text of a row's column `spectrum`.
    pub fn canonical(&self) -> String {
        format!(
            "covariates {} order={} held_out={} standardize={}",
            self.x.canonical().trim_start_matches("file "),
            if self.permuted { "permuted" } else { "file" },
            self.held_out,
            self.standardize
        )
    }
}

/// Sorts by a random word each: a uniform permutation up to ties of 32-bit words, which keep their order.
fn shuffle(rows: &mut [u32], stream: &Stream, purpose: Purpose) {
    rows.sort_by_cached_key(|&row| (stream.word(row, 0, purpose as u32), row));
}

/// Training and held-out rows, each ascending. The held-out ones are the last of the file or, for a permuted
/// order, of one permutation that depends on nothing but the number of rows.
fn parts(rows: usize, held_out: f64, permuted: bool) -> (Arc<[u32]>, Arc<[u32]>) {
    let held = ((held_out * rows as f64) as usize).clamp(1, rows - 1);
    let mut all: Vec<u32> = (0..rows as u32).collect();
    if permuted {
        shuffle(&mut all, &Stream::new(0, 0), Purpose::HeldOut);
    }
    let mut held = all.split_off(rows - held);
    all.sort_unstable();
    held.sort_unstable();
    (all.into(), held.into())
}

/// Values as the runs read them. A column without scatter becomes 0 when it is standardized.
fn prepared(values: &[f32], dim: usize, training: &[u32], standardize: bool) -> Vec<f32> {
    let floor = |x: f32| f32::from_bits(flush48(x.to_bits()));
    if !standardize {
        return values.iter().map(|&x| floor(x)).collect();
    }
    let n = training.len() as f64;
    let row = |row: &u32| &values[*row as usize * dim..][..dim];
    let (mut means, mut squares) = (vec![0.0; dim], vec![0.0; dim]);
    for row in training.iter().map(row) {
        means.iter_mut().zip(row).for_each(|(mean, x)| *mean += f64::from(*x));
    }
    means.iter_mut().for_each(|mean| *mean /= n);
    for row in training.iter().map(row) {
        for ((square, mean), x) in squares.iter_mut().zip(&means).zip(row) {
            *square += (f64::from(*x) - mean) * (f64::from(*x) - mean);
        }
    }
    let deviations: Vec<f64> = squares.iter().map(|square| (square / n).sqrt()).collect();
    // Found by its values: the mean of equal numbers carries a rounding error, and with it a deviation.
    let first = training.first().map(row).unwrap_or_default();
    let scatters: Vec<bool> = (0..dim).map(|i| training.iter().any(|r| row(r)[i] != first[i])).collect();
    let standard = |(at, x): (usize, &f32)| {
        let i = at % dim;
        if scatters[i] { floor(((f64::from(*x) - means[i]) / deviations[i]) as f32) } else { 0.0 }
    };
    values.iter().enumerate().map(standard).collect()
}
