//! Every call that a command makes of the system, one after another: it fails, or the program is killed before it.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::NamedTempFile;

use super::{SMALL, npy_file::f32_file, rounds};
use crate::place::{Place, error_line, failed, names, roundlaw, run, stderr};
use crate::shim;

/// Calls with an error that they may meet.
const ERRORS: [(&str, &str); 16] = [
    ("open", "EMFILE"),
    ("open", "ENOSPC"),
    ("read", "EIO"),
    ("stat", "EIO"),
    ("list", "EIO"),
    ("mkdir", "ENOSPC"),
    ("write", "ENOSPC"),
    ("write", "EDQUOT"),
    ("write", "EIO"),
    ("sync", "EIO"),
    ("rename", "EIO"),
    ("truncate", "EIO"),
    ("unlink", "EIO"),
    ("close", "EIO"),
    ("lock", "EIO"),
    ("unlock", "EIO"),
];

/// Calls that no command may overlook; what can't be read may be written again, and what was synced may be closed.
const NEEDED: [&str; 5] = ["mkdir", "write", "sync", "rename", "lock"];

/// What a system may do to any call in good order.
const HARMLESS: [(&str, &str, &str); 6] = [
    ("2*", "open", "EINTR"),
    ("2*", "read", "EINTR"),
    ("2*", "write", "EINTR"),
    ("2*", "lock", "EINTR"),
    ("1+", "read", "SHORT"),
    ("1+", "write", "SHORT"),
];

/// Runs what `attempt` makes with a fault at the first such call below `dir`, at the second, and so on (at wider and wider
/// steps, but for `full`) while there is one, and hands over what came of it: the rule with the path that the call was
/// for, and the output. Returns how often that was.
pub fn each_call(
    call: &str,
    action: &str,
    dir: &Path,
    mut attempt: impl FnMut() -> Command,
    mut judge: impl FnMut(&str, &Output),
) -> usize {
    let log = NamedTempFile::new().unwrap();
    let (mut n, mut faults) = (1, 0);
    loop {
        // `write+` is every write from the n-th on.
        let (name, later) = call.strip_suffix('+').map_or((call, ""), |name| (name, "+"));
        let rule = format!("{name} {n}{later} {action} {}", dir.display());
        let mut command = attempt();
        shim::fail_telling(&mut command, std::slice::from_ref(&rule), log.path());
        let output = run(command);
        let told = fs::read_to_string(log.path()).unwrap();
        let Some(acted) = told.lines().next() else {
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            return faults;
        };
        let path = acted.splitn(3, ' ').nth(2).unwrap();
        judge(&format!("{rule}, at {path}: {}", stderr(&output)), &output);
        fs::write(log.path(), "").unwrap();
        n += 1 + n / rounds(6, usize::MAX);
        faults += 1;
    }
}

/// The sweep of a place, into a new directory.
fn anew(place: &Place) -> Command {
    let _ = fs::remove_dir_all(place.out());
    place.sweep()
}

/// Files that a command began and did not finish.
fn half_written(dir: &Path) -> Vec<String> {
    names(dir).into_iter().filter(|name| name.ends_with(".tmp")).collect()
}

#[test]
fn a_sweep_that_meets_an_error_says_so_and_is_finished_by_the_same_command() {
    for (call, action) in ERRORS {
        let place = Place::new(SMALL);
        let attempt = || anew(&place);
        let calls = each_call(call, action, &place.out(), attempt, |what, output| {
            match output.status.code() {
                Some(0) => assert!(!NEEDED.contains(&call), "no error: {what}"),
                Some(1 | 2) => assert!(error_line(&stderr(output)).contains("out"), "{what}"),
                _ => panic!("{}: {what}", output.status),
            }
            place.finishes();
        });
        println!("{calls} calls of {call}");
        assert!(calls > 0 || matches!(call, "truncate" | "unlink"), "no call of {call}");
    }
}

#[test]
fn a_sweep_goes_on_where_calls_are_interrupted_or_done_in_part() {
    let rule = |place: &Place, (nth, call, action): (&str, &str, &str)| {
        format!("{call} {nth} {action} {}", place.out().display())
    };
    for harmless in HARMLESS {
        let (place, log) = (Place::new(SMALL), NamedTempFile::new().unwrap());
        let mut sweep = place.sweep();
        shim::fail_telling(&mut sweep, &[rule(&place, harmless)], log.path());
        place.succeeds(&mut sweep);
        assert!(fs::read_to_string(log.path()).unwrap().lines().count() > 3, "{harmless:?} does not act");
        place.finishes();
    }
    let place = Place::new(SMALL);
    let mut sweep = place.sweep();
    place.succeeds(shim::fail(&mut sweep, &HARMLESS.map(|harmless| rule(&place, harmless))));
    place.finishes();
}

/// Others may hold real locks, which what stands in for locks would not see.
#[test]
fn a_lock_that_fails_is_an_error_where_the_file_system_has_locks() {
    for error in ["EIO", "EPERM", "EACCES", "EINVAL"] {
        let place = Place::new(SMALL);
        let attempt = || anew(&place);
        let calls = each_call("lock", error, &place.out(), attempt, |what, output| {
            failed(output, 1, &[&format!("{}/lock-", place.out().display())]);
            assert!(!stderr(output).contains("no file locks"), "{what}");
            place.finishes();
        });
        assert!(calls > 3, "{calls} calls");
    }
}

#[test]
fn a_file_system_without_locks_is_told_and_made_do_with() {
    for error in ["ENOLCK", "ENOSYS", "ENOTSUP"] {
        let place = Place::new(SMALL);
        let attempt = || anew(&place);
        let calls = each_call("lock+", error, &place.out(), attempt, |what, output| {
            assert_eq!(output.status.code(), Some(0), "{what}");
            assert_eq!(stderr(output).matches("no file locks").count(), 1, "{what}");
            assert!(stderr(output).contains("mount it with flock"), "{what}");
            place.finishes();
        });
        assert!(calls > 3, "{calls} calls");
    }
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    let place = Place::new(SMALL);
    let out = place.out();
    let writes = each_call(
        "write+",
        "ENOSPC",
        &out,
        || anew(&place),
        |what, output| {
            failed(output, 1, &[&out.display().to_string(), "No space left"]);
            assert!(half_written(&out).is_empty(), "{:?} are left: {what}", half_written(&out));
            place.finishes();
        },
    );
    assert!(writes > 3, "a sweep writes files");
}

#[test]
fn a_kill_before_any_call_that_changes_the_directory_is_made_good_by_the_same_command() {
    let place = Place::new(SMALL);
    for call in ["mkdir", "open", "lock", "unlock", "truncate", "write", "sync", "rename", "unlink"] {
        let calls = each_call(
            call,
            "KILL",
            &place.out(),
            || anew(&place),
            |what, output| {
                assert_eq!(output.status.signal(), Some(9), "{what}");
                place.finishes();
            },
        );
        println!("{calls} calls of {call}");
        assert!(calls > 0 || matches!(call, "truncate" | "unlink"), "no call of {call}");
    }
}

#[test]
fn commands_that_read_a_directory_tell_a_failing_disk_from_a_damaged_part() {
    let place = Place::new(SMALL);
    place.finishes();
    for args in [&["status"][..], &["replay", "--run", "3"], &["check", "--all"], &["report"]] {
        for (call, action) in [("open", "EMFILE"), ("open", "EIO"), ("read", "EIO"), ("stat", "EIO"), ("list", "EIO")] {
            let hint = if action == "EMFILE" { "ulimit -n" } else { "out" };
            let calls = each_call(
                call,
                action,
                &place.out(),
                || place.on_out(args),
                |what, output| match output.status.code() {
                    Some(0) => assert!(call == "stat" || call == "list", "no error: {args:?}, {what}"),
                    Some(1) => assert!(error_line(&stderr(output)).contains(hint), "{args:?}, {what}"),
                    // What can't be told to be a directory is read as a config.
                    Some(2) => assert!(call == "stat", "{args:?}, {what}"),
                    _ => panic!("{}: {args:?}, {what}", output.status),
                },
            );
            println!("{args:?}: {calls} calls of {call}");
        }
    }
    place.finishes();
}

#[test]
fn quantize_writes_its_file_whole_or_not_at_all() {
    let place = Place::new(SMALL);
    let (input, output) = (place.path("in.npy"), place.path("out.npy"));
    let values: Vec<f32> = (0..5000).map(|i| i as f32 / 7.0).collect();
    fs::write(&input, f32_file(1, &[5000], &values)).unwrap();
    let quantize = || {
        let mut command = roundlaw(&["quantize", "--format", "e4m3"]);
        command.arg(&input).arg(&output);
        command
    };
    place.succeeds(&mut quantize());
    let good = fs::read(&output).unwrap();
    let dir = place.path("");
    for (call, action) in ERRORS {
        for old in [None, Some(b"old".as_slice())] {
            let attempt = || {
                let _ = fs::remove_file(&output);
                if let Some(bytes) = old {
                    fs::write(&output, bytes).unwrap();
                }
                quantize()
            };
            each_call(call, action, &dir, attempt, |what, done| {
                let now = fs::read(&output).ok();
                match done.status.code() {
                    Some(0) => {
                        assert!(!NEEDED.contains(&call), "no error: {what}");
                        assert!(now.as_deref() == Some(&good), "{what}");
                    }
                    Some(1 | 2) => {
                        assert!(error_line(&stderr(done)).contains(".npy"), "{what}");
                        // What fails after the rename has left the new file.
                        assert!(now.as_deref() == old || now.as_deref() == Some(&good), "a partial file: {what}");
                    }
                    _ => panic!("{}: {what}", done.status),
                }
                if call != "unlink" {
                    assert!(half_written(&dir).is_empty(), "{:?} are left: {what}", half_written(&dir));
                }
            });
        }
    }
}
