//! Ctrl-C ends a sweep after the part in flight, and the same command continues it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use roundlaw::store;

use super::{CELLS, Place, many_parts, refused, stored, succeeded};

/// So many that the sweep is not over before the signal comes, however busy the machine is.
const SEEDS: u32 = 1000;

/// Parts in a directory that may not exist yet.
fn parts(place: &Place) -> usize {
    store::parts(&place.path("out")).map_or(0, |parts| parts.len())
}

#[test]
fn an_interrupted_sweep_is_continued() {
    for signal in ["INT", "TERM"] {
        let place = Place::new();
        let text = many_parts(SEEDS, "1.0");
        let config = place.config(&text);
        let child = Command::new(env!("CARGO_BIN_EXE_roundlaw"))
            .args(["sweep", &config, "--out"])
            .arg(place.path("out"))
            .env("RAYON_NUM_THREADS", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while parts(&place) < 3 {
            assert!(started.elapsed() < Duration::from_secs(60), "no parts appear");
            std::thread::sleep(Duration::from_millis(1));
        }
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let done = parts(&place);
        assert!(done >= 3 && done < SEEDS as usize, "{done} parts");
        let runs = CELLS * done;
        let message = format!("after {runs} of {} runs", CELLS * SEEDS as usize);
        refused(&output, 5, &["stopped", &message, "continues"]);
        assert!(output.stdout.is_empty());

        // Three more are enough to see it go on.
        let seeds = format!("sweep.seeds={}", done + 3);
        succeeded(&place.sweep_on("1", &text, "out", &["--set", &seeds]));
        assert_eq!(parts(&place), done + 3, "no part is done twice");
        succeeded(&place.sweep_on("1", &text, "whole", &["--set", &seeds]));
        let digest = |name: &str| store::digest(&stored(&place.path(name)));
        assert_eq!(digest("out"), digest("whole"));
    }
}
