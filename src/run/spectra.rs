//! The measured spectra beside a sweep's rows.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::plan::{Plan, Shard};
use crate::problem::Covariates;
use crate::store::write_whole;
use crate::theory::measured::{ROWS, eigenvalues};

/// Writes `spectrum-<k>.csv` for the k-th problem point from 1 on whose covariates come from a file: `index` from 1,
/// `eigenvalue` descending. Files that are there already are left: they depend on the inputs alone.
pub fn write(plan: &Plan, dir: &Path, shard: Shard) -> Result<()> {
    let mut written: Vec<&Covariates> = Vec::new();
    for covariates in plan.points.iter().filter_map(|point| point.problem.covariates()) {
        if written.iter().any(|have| *have == covariates.as_ref()) {
            continue;
        }
        written.push(covariates);
        let path = dir.join(format!("spectrum-{}.csv", written.len()));
        if path.exists() {
            continue;
        }
        let mut text = String::from("index,eigenvalue\n");
        for (index, eigenvalue) in (1..).zip(eigenvalues(covariates, ROWS)?) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{index},{eigenvalue:e}");
        }
        write_whole(&path, &shard.to_string(), |file| {
            std::io::Write::write_all(file, text.as_bytes()).map_err(Error::io(&path))
        })?;
    }
    Ok(())
}
