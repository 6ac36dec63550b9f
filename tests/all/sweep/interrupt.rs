//! Signals end a sweep within seconds, wherever it is; what is finished is kept, and the same command continues it.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use roundlaw::store;

use super::{CELLS, Place, many_parts, refused, stderr, stored, succeeded};

/// So many that the sweep is not over before the signal comes, however busy the machine is.
const SEEDS: u32 = 2000;

/// A cohort of hours; its check would take days.
const LONG: &str = "[problem]\ndim = 4000\nspectrum = { kind = \"power\", exponent = 1.5 }\n[train]\nmodel = 512\n\
    samples = 10000000\n[[recipe]]\nname = \"a\"\n[sweep]\nseeds = 2\n";

/// Parts in a directory that may not exist yet.
fn parts(place: &Place) -> usize {
    store::parts(&place.path("out")).map_or(0, |parts| parts.len())
}

/// `sweep` on one thread into `out`, begun by a shell that does `first`.
fn begun(place: &Place, text: &str, first: &str) -> Child {
    let command = format!("{first} exec \"$0\" sweep \"$1\" --out \"$2\" --adapter cpu");
    Command::new("sh")
        .args(["-c", &command, env!("CARGO_BIN_EXE_roundlaw"), &place.config(text)])
        .arg(place.path("out"))
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until `done`, a minute at most.
#[track_caller]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what} does not happen");
        sleep(Duration::from_millis(1));
    }
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
fn an_interrupted_sweep_is_continued() {
    for name in ["INT", "TERM", "HUP"] {
        let place = Place::new();
        let text = many_parts(SEEDS, "1.0");
        let child = begun(&place, &text, "");
        wait_until("three parts", || parts(&place) >= 3);
        signal(&child, name);
        // A shell and a terminal may both pass it on.
        sleep(Duration::from_millis(5));
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let seeds = stored(&place.path("out")).last().unwrap().seed_index + 1;
        assert!(seeds < SEEDS, "it was to be interrupted");
        let message = format!("after {} of {} runs", CELLS * seeds as usize, CELLS * SEEDS as usize);
        refused(&output, 5, &["stopped", &message, "what is done is kept, the same command continues"]);
        assert!(output.stdout.is_empty());

        // Three more are enough to see it go on.
        let more = format!("sweep.seeds={}", seeds + 3);
        let continued = place.sweep_on("1", &text, "out", &["--set", &more]);
        succeeded(&continued);
        let missing = format!("{} of {} runs are missing: 3 cohorts", 3 * CELLS, (seeds as usize + 3) * CELLS);
        assert!(stderr(&continued).contains(&missing), "{}", stderr(&continued));
        succeeded(&place.sweep_on("1", &text, "whole", &["--set", &more]));
        let digest = |name: &str| store::digest(&stored(&place.path(name)));
        assert_eq!(digest("out"), digest("whole"));
    }
}

#[test]
fn a_signal_that_is_ignored_from_the_start_stays_ignored() {
    let place = Place::new();
    let child = begun(&place, &many_parts(12, "1.0"), "trap '' HUP INT;");
    wait_until("a part", || parts(&place) >= 1);
    for name in ["HUP", "INT"] {
        signal(&child, name);
    }
    let output = child.wait_with_output().unwrap();
    succeeded(&output);
    assert_eq!(stored(&place.path("out")).last().unwrap().seed_index, 11);
}

/// Seconds that a sweep of long cohorts takes to end after a signal that comes `after` its beginning.
fn seconds_to_stop(text: &str, after: Duration) -> f64 {
    let place = Place::new();
    let child = begun(&place, text, "");
    wait_until("the directory", || place.path("out/manifest.json").exists());
    sleep(after);
    let asked = Instant::now();
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    let seconds = asked.elapsed().as_secs_f64();
    refused(&output, 5, &["stopped after 0 of 2 runs", "open cohorts dropped: 1", "continues"]);
    seconds
}

#[test]
fn a_cohort_of_hours_is_dropped_within_seconds() {
    let whole = seconds_to_stop(LONG, Duration::from_millis(500));
    // The scalar reference takes long where the adapter does not.
    let checked =
        LONG.replace("samples = 10000000", "samples = 8000").replace("seeds = 2", "seeds = 2\ncheck = \"all\"");
    let reference = seconds_to_stop(&checked, Duration::from_secs(3));
    // The Gram matrix of 4096 features takes a minute.
    let wide = LONG.replace("samples = 10000000", "samples = 2").replace("model = 512", "model = 4000");
    let gram = seconds_to_stop(&wide, Duration::from_secs(3));
    for (what, seconds) in [("execution", whole), ("reference", reference), ("Gram matrix", gram)] {
        assert!(seconds < 10.0, "{what}: {seconds} s");
    }
}
