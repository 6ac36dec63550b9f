//! SIGKILL at random moments of each phase of a sweep, on a disk that is slow enough to be hit in any of them.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::{LONGER, random, rounds};
use crate::place::{LIMIT, Place, names};
use crate::shim;

/// What tells the phase of a sweep: its directory, and the calls that it made or makes at this moment.
struct Found {
    /// Half-written files, named by their writer.
    half_written: Vec<String>,
    calls: String,
}

impl Found {
    fn of(dir: &Path, log: &Path) -> Found {
        let half_written = names(dir).into_iter().filter(|name| name.ends_with(".tmp")).collect();
        Found { half_written, calls: fs::read_to_string(log).unwrap() }
    }

    /// How many files whose names begin so were given their names.
    fn renamed(&self, name: &str) -> usize {
        let calls = self.calls.lines().filter(|call| call.starts_with("rename "));
        calls.filter(|call| Path::new(call).file_name().unwrap().to_str().unwrap().starts_with(name)).count()
    }

    fn report_is_begun(&self) -> bool {
        self.half_written.iter().any(|name| name.contains("report"))
    }
}

/// Kills a sweep within a moment after the phase has begun; false when it ended before.
fn killed_in(phase: fn(&Found) -> bool, place: &Place) -> bool {
    let log = NamedTempFile::new().unwrap();
    let mut command = place.sweep();
    let slow = ["open", "write", "sync", "rename"].map(|call| format!("{call} 1+ SLEEP {}", place.out().display()));
    shim::hasten(shim::fail_telling(&mut command, &slow, log.path()));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() && !phase(&Found::of(&place.out(), log.path())) {
        assert!(started.elapsed() < LIMIT);
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(random(40_000));
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(status.signal() == Some(9) || status.code() == Some(0), "{status}");
    status.signal() == Some(9)
}

/// Kills sweeps in a phase, which is told by what lies in the output directory, and continues them.
fn killed_sweeps_are_continued(phase: fn(&Found) -> bool) {
    let (mut sweeps, mut killed, wanted) = (0, 0, rounds(5, 50));
    while killed < wanted {
        sweeps += 1;
        assert!(sweeps <= wanted, "only {killed} of {} sweeps were killed in the phase", 2 * sweeps);
        let place = Place::new(LONGER);
        // Twice: the second kill meets what the first has left.
        for _ in 0..2 {
            killed += usize::from(killed_in(phase, &place));
            // Before there is a manifest there is nothing to read.
            if place.out().join("manifest.json").exists() && place.out().join("config.toml").exists() {
                assert!(place.status().done <= place.status().runs);
            }
        }
        place.finishes();
    }
}

#[test]
fn while_the_directory_is_opened() {
    killed_sweeps_are_continued(|found| found.renamed("manifest.json") == 0);
}

#[test]
fn in_the_first_launch() {
    killed_sweeps_are_continued(|found| found.renamed("config.toml") > 0 && found.renamed("part-") == 0);
}

#[test]
fn while_a_part_is_written() {
    killed_sweeps_are_continued(|found| {
        found.renamed("config.toml") > 0 && !found.half_written.is_empty() && !found.report_is_begun()
    });
}

#[test]
fn between_parts() {
    killed_sweeps_are_continued(|found| found.renamed("part-") > 0 && found.half_written.is_empty());
}

#[test]
fn while_the_manifest_is_written() {
    killed_sweeps_are_continued(|found| found.renamed("manifest.json") > 1);
}

#[test]
fn while_the_report_is_written() {
    killed_sweeps_are_continued(Found::report_is_begun);
}
