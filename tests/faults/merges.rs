//! A merge that is killed, or meets an error, at any call: no row is lost, and the same command again ends with the same
//! files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use super::calls::each_call;
use super::{SMALL, digest};
use crate::place::{Place, error_line, names, stderr};

/// What a merge does to files.
const CALLS: [&str; 8] = ["open", "read", "write", "sync", "rename", "unlink", "list", "lock"];

/// Calls with an error that they may meet.
const ERRORS: [(&str, &str); 7] = [
    ("open", "EMFILE"),
    ("read", "EIO"),
    ("write", "ENOSPC"),
    ("sync", "EIO"),
    ("rename", "EIO"),
    ("unlink", "EIO"),
    ("lock", "EIO"),
];

/// A directory of two shards, to be copied, and the files that a merge leaves of it.
fn sharded() -> (Place, BTreeMap<String, Vec<u8>>) {
    let place = Place::new(SMALL);
    for shard in ["0/2", "1/2"] {
        let mut sweep = place.sweep();
        place.succeeds(sweep.args(["--shard", shard]));
    }
    fs::rename(place.out(), place.path("shards")).unwrap();
    place.succeeds(&mut anew(&place));
    let merged = rows(&place.out());
    assert_eq!(merged.len(), 1);
    (place, merged)
}

fn rows(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let rows = dir.join("rows");
    names(&rows).into_iter().map(|name| (name.clone(), fs::read(rows.join(name)).unwrap())).collect()
}

/// The merge of a fresh copy.
fn anew(place: &Place) -> Command {
    let _ = fs::remove_dir_all(place.out());
    for name in names(&place.path("shards")) {
        let (from, to) = (place.path("shards").join(&name), place.out().join(&name));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
    place.on_out(&["merge"])
}

#[track_caller]
fn goes_on(place: &Place, merged: &BTreeMap<String, Vec<u8>>, what: &str) {
    let status = place.status();
    assert_eq!((status.done, status.digest), (status.runs, digest(SMALL)), "{what}");
    place.succeeds(&mut place.on_out(&["merge"]));
    assert!(rows(&place.out()) == *merged, "{what}");
    assert!(!names(&place.out()).iter().any(|name| name.ends_with(".tmp")), "{what}");
    place.finishes();
    assert!(rows(&place.out()) == *merged, "{what}");
}

#[test]
fn a_merge_that_is_killed_loses_nothing() {
    let (place, merged) = sharded();
    for call in CALLS {
        let calls = each_call(
            call,
            "KILL",
            &place.out(),
            || anew(&place),
            |what, output| {
                assert_eq!(output.status.signal(), Some(9), "{what}");
                goes_on(&place, &merged, what);
            },
        );
        assert!(calls > 0, "no call of {call}");
    }
}

#[test]
fn a_merge_that_meets_an_error_says_so_and_loses_nothing() {
    let (place, merged) = sharded();
    for (call, error) in ERRORS {
        each_call(
            call,
            error,
            &place.out(),
            || anew(&place),
            |what, output| {
                match output.status.code() {
                    Some(0) => assert!(matches!(call, "open" | "read"), "no error: {what}"),
                    Some(1 | 2) => assert!(error_line(&stderr(output)).contains("out"), "{what}"),
                    _ => panic!("{}: {what}", output.status),
                }
                goes_on(&place, &merged, what);
            },
        );
    }
}
