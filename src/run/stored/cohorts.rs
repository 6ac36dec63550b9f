//! Whether cohorts have all of their rows.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::plan::Cohort;
use crate::store::part::Shape;
use crate::store::row::Row;

/// Counts the rows of one cohort after another: in key order they come together.
pub(super) struct Cohorts {
    plan: Shape,
    open: Option<Ended>,
}

/// A cohort all of whose rows were read.
pub(super) struct Ended {
    pub cohort: Cohort,
    rows: u64,
    due: u64,
    /// The part of its last row.
    path: Arc<Path>,
}

impl Cohorts {
    pub fn new(plan: &Shape) -> Cohorts {
        Cohorts { plan: plan.clone(), open: None }
    }

    /// The cohort that ended with the row before, if one did.
    pub fn next(&mut self, row: &Row, path: &Arc<Path>) -> Option<Ended> {
        // That the cell is planned was seen when the part was decoded.
        let cohort = Cohort { point: self.plan.point(row.cell)?, seed_index: row.seed_index };
        match &mut self.open {
            Some(open) if open.cohort == cohort => {
                open.rows += 1;
                None
            }
            open => {
                let due = self.plan.points[cohort.point].rows;
                open.replace(Ended { cohort, rows: 1, due, path: path.clone() })
            }
        }
    }

    pub fn end(&mut self) -> Option<Ended> {
        self.open.take()
    }
}

impl Ended {
    pub fn is_whole(&self) -> bool {
        self.rows == self.due
    }

    pub fn whole(&self) -> Result<()> {
        let Ended { cohort: Cohort { point, seed_index }, rows, due, path } = self;
        match self.is_whole() {
            true => Ok(()),
            false => Err(Error::Corrupt(format!(
                "{}: {rows} of {due} rows of problem point {point}, seed index {seed_index}; the same sweep computes them \
                 again",
                path.display()
            ))),
        }
    }
}
