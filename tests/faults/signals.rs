//! INT, TERM and HUP at random moments, repeated ones, and ignored ones.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{LONGER, SMALL, digest, random, rounds};
use crate::place::{LIMIT, Place, error_line, names, stderr};
use crate::shim;

/// A sweep that was asked to stop ends within so long.
const PROMISED: Duration = Duration::from_secs(20);

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The sweep of a place, with many parts.
fn begun(mut command: Command) -> Child {
    shim::hasten(&mut command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for(out: &Path, is_there: fn(&str) -> bool) {
    let started = Instant::now();
    while !names(out).iter().any(|name| is_there(name)) {
        assert!(started.elapsed() < LIMIT, "no such file appears");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn ended(child: Child) -> Output {
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < PROMISED, "it took {:?} to stop", asked.elapsed());
    output
}

/// Stopped by itself: the runs that it says are done are stored, and no others. It may stop before it has begun any, and
/// when only the report is missing.
#[track_caller]
fn stopped(output: &Output, place: &Place) {
    assert_eq!(output.status.code(), Some(5), "{}: {}", output.status, stderr(output));
    let text = stderr(output);
    let line = error_line(&text);
    assert!(line.contains("stopped"), "{line}");
    if line.contains("the rows are in") && line.contains("but not the report") {
        let status = place.status();
        assert_eq!(status.done, status.runs, "{line}");
        return;
    }
    let Some((_, told)) = line.split_once("stopped after ") else {
        assert!(names(&place.out()).iter().all(|name| !name.contains("part-")), "{line}");
        return;
    };
    assert!(line.contains("the same command"), "{line}");
    assert_eq!(place.status().done, told.split(' ').next().unwrap().parse::<u64>().unwrap(), "{line}");
}

#[test]
fn a_signal_at_any_moment_keeps_what_is_done() {
    digest(LONGER);
    let (place, started) = (Place::new(LONGER), Instant::now());
    place.succeeds(shim::hasten(&mut place.sweep()));
    let whole = started.elapsed().as_micros() as u64;
    let mut stops = 0;
    for signal in ["INT", "TERM", "HUP"] {
        for round in 0..rounds(4, 30) {
            let place = Place::new(LONGER);
            let child = begun(place.sweep());
            // Any moment, start and end included; and one on the way whatever else the machine does.
            if round % 2 == 0 {
                std::thread::sleep(random(whole));
            } else {
                wait_for(&place.out(), |name| name.starts_with("rows/part-"));
                std::thread::sleep(random(whole / 8));
            }
            send(signal, &child);
            let output = ended(child);
            match output.status.signal() {
                // Before there was anything to keep.
                Some(_) => assert!(!place.out().join("manifest.json").exists(), "{signal}: {}", stderr(&output)),
                None if output.status.code() == Some(0) => {}
                None => {
                    stopped(&output, &place);
                    stops += 1;
                }
            }
            place.finishes();
        }
    }
    assert!(stops > 0, "no sweep was stopped on its way");
}

#[test]
fn a_signal_that_comes_twice_at_once_counts_once() {
    for signals in [["TERM", "TERM"], ["INT", "TERM"], ["HUP", "HUP"]] {
        let place = Place::new(LONGER);
        let mut sweep = place.sweep();
        // More work than is done before the signals come, by the clock of everybody: a second of it counts.
        sweep.args(["--set", "sweep.seeds=1000"]);
        let child = sweep.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(&place.out(), |name| name == "config.toml");
        std::thread::sleep(Duration::from_secs(1));
        send(signals[0], &child);
        std::thread::sleep(Duration::from_millis(5));
        send(signals[1], &child);
        stopped(&ended(child), &place);
        assert!(place.status().done > 0, "cohorts that were finished are kept");
    }
}

#[test]
fn a_signal_that_the_starter_ignores_stays_ignored() {
    for signal in ["HUP", "INT"] {
        let place = Place::new(LONGER);
        let sweep = place.sweep();
        let mut ignoring = Command::new("sh");
        ignoring.args(["-c", &format!("trap '' {signal}; exec \"$0\" \"$@\"")]);
        ignoring.arg(sweep.get_program()).args(sweep.get_args()).env("RAYON_NUM_THREADS", "2");
        let child = begun(ignoring);
        wait_for(&place.out(), |name| name.starts_with("rows/part-"));
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{signal}: {}", stderr(&output));
        place.finishes();
    }
}

/// Holds a lock of the place's directory, as a process does that hangs.
fn hang(place: &Place, lock: &str) -> File {
    std::fs::create_dir_all(place.out()).unwrap();
    let mut file = File::create(place.out().join(lock)).unwrap();
    file.lock().unwrap();
    writeln!(file, "pid 7 on a machine that hangs").unwrap();
    file
}

/// Reads what the sweep says until it says that it waits.
fn says_that_it_waits(child: &mut Child, lock: &str) {
    let stderr = BufReader::new(child.stderr.as_mut().unwrap());
    let line = stderr.lines().map(Result::unwrap).find(|line| line.starts_with("waiting for ")).unwrap();
    assert!(line.contains(lock) && line.contains("held by pid 7 on a machine that hangs"), "{line}");
}

#[test]
fn a_lock_that_another_process_does_not_let_go_of_is_told_and_a_signal_ends_the_wait() {
    for (signal, lock) in [("TERM", "lock-opening"), ("INT", "lock-manifest"), ("HUP", "lock-report")] {
        let place = Place::new(SMALL);
        let held = hang(&place, lock);
        let mut child = place.sweep().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        says_that_it_waits(&mut child, lock);
        send(signal, &child);
        let output = ended(child);
        assert_eq!(output.status.code(), Some(5), "{}: {}", output.status, stderr(&output));
        let text = stderr(&output);
        for part in ["stopped", lock, "pid 7 on a machine that hangs"] {
            assert!(error_line(&text).contains(part), "{text}");
        }
        drop(held);
        place.finishes();
    }
}

#[test]
fn a_stopped_sweep_does_not_wait_for_the_manifest_for_long() {
    let place = Place::new(LONGER);
    let mut sweep = place.sweep();
    sweep.args(["--set", "sweep.seeds=1000"]);
    let child = sweep.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&place.out(), |name| name == "manifest.json");
    let held = hang(&place, "lock-manifest");
    std::thread::sleep(Duration::from_secs(1));
    send("TERM", &child);
    // The parts are stored; what the manifest says of them the next sweep writes.
    stopped(&ended(child), &place);
    assert!(place.status().done > 0);
    drop(held);
    place.succeeds(&mut place.sweep());
    let manifest = std::fs::read(place.out().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let runs = manifest["sessions"].as_array().unwrap().iter().map(|session| session["runs"].as_u64().unwrap());
    assert_eq!(runs.sum::<u64>(), place.status().done);
}

#[test]
fn commands_that_read_end_at_a_signal() {
    let place = Place::new(LONGER);
    place.finishes();
    for signal in ["INT", "TERM", "HUP"] {
        for args in [&["status"][..], &["replay", "--run", "3"], &["check", "--all"]] {
            let child = place.on_out(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            std::thread::sleep(random(100_000));
            send(signal, &child);
            let output = ended(child);
            match output.status.code() {
                None | Some(0) => assert!(!stderr(&output).contains("panicked")),
                Some(5) => assert!(args[0] == "check" && error_line(&stderr(&output)).contains("stopped")),
                _ => panic!("{args:?}: {}: {}", output.status, stderr(&output)),
            }
        }
    }
    place.succeeds(&mut place.on_out(&["status"]));
}
