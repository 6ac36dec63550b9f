//! `problem.covariates`: real data in place of a spectrum and a target.

use std::path::Path;

use super::MAX_DIM;
use super::input::input;
use super::item::Item;
use crate::error::{Error, Result};
use crate::npy::MAX_MAGNITUDE;
use crate::problem::Covariates;

/// Of the training rows.
#[derive(Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum Order {
    File,
    Permuted,
}

/// Reads `{ path, labels, order, held_out, standardize }`.
pub(super) fn covariates(item: &Item, base: &Path) -> Result<Covariates> {
    let mut keys = item.clone().table()?;
    keys.know(&["path", "labels", "order", "held_out", "standardize", "path_hash", "labels_hash"])?;
    let (path, labels_path) = (keys.key("path"), keys.key("labels"));
    let x = input(&mut keys, "path", "path_hash", base)?;
    let labels = input(&mut keys, "labels", "labels_hash", base)?;
    let permuted = keys.take_or("order", "file").word::<Order>()? == Order::Permuted;
    let held_out = keys.take_or("held_out", 0.1).number(0.001, 0.9)?;
    let standardize = keys.take_or("standardize", false).boolean()?;
    let &[rows, dim] = x.shape.as_slice() else {
        return Err(Error::Input(format!(
            "{path}: {} has shape {:?}: allowed are two dimensions, rows and columns",
            x.path.display(),
            x.shape
        )));
    };
    let most = (1usize << 31) - 1;
    if !(2..=most).contains(&rows) || !(1..=MAX_DIM as usize).contains(&dim) {
        return Err(Error::Input(format!(
            "{path}: {} has {rows} rows of {dim} columns: allowed are 2 to {most} rows of 1 to {} columns",
            x.path.display(),
            MAX_DIM
        )));
    }
    labels.expect_shape(&labels_path, &[rows], "one label for each row of the covariates")?;
    let covariates = Covariates::new(x, labels, permuted, held_out, standardize);
    // A held-out row may be far from training rows of hardly any scatter.
    if let Some((row, column, value)) = covariates.first_beyond(MAX_MAGNITUDE) {
        return Err(Error::Input(format!(
            "{path}: {}, element [{row}, {column}] is {value:e} once it is standardized over the training rows: allowed \
             is a magnitude of at most 2^20",
            covariates.x.path.display()
        )));
    }
    Ok(covariates)
}
