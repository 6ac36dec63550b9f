//! `provenance.json`: who computed the rows of merged parts. A part that a process wrote says so itself; when it is merged
//! into another one, whose bytes depend on the rows alone, what it said is kept here.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::part::{Claim, Part, Session, Source, Work};
use super::paths;
use crate::error::{Error, Result};
use crate::files::{read_regular, write_whole};

/// The parts that were merged, by their sessions, both ascending. Parts that are still there may be among them: a merge
/// writes this first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    sessions: Vec<OfSession>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OfSession {
    #[serde(flatten)]
    session: Session,
    parts: Vec<Said>,
}

/// What a part said of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    /// The part's, which ends in the hash of its bytes.
    name: String,
    cohorts: Vec<Claim>,
    work: Work,
}

impl Provenance {
    /// That of a directory, of nothing where there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a damaged one.
    pub fn read(dir: &Path) -> Result<Provenance> {
        let path = paths::provenance(dir);
        match read_regular(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| lost(dir, &e.to_string())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Provenance::default()),
            Err(e) if e.kind() == ErrorKind::InvalidData => Err(lost(dir, &e.to_string())),
            Err(e) => Err(Error::io(&path)(e)),
        }
    }

    pub(super) fn write(&self, dir: &Path, tag: &str) -> Result<()> {
        let path = paths::provenance(dir);
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::Other(format!("{}: {e}", path.display())))?;
        write_whole(&path, tag, |file: &mut File| writeln!(file, "{text}").map_err(Error::io(&path)))
    }

    /// Keeps what a part says of itself; a merged one says nothing.
    pub(super) fn keep(&mut self, part: &Part) {
        let Source::Session(session) = &part.header().source else { return };
        let (cohorts, work) = (part.header().cohorts.clone(), part.header().work);
        self.add(session, Said { name: name(part), cohorts, work });
    }

    /// Keeps what another one does.
    pub(super) fn keep_all(&mut self, other: &Provenance) {
        for OfSession { session, parts } in &other.sessions {
            parts.iter().for_each(|said| self.add(session, said.clone()));
        }
    }

    fn add(&mut self, session: &Session, said: Said) {
        let place = self.sessions.binary_search_by(|of| of.session.cmp(session)).unwrap_or_else(|place| {
            self.sessions.insert(place, OfSession { session: session.clone(), parts: Vec::new() });
            place
        });
        let parts = &mut self.sessions[place].parts;
        if let Err(place) = parts.binary_search_by(|known| known.name.cmp(&said.name)) {
            parts.insert(place, said);
        }
    }

    /// The work of each session.
    pub(super) fn work(&self) -> impl Iterator<Item = (&Session, Work)> {
        self.sessions.iter().flat_map(|of| of.parts.iter().map(|said| (&of.session, said.work)))
    }

    /// Refuses merged parts of a directory with a cohort that no session here has computed.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(super) fn covers(&self, dir: &Path, parts: &[Part]) -> Result<()> {
        let mut merged = parts.iter().filter(|part| matches!(part.header().source, Source::Merged { .. })).peekable();
        if merged.peek().is_none() {
            return Ok(());
        }
        let said = self.sessions.iter().flat_map(|of| &of.parts);
        let cohorts = |claims: &[Claim]| {
            claims.iter().flat_map(Claim::cohorts).map(|cohort| (cohort.point, cohort.seed_index)).collect::<Vec<_>>()
        };
        let known: BTreeSet<_> = said.flat_map(|said| cohorts(&said.cohorts)).collect();
        for part in merged {
            let unknown = cohorts(&part.header().cohorts).into_iter().find(|cohort| !known.contains(cohort));
            if let Some((point, seed)) = unknown {
                let name = name(part);
                return Err(lost(
                    dir,
                    &format!("it does not say who computed problem point {point}, seed index {seed} of {name}"),
                ));
            }
        }
        Ok(())
    }
}

fn name(part: &Part) -> String {
    part.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn lost(dir: &Path, what: &str) -> Error {
    Error::Corrupt(format!(
        "{}: {what}; bring it back from a copy, or delete the merged parts in {}: the same sweep computes them again",
        paths::provenance(dir).display(),
        paths::rows(dir).display()
    ))
}
