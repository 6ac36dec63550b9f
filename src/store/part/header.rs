//! What a part says of itself, in its Parquet key-value metadata: whose rows it holds and where they come from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::seeds::Seeds;
use crate::plan::Cohort;
use crate::store::row::Row;

/// The header of a part. With it a part is known for what it is wherever it lies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Header {
    #[serde(with = "shared")]
    pub sweep: Arc<Sweep>,
    /// The cohorts it holds, all of their rows, by problem point.
    pub cohorts: Vec<Claim>,
    #[serde(flatten)]
    pub source: Source,
    /// What the part itself took; of a merged one no time.
    pub work: Work,
}

/// Who wrote a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The process that computed its rows.
    Session(Box<Session>),
    /// A merge of other parts. It names no process, so that its bytes follow from the rows: who computed them stands beside
    /// it, in [`crate::store::Provenance`].
    Merged {
        /// The most seeds that any of their sweeps asked for.
        seeds: u32,
    },
}

impl Default for Source {
    fn default() -> Source {
        Source::Session(Box::default())
    }
}

impl Source {
    /// Seeds that were asked for.
    pub fn seeds(&self) -> u32 {
        match self {
            Source::Session(session) => session.seeds,
            Source::Merged { seeds } => *seeds,
        }
    }
}

/// A shared sweep is written as any other.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Sweep;

    pub fn serialize<S: Serializer>(sweep: &Arc<Sweep>, serializer: S) -> Result<S::Ok, S::Error> {
        Sweep::serialize(sweep, serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Sweep>, D::Error> {
        Sweep::deserialize(deserializer).map(Arc::new)
    }
}

/// What all parts of a directory have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Version of the arithmetic.
    pub stream_version: u32,
    /// Canonical text, one key a line, of everything that must not change in a directory.
    pub identity: String,
    pub plan: Shape,
}

impl Sweep {
    /// The first thing that two sweeps do not share, as each has it. The hash of the plan is none: a later version of
    /// the program may write the same plan otherwise.
    pub fn difference(&self, other: &Sweep) -> Option<(String, String)> {
        let both = |text: fn(&Sweep) -> String| Some((text(self), text(other)));
        if self.stream_version != other.stream_version {
            return both(|sweep| format!("stream_version = {}", sweep.stream_version));
        }
        let lines = first_difference(&self.identity, &other.identity);
        let same = self.plan.points == other.plan.points;
        if lines.is_some() || same { lines } else { both(|sweep| format!("cells and rows {:?}", sweep.plan.points)) }
    }
}

/// The first line that two texts do not share, as each has it.
fn first_difference(was: &str, is: &str) -> Option<(String, String)> {
    let text = |line: Option<&str>| line.unwrap_or("(nothing)").to_owned();
    let (mut was, mut is) = (was.lines(), is.lines());
    loop {
        match (was.next(), is.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((text(a), text(b))),
        }
    }
}

/// How many cells a plan has, and how many rows a cohort.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// FNV-1a 64 of the plan, 16 hex digits.
    pub hash: String,
    /// Of each problem point. Cells are numbered by problem point.
    pub points: Vec<PointShape>,
}

/// What a problem point has of one seed index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointShape {
    /// The first of its cells.
    pub first: u64,
    pub cells: u64,
    pub rows: u64,
}

impl Shape {
    /// Of problem points with so many cells and rows.
    pub fn new(hash: String, points: impl IntoIterator<Item = (u64, u64)>) -> Shape {
        let mut shape = Shape { hash, points: Vec::new() };
        for (cells, rows) in points {
            shape.points.push(PointShape { first: shape.cells(), cells, rows });
        }
        shape
    }

    /// Cells of all problem points: runs of one seed index.
    pub fn cells(&self) -> u64 {
        self.points.last().map_or(0, |point| point.first + point.cells)
    }

    /// The first run of a cohort.
    pub fn first_run(&self, cohort: Cohort) -> u64 {
        u64::from(cohort.seed_index) * self.cells() + self.points[cohort.point].first
    }

    /// The problem point of a cell, `None` where there is no such cell.
    pub fn point(&self, cell: u64) -> Option<usize> {
        let point = self.points.partition_point(|point| point.first + point.cells <= cell);
        (point < self.points.len()).then_some(point)
    }

    /// Whether cells are numbered on from point to point, in numbers that leave room for those of runs.
    fn is_sound(&self) -> bool {
        let mut end = 0_u64;
        self.points.iter().all(|point| {
            let follows = point.first == end;
            end = end.saturating_add(point.cells);
            follows && end <= u32::MAX.into()
        })
    }
}

impl Header {
    /// Whether it names cohorts, and says nothing that can't be.
    pub(super) fn is_sound(&self) -> bool {
        let points = &self.sweep.plan.points;
        let ascends = self.cohorts.windows(2).all(|pair| pair[0].point < pair[1].point);
        let within = self.cohorts.last().is_some_and(|claim| claim.point < points.len());
        let seeds = |claim: &Claim| claim.seeds.last().is_some_and(|last| last < self.source.seeds());
        let runs = |of: fn(&Claim) -> &Seeds| {
            let runs =
                self.cohorts.iter().map(|claim| u128::from(points[claim.point].cells) * u128::from(of(claim).count()));
            runs.sum::<u128>()
        };
        self.sweep.plan.is_sound()
            && ascends
            && within
            && self.cohorts.iter().all(seeds)
            && runs(|claim| &claim.seeds) == u128::from(self.work.runs)
            && runs(|claim| &claim.checked) == u128::from(self.work.checked)
    }

    /// What it says of the cohort of a cell and a seed index.
    pub(super) fn claim(&self, cell: u64, seed_index: u32) -> Option<&Claim> {
        let point = self.sweep.plan.point(cell)?;
        let place = self.cohorts.binary_search_by_key(&point, |claim| claim.point).ok()?;
        Some(&self.cohorts[place]).filter(|claim| claim.seeds.has(seed_index))
    }
}

/// Cohorts of one problem point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub point: usize,
    pub seeds: Seeds,
    /// Those of them that the reference redid bit for bit.
    pub checked: Seeds,
}

impl Claim {
    /// The cohorts that rows in key order belong to, by problem point. `None` for a cell that the plan has not.
    pub fn of(rows: &[Row], plan: &Shape) -> Option<Vec<Claim>> {
        let mut claims: Vec<Claim> = Vec::new();
        for run in rows.chunk_by(|a, b| a.run_id == b.run_id) {
            let (point, seed) = (plan.point(run[0].cell)?, run[0].seed_index);
            let place = claims.binary_search_by_key(&point, |claim| claim.point).unwrap_or_else(|place| {
                claims.insert(place, Claim { point, seeds: Seeds::default(), checked: Seeds::default() });
                place
            });
            let claim = &mut claims[place];
            if claim.seeds.last() != Some(seed) {
                claim.seeds.push(seed);
                if run[0].is_checked() {
                    claim.checked.push(seed);
                }
            }
        }
        Some(claims)
    }

    pub fn cohorts(&self) -> impl Iterator<Item = Cohort> {
        self.seeds.iter().map(|seed_index| Cohort { point: self.point, seed_index })
    }
}

/// One process that wrote parts of one adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Session {
    /// Seconds since 1970 when it began, by the clock of its machine.
    pub started: u64,
    /// Tells apart processes that began in the same second.
    pub id: String,
    /// Of the program.
    pub version: String,
    pub git_commit: Option<String>,
    pub config_hash: String,
    pub shader_hash: String,
    pub adapter: String,
    pub driver: String,
    /// PCI bus id, empty where there is none.
    pub pci: String,
    pub fingerprint: String,
    /// As `0-of-1`.
    pub shard: String,
    pub threads: usize,
    /// Seeds that its config asked for.
    pub seeds: u32,
}

/// What was done for rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub runs: u64,
    /// Runs among them that the reference redid bit for bit.
    pub checked: u64,
    /// Wall-clock time.
    pub milliseconds: u64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Work) {
        self.runs = self.runs.saturating_add(other.runs);
        self.checked = self.checked.saturating_add(other.checked);
        self.milliseconds = self.milliseconds.saturating_add(other.milliseconds);
    }
}
