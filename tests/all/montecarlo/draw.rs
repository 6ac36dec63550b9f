//! What a trial is made of: spectrum, target, sketch and samples.

use super::random::Random;
use super::{Case, Rounders, Site, Sketch, Spectrum, Target};

/// What every trial of a case shares.
pub struct Draws {
    /// lambda_i, i < D.
    pub lambda: Vec<f64>,
    /// Sum of lambda_i beyond D, 0 for an open tail.
    pub tail: f64,
    /// Sum of lambda_i E w_i^2 beyond D.
    pub tail_label: f64,
    /// E w_i^2, or w_i itself.
    pub target: Vec<f64>,
    pub fixed_target: bool,
    /// Coordinates that are rounded at the data.
    pub rounded: usize,
}

/// What is drawn once per trial.
pub struct World {
    pub target: Vec<f64>,
    /// S, one row per feature; D unit rows without a sketch.
    pub sketch: Vec<Vec<f64>>,
    /// S as the recipe reads it.
    pub read: Vec<Vec<f64>>,
    /// Rows of a file in the order of training.
    pub train: Vec<(Vec<f64>, f64)>,
    pub held_out: Vec<(Vec<f64>, f64)>,
}

impl Draws {
    pub fn new(case: &Case) -> Draws {
        let lambda: Vec<f64> = (1..=case.dim).map(|i| case.lambda(i)).collect();
        let second = |i: usize| match &case.target {
            Target::Gaussian | Target::Ones => 1.0,
            Target::Source(b) => (i as f64).powf(-b) / case.lambda(i),
            Target::File(w) => w[i - 1],
        };
        let (tail, tail_label) = match (case.closed, &case.target) {
            (false, _) => (0.0, 0.0),
            (true, Target::Source(b)) => (beyond(&case.spectrum, case.dim), beyond(&Spectrum::Power(*b), case.dim)),
            (true, _) => (beyond(&case.spectrum, case.dim), beyond(&case.spectrum, case.dim)),
        };
        let fixed_target = matches!(case.target, Target::Ones | Target::File(_));
        let (target, rounded) = ((1..=case.dim).map(second).collect(), case.head.unwrap_or(case.dim));
        Draws { lambda, tail, tail_label, target, fixed_target, rounded }
    }

    pub fn world(&self, case: &Case, rounders: &Rounders, random: &mut Random) -> World {
        let weight = |w: &f64| if self.fixed_target { *w } else { w.sqrt() * random.normal() };
        let target = self.target.iter().map(weight).collect();
        let (mut sketch, scale) = match &case.sketch {
            Sketch::Gaussian { .. } => {
                let row = |_| (0..case.dim).map(|_| random.normal()).collect();
                ((0..case.model).map(row).collect(), 1.0 / (case.model as f64).sqrt())
            }
            Sketch::File(rows) => (rows[..case.model].to_vec(), (rows.len() as f64 / case.model as f64).sqrt()),
            Sketch::None => (unit_rows(case.dim), 1.0),
        };
        let mut read = sketch.clone();
        if !matches!(case.sketch, Sketch::None) {
            quantize_sketch(rounders, &mut read, case.dim, random);
        }
        for row in sketch.iter_mut().chain(&mut read) {
            row.iter_mut().for_each(|s| *s *= scale);
        }
        let (train, held_out) = rows(case, random);
        World { target, sketch, read, train, held_out }
    }

    /// A fresh (x, y).
    pub fn sample(&self, case: &Case, world: &World, random: &mut Random) -> (Vec<f64>, f64) {
        let x: Vec<f64> = self.lambda.iter().map(|l| l.sqrt() * random.normal()).collect();
        let deviation = (case.noise * case.noise + self.tail_label).sqrt();
        let y = dot(&x, &world.target) + deviation * random.normal();
        (x, y)
    }
}

fn unit_rows(dim: usize) -> Vec<Vec<f64>> {
    (0..dim).map(|j| (0..dim).map(|i| f64::from(u8::from(i == j))).collect()).collect()
}

/// A law sees all of G at once, a format one row after the other.
fn quantize_sketch(rounders: &Rounders, rows: &mut [Vec<f64>], dim: usize, random: &mut Random) {
    if rounders.at(Site::Sketch).is_some_and(|rounder| rounder.is_format()) {
        rows.iter_mut().for_each(|row| rounders.apply(Site::Sketch, row, false, random));
        return;
    }
    let mut all = rows.concat();
    rounders.apply(Site::Sketch, &mut all, false, random);
    rows.iter_mut().zip(all.chunks(dim)).for_each(|(row, read)| row.copy_from_slice(read));
}

type Samples = Vec<(Vec<f64>, f64)>;

/// Training and held-out rows of a file.
fn rows(case: &Case, random: &mut Random) -> (Samples, Samples) {
    let Some(rows) = &case.rows else { return (Vec::new(), Vec::new()) };
    let n = rows.y.len();
    let last = ((rows.held_out * n as f64).floor() as usize).max(1);
    let held: Vec<usize> = rows.permuted.clone().unwrap_or((n - last..n).collect());
    let mut train: Vec<usize> = (0..n).filter(|row| !held.contains(row)).collect();
    if rows.permuted.is_some() {
        random.shuffle(&mut train);
    }
    let samples = |which: Vec<usize>| which.into_iter().map(|row| (rows.x[row].clone(), rows.y[row])).collect();
    (samples(train), samples(held))
}

impl Case {
    fn lambda(&self, i: usize) -> f64 {
        term(&self.spectrum, i)
    }
}

fn term(spectrum: &Spectrum, i: usize) -> f64 {
    let position = i as f64;
    match spectrum {
        Spectrum::Power(a) => position.powf(-a),
        Spectrum::Exponential(rate) => (-rate * (position - 1.0)).exp(),
        Spectrum::Logarithmic(a) => (position + 1.0).ln().powf(-a) / position,
        Spectrum::File(lambda) => lambda[i - 1],
    }
}

/// Sum of the terms beyond `dim`: a million of them, then the integral from the next midpoint.
fn beyond(spectrum: &Spectrum, dim: usize) -> f64 {
    let last = dim + 1_000_000;
    let rest = last as f64 + 0.5;
    let integral = match spectrum {
        Spectrum::Power(a) => rest.powf(1.0 - a) / (a - 1.0),
        Spectrum::Logarithmic(a) => (rest + 0.5).ln().powf(1.0 - a) / (a - 1.0),
        Spectrum::Exponential(_) => 0.0,
        Spectrum::File(_) => panic!("nothing is known beyond a file"),
    };
    (dim + 1..=last).rev().map(|i| term(spectrum, i)).sum::<f64>() + integral
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
