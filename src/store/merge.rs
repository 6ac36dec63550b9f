//! The rows of a directory, one after another in key order, however many parts hold them.
//!
//! A part is opened when its first run is reached and closed at its end: parts follow one another in a sweep, so
//! few are open at a time, and of each only a small batch of rows is decoded.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::path::Path;
use std::sync::Arc;
use std::vec;

use super::columns::differing;
use super::part::{Batches, Part};
use crate::error::{Error, Result};
use crate::store::row::Row;

/// Rows decoded at a time from each open part.
const BATCH: usize = 128;

/// Iterator over the rows of parts and the part of each, ascending in [`Row::key`], a few of them in memory at a time. A
/// row that several parts hold comes once, the checked one where one is. The first error ends the rows: a part that is
/// damaged, foreign or not in this order, and rows of one key that differ, are [`Error::Corrupt`].
pub struct Rows {
    /// The only run wanted, where there is one.
    run: Option<u64>,
    /// First run and part of those not opened yet, the earliest last.
    waiting: Vec<(u64, Part)>,
    open: BinaryHeap<Box<Head>>,
    ended: bool,
}

impl Rows {
    /// Of all runs, or of one: parts and row groups that can't hold it are not decoded.
    pub(super) fn of(parts: &[Part], run: Option<u64>) -> Rows {
        let firsts = parts.iter().filter_map(|part| Some((part.first_run()?, part.clone())));
        let mut waiting: Vec<_> = firsts.filter(|(first, _)| run.is_none_or(|run| *first <= run)).collect();
        waiting.sort_by(|(a, a_part), (b, b_part)| (b, b_part.path()).cmp(&(a, a_part.path())));
        Rows { run, waiting, open: BinaryHeap::new(), ended: false }
    }

    /// Opens the parts that may hold a row before the earliest of the open ones, or the same.
    fn open_due(&mut self) -> Result<()> {
        while let Some((first, part)) = self.waiting.pop() {
            if self.open.peek().is_some_and(|head| head.row.run_id < first) {
                self.waiting.push((first, part));
                break;
            }
            let batches = part.rows(self.run, BATCH)?;
            self.open.extend(Head::new(batches)?.map(Box::new));
        }
        Ok(())
    }

    /// The earliest row of the open parts.
    fn take(&mut self) -> Result<Option<(Row, Arc<Path>)>> {
        let Some(mut head) = self.open.peek_mut() else { return Ok(None) };
        let path = head.batches.path().clone();
        Ok(Some(match head.step()? {
            Some(row) => (row, path),
            None => (PeekMut::pop(head).row, path),
        }))
    }

    fn advance(&mut self) -> Result<Option<(Row, Arc<Path>)>> {
        self.open_due()?;
        let Some((mut row, mut path)) = self.take()? else { return Ok(None) };
        while self.open.peek().is_some_and(|head| head.row.key() == row.key())
            && let Some((other, other_path)) = self.take()?
        {
            if let Some((column, ..)) = differing(&row, &other).next() {
                let (run, seen, output) = row.key();
                return Err(Error::Corrupt(format!(
                    "run {run}, seen {seen}, output {output} lies in {} and in {} with another {column}; delete the \
                     one that is wrong (`roundlaw replay DIR --run {run}` computes the row), or both: the same sweep \
                     computes them again",
                    path.display(),
                    other_path.display()
                )));
            }
            if other.is_checked() {
                (row, path) = (other, other_path);
            }
        }
        Ok(Some((row, path)))
    }

    /// No more rows come.
    pub fn stop(&mut self) {
        self.ended = true;
    }
}

impl Iterator for Rows {
    type Item = Result<(Row, Arc<Path>)>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let next = self.advance().transpose();
            // Where one run is wanted, the first row of a later one is the end.
            let place = match (&next, self.run) {
                (Some(Ok((row, _))), Some(run)) => row.run_id.cmp(&run),
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

/// The heap gives its greatest first: the head of the earliest row, and of several the part that is named first.
impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        (other.row.key(), other.batches.path()).cmp(&(self.row.key(), self.batches.path()))
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
