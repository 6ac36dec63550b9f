//! The measured spectra beside a sweep's rows.

use std::path::Path;

use crate::error::Result;
use crate::plan::{Plan, Shard};
use crate::problem::Covariates;
use crate::store::{MeasuredSpectrum, paths};
use crate::theory::measured::{ROWS, eigenvalues};

/// Writes the spectrum of the k-th problem point from 1 on whose covariates come from a file. Files that are there
/// already are left: they depend on the inputs alone.
pub fn write(plan: &Plan, dir: &Path, shard: Shard) -> Result<()> {
    let mut written: Vec<&Covariates> = Vec::new();
    for covariates in plan.points.iter().filter_map(|point| point.problem.covariates()) {
        if written.iter().any(|have| *have == covariates.as_ref()) {
            continue;
        }
        written.push(covariates);
        let number = written.len() as u64;
        if !paths::spectrum(dir, number).exists() {
            MeasuredSpectrum { number, eigenvalues: eigenvalues(covariates, ROWS)? }.write(dir, &shard.to_string())?;
        }
    }
    Ok(())
}
