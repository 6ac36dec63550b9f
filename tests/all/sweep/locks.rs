//! A file system without file locks: files with a heartbeat stand in for them.

use std::process::{Child, Command, Stdio};
use std::time::{Instant, SystemTime};

use super::*;
use crate::shim;

/// A sweep that is not over before it is stopped, where no file can be locked.
fn start(place: &Place, shard: &str, error: &str) -> Child {
    let config = place.config(&many_parts(1000, "1.0"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundlaw"));
    command.args(["sweep", &config, "--shard", shard, "--out"]).arg(place.path("out")).env("RAYON_NUM_THREADS", "1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    shim::fail(&mut command, &without_locks(error)).spawn().unwrap()
}

fn without_locks(error: &str) -> [String; 1] {
    [format!("lock 1+ {error} ")]
}

/// A short sweep of the same directory, where no file can be locked.
fn continued(place: &Place, shard: &str) -> Output {
    let config = place.config(&many_parts(2, "1.0"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundlaw"));
    command.args(["sweep", &config, "--shard", shard, "--out"]).arg(place.path("out"));
    shim::fail(&mut command, &without_locks("ENOLCK")).output().unwrap()
}

fn heartbeats(place: &Place) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(place.path("out")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e.to_string_lossy().parse::<u64>().is_ok())).collect()
}

#[track_caller]
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn has_part(place: &Place) -> bool {
    store::parts(&place.path("out")).is_ok_and(|parts| !parts.is_empty())
}

fn kill(signal: &str, child: &Child) {
    let kill = format!("kill -{signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Makes the last sign of life of the shard 0/1 two minutes old.
fn age(place: &Place) {
    let file = fs::File::options().write(true).open(place.path("out/lock-0-of-1.1")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(120)).unwrap();
}

#[test]
fn a_shard_is_held_by_one_process_without_file_locks() {
    let place = Place::new();
    let mut first = start(&place, "0/1", "ENOTSUP");
    wait_until("no part appears", || has_part(&place));
    let (holder, out) = (format!("pid {} on ", first.id()), place.path("out").display().to_string());
    refused(&continued(&place, "0/1"), 2, &[&out, "is held by", &holder, "60 s after"]);
    refused(&continued(&place, "1/2"), 2, &[&out, &holder, "runs shard 0/1", "shares seeds with shard 1/2"]);

    // A killed holder says nothing any more, but nobody knows before its time is over.
    first.kill().unwrap();
    let output = first.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(text.matches("no file locks there").count(), 1, "{text}");
    assert!(text.contains(&format!("warning: {out}")) && text.contains("flock"), "{text}");
    refused(&continued(&place, "0/1"), 2, &[&holder]);
    age(&place);
    let output = continued(&place, "0/1");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(heartbeats(&place).is_empty(), "it takes its locks away with it");
}

#[test]
fn a_holder_that_slept_too_long_writes_nothing_more() {
    let place = Place::new();
    let first = start(&place, "0/1", "EINVAL");
    wait_until("no part appears", || has_part(&place));
    kill("STOP", &first);
    age(&place);
    let output = continued(&place, "0/1");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    kill("CONT", &first);
    refused(&first.wait_with_output().unwrap(), 1, &["lock-0-of-1", "taken over by another process", "continues"]);
    assert!(heartbeats(&place).is_empty());
    let digest = |name: &str| store::digest(&stored(&place.path(name)));
    let done = roundlaw::rows(&place.path("out")).unwrap().map(|row| row.unwrap().seed_index).max().unwrap() + 1;
    let seeds = format!("sweep.seeds={done}");
    succeeded(&place.sweep(&many_parts(done, "1.0"), "whole", &["--set", &seeds]));
    assert_eq!(digest("out"), digest("whole"));
}

#[test]
fn shards_share_a_directory_without_file_locks() {
    let place = Place::new();
    let config = place.config(TINY);
    let children: Vec<Child> = (0..4)
        .map(|shard| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_roundlaw"));
            command.args(["sweep", &config, "--shard", &format!("{shard}/4"), "--out"]).arg(place.path("out"));
            command.env("RAYON_NUM_THREADS", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
            shim::fail(&mut command, &without_locks("ENOSYS")).spawn().unwrap()
        })
        .collect();
    for child in children {
        succeeded(&child.wait_with_output().unwrap());
    }
    let whole = place.rows(TINY, "whole", &[]);
    assert_eq!(store::digest(&stored(&place.path("out"))), store::digest(&whole));
    assert!(heartbeats(&place).is_empty());
}
