//! The rows of a directory as the commands read them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::cohorts::{Cohorts, Ended};
use super::planned::PlannedSettings;
use crate::error::Result;
use crate::plan::{Cohort, Plan};
use crate::run::settings::settings;
use crate::store::part::damaged;
use crate::store::row::Row;
use crate::store::{self, Contents};
use crate::watch::Watch;

/// Rows of a directory, each compared with the plan, see [`super::rows()`].
pub struct StoredRows {
    rows: store::Rows,
    settings: Option<PlannedSettings>,
    /// Where all rows are read: counts those of each cohort.
    cohorts: Option<Cohorts>,
}

impl StoredRows {
    pub(super) fn new(rows: store::Rows, settings: Option<PlannedSettings>, cohorts: Option<Cohorts>) -> StoredRows {
        StoredRows { rows, settings, cohorts }
    }

    fn accept(&mut self, (mut row, path): (Row, Arc<Path>)) -> Result<Row> {
        if let Some(settings) = &mut self.settings {
            settings.compare(&mut row).map_err(|what| damaged(&path, &what))?;
        }
        let ended = self.cohorts.as_mut().and_then(|cohorts| cohorts.next(&row, &path));
        ended.map_or(Ok(()), |ended| ended.whole())?;
        Ok(row)
    }
}

impl Iterator for StoredRows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        let next = match self.rows.next() {
            Some(row) => Some(row.and_then(|row| self.accept(row))),
            None => self.cohorts.as_mut().and_then(Cohorts::end)?.whole().err().map(Err),
        };
        if matches!(next, Some(Err(_))) {
            self.rows.stop();
            self.cohorts = None;
        }
        next
    }
}

/// The cohorts that are stored whole, as (problem point, seed index). `tell` gets a line for each that parts claim to hold
/// and do not.
///
/// # Errors
/// [`crate::Error::Corrupt`] for rows that are not the plan's, or differ; [`crate::Error::Incomplete`] when the watch asked
/// to end.
pub fn whole_cohorts(
    contents: &Contents,
    plan: &Plan,
    watch: &Watch,
    mut tell: impl FnMut(String),
) -> Result<BTreeSet<(usize, u32)>> {
    let sweep = settings(plan).sweep;
    let mut planned = PlannedSettings::new(Arc::new(plan.clone()), sweep.stream_version);
    let (mut cohorts, mut whole) = (Cohorts::new(&sweep.plan), BTreeSet::new());
    let mut keep = |ended: Option<Ended>| {
        whole.extend(ended.filter(Ended::is_whole).map(|ended| (ended.cohort.point, ended.cohort.seed_index)));
    };
    for row in contents.rows(None) {
        watch.ask()?;
        let (mut row, path) = row?;
        planned.compare(&mut row).map_err(|what| damaged(&path, &what))?;
        keep(cohorts.next(&row, &path));
    }
    keep(cohorts.end());
    for part in contents.parts() {
        let claimed = part.header().cohorts.iter().flat_map(|claim| claim.cohorts());
        let mut missing = claimed.filter(|c| !whole.contains(&(c.point, c.seed_index)));
        let Some(Cohort { point, seed_index }) = missing.next() else { continue };
        let more = missing.try_fold(0_u64, |count, _| watch.ask().map(|()| count + 1))?;
        let others = if more == 0 { String::new() } else { format!(", and of {more} more cohorts,") };
        let name = part.path().display();
        tell(format!(
            "{name}: rows of problem point {point}, seed index {seed_index}{others} are missing; computing it again"
        ));
    }
    Ok(whole)
}
