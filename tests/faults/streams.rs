//! stdout and stderr that cannot be written, for every command.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{SMALL, npy_file::f32_file};
use crate::place::{Place, error_line, failed, roundlaw, run, stderr};
use crate::shim;

/// Commands that print, on a finished directory.
fn printing(place: &Place) -> Vec<Command> {
    let config = place.path("config.toml").display().to_string();
    let mut commands: Vec<Command> = [
        &["--help"][..],
        &["--version"],
        &["sweep", "--help"],
        &["formats"],
        &["formats", "--json"],
        &["devices"],
        &["devices", "--json"],
        &["plan", &config],
        &["plan", &config, "--json"],
        &["quantize", "--format", "e4m3"],
        &["quantize", "--format", "e4m3", "--json"],
        &["verify", "--list"],
        &["verify", "--adapter", "cpu", "--filter", "codec/e4m3/rne"],
        &["verify", "--adapter", "cpu", "--filter", "codec/e4m3/rne", "--json"],
    ]
    .map(roundlaw)
    .into();
    commands.extend(
        [
            &["status"][..],
            &["status", "--json"],
            &["replay", "--run", "0"],
            &["report"],
            &["fit"],
            &["fit", "--json"],
            &["check"],
            &["check", "--json"],
        ]
        .map(|args| place.on_out(args)),
    );
    commands
}

/// The same command behind a shell's redirection, and with numbers to quantize on stdin.
fn redirected(place: &Place, command: &Command, redirection: &str) -> Command {
    let numbers = place.path("numbers");
    fs::write(&numbers, "1 2.5 nan\n").unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" \"$@\" <{} {redirection}", numbers.display())]);
    shell.arg(command.get_program()).args(command.get_args()).env("RAYON_NUM_THREADS", "2");
    shell
}

fn finished() -> Place {
    let place = Place::new(SMALL);
    place.finishes();
    place
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let place = finished();
    for command in printing(&place) {
        let whole = run(redirected(&place, &command, ""));
        assert_eq!(whole.status.code(), Some(0), "{command:?}: {}", stderr(&whole));
        assert!(!whole.stdout.is_empty(), "{command:?} prints");
        let output = run(redirected(&place, &command, ">/dev/full"));
        println!("{command:?}");
        failed(&output, 1, &["stdout", "No space left"]);
    }
}

/// A pipe that takes nothing for now, as those that event loops leave behind.
#[test]
fn output_that_would_block_is_not_lost() {
    let place = finished();
    for command in printing(&place) {
        let messages = place.path("messages");
        let mut blocked = redirected(&place, &command, &format!("2>{}", messages.display()));
        shim::fail(&mut blocked, &["write 1+ EAGAIN pipe:".into()]);
        let mut output = run(blocked);
        output.stderr = fs::read(&messages).unwrap();
        println!("{command:?}");
        failed(&output, 1, &["stdout"]);
    }
}

#[test]
fn a_closed_pipe_ends_in_silence() {
    let place = finished();
    for command in printing(&place) {
        let mut child = redirected(&place, &command, "").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("roundlaw: "), "{command:?}: {}", stderr(&output));
    }
}

#[test]
fn streams_that_are_closed_do_no_harm_and_lose_no_data() {
    let place = finished();
    for command in printing(&place) {
        let of_quantize = command.get_args().any(|arg| arg == "quantize");
        for closed in ["<&-", "2>&-", "<&- 2>&-"] {
            let output = run(redirected(&place, &command, closed));
            // Nothing comes from a closed stdin.
            let code = if of_quantize && closed.contains('<') { 2 } else { 0 };
            assert_eq!(output.status.code(), Some(code), "{command:?} {closed}: {}", stderr(&output));
            assert_eq!(output.stdout.is_empty(), code != 0, "{command:?} {closed}");
        }
        // The last is open, but for reading.
        for closed in [">&-", "1</dev/null"] {
            let output = run(redirected(&place, &command, closed));
            println!("{command:?} {closed}");
            failed(&output, 1, &["stdout is closed"]);
        }
        let code = if of_quantize { 2 } else { 1 };
        assert_eq!(run(redirected(&place, &command, "<&- >&- 2>&-")).status.code(), Some(code), "{command:?}");
        let output = run(redirected(&place, &command, ">/dev/null"));
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", stderr(&output));
    }
    // An array for stdout, by each of its names; one for a file is there, and the summary is not.
    let input = place.path("in.npy");
    fs::write(&input, f32_file(1, &[2], &[1.5, 2.5])).unwrap();
    let names = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].map(std::path::PathBuf::from);
    for out in names.iter().chain([&place.path("out.npy")]) {
        let mut quantize = roundlaw(&["quantize", "--format", "e4m3"]);
        quantize.arg(&input).arg(out);
        failed(&run(redirected(&place, &quantize, ">&-")), 1, &["stdout is closed"]);
    }
    assert!(place.path("out.npy").exists());
    // No file of a directory may get a closed stream's number and its text.
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let place = Place::new(SMALL);
        let output = run(redirected(&place, &place.sweep(), closed));
        assert_eq!(output.status.code(), Some(0), "{closed}: {}", stderr(&output));
        place.finishes();
    }
}

#[test]
fn messages_that_cannot_be_written_change_neither_work_nor_exit_code() {
    let done = finished();
    let (out, missing) = (done.out().display().to_string(), done.path("missing").display().to_string());
    for broken in ["2>/dev/full", "2>&-", "2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}"] {
        let bash = |command: &Command| {
            let mut shell = Command::new("bash");
            shell.args(["-c", &format!("\"$0\" \"$@\" {broken}")]);
            shell.arg(command.get_program()).args(command.get_args()).env("RAYON_NUM_THREADS", "2");
            run(shell)
        };
        let place = Place::new(SMALL);
        let output = bash(&place.sweep());
        assert_eq!(output.status.code(), Some(0), "{broken}: {}", stderr(&output));
        place.finishes();
        for (args, code) in [
            (&["status", &out][..], 0),
            (&["replay", &out, "--run", "1"], 0),
            (&["report", &out], 0),
            (&["status", &missing], 2),
            (&["plan", &missing], 2),
            (&["sweep"], 2),
            (&["nonsense"], 2),
        ] {
            let output = bash(&roundlaw(args));
            assert_eq!(output.status.code(), Some(code), "{args:?} {broken}: {}", stderr(&output));
        }
    }
}

#[test]
fn a_pipe_whose_reader_goes_away_is_an_output_that_failed() {
    let place = Place::new(SMALL);
    let (input, pipe) = (place.path("in.npy"), place.path("pipe"));
    // More than a pipe holds.
    fs::write(&input, f32_file(1, &[100_000], &vec![1.5; 100_000])).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut quantize = roundlaw(&["quantize", "--format", "e4m3"]);
    quantize.arg(&input).arg(&pipe);
    let child = quantize.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(fs::File::open(&pipe).unwrap());
    failed(&child.wait_with_output().unwrap(), 1, &["pipe: ", "Broken pipe"]);
}

/// As every program that opens a pipe, it waits for a reader; a signal ends the waiting.
#[test]
fn a_pipe_that_nobody_reads_is_waited_for_until_a_signal() {
    let place = Place::new(SMALL);
    let (input, pipe) = (place.path("in.npy"), place.path("pipe"));
    fs::write(&input, f32_file(1, &[2], &[1.5, 2.5])).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let mut quantize = roundlaw(&["quantize", "--format", "e4m3"]);
        let mut child = quantize.arg(&input).arg(&pipe).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(child.try_wait().unwrap(), None, "it waits");
        let asked = Instant::now();
        assert!(Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap().success());
        let status = child.wait().unwrap();
        assert!(status.signal() == Some(number) && asked.elapsed() < Duration::from_secs(20), "{signal}: {status}");
    }
}

/// No sweep waits where it could not be stopped: its own files are no pipes.
#[test]
fn a_pipe_in_the_place_of_a_file_is_told() {
    let place = finished();
    for name in ["report.html", "manifest.json"] {
        let path = place.out().join(name);
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let output = run(place.sweep());
        assert_ne!(output.status.code(), Some(0), "{name}");
        let line = error_line(&stderr(&output)).to_string();
        assert!(line.contains(name), "{line}");
        fs::remove_file(&path).unwrap();
        place.finishes();
    }
}

/// A directory that cannot be synced holds the new file nevertheless; one whose sync failed may lose it.
#[test]
fn a_directory_that_has_no_sync_is_no_error() {
    let place = Place::new(SMALL);
    let (input, dir) = (place.path("in.npy"), place.path("dir"));
    fs::write(&input, f32_file(1, &[2], &[1.5, 2.5])).unwrap();
    fs::create_dir(&dir).unwrap();
    let rule = |call: &str, nth: &str, error: &str| format!("{call} {nth} {error} {}", dir.display());
    let written = |rule: String| {
        let out = dir.join("out.npy");
        let _ = fs::remove_file(&out);
        let mut quantize = roundlaw(&["quantize", "--format", "e4m3"]);
        let log = tempfile::NamedTempFile::new().unwrap();
        shim::fail_telling(quantize.arg(&input).arg(&out), std::slice::from_ref(&rule), log.path());
        let output = run(quantize);
        assert!(!fs::read_to_string(log.path()).unwrap().is_empty() && out.exists(), "{rule}");
        output
    };
    // The file's own sync is the first.
    for error in ["EINVAL", "ENOTSUP", "EACCES", "ENOSYS", "EPERM"] {
        let output = written(rule("sync", "2", error));
        assert_eq!(output.status.code(), Some(0), "{error}: {}", stderr(&output));
    }
    for error in ["EIO", "ENOSPC"] {
        failed(&written(rule("sync", "2", error)), 1, &["dir: "]);
    }
}
