//! Scaling laws from rows: what they identify, with intervals, and what they do not.
//!
//! rows -> [`grid`] (every cell by seed) -> `bootstrap` (means over resampled seeds) -> `floor`, `sizes` -> `estimate`
//! (one recipe at one M) -> `size` (its interval and type), `data` (k_N). Beside them stand the power law of full
//! precision (`form`, `description`) and the z-scores (`z`).
//!
//! A factor on M and a floor are never fitted together: they are confounded, and look precise while they are wrong. A
//! multiplicative floor is a gain, which one factor on the weights undoes; an additive one is a smaller model; rows hold
//! what tells the two apart.

mod bootstrap;
mod data;
mod description;
mod document;
mod estimate;
mod floor;
mod form;
pub mod grid;
mod group;
mod size;
mod sizes;
mod z;

use rayon::prelude::*;

pub use self::bootstrap::{Interval, Resamples, pick};
pub use self::data::DataFactor;
pub use self::description::{Description, LeftOut, LocalExponent, Rival, describe};
pub use self::document::shared;
pub use self::estimate::{Effective, Estimate, Means};
pub use self::floor::Floor;
pub use self::group::{Cell, FEW, Group, HEAVY, Limit, Recipe, is_heavy};
pub use self::size::{Size, Type};
pub use self::z::{EDGES, Scores};
use crate::error::Result;
use crate::watch::Watch;

/// What the rows of one group come to.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Of full precision; else why there is none.
    pub description: std::result::Result<Description, String>,
    pub rivals: Vec<Rival>,
    /// Of every recipe but full precision, by recipe and M.
    pub sizes: Vec<Size>,
    pub scores: Option<Scores>,
}

/// Fits one group, with intervals from so many resamples of its seeds.
///
/// # Errors
/// [`crate::Error::Incomplete`] where the watch asks to end.
pub fn fit(group: &Group, resamples: u32, watch: &Watch) -> Result<Fit> {
    let resamples = Resamples::new(group.seeds.len(), resamples);
    let others = (0..group.recipes.len()).filter(|recipe| Some(*recipe) != group.baseline);
    let pairs: Vec<(usize, usize)> =
        others.flat_map(|recipe| (0..group.models.len()).map(move |model| (recipe, model))).collect();
    let size = |(recipe, model): (usize, usize)| Size::new(group, recipe, model, &resamples, watch);
    let sizes = pairs.into_par_iter().map(size).collect::<Result<_>>()?;
    Ok(Fit {
        description: describe(group, &resamples, watch)?,
        rivals: description::rivals(group),
        sizes,
        scores: Scores::new(group, &resamples, watch)?,
    })
}

impl Fit {
    /// k_N of a recipe over all M where rows say it.
    pub fn k_n(&self, recipe: usize) -> Option<DataFactor> {
        let own = || self.sizes.iter().filter(|size| size.recipe == recipe).filter_map(|size| size.k_n);
        let values: Vec<f64> = own().filter_map(|k_n| k_n.value).collect();
        let ends: Vec<f64> = own().flat_map(|k_n| [k_n.low, k_n.high]).collect();
        DataFactor::new(&values, &ends)
    }
}
