//! Limits that the system sets to a process, and a disk that is full indeed.

use std::fs;
use std::process::{Command, Output};

use super::{SMALL, rounds};
use crate::place::{Place, error_line, failed, run, stderr};
use crate::shim;

/// As many seeds as there are to be parts; little else.
const MANY: &str = r#"
[problem]
dim = 4
spectrum = { kind = "power", exponent = 1.5 }

[train]
model = [2]
samples = [8]

[[recipe]]
name = "a"

[sweep]
seeds = 1100
check = "off"
"#;

/// The command under a shell's `ulimit`.
fn limited(command: &Command, limit: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args()).env("RAYON_NUM_THREADS", "2");
    run(shell)
}

#[test]
fn parts_may_be_more_than_the_files_that_a_process_may_open() {
    let place = Place::new(MANY);
    let parts = rounds(40, 1100);
    // A shard for each part, in a directory of its own: one that opened all parts before it would take far longer.
    for shard in 0..parts {
        let mut sweep = place.sweep();
        sweep.args(["--shard", &format!("{shard}/{parts}"), "--set", &format!("sweep.seeds={parts}")]);
        place.succeeds(&mut sweep);
        fs::rename(place.out(), place.path("shard")).unwrap();
        if shard == 0 {
            fs::rename(place.path("shard"), place.path("whole")).unwrap();
            continue;
        }
        for part in fs::read_dir(place.path("shard/rows")).unwrap() {
            let part = part.unwrap();
            fs::rename(part.path(), place.path("whole/rows").join(part.file_name())).unwrap();
        }
        fs::remove_dir_all(place.path("shard")).unwrap();
    }
    fs::rename(place.path("whole"), place.out()).unwrap();
    let whole = place.status();
    assert_eq!((whole.done, whole.runs), (parts as u64, parts as u64));
    let mut again = place.sweep();
    again.args(["--set", &format!("sweep.seeds={parts}")]);
    let commands =
        [again, place.on_out(&["status"]), place.on_out(&["report"]), place.on_out(&["replay", "--run", "5"])];
    for command in &commands {
        for files in [1024, 64, 32] {
            let output = limited(command, &format!("-n {files}"));
            assert_eq!(output.status.code(), Some(0), "{files} files, {command:?}: {}", stderr(&output));
        }
        // Fewer than the program needs for itself may be too few, which is said.
        for files in [4, 6, 8, 10, 12, 16, 20] {
            let output = limited(command, &format!("-n {files}"));
            // The loader's own words, where not even the program's libraries can be opened.
            let own = !stderr(&output).contains("error while loading shared libraries");
            if output.status.code() != Some(0) && own {
                failed(&output, 1, &["ulimit -n"]);
            }
        }
    }
    assert_eq!(place.status().digest, whole.digest);
}

#[test]
fn a_limit_on_the_size_of_files_costs_nothing_that_was_done() {
    for blocks in [0, 1, 2, 4, 8, 16, 32, 64] {
        let place = Place::new(SMALL);
        let output = limited(&place.sweep(), &format!("-f {blocks}"));
        match output.status.code() {
            Some(0) => assert!(blocks > 8, "{blocks}"),
            _ => failed(&output, 1, &["out", "File too large", "ulimit -f"]),
        }
        place.finishes();
    }
}

#[test]
fn threads_that_cannot_start_are_told() {
    let place = Place::new(SMALL);
    let mut failures = 0;
    for n in 1.. {
        let _ = fs::remove_dir_all(place.out());
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut sweep = place.sweep();
        shim::fail_telling(&mut sweep, &[format!("thread {n}+ EAGAIN ")], log.path());
        let output = run(sweep);
        if fs::read_to_string(log.path()).unwrap().is_empty() {
            break;
        }
        if output.status.code() != Some(0) {
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            assert!(error_line(&stderr(&output)).contains("thread"), "{}", stderr(&output));
            failures += 1;
        }
        place.finishes();
    }
    assert!(failures > 0, "the program starts no thread");
}

/// A small disk of its own, where the system lets the user have one.
#[test]
fn a_disk_that_fills_up_is_said_and_the_sweep_continues_when_there_is_room() {
    let disk = tempfile::tempdir().unwrap();
    for kib in [4, 12, 20, 28, 36, 44, 60, 80] {
        let place = Place::new(SMALL);
        let size = format!("size={kib}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(disk.path()).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            println!("not tested here: a disk of its own cannot be mounted; `calls` has what fails instead");
            return;
        }
        let unmount = Unmount(disk.path());
        std::os::unix::fs::symlink(disk.path(), place.out()).unwrap();
        let output = run(place.sweep());
        if output.status.code() != Some(0) {
            failed(&output, 1, &["out", "No space left"]);
            let left: Vec<String> =
                crate::place::names(disk.path()).into_iter().filter(|name| name.ends_with(".tmp")).collect();
            assert!(left.is_empty(), "{left:?} are left on a disk of {kib} KiB");
        }
        let larger = Command::new("mount").args(["-o", "remount,size=100m"]).arg(disk.path()).status().unwrap();
        assert!(larger.success());
        place.finishes();
        drop(unmount);
    }
}

struct Unmount<'a>(&'a std::path::Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
