//! Many parts into few, whose bytes follow from the rows alone: whatever shards computed them, on however many machines,
//! the files are the same.
//!
//! At every moment each row is in a part that has its name: what the old parts say of themselves is kept first, then the
//! new parts are written, and only then the old ones removed. A merge that was killed is begun anew by the next.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::{fs, iter};

use super::part::{self, Claim, GROUP_ROWS, Header, Name, Part, Seeds, Source, Work};
use super::{Contents, Store};
use crate::error::{Error, Result};
use crate::plan::Cohort;
use crate::store::row::Row;

/// Rows of a merged part, and up to a cohort more: some ten megabytes.
const PART_ROWS: u64 = 1 << 17;

/// What a merge did to a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Parts that there are now.
    pub parts: usize,
    /// Those of them that were not there before.
    pub written: usize,
    /// Files of parts that are gone.
    pub removed: usize,
}

/// A part that is to be.
struct Planned {
    first: Cohort,
    header: Header,
    rows: u64,
}

impl Store {
    /// Puts few parts in the place of all that are `gathered`, in this directory and others, which stay. `rows` gives all
    /// of their rows, in key order, each time anew. The store must be open for [`Shard::WHOLE`].
    ///
    /// # Errors
    /// Those of the rows and of writing; [`Error::Other`] where the rows are not those that the parts claim to hold. Whatever
    /// it is, no row is lost.
    ///
    /// [`Shard::WHOLE`]: crate::plan::Shard::WHOLE
    pub fn compact<R: Iterator<Item = Result<Row>>>(
        &mut self,
        gathered: &Contents,
        rows: impl FnMut() -> R,
    ) -> Result<Compacted> {
        let old: Vec<Part> = self.contents.parts().to_vec();
        let planned = self.planned(gathered);
        let there = |planned: &Planned| old.iter().find(|part| *part.header() == planned.header);
        let mut kept: BTreeSet<Arc<Path>> = planned.iter().filter_map(there).map(|part| part.path().clone()).collect();
        let mut done = Compacted { parts: planned.len(), ..Compacted::default() };
        let mut provenance = gathered.provenance().clone();
        gathered.parts().iter().for_each(|part| provenance.keep(part));
        if provenance != *self.contents.provenance() {
            self.lock.check()?;
            provenance.write(&self.dir, &self.shard.to_string())?;
        }
        if kept.len() < planned.len() {
            let written = self.write_merged(&planned, |planned| there(planned).is_some(), rows)?;
            done.written = written.len();
            kept.extend(written);
        }
        self.lock.check()?;
        for part in old.iter().filter(|part| !kept.contains(part.path())) {
            fs::remove_file(part.path()).map_err(Error::io(part.path()))?;
            done.removed += 1;
        }
        self.write_manifest()?;
        Ok(done)
    }

    /// Writes the parts that are not there, and returns their paths.
    fn write_merged<R: Iterator<Item = Result<Row>>>(
        &self,
        planned: &[Planned],
        is_there: impl Fn(&Planned) -> bool,
        mut rows: impl FnMut() -> R,
    ) -> Result<Vec<Arc<Path>>> {
        // One that writes, and one that what is read back is compared with.
        let (mut writing, mut comparing) = (rows(), rows());
        let mut paths = Vec::new();
        for part in planned {
            if is_there(part) {
                skip(&mut writing, part.rows)?;
                skip(&mut comparing, part.rows)?;
                continue;
            }
            let mut passes = [groups(&mut writing, part.rows), groups(&mut comparing, part.rows)].into_iter();
            let next = || passes.next().into_iter().flatten();
            let path = part::write(&self.dir, Name::Merged, part.first, &part.header, next, || self.lock.check())?;
            paths.push(path.into());
        }
        Ok(paths)
    }

    /// The parts that hold all cohorts in order, cut by numbers of rows that only the plan decides.
    fn planned(&self, gathered: &Contents) -> Vec<Planned> {
        let plan = &self.sweep.plan;
        let seeds = gathered.seeds().max(self.contents.seeds());
        let mut planned: Vec<Planned> = Vec::new();
        for ((seed_index, point), is_checked) in gathered.cohorts() {
            if planned.last().is_none_or(|part| part.rows >= PART_ROWS) {
                let header =
                    Header { sweep: self.sweep.clone(), source: Source::Merged { seeds }, ..Header::default() };
                planned.push(Planned { first: Cohort { point, seed_index }, header, rows: 0 });
            }
            if let Some(Planned { header: Header { cohorts, work, .. }, rows, .. }) = planned.last_mut() {
                claim(cohorts, point, seed_index, is_checked);
                let runs = plan.points[point].cells;
                *work += Work { runs, checked: if is_checked { runs } else { 0 }, milliseconds: 0 };
                *rows += plan.points[point].rows;
            }
        }
        planned
    }
}

/// Adds a cohort, later than all others, to claims by problem point.
fn claim(claims: &mut Vec<Claim>, point: usize, seed_index: u32, is_checked: bool) {
    let place = claims.binary_search_by_key(&point, |claim| claim.point).unwrap_or_else(|place| {
        claims.insert(place, Claim { point, seeds: Seeds::default(), checked: Seeds::default() });
        place
    });
    claims[place].seeds.push(seed_index);
    if is_checked {
        claims[place].checked.push(seed_index);
    }
}

fn skip(rows: &mut impl Iterator<Item = Result<Row>>, count: u64) -> Result<()> {
    (0..count).try_for_each(|_| rows.next().ok_or_else(ended)?.map(drop))
}

/// The next `count` rows, as many at a time as a group of a part has. They end at the first error.
fn groups(rows: &mut impl Iterator<Item = Result<Row>>, count: u64) -> impl Iterator<Item = Result<Vec<Row>>> {
    let mut left = count;
    iter::from_fn(move || {
        let size = left.min(GROUP_ROWS as u64);
        left -= size;
        (size > 0).then(|| (0..size).map(|_| rows.next().ok_or_else(ended)?).collect())
    })
}

/// What the caller, who has counted the rows of every cohort, does not see.
fn ended() -> Error {
    Error::Other("the rows ended before those of all cohorts were read".into())
}
