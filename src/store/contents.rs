//! What lies in an output directory, verified as far as it can be without its plan.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use serde_json::json;

use super::directory::{has_older_parts, parts};
use super::manifest::{Manifest, Worked, other_version};
use super::merge::Rows;
use super::part::{Part, Session, Sweep, Work, damaged};
use super::paths;
use super::provenance::Provenance;
use crate::error::{Error, Result};
use crate::store::row::SCHEMA_VERSION;

/// The parts and the manifest of a directory, all of one sweep.
#[derive(Clone, Debug)]
pub struct Contents {
    dir: PathBuf,
    parts: Vec<Part>,
    provenance: Provenance,
    manifest: Option<Manifest>,
}

impl Contents {
    /// Verifies every byte of every part.
    ///
    /// # Errors
    /// [`Error::Input`] for a directory that is not there; [`Error::Corrupt`] for another schema version, and for parts
    /// and a manifest that are damaged.
    pub fn open(dir: &Path) -> Result<Contents> {
        let older = has_older_parts(dir)?;
        let paths = parts(dir)?;
        let manifest = Manifest::read(dir)?;
        if manifest.is_none() && older {
            return Err(other_version(dir, &json!(2)));
        }
        let parts = open(paths, &OnceLock::new())?;
        // A merge writes it before the first of its parts has its name.
        let provenance = Provenance::read(dir)?;
        provenance.covers(dir, &parts)?;
        Ok(Contents { dir: dir.to_path_buf(), parts, provenance, manifest })
    }

    /// These and the parts of other directories of the same sweep, each once.
    pub fn with(mut self, others: &[Contents]) -> Contents {
        for other in others {
            let named = |part: &Part| part.path().file_name().map(OsStr::to_owned);
            let own: BTreeSet<_> = self.parts.iter().map(named).collect();
            self.parts.extend(other.parts.iter().filter(|part| !own.contains(&named(part))).cloned());
            self.provenance.keep_all(&other.provenance);
        }
        self
    }

    /// Reads the manifest and what parts there are more, or fewer.
    pub(super) fn refresh(&mut self) -> Result<()> {
        let paths = parts(&self.dir)?;
        self.manifest = Manifest::read(&self.dir)?;
        self.parts.retain(|part| paths.binary_search_by(|path| path.as_path().cmp(part.path())).is_ok());
        let is_new = |path: &PathBuf| self.parts.binary_search_by(|part| (**part.path()).cmp(path)).is_err();
        let known =
            self.parts.first().map(|part| part.header().sweep.clone()).map_or_else(OnceLock::new, OnceLock::from);
        let new = open(paths.into_iter().filter(is_new).collect(), &known)?;
        self.parts.extend(new);
        self.parts.sort_by(|a, b| a.path().cmp(b.path()));
        self.provenance = Provenance::read(&self.dir)?;
        self.provenance.covers(&self.dir, &self.parts)
    }

    /// Refuses manifest, parts and `config`, where that is known, of which one is not of the sweep of the others. `differs`
    /// makes the error of the config from the first difference: what the directory has, and what the config.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for manifest and parts, and what `differs` makes.
    pub fn agree(&self, config: Option<&Sweep>, differs: impl Fn(&str, &str) -> Error) -> Result<()> {
        let Some(own) = self.sweep() else { return Ok(()) };
        let of_manifest = self.manifest.as_ref().map(|manifest| &manifest.sweep);
        // What two of manifest, parts and config say is right; a part of another sweep may lie among ours.
        let is_own = |config: &&Sweep| {
            let mut parts = self.parts.iter().map(|part| &*part.header().sweep);
            parts.any(|part| part.difference(config).is_none())
                || of_manifest.is_some_and(|of| of.difference(config).is_none())
        };
        let sweep = config.filter(is_own).unwrap_or(own);
        if let Some((was, is)) = config.and_then(|config| sweep.difference(config)) {
            return Err(differs(&was, &is));
        }
        if let Some((was, is)) = of_manifest.and_then(|of| of.difference(sweep)) {
            return Err(manifest_differs(&self.dir, &was, &is));
        }
        for part in &self.parts {
            if let Some((was, is)) = part.header().sweep.difference(sweep) {
                let what = format!("it belongs to another sweep: `{was}` there, `{is}` in this directory");
                return Err(damaged(part.path(), &what));
            }
            let Some(last) = part.header().cohorts.iter().filter_map(|claim| claim.seeds.last()).max() else {
                continue;
            };
            if last >= self.seeds() {
                return Err(damaged(part.path(), &format!("it holds seed index {last} of {} seeds", self.seeds())));
            }
        }
        match &self.manifest {
            Some(manifest) if manifest.seeds < self.seeds() => {
                let [was, is] = [manifest.seeds, self.seeds()].map(|seeds| format!("seeds = {seeds}"));
                Err(manifest_differs(&self.dir, &was, &is))
            }
            _ => Ok(()),
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The sweep whose directory this is, where anything says so.
    pub fn sweep(&self) -> Option<&Sweep> {
        let first = self.parts.first().map(|part| &*part.header().sweep);
        self.manifest.as_ref().map(|manifest| &manifest.sweep).or(first)
    }

    /// The most seeds that any sweep asked for.
    pub fn seeds(&self) -> u32 {
        self.seeds_of_parts().max(self.manifest.as_ref().map_or(0, |manifest| manifest.seeds))
    }

    /// The most seeds that the sweep of any part asked for.
    pub fn seeds_of_parts(&self) -> u32 {
        self.parts.iter().map(|part| part.header().source.seeds()).max().unwrap_or(0)
    }

    /// Sorted by name.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The seed indices of which no part holds some cohort, and how many cohorts these are.
    pub fn missing(&self) -> (BTreeSet<u32>, u64) {
        let (stored, points) = (self.cohorts(), self.sweep().map_or(0, |sweep| sweep.plan.points.len()));
        let all = (0..self.seeds()).flat_map(|seed| (0..points).map(move |point| (seed, point)));
        let missing = all.filter(|cohort| !stored.contains_key(cohort));
        missing.fold(Default::default(), |(mut seeds, cohorts), (seed, _)| {
            seeds.insert(seed);
            (seeds, cohorts + 1)
        })
    }

    /// Cohorts that several parts hold.
    pub fn duplicates(&self) -> u64 {
        let claims = self.parts.iter().flat_map(|part| &part.header().cohorts);
        claims.map(|claim| claim.seeds.count()).sum::<u64>() - self.cohorts().len() as u64
    }

    /// The cohorts that parts say they hold, by seed index and problem point, in the order of their runs; and whether each
    /// was checked.
    pub(super) fn cohorts(&self) -> BTreeMap<(u32, usize), bool> {
        let mut cohorts = BTreeMap::new();
        for claim in self.parts.iter().flat_map(|part| &part.header().cohorts) {
            for seed in claim.seeds.iter() {
                *cohorts.entry((seed, claim.point)).or_default() |= claim.checked.has(seed);
            }
        }
        cohorts
    }

    /// Who computed the rows of merged parts.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// All rows, or those of one run.
    pub fn rows(&self, run: Option<u64>) -> Rows {
        Rows::of(&self.parts, run)
    }

    /// The manifest that the parts make. `None` where there is no part, nor a manifest.
    pub fn manifest(&self) -> Option<Manifest> {
        Some(self.manifest_of(self.sweep()?.clone(), self.seeds()))
    }

    /// The manifest of a sweep with these parts.
    pub(super) fn manifest_of(&self, sweep: Sweep, seeds: u32) -> Manifest {
        // Those of a merge that was killed stand in both: each part counts once.
        let mut provenance = self.provenance.clone();
        self.parts.iter().for_each(|part| provenance.keep(part));
        let mut sessions: BTreeMap<&Session, Work> = BTreeMap::new();
        for (session, work) in provenance.work() {
            *sessions.entry(session).or_default() += work;
        }
        let sessions = sessions.into_iter().map(|(session, Work { runs, checked, milliseconds })| Worked {
            session: session.clone(),
            runs,
            checked,
            seconds: milliseconds as f64 / 1000.0,
        });
        Manifest { schema_version: SCHEMA_VERSION, sweep, seeds, sessions: sessions.collect() }
    }

    /// Knows of a manifest that has been written.
    pub(super) fn know(&mut self, manifest: Manifest) {
        self.manifest = Some(manifest);
    }

    pub(super) fn stored_manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }
}

/// Opens parts, which share the sweep of the first one.
fn open(paths: Vec<PathBuf>, sweep: &OnceLock<Arc<Sweep>>) -> Result<Vec<Part>> {
    let open = |path: PathBuf| {
        let part = Part::open(&path)?;
        let sweep = sweep.get_or_init(|| part.header().sweep.clone());
        Ok(part.sharing(sweep))
    };
    let parts: Vec<Result<Part>> = paths.into_par_iter().map(open).collect();
    parts.into_iter().collect()
}

fn manifest_differs(dir: &Path, was: &str, is: &str) -> Error {
    Error::Corrupt(format!(
        "{}: `{was}` there, `{is}` in the parts; delete it: the same sweep writes it again from the parts",
        paths::manifest(dir).display()
    ))
}
