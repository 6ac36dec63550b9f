//! stdout and stderr that cannot be written, for every command.

use std::fs;
use std::process::{Command, Stdio};

use super::{SMALL, npy_file::f32_file};
use crate::place::{Place, failed, roundlaw, run, stderr};
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
fn streams_that_are_closed_do_no_harm() {
    let place = finished();
    for command in printing(&place) {
        for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
            let output = run(redirected(&place, &command, closed));
            let text = stderr(&output);
            assert!(matches!(output.status.code(), Some(0..=2)) && !text.contains("panicked"), "{command:?}: {text}");
        }
    }
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
