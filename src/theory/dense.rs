//! The recursion of [`super::recursion`] on whole M x M matrices, for laws that do not treat all directions alike:
//! O(M^3) per update, and O(M^2 D) where the noise of each coordinate of x counts.

use faer::{Mat, Scale};

use super::basis::Basis;
use super::features::{Features, product_trace};
use super::laws::{Added, Laws, UpdateNoise};
use super::matched::Scales;
use super::recursion::{Expected, Iterates, Phases};
use super::regression::{Inputs, Regression};
use crate::error::{Error, Result};

/// What training sees and what judges it, as matrices. Both have the columns of b in common.
#[derive(Clone, Debug)]
pub struct Matrices {
    features: Features,
    noise: UpdateNoise,
    scales: Scales,
    /// b as training sees it, and as clean features do, M x K: E b b^T = sum over columns.
    columns: Mat<f64>,
    clean_columns: Mat<f64>,
    /// Sigma of the clean features.
    clean: Mat<f64>,
    explained: f64,
    approximation: f64,
    energy: f64,
}

impl Matrices {
    /// `read` is the regression of the sketch as training reads it, `clean` that of the sketch as it was drawn, with
    /// the rows and the spread that [`Laws::needs`] asks for, and `basis` that of the clean one.
    pub fn new(read: &Regression, clean: &Regression, basis: &Basis, inputs: &Inputs, laws: &Laws) -> Result<Matrices> {
        let [columns, clean_columns] = [read.columns(inputs)?, clean.columns(inputs)?];
        let mut sigma = clean.sigma.clone();
        (0..sigma.nrows()).for_each(|j| sigma[(j, j)] += basis.tail);
        Ok(Matrices {
            features: Features::new(read, &columns, inputs, laws),
            noise: laws.noise(),
            scales: laws.scales,
            columns,
            clean_columns,
            clean: sigma,
            explained: basis.explained(),
            approximation: basis.approximation(),
            energy: basis.energy,
        })
    }
}

/// SGD from zero weights on fresh batches, in expectation.
#[derive(Clone, Debug)]
pub struct Recursion<'a> {
    matrices: &'a Matrices,
    /// Those of a test.
    test: &'a Matrices,
    batch: f64,
    /// A = E[v v^T], and E[v] in the columns of b.
    square: Mat<f64>,
    mean: Mat<f64>,
    average: Option<Average>,
    /// Iterates in the average.
    averaged: u64,
}

/// E[s s^T], E[s v^T] and E[s], s = v_0 + .. + v_{t-1}.
#[derive(Clone, Debug)]
struct Average {
    sum: Mat<f64>,
    cross: Mat<f64>,
    mean: Mat<f64>,
}

impl Recursion<'_> {
    /// Before the first update; `average` where the mean of the iterates is wanted. [`Error::Input`] for empty batches.
    pub fn new(matrices: &Matrices, batch: u32, average: bool) -> Result<Recursion<'_>> {
        if batch == 0 {
            return Err(Error::Input("a batch of 0 samples: allowed are 1 or more".into()));
        }
        let (m, columns) = (matrices.clean.nrows(), matrices.columns.ncols());
        let (square, mean) = (Mat::zeros(m, m), Mat::zeros(m, columns));
        let average = average.then(|| Average::new(m, columns));
        Ok(Recursion { matrices, test: matrices, batch: batch.into(), square, mean, average, averaged: 0 })
    }

    /// The sum takes v_t in before v_t moves.
    fn take_in(&mut self, gamma: f64) {
        let Matrices { features, columns, .. } = self.matrices;
        let Some(Average { sum, cross, mean }) = &mut self.average else { return };
        *sum += &*cross + cross.transpose() + &self.square;
        *mean += &self.mean;
        *cross += &self.square;
        let moved = Scale(gamma) * (&*mean * columns.transpose() - &*cross * &features.cross);
        *cross += moved;
    }

    fn judge(&self, square: &Mat<f64>, mean: &Mat<f64>, count: f64) -> Expected {
        let Matrices { columns, clean_columns, clean, explained, approximation, energy, .. } = self.matrices;
        let Matrices { features, scales: Scales { features: gain, .. }, .. } = self.test;
        let count = count / self.matrices.scales.weights;
        let overlap = |b: &Mat<f64>| product_trace(b, mean) / count;
        let of = |second: &Mat<f64>| product_trace(second, square) / (count * count);
        let excess = of(clean) - 2.0 * overlap(clean_columns) + explained;
        let test = gain * gain * of(&features.read) - 2.0 * gain * overlap(columns) + energy - approximation;
        Expected::new(excess, test)
    }
}

impl Iterates for Recursion<'_> {
    fn update(&mut self, gamma: f64) {
        let Matrices { features, noise, columns, .. } = self.matrices;
        let UpdateNoise { label, activation, gradient, parameter, weight } = noise;
        let (h, gamma) = (&features.cross, self.matrices.scales.step * gamma);
        self.take_in(gamma);
        let x = columns * self.mean.transpose();
        let read = added(&self.square, parameter);
        let (c, f) = features.moments(&x, &read, &self.mean);
        let one = Scale(1.0 + label.relative) * &features.label - Scale(2.0) * c
            + Scale(1.0 + activation.relative) * f
            + Scale(label.additive + activation.additive) * &features.gradient;
        let one = Scale(1.0 + gradient.relative) * one + Scale(gradient.additive) * &features.gradient;
        let xh = &x * h;
        let mut kick = Scale(1.0 / self.batch) * one;
        if self.batch > 1.0 {
            let two = Scale(1.0 + label.shared) * (columns * columns.transpose()) - (&xh + xh.transpose())
                + Scale(1.0 + activation.shared) * (h * &read * h);
            kick += Scale((1.0 - 1.0 / self.batch) * (1.0 + gradient.shared)) * two;
        }
        let drift = &x - h * &self.square;
        let moved = &self.square + Scale(gamma) * (&drift + drift.transpose()) + Scale(gamma * gamma) * kick;
        self.square = added(&moved, weight);
        self.mean = &self.mean + Scale(gamma) * (columns - h * &self.mean);
        self.averaged += 1;
    }

    fn last(&self) -> Expected {
        self.judge(&self.square, &self.mean, 1.0)
    }

    fn average(&self) -> Option<Expected> {
        let Average { sum, mean, .. } = self.average.as_ref()?;
        Some(match self.averaged {
            0 => self.last(),
            t => self.judge(sum, mean, t as f64),
        })
    }
}

impl<'a> Phases for Recursion<'a> {
    /// All of one sketch, read alike.
    type Laws = &'a Matrices;

    fn change(&mut self, matrices: &'a Matrices) {
        // The moments are of v over `weights`.
        let ratio = self.matrices.scales.weights / matrices.scales.weights;
        self.square = Scale(ratio * ratio) * &self.square;
        self.mean = Scale(ratio) * &self.mean;
        if let Some(Average { sum, cross, mean }) = &mut self.average {
            (*sum, *cross) = (Scale(ratio * ratio) * &*sum, Scale(ratio * ratio) * &*cross);
            *mean = Scale(ratio) * &*mean;
        }
        self.matrices = matrices;
    }

    fn tested(self, test: &'a Matrices) -> Self {
        Recursion { test, ..self }
    }

    fn begin_average(&mut self) {
        self.average = Some(Average::new(self.mean.nrows(), self.mean.ncols()));
        self.averaged = 0;
    }
}

impl Average {
    fn new(m: usize, columns: usize) -> Average {
        Average { sum: Mat::zeros(m, m), cross: Mat::zeros(m, m), mean: Mat::zeros(m, columns) }
    }
}

/// A second moment under a law at its vector.
fn added(square: &Mat<f64>, law: &Added) -> Mat<f64> {
    let relative = if law.by_element { 0.0 } else { law.relative };
    let mut added = Scale(1.0 + relative) * square;
    for i in 0..square.nrows() {
        added[(i, i)] += law.additive + if law.by_element { law.relative * square[(i, i)] } else { 0.0 };
    }
    added
}
