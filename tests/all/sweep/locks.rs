//! A file system without file locks: files with a heartbeat stand in for them.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::{Instant, SystemTime};

use super::*;
use crate::shim;

/// A sweep that is not over before it is stopped, where no file can be locked.
fn start(place: &Place, shard: &str, error: &str) -> Child {
    let mut command = sweep(place, &many_parts(1000, "1.0"), shard);
    command.env("RAYON_NUM_THREADS", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    shim::fail(&mut command, &[without_locks(error)]).spawn().unwrap()
}

fn sweep(place: &Place, text: &str, shard: &str) -> Command {
    let config = place.config(text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundlaw"));
    command.args(["sweep", &config, "--shard", shard, "--out"]).arg(place.path("out"));
    command
}

fn without_locks(error: &str) -> String {
    format!("lock 1+ {error} ")
}

fn finished(place: &Place, text: &str, shard: &str) -> Output {
    shim::fail(&mut sweep(place, text, shard), &[without_locks("ENOLCK")]).output().unwrap()
}

/// A short sweep of the same directory, where no file can be locked.
fn continued(place: &Place, shard: &str) -> Output {
    finished(place, &many_parts(2, "1.0"), shard)
}

/// The files that stand in for locks, by their names, and what they say.
fn heartbeats(place: &Place) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(place.path("out")) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_numbered = |path: &PathBuf| path.extension().is_some_and(|e| e.to_string_lossy().parse::<u64>().is_ok());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.filter(is_numbered).map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect()
}

/// One file for each lock, which says that nobody has it.
#[track_caller]
fn all_are_free(place: &Place) {
    let found = heartbeats(place);
    assert!(!found.is_empty() && found.values().all(|text| text == "free"), "{found:?}");
    let locks: BTreeSet<&str> = found.keys().map(|name| name.rsplit_once('.').unwrap().0).collect();
    assert_eq!(locks.len(), found.len(), "{found:?}");
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

/// Makes the last sign of life of whoever holds a lock two minutes old.
fn age(place: &Place) {
    for (name, _) in heartbeats(place).iter().filter(|(_, text)| *text != "free") {
        let file = fs::File::options().write(true).open(place.path("out").join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(120)).unwrap();
    }
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
    all_are_free(&place);
    // The killed one had the first.
    assert!(heartbeats(&place).contains_key("lock-0-of-1.2"));
}

#[test]
fn a_holder_that_slept_too_long_writes_nothing_more() {
    let place = Place::new();
    let first = start(&place, "0/1", "ENOSYS");
    wait_until("no part appears", || has_part(&place));
    kill("STOP", &first);
    age(&place);
    let output = continued(&place, "0/1");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    kill("CONT", &first);
    refused(&first.wait_with_output().unwrap(), 1, &["lock-0-of-1", "taken over by another process", "continues"]);
    all_are_free(&place);
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
            shim::fail(&mut command, &[without_locks("ENOSYS")]).spawn().unwrap()
        })
        .collect();
    for child in children {
        succeeded(&child.wait_with_output().unwrap());
    }
    let whole = place.rows(TINY, "whole", &[]);
    assert_eq!(store::digest(&stored(&place.path("out"))), store::digest(&whole));
    all_are_free(&place);
}

#[test]
fn a_holder_that_slept_while_it_wrote_a_file_gives_it_no_name() {
    // The config is synced once, then the manifest and the part twice each.
    for (sync, lock) in [(2, "lock-manifest"), (4, "lock-0-of-1")] {
        let place = Place::new();
        let mut command = sweep(&place, &many_parts(1, "1.0"), "0/1");
        let stop = format!("sync {sync} STOP {}", place.path("out/.0-of-1.").display());
        let log = tempfile::NamedTempFile::new().unwrap();
        shim::fail_telling(&mut command, &[without_locks("ENOLCK"), stop], log.path());
        let first = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("it does not stop", || fs::read_to_string(log.path()).unwrap().contains("sync STOP"));
        assert_ne!(heartbeats(&place)[&format!("{lock}.1")], "free");
        age(&place);
        let output = continued(&place, "0/1");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let files = || {
            let manifest = fs::read_to_string(place.path("out/manifest.json")).unwrap();
            (store::parts(&place.path("out")).unwrap(), manifest)
        };
        let before = files();
        kill("CONT", &first);
        refused(&first.wait_with_output().unwrap(), 1, &["lock-0-of-1", "taken over by another process"]);
        assert!(files() == before, "it wrote something after it had lost {lock}");
        all_are_free(&place);
    }
}

#[test]
fn a_heartbeat_that_cannot_be_begun_blocks_nobody() {
    for call in ["write", "sync"] {
        for lock in ["lock-opening", "lock-0-of-1", "lock-manifest", "lock-report"] {
            let place = Place::new();
            let path = place.path("out").join(format!("{lock}.1")).display().to_string();
            let rules = [without_locks("ENOLCK"), format!("{call} 1 ENOSPC {path}")];
            let output = shim::fail(&mut sweep(&place, TINY, "0/1"), &rules).output().unwrap();
            refused(&output, 1, &[lock, "No space left"]);
            assert!(!place.path("out").join(format!("{lock}.1")).exists());
            let begun = Instant::now();
            succeeded(&finished(&place, TINY, "0/1"));
            assert!(begun.elapsed() < Duration::from_secs(30), "it waited for {lock}");
        }
    }
}
