//! The parts of all shards, of one directory or several, made into few: what a sweep of one process would have left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::settings::settings;
use super::stored::Stored;
use crate::error::{Error, Result};
use crate::plan::{Plan, Shard};
use crate::scheduler::array_spec;
use crate::shell::quoted;
use crate::store::part::{Part, Source, damaged};
use crate::store::row::Row;
use crate::store::{self, Compacted, Contents, Store, paths};
use crate::watch::Watch;

/// What a merge found and did.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    pub runs: u64,
    pub rows: u64,
    /// Cohorts that were stored more than once, alike.
    pub duplicates: u64,
    /// Of the result columns.
    pub digest: String,
    pub compacted: Compacted,
}

/// Gathers the parts of a sweep into `dir`, which may be new where there is `more`, and makes them few. Every part, every row
/// and their number are verified before anything is written; the other directories stay as they are.
///
/// # Errors
/// [`Error::Incomplete`] where cohorts are missing, which it names, or the watch asked to end; [`Error::Corrupt`] for parts
/// that are damaged, of another sweep or plan, and for rows of one run that differ; [`Error::Input`] where a process runs
/// a shard in `dir`, and where a directory or a file that the config names can't be read.
pub fn merge(dir: &Path, more: &[PathBuf], watch: &Watch) -> Result<Merged> {
    let is_begun = paths::manifest(dir).exists() || !store::parts(dir)?.is_empty();
    let dirs = (is_begun || more.is_empty()).then_some(dir).into_iter().chain(more.iter().map(PathBuf::as_path));
    let all = dirs.map(Stored::open).collect::<Result<Vec<Stored>>>()?;
    let Some((first, others)) = all.split_first() else {
        return Err(Error::Input("no directory is given to merge".into()));
    };
    others.iter().try_for_each(|other| of_one_sweep(first, other))?;
    let plan = plan_of_all(first, &all)?;
    let contents: Vec<Contents> = all.iter().map(|stored| stored.contents.clone()).collect();
    let gathered = contents[0].clone().with(&contents[1..]);
    complete(first, &gathered, all.len() > 1)?;

    let mut store = Store::open(dir, &settings(&plan), Shard::WHOLE, watch)?;
    // What changed meanwhile is seen, and nothing changes from here on.
    let gathered = store.contents().clone().with(&contents[usize::from(is_begun)..]);
    complete(first, &gathered, all.len() > 1)?;
    of_one_plan(gathered.parts())?;
    let duplicates = gathered.duplicates();
    let stored = first.with(gathered, plan);
    let (mut rows, mut runs, mut last) = (0, 0, None);
    let verified = watched(stored.rows(), watch).inspect(|row| {
        let Ok(row) = row else { return };
        rows += 1;
        runs += u64::from(last.replace(row.run_id) != Some(row.run_id));
    });
    let digest = store::digest_of(verified)?;
    let compacted = store.compact(&stored.contents, || watched(stored.rows(), watch))?;
    Ok(Merged { runs, rows, duplicates, digest, compacted })
}

/// Rows that end where the watch asks to.
fn watched(rows: impl Iterator<Item = Result<Row>>, watch: &Watch) -> impl Iterator<Item = Result<Row>> {
    rows.map(|row| watch.ask().and(row))
}

fn of_one_sweep(first: &Stored, other: &Stored) -> Result<()> {
    match first.sweep.difference(&other.sweep) {
        None => Ok(()),
        Some((was, is)) => Err(Error::Corrupt(format!(
            "{}: it belongs to another sweep than {}: `{is}` there, `{was}` here",
            other.contents.dir().display(),
            first.contents.dir().display()
        ))),
    }
}

/// The plan of the most seeds that any of the directories was asked for.
fn plan_of_all(first: &Stored, all: &[Stored]) -> Result<Plan> {
    let plan = first.plan()?;
    let mut config = plan.config.clone();
    config.sweep.seeds = all.iter().map(|stored| stored.contents.seeds()).max().unwrap_or(config.sweep.seeds);
    Plan::new(config)
}

/// Refuses parts that the same program planned otherwise: another one may write the same plan in other words.
fn of_one_plan(parts: &[Part]) -> Result<()> {
    let mut known: BTreeMap<(&str, Option<&str>), &str> = BTreeMap::new();
    for part in parts {
        let Source::Session(session) = &part.header().source else { continue };
        let hash = part.header().sweep.plan.hash.as_str();
        let other = *known.entry((&session.version, session.git_commit.as_deref())).or_insert(hash);
        if other != hash {
            let what = format!("it has the plan hash {hash}, another part of the same program {other}");
            return Err(damaged(part.path(), &what));
        }
    }
    Ok(())
}

/// Refuses what is not all of a sweep: by its seed indices, and the command that computes them.
fn complete(first: &Stored, gathered: &Contents, several: bool) -> Result<()> {
    let (seeds, cohorts) = gathered.missing();
    let Some(seed) = seeds.first() else { return Ok(()) };
    let (dir, asked) = (first.contents.dir(), gathered.seeds());
    let all = u64::from(asked) * first.sweep.plan.points.len() as u64;
    // Of several directories none is to compute what another one holds: a shard of one seed index does not.
    let shard = if several { format!(" --shard {seed}/{asked}") } else { String::new() };
    let for_each = if several { ", and so on" } else { "" };
    Err(Error::Incomplete(format!(
        "{cohorts} of {all} cohorts are missing, of seed indices {}: `roundlaw sweep {} --out {}{shard}` computes them{for_each}; nothing \
         was merged",
        array_spec(&seeds),
        quoted(&paths::config(dir)),
        quoted(dir),
    )))
}
