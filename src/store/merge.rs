//! The rows of a directory, one after another in key order, however many parts hold them.
//!
//! A part is opened when its first run is reached and closed at its end: parts follow one another in a sweep, so
//! few are open at a time, and of each only a small batch of rows is decoded.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::path::{Path, PathBuf};
use std::vec;

use rayon::prelude::*;

use super::directory::parts;
use super::parquet::{Batches, Part};
use crate::error::{Error, Result};
use crate::store::row::Row;

/// Rows decoded at a time from each open part.
const BATCH: usize = 128;

/// All rows of a sweep's directory, ascending in [`Row::key`], a few of them in memory at a time.
///
/// # Errors
/// [`Error::Input`] for a directory that is not there; the rows themselves may be errors: a part that is damaged,
/// foreign or not in this order, and a key that comes twice, are [`Error::Corrupt`]. The first error ends the rows.
///
/// # Examples
/// ```
/// # use roundlaw::{Config, Plan, Shard, open_adapter, run};
/// # let text = r#"
/// #     problem = { dim = 40, spectrum = { kind = "power", exponent = 2.0 } }
/// #     train = { model = [4, 8], samples = 64 }
/// #     recipe = [{ name = "fp32" }]
/// #     sweep = { seeds = 2 }
/// # "#;
/// # let plan = Plan::new(Config::parse(text, &[])?)?;
/// # let place = tempfile::tempdir().expect("a temporary directory");
/// # let dir = place.path();
/// # let watch = roundlaw::Watch::default();
/// # run::sweep::sweep(&plan, dir, Shard::WHOLE, open_adapter("cpu")?.as_ref(), &watch)?;
/// // `dir` is what `roundlaw sweep CONFIG --out DIR` wrote.
/// let mut mean = (0.0, 0.0);
/// for row in roundlaw::rows(dir)? {
///     let row = row?;
///     assert_eq!((row.run_id, row.recipe.as_str()), (u64::from(row.seed_index) * 2 + row.cell, "fp32"));
///     if let Some(excess) = row.excess {
///         mean = (mean.0 + excess, mean.1 + 1.0);
///     }
/// }
/// assert!(mean.1 == 4.0 && mean.0 / mean.1 > 0.0);
/// # Ok::<(), roundlaw::Error>(())
/// ```
pub fn rows(dir: &Path) -> Result<Rows> {
    Rows::open(dir, None)
}

/// The rows of one run; parts and row groups that can't hold it are not decoded.
pub fn rows_of_run(dir: &Path, run: u64) -> Result<Rows> {
    Rows::open(dir, Some(run))
}

/// Iterator over stored rows, see [`rows()`].
pub struct Rows {
    dir: PathBuf,
    /// The only run wanted, where there is one.
    run: Option<u64>,
    /// First run and path of the parts not opened yet, the earliest last.
    waiting: Vec<(u64, PathBuf)>,
    open: BinaryHeap<Box<Head>>,
    /// Key of the row given last.
    last: Option<(u64, u64, String)>,
    ended: bool,
}

impl Rows {
    fn open(dir: &Path, run: Option<u64>) -> Result<Rows> {
        let first = |path: PathBuf| Ok(Part::open(&path)?.first_run()?.map(|first| (first, path)));
        let firsts: Vec<Result<Option<(u64, PathBuf)>>> = parts(dir)?.into_par_iter().map(first).collect();
        let mut waiting = Vec::with_capacity(firsts.len());
        for first in firsts {
            waiting.extend(first?.filter(|(first, _)| run.is_none_or(|run| *first <= run)));
        }
        waiting.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Rows { dir: dir.to_path_buf(), run, waiting, open: BinaryHeap::new(), last: None, ended: false })
    }

    /// Opens the parts that may hold a row before the earliest of the open ones.
    fn open_due(&mut self) -> Result<()> {
        while let Some((first, path)) = self.waiting.pop() {
            if self.open.peek().is_some_and(|head| head.row.run_id < first) {
                self.waiting.push((first, path));
                break;
            }
            let batches = Part::open(&path)?.rows(|_| true, self.run, BATCH)?;
            self.open.extend(Head::new(batches)?.map(Box::new));
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<Row>> {
        self.open_due()?;
        let Some(mut head) = self.open.peek_mut() else {
            return Ok(None);
        };
        let after = self
            .last
            .as_ref()
            .map_or(Ordering::Greater, |(run, seen, output)| head.row.key().cmp(&(*run, *seen, output)));
        let (run, seen, output) = head.row.key();
        match after {
            Ordering::Greater => {}
            Ordering::Equal => {
                let dir = self.dir.display();
                return Err(Error::Corrupt(format!("{dir}: run {run} has two rows for seen {seen}, output {output}")));
            }
            Ordering::Less => {
                let path = head.batches.path().display();
                return Err(Error::Corrupt(format!(
                    "{path}: the row of run {run}, seen {seen}, output {output} comes after a later one; a part is in order of these"
                )));
            }
        }
        self.last = Some((run, seen, output.to_owned()));
        match head.step()? {
            Some(row) => Ok(Some(row)),
            None => Ok(Some(PeekMut::pop(head).row)),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        while !self.ended {
            let next = self.advance().transpose();
            // Where one run is wanted, the first row of a later one is the end.
            let place = match (&next, self.run) {
                (Some(Ok(row)), Some(run)) => row.run_id.cmp(&run),
                _ => Ordering::Equal,
            };
            self.ended = !matches!(next, Some(Ok(_))) || place == Ordering::Greater;
            match place {
                Ordering::Less => {}
                Ordering::Equal => return next,
                Ordering::Greater => return None,
            }
        }
        None
    }
}

/// An open part: its earliest row not given yet, and those after it.
struct Head {
    row: Row,
    rest: vec::IntoIter<Row>,
    batches: Batches,
}

impl Head {
    /// `None` where the part holds no row that is wanted.
    fn new(mut batches: Batches) -> Result<Option<Head>> {
        let mut rest = batches.next_batch()?.into_iter();
        Ok(rest.next().map(|row| Head { row, rest, batches }))
    }

    /// The row, its place taken by the next one; `None` where it is the last.
    fn step(&mut self) -> Result<Option<Row>> {
        if self.rest.as_slice().is_empty() {
            self.rest = self.batches.next_batch()?.into_iter();
        }
        Ok(self.rest.next().map(|next| std::mem::replace(&mut self.row, next)))
    }
}

/// The heap gives its greatest first: the head of the earliest row.
impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        other.row.key().cmp(&self.row.key())
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}
