//! Stochastic gradient descent through the sites of a recipe.

use super::draw::{Draws, World, dot};
use super::random::Random;
use super::{Case, Rounders, Site};

/// The features of a sample, as the forward pass and as the gradient read them.
struct Features {
    z: Vec<f64>,
    /// Not rounded yet where a site of its own rounds it.
    z_gradient: Vec<f64>,
    y: f64,
}

/// The judged weights after all samples.
pub fn train(case: &Case, draws: &Draws, world: &World, rounders: &Rounders, random: &mut Random) -> Vec<f64> {
    let model = world.sketch.len();
    let (mut v, mut sum) = (vec![0.0; model], vec![0.0; model]);
    let updates = case.samples / case.batch;
    for t in 0..updates {
        sum.iter_mut().zip(&v).for_each(|(sum, v)| *sum += v);
        let mut batch: Vec<Features> = (t * case.batch..(t + 1) * case.batch)
            .map(|n| {
                let (x, y) = match world.train.get(n) {
                    Some((x, y)) => (x.clone(), *y),
                    None => draws.sample(case, world, random),
                };
                features(draws, world, rounders, x, y, random)
            })
            .collect();
        round_gradient_features(rounders, &mut batch, random);
        update(rounders, &mut v, &batch, step(case, t, updates) / case.batch as f64, random);
    }
    match case.average {
        true => sum.iter().map(|sum| sum / updates as f64).collect(),
        false => v,
    }
}

/// Constant, or halved after every ceil(T / log2 T) updates.
pub fn step(case: &Case, t: usize, updates: usize) -> f64 {
    if !case.geometric || updates < 2 {
        return case.step;
    }
    let stage = (updates as f64 / (updates as f64).log2()).ceil() as usize;
    case.step / (1u64 << (t / stage)) as f64
}

/// z = Qfeature(S' Qdata(x) + tail), S' the sketch as it is read.
fn features(
    draws: &Draws,
    world: &World,
    rounders: &Rounders,
    mut x: Vec<f64>,
    y: f64,
    random: &mut Random,
) -> Features {
    rounders.apply(Site::Data, &mut x[..draws.rounded], false, random);
    let mut clean: Vec<f64> = world.read.iter().map(|row| dot(row, &x)).collect();
    if draws.tail > 0.0 {
        let deviation = (draws.tail / clean.len() as f64).sqrt();
        clean.iter_mut().for_each(|z| *z += deviation * random.normal());
    }
    let mut z = clean.clone();
    rounders.apply(Site::Feature, &mut z, false, random);
    let z_gradient = if rounders.at(Site::FeatureGrad).is_some() { clean } else { z.clone() };
    Features { z, z_gradient, y }
}

/// A law sees one sample's features, a format the batch of one feature.
fn round_gradient_features(rounders: &Rounders, batch: &mut [Features], random: &mut Random) {
    let Some(rounder) = rounders.at(Site::FeatureGrad) else { return };
    if !rounder.is_format() {
        batch.iter_mut().for_each(|sample| rounder.apply(&mut sample.z_gradient, false, random));
        return;
    }
    for j in 0..batch[0].z_gradient.len() {
        let mut column: Vec<f64> = batch.iter().map(|sample| sample.z_gradient[j]).collect();
        rounder.apply(&mut column, false, random);
        batch.iter_mut().zip(column).for_each(|(sample, z)| sample.z_gradient[j] = z);
    }
}

fn update(rounders: &Rounders, v: &mut [f64], batch: &[Features], step: f64, random: &mut Random) {
    let mut read = v.to_vec();
    rounders.apply(Site::Parameter, &mut read, false, random);
    let mut labels: Vec<f64> = batch.iter().map(|sample| sample.y).collect();
    rounders.apply(Site::Label, &mut labels, true, random);
    let mut activations: Vec<f64> = batch.iter().map(|sample| dot(&sample.z, &read)).collect();
    rounders.apply(Site::Activation, &mut activations, true, random);
    let mut residuals: Vec<f64> = labels.iter().zip(&activations).map(|(y, a)| y - a).collect();
    rounders.apply(Site::Gradient, &mut residuals, true, random);
    for (sample, residual) in batch.iter().zip(&residuals) {
        v.iter_mut().zip(&sample.z_gradient).for_each(|(v, z)| *v += step * residual * z);
    }
    rounders.apply(Site::Weight, v, false, random);
}

/// Mean of (y - <z, v>)^2 over fresh samples with the features of training and clean labels.
pub fn test_loss(
    case: &Case,
    draws: &Draws,
    world: &World,
    rounders: &Rounders,
    v: &[f64],
    random: &mut Random,
) -> f64 {
    let mut loss = 0.0;
    for _ in 0..case.test_samples {
        let (x, y) = draws.sample(case, world, random);
        let sample = features(draws, world, rounders, x, y, random);
        loss += (y - dot(&sample.z, v)).powi(2);
    }
    loss / case.test_samples as f64
}
