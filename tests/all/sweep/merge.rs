//! Shards come to one directory of few parts, the same whatever they were; what is missing, damaged or foreign is named.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::*;
use crate::part_file;

/// The parts of a directory by their names.
fn parts(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let named = |path: PathBuf| (path.file_name().unwrap().into(), fs::read(&path).unwrap());
    store::parts(dir).unwrap().into_iter().map(named).collect()
}

/// What `merge` says of the directories called so.
#[track_caller]
fn merged(place: &Place, names: &[&str]) -> Value {
    let output = merge(place, names);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn merge(place: &Place, names: &[&str]) -> Output {
    let dirs = names.iter().map(|name| place.path(name).display().to_string());
    let words: Vec<String> = ["merge".to_owned(), "--json".to_owned()].into_iter().chain(dirs).collect();
    run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[track_caller]
fn printed(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn status(place: &Place, name: &str) -> Value {
    serde_json::from_str(&printed(&["status", place.path(name).to_str().unwrap(), "--json"])).unwrap()
}

fn sessions(dir: &Path) -> Value {
    let manifest: Value = serde_json::from_slice(&fs::read(dir.join("manifest.json")).unwrap()).unwrap();
    manifest["sessions"].clone()
}

/// Sweeps the shards of a text into one directory.
#[track_caller]
fn sharded(place: &Place, text: &str, out: &str, shards: &[&str]) {
    for shard in shards {
        succeeded(&place.sweep(text, out, &["--shard", shard, "--check", "2"]));
    }
}

#[test]
fn any_sharding_in_any_order_and_place_leaves_the_same_files() {
    let place = Place::new();
    sharded(&place, TINY, "whole", &["0/1"]);
    let before = (status(&place, "whole"), sessions(&place.path("whole")), stored(&place.path("whole")));
    let said = merged(&place, &["whole"]);
    assert_eq!((&said["digest"], &said["runs"]), (&before.0["digest"], &before.0["runs"]));
    assert_eq!((&said["parts"], &said["written"], &said["removed"]), (&1.into(), &1.into(), &1.into()));
    let after = (status(&place, "whole"), sessions(&place.path("whole")), stored(&place.path("whole")));
    assert!(before == after, "rows, counts and sessions are what they were");
    let whole = parts(&place.path("whole"));
    assert!(whole.keys().all(|name| name.to_str().unwrap().starts_with("part-merged-seed00000000-point0-")));

    sharded(&place, TINY, "sharded", &["2/3", "0/3", "1/3"]);
    let of_shards = sessions(&place.path("sharded"));
    assert_eq!(merged(&place, &["sharded"])["digest"], before.0["digest"]);
    assert!(parts(&place.path("sharded")) == whole);
    assert_eq!(of_shards.as_array().unwrap().len(), 3);
    assert_eq!(sessions(&place.path("sharded")), of_shards, "who computed what is kept");

    // On machines that share nothing: gathered into a new directory, the others stay.
    let names = ["a", "b", "c"];
    (0..3).for_each(|shard| sharded(&place, TINY, names[shard], &[&format!("{shard}/3")]));
    let untouched = names.map(|name| files(&place.path(name)));
    merged(&place, &["all", "c", "a", "b"]);
    assert!(parts(&place.path("all")) == whole);
    assert!(names.map(|name| files(&place.path(name))) == untouched);
    assert_eq!(sessions(&place.path("all")).as_array().unwrap().len(), 3);

    // What was computed twice is dropped, but not who did.
    merged(&place, &["whole", "a"]);
    assert!(parts(&place.path("whole")) == whole);
    assert_eq!(sessions(&place.path("whole")).as_array().unwrap().len(), 2);

    // Again it finds all done, and a sweep nothing to do.
    for dir in ["whole", "sharded", "all"] {
        let said = merged(&place, &[dir]);
        assert_eq!((&said["written"], &said["removed"]), (&0.into(), &0.into()), "{dir}");
        succeeded(&place.sweep(TINY, dir, &["--check", "2"]));
        assert!(parts(&place.path(dir)) == whole);
    }
}

#[test]
fn a_merged_directory_is_continued_and_merged_again() {
    let place = Place::new();
    let more = ["--set", "sweep.seeds=9"];
    sharded(&place, TINY, "grown", &["0/2", "1/2"]);
    merged(&place, &["grown"]);
    succeeded(&place.sweep(TINY, "grown", &more));
    let mixed = status(&place, "grown");
    merged(&place, &["grown"]);
    assert_eq!(status(&place, "grown"), mixed);
    let run = printed(&["check", place.path("grown").to_str().unwrap(), "--runs", "5"]);
    assert!(run.contains("every bit agrees"), "{run}");
    succeeded(&place.sweep(TINY, "whole", &["--check", "2", "--set", "sweep.seeds=7"]));
    succeeded(&place.sweep(TINY, "whole", &more));
    merged(&place, &["whole"]);
    assert!(parts(&place.path("grown")) == parts(&place.path("whole")));
    assert_eq!(sessions(&place.path("grown")).as_array().unwrap().len(), 3);
}

/// Cohorts of 51,360 rows: the third is the last of a merged part.
#[test]
fn large_sweeps_have_several_merged_parts_cut_at_the_same_cohorts() {
    let place = Place::new();
    let text = many_parts(4, "1.0");
    sharded(&place, &text, "whole", &["0/1"]);
    sharded(&place, &text, "sharded", &["1/2", "0/2"]);
    let said = merged(&place, &["whole"]);
    assert_eq!((&said["parts"], &said["removed"]), (&2.into(), &4.into()));
    let whole = parts(&place.path("whole"));
    // One of them is lost: the sweep computes its cohorts again, and the merge writes it again.
    let last = store::parts(&place.path("whole")).unwrap().remove(1);
    fs::remove_file(last).unwrap();
    succeeded(&place.sweep(&text, "whole", &["--check", "2"]));
    let said = merged(&place, &["whole", "sharded"]);
    assert_eq!(said["written"], 1);
    assert_eq!(said["duplicate_cohorts"], 4);
    assert!(parts(&place.path("whole")) == whole);
}

#[test]
fn what_is_missing_is_named_with_what_computes_it() {
    let place = Place::new();
    sharded(&place, TINY, "out", &["0/3", "2/3"]);
    let out = place.path("out").display().to_string();
    let missing = |n: &str| printed(&["status", &out, "--missing-shards", n]);
    assert_eq!([missing("3"), missing("7"), missing("2"), missing("1")], ["1\n", "1,4\n", "0-1\n", "0\n"]);
    let json: Value = serde_json::from_str(&printed(&["status", &out, "--missing-shards", "7", "--json"])).unwrap();
    assert_eq!((&json["missing_shards"], &json["shards"]), (&"1,4".into(), &7.into()));
    refused(&run(&["status", &out, "--missing-shards", "8"]), 2, &["0/8", "sweep.seeds = 7"]);

    let before = files(&place.path("out"));
    refused(
        &merge(&place, &["out"]),
        5,
        &["seed indices 1,4:", "of 7 cohorts", "roundlaw sweep", &out, "nothing was merged"],
    );
    sharded(&place, TINY, "other", &["0/3"]);
    refused(&merge(&place, &["new", "out", "other"]), 5, &["seed indices 1,4", "--shard 1/7", "and so on"]);
    assert!(files(&place.path("out")) == before && !place.path("new").exists());
    // The command that the message gives.
    let config = format!("{out}/config.toml");
    succeeded(&run(&["sweep", &config, "--out", &out]));
    assert_eq!(missing("3"), "\n");
    merged(&place, &["out"]);
}

#[test]
fn what_is_damaged_foreign_or_contradicts_is_refused_and_nothing_changes() {
    let place = Place::new();
    sharded(&place, TINY, "out", &["0/2", "1/2"]);
    let refuses = |names: &[&str], parts: &[&str]| {
        let before = files(&place.path("out"));
        refused(&merge(&place, names), 7, parts);
        assert!(files(&place.path("out")) == before);
    };
    sharded(&place, &TINY.replace("noise = 0.5", "noise = 0.25"), "other", &["0/1"]);
    refuses(&["out", "other"], &["other", "belongs to another sweep", "noise = [0.25]", "noise = [0.5]"]);

    // A duplicate with another result, one with another plan, and one with another bit.
    sharded(&place, TINY, "copy", &["0/2"]);
    let part = store::parts(&place.path("copy")).unwrap().remove(0);
    let whole = fs::read(&part).unwrap();
    let changed = part_file::rewrite(&part, |_, rows| rows[0].excess = Some(7.0));
    refuses(&["out", "copy"], &["lies in", "another excess", "delete the one that is wrong"]);
    fs::remove_file(changed).unwrap();
    fs::write(&part, &whole).unwrap();
    let changed = part_file::rewrite(&part, |header, _| {
        let sweep = std::sync::Arc::make_mut(&mut header.sweep);
        sweep.plan.hash = "0123456789abcdef".into();
    });
    refuses(&["out", "copy"], &["plan hash", "0123456789abcdef", "delete it"]);
    fs::remove_file(changed).unwrap();
    let mut bent = whole.clone();
    bent[1000] ^= 1;
    fs::write(&part, bent).unwrap();
    refuses(&["out", "copy"], &[part.file_name().unwrap().to_str().unwrap(), "its bytes have the hash"]);
    fs::write(&part, whole).unwrap();
    assert_eq!(merged(&place, &["out", "copy"])["duplicate_cohorts"], 4);

    // Without it nobody would know who computed the rows.
    fs::remove_file(place.path("out/provenance.json")).unwrap();
    refuses(&["out"], &["provenance.json", "does not say who computed problem point 0, seed index 0", "copy"]);
    refused(&place.sweep(TINY, "out", &[]), 7, &["provenance.json"]);
}

#[test]
fn a_shard_that_runs_is_not_merged() {
    let place = Place::new();
    sharded(&place, TINY, "out", &["0/2", "1/2"]);
    let lock = File::options().write(true).open(place.path("out/lock-1-of-2")).unwrap();
    lock.lock().unwrap();
    refused(&merge(&place, &["out"]), 2, &["runs shard 1/2", "wait for it or stop it"]);
    lock.unlock().unwrap();
    merged(&place, &["out"]);
}

/// The sweep of a task, as a batch system starts it.
fn task(place: &Place, variables: &[(&str, &str)], shard: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundlaw"));
    command.args(["sweep", &place.config(TINY), "--adapter", "cpu", "--shard", shard, "--out"]).arg(place.path("out"));
    command.env("RAYON_NUM_THREADS", "2").envs(variables.iter().copied()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_task_takes_the_shard_that_its_batch_system_names() {
    let place = Place::new();
    refused(&task(&place, &[], "auto/3").output().unwrap(), 2, &["--shard auto/3", "SLURM_ARRAY_TASK_ID"]);
    let both = [("SLURM_ARRAY_TASK_ID", "1"), ("JOB_COMPLETION_INDEX", "2")];
    refused(&task(&place, &both, "auto/3").output().unwrap(), 2, &["contradict", "1/3"]);
    refused(&task(&place, &[("HQ_TASK_ID", "0")], "auto/8").output().unwrap(), 2, &["sweep.seeds = 7"]);
    assert!(!place.path("out").exists());
    for variable in [("SLURM_ARRAY_TASK_ID", "0"), ("HQ_TASK_ID", "2"), ("JOB_COMPLETION_INDEX", "1")] {
        succeeded(&task(&place, &[variable], "auto/3").output().unwrap());
        assert!(place.path(&format!("out/lock-{}-of-3", variable.1)).exists());
    }
    merged(&place, &["out"]);
}

#[test]
fn a_task_waits_for_what_remains_of_its_last_attempt() {
    let place = Place::new();
    sharded(&place, TINY, "out", &["0/2"]);
    succeeded(&place.sweep(TINY, "out", &["--shard", "1/2", "--set", "sweep.seeds=3"]));
    let lock = File::options().write(true).open(place.path("out/lock-1-of-2")).unwrap();
    lock.lock().unwrap();
    refused(&task(&place, &[], "1/2").output().unwrap(), 2, &["lock-1-of-2", "is held by"]);
    let dying = [("SLURM_ARRAY_TASK_ID", "1")];
    let mut waiting = task(&place, &dying, "auto/2").spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(waiting.try_wait().unwrap().is_none());
    lock.unlock().unwrap();
    let output = waiting.wait_with_output().unwrap();
    succeeded(&output);
    assert!(
        stderr(&output).contains("waiting for") && stderr(&output).contains("300 s at most"),
        "{}",
        stderr(&output)
    );
    merged(&place, &["out"]);

    // Asked to end, it waits no longer, and may be given another turn.
    lock.lock().unwrap();
    let waiting = task(&place, &dying, "auto/2").spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let asked = Instant::now();
    let kill = format!("kill -TERM {}", waiting.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    refused(&waiting.wait_with_output().unwrap(), 5, &["stopped while", "lock-1-of-2", "the same command continues"]);
    assert!(asked.elapsed() < Duration::from_secs(5));
}
