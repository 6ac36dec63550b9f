//! `check DIR` computes stored runs again and finds what is not what they came to.

use super::*;
use crate::faulty::Faulty;
use crate::part_file;
use roundlaw::config::Config;
use roundlaw::plan::{Plan, Shard};
use roundlaw::run::sweep;
use roundlaw::watch::Watch;

/// Two seeds of [`TINY`]: 64 runs.
fn swept() -> (Place, String) {
    let place = Place::new();
    succeeded(&place.sweep(TINY, "o u t", &["--set", "sweep.seeds=2"]));
    let dir = place.path("o u t").display().to_string();
    (place, dir)
}

#[track_caller]
fn agrees(output: &Output, replayed: usize, stored: usize) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    assert_eq!(text, format!("{replayed} of {stored} stored runs replayed: every bit agrees\n"));
}

#[test]
fn what_was_computed_agrees() {
    let (_place, dir) = swept();
    agrees(&run(&["check", &dir]), 59, 64);
    agrees(&run(&["check", &dir, "--all"]), 64, 64);
    agrees(&run(&["check", &dir, "--runs", "7"]), 7, 64);
    agrees(&run(&["check", &dir, "--runs", "65"]), 64, 64);
    agrees(&run(&["check", &dir, "--all", "--adapter", "cpu"]), 64, 64);
    agrees(&run(&["check", &dir, "--runs", "7", "--adapter", "cpu"]), 7, 64);
    let output = run(&["check", &dir, "--all", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = stored(Path::new(&dir)).len();
    let expected = serde_json::json!({ "stored": 64, "replayed": 64, "rows": rows, "adapter": "reference" });
    assert_eq!(document, expected);
}

#[test]
fn every_problem_of_the_smoke_config_agrees() {
    let place = Place::new();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/smoke.toml")).unwrap();
    let rows = place.rows(&text, "out", &["--check", "off"]);
    let runs = rows.iter().map(|row| row.run_id).collect::<std::collections::BTreeSet<_>>().len();
    agrees(&run(&["check", &place.path("out").display().to_string(), "--all"]), runs, runs);
}

#[test]
fn runs_that_are_not_stored_are_not_asked_for() {
    let place = Place::new();
    succeeded(&place.sweep(TINY, "out", &["--shard", "1/2"]));
    let dir = place.path("out").display().to_string();
    // Seed indices 1, 3 and 5 of 7.
    agrees(&run(&["check", &dir, "--all"]), 96, 96);
    agrees(&run(&["check", &dir, "--runs", "2", "--adapter", "cpu"]), 2, 96);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let (place, dir) = swept();
    refused(&run(&["check", &dir, "--all", "--runs", "3"]), 2, &["--all", "--runs"]);
    refused(&run(&["check", &dir, "--runs", "0"]), 2, &["--runs", "0"]);
    refused(&run(&["check", &place.path("nowhere").display().to_string()]), 2, &["nowhere"]);
    refused(&run(&["check", &dir, "--adapter", "no such adapter"]), 4, &["no such adapter"]);
}

/// The commands that a message gives in backticks, done by a shell.
fn follow(message: &str) -> Output {
    let command = message.split('`').nth(1).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_roundlaw")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    std::process::Command::new("sh").args(["-c", command]).env("PATH", path).output().unwrap()
}

#[test]
fn an_adapter_that_was_wrong_without_a_check() {
    let place = Place::new();
    let dir = place.path("a directory");
    let plan = Plan::new(Config::parse(TINY, &["sweep.seeds=2".to_string()]).unwrap()).unwrap();
    // Of one recipe, from some update on.
    let wrong = Faulty::damaged(|plan, cohort, states| {
        let wrong = states.iter_mut().filter(|state| {
            let trajectory = &plan.points[cohort.point].trajectories[state.trajectory];
            (trajectory.recipe, trajectory.model, cohort.seed_index) == (2, 5, 1) && state.seen > 40
        });
        wrong.for_each(|state| state.v[3] ^= 1);
    });
    sweep::sweep(&plan, &dir, Shard::WHOLE, &wrong, &Watch::default()).unwrap();
    let dir = dir.display().to_string();
    for by in [&[][..], &["--adapter", "cpu"]] {
        let output = run(&[&["check", &dir, "--all"], by].concat());
        refused(&output, 3, &["after 64 samples, output last, stored by cpu", "v_digest is", "of 64 runs", "2 differ"]);
        let replayed = follow(&stderr(&output));
        assert_eq!(replayed.status.code(), Some(3), "{}", stderr(&replayed));
    }
}

#[test]
fn a_row_edited_in_any_column_of_what_was_computed() {
    type Edit<'a> = (&'a str, &'a dyn Fn(&mut Row));
    let nudge = |value: &mut Option<f64>| *value = value.map(|v| f64::from_bits(v.to_bits() ^ 1));
    let edits: [Edit; 8] = [
        ("excess", &|row| nudge(&mut row.excess)),
        ("reducible", &|row| nudge(&mut row.reducible)),
        ("approximation", &|row| nudge(&mut row.approximation)),
        ("signal", &|row| nudge(&mut row.signal)),
        ("overlap", &|row| nudge(&mut row.overlap)),
        ("excess is null", &|row| row.excess = None),
        ("diverged_at", &|row| row.diverged_at = Some(3)),
        ("weight_saturated", &|row| row.counts[roundlaw::site::Site::Weight].as_mut().unwrap().saturated += 1),
    ];
    let (_place, dir) = swept();
    let part = store::parts(Path::new(&dir)).unwrap().remove(0);
    let bytes = fs::read(&part).unwrap();
    for (what, edit) in edits {
        let edited = part_file::rewrite(&part, |_, rows| {
            let at = rows.iter().rposition(|row| row.run_id == 9).unwrap();
            edit(&mut rows[at]);
        });
        let output = run(&["check", &dir, "--all"]);
        refused(&output, 3, &["run 9 after 64 samples", what, "1 differ"]);
        assert_eq!(follow(&stderr(&output)).status.code(), Some(3), "{what}");
        fs::remove_file(edited).unwrap();
        fs::write(&part, &bytes).unwrap();
    }
    agrees(&run(&["check", &dir, "--all"]), 64, 64);
}

#[test]
#[cfg(unix)]
fn an_interrupt_says_how_much_agreed() {
    use std::process::{Command, Stdio};
    let place = Place::new();
    let long = "[problem]\ndim = 4000\nspectrum = { kind = \"power\", exponent = 1.5 }\n[train]\nmodel = 256\n\
        samples = 8000\n[[recipe]]\nname = \"a\"\n[sweep]\nseeds = 2\ncheck = \"off\"\n";
    succeeded(&place.sweep(long, "out", &[]));
    let child = Command::new(env!("CARGO_BIN_EXE_roundlaw"))
        .args(["check", &place.path("out").display().to_string(), "--all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    refused(&output, 5, &["stopped after 0 of 2 runs, which agree in every bit"]);
}
