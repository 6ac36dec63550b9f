//! SIGKILL at random moments of each phase of a sweep, on a disk that is slow enough to be hit in any of them.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{LONGER, random, rounds};
use crate::place::{LIMIT, Place, names};
use crate::shim;

struct Found {
    manifest: bool,
    parts: usize,
    report: bool,
    half_written: Vec<String>,
}

impl Found {
    fn of(dir: &Path) -> Found {
        let names = names(dir);
        Found {
            manifest: dir.join("manifest.json").exists(),
            report: dir.join("report.html").exists(),
            parts: names.iter().filter(|name| name.contains("part-")/*TMP*/ && name.ends_with(".parquet")).count(),
            half_written: names.into_iter().filter(|name| name.ends_with(".tmp")).collect(),
        }
    }

    /// Whether a file with this in its name is being written.
    fn half(&self, name: &str) -> bool {
        self.half_written.iter().any(|half| half.contains(name))
    }
}

/// Kills a sweep within a moment after the phase has begun; false when it ended before.
fn killed_in(phase: fn(&Found) -> bool, place: &Place) -> bool {
    let mut command = place.sweep();
    let slow = ["open", "write", "sync", "rename"].map(|call| format!("{call} 1+ SLEEP {}", place.out().display()));
    shim::hasten(shim::fail(&mut command, &slow));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() && !phase(&Found::of(&place.out())) {
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
    killed_sweeps_are_continued(|found| !found.manifest);
}

#[test]
fn in_the_first_launch() {
    killed_sweeps_are_continued(|found| found.manifest && found.parts == 0 && !found.half("part-"));
}

#[test]
fn while_a_part_is_written() {
    killed_sweeps_are_continued(|found| found.half("part-"));
}

#[test]
fn between_parts() {
    killed_sweeps_are_continued(|found| found.parts > 0 && !found.half("") && !found.report);
}

#[test]
fn while_the_manifest_is_written() {
    killed_sweeps_are_continued(|found| found.parts > 0 && found.half("manifest.json"));
}

#[test]
fn while_the_report_is_written() {
    killed_sweeps_are_continued(|found| found.parts > 0 && (found.half("report.html") || found.half("panel-")));
}
