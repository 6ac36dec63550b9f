//! The exact risk of given weights, straight from its definition.

use super::draw::{Draws, World, dot};

pub struct Risk {
    pub reducible: f64,
    pub excess: f64,
}

/// Reducible = sum_i lambda_i ((S^T v)_i - w*_i)^2, a closed tail adding |v|^2 tau/M + tau_y; less the smallest value
/// that any weights reach, it is the excess.
pub fn exact(draws: &Draws, world: &World, v: &[f64], model: usize) -> Risk {
    let isotropic = draws.tail / model as f64;
    let risk = |v: &[f64]| {
        let mut risk = isotropic * dot(v, v) + draws.tail_label;
        for (i, lambda) in draws.lambda.iter().enumerate() {
            let seen: f64 = world.sketch.iter().zip(v).map(|(row, v)| row[i] * v).sum();
            risk += lambda * (seen - world.target[i]).powi(2);
        }
        risk
    };
    let weighted = |row: &Vec<f64>| -> Vec<f64> { row.iter().zip(&draws.lambda).map(|(s, l)| s * l).collect() };
    let mut sigma: Vec<Vec<f64>> = Vec::new();
    for (j, row) in world.sketch.iter().map(weighted).enumerate() {
        sigma.push(world.sketch.iter().map(|other| dot(&row, other)).collect());
        sigma[j][j] += isotropic;
        sigma[j].push(dot(&row, &world.target));
    }
    let reducible = risk(v);
    Risk { reducible, excess: reducible - risk(&solve(sigma)) }
}

/// Gauss and Jordan on a positive definite matrix with the right side as its last column.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let m = rows.len();
    for p in 0..m {
        let pivot = rows[p].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != p) {
            let factor = row[p] / pivot[p];
            (p..=m).for_each(|k| row[k] -= factor * pivot[k]);
        }
    }
    (0..m).map(|j| rows[j][m] / rows[j][j]).collect()
}

/// Mean of (y - <S x, v>)^2 over the held-out rows of a file.
pub fn held_out(world: &World, v: &[f64]) -> f64 {
    let loss = |(x, y): &(Vec<f64>, f64)| {
        let prediction: f64 = world.sketch.iter().zip(v).map(|(row, v)| dot(row, x) * v).sum();
        (y - prediction).powi(2)
    };
    world.held_out.iter().map(loss).sum::<f64>() / world.held_out.len() as f64
}
