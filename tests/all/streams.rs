//! stdout and stderr that cannot be written, and what may reach a terminal.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const BENCH: &str = r#"{"adapter": "cpu", "rows": [{"suite": "peaks", "name": "copy", "size": "1 MiB", "format": null, "value": 1.0,
"unit": "B/s", "verified": true}]}"#;

const CONFIG: &str = r#"
problem = { dim = 8, spectrum = { kind = "power", exponent = 1.5 } }
train = { model = [2], samples = [16] }
recipe = [{ name = "fp32" }]
sweep = { seeds = 2 }
"#;

fn program(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundlaw"));
    command.current_dir(dir).args(line.split_whitespace()).stdin(File::open(dir.join("stdin")).unwrap());
    command
}

/// A directory with a config, numbers for stdin, and the rows of the config.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("config.toml"), CONFIG).unwrap();
    fs::write(place.path().join("stdin"), "1 2 3").unwrap();
    fs::write(place.path().join("bench.json"), BENCH).unwrap();
    let swept = program(place.path(), "sweep config.toml --out swept --adapter cpu").output().unwrap();
    assert!(swept.status.success(), "{swept:?}");
    place
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Command lines that print data, one of each command that does.
const PRINTING: [&str; 14] = [
    "--help",
    "--version",
    "sweep --help",
    "formats",
    "formats --json",
    "devices --json",
    "quantize --format e4m3",
    "quantize --format e4m3 --json",
    "verify --adapter cpu --filter codec/e4m3/rne/encode",
    "bench compare bench.json bench.json",
    "plan config.toml",
    "replay swept --run 0",
    "report swept",
    "status swept",
];

#[cfg(target_os = "linux")]
#[test]
fn data_that_stdout_does_not_take_is_an_error_of_one_line() {
    let place = place();
    for line in PRINTING {
        let output = program(place.path(), line).stdout(File::create("/dev/full").unwrap()).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{line}: {text}");
        assert!(text.starts_with("roundlaw: stdout: ") && text.lines().count() == 1, "{line}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_is_no_error() {
    let place = place();
    for line in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(place.path(), line).stdout(writer).output().unwrap();
        assert!(output.status.success() && !stderr(&output).contains("roundlaw: "), "{line}: {}", stderr(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn messages_that_stderr_does_not_take_are_dropped_and_the_work_is_done() {
    let place = place();
    let full = || Stdio::from(File::create("/dev/full").unwrap());
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    for (name, stderr) in [("full", full()), ("closed", closed.into())] {
        let line = format!("sweep config.toml --out {name} --adapter cpu");
        let status = program(place.path(), &line).stderr(stderr).status().unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
        let [mine, theirs] = [name, "swept"].map(|dir| {
            let output = program(place.path(), &format!("status {dir}")).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        });
        assert_eq!(mine, theirs, "{name}");
    }
    // The status of an error is what it is.
    for (line, code) in [("quantize --format e5", 2), ("status gone", 2), ("swep", 2)] {
        let expected = program(place.path(), line).output().unwrap().status.code();
        let status = program(place.path(), line).stderr(full()).status().unwrap();
        assert_eq!((status.code(), expected), (Some(code), Some(code)), "{line}");
    }
}

/// A stream that others have made non-blocking, and nobody reads.
#[cfg(unix)]
#[test]
fn a_stream_that_is_full_is_one_that_cannot_be_written() {
    use std::io::Write as _;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    let place = place();
    let full = || {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        while writer.write(&[0; 4096]).is_ok() || writer.write(&[0]).is_ok() {}
        (Stdio::from(OwnedFd::from(writer)), reader)
    };
    let (stdout, _reader) = full();
    let output = program(place.path(), "formats").stdout(stdout).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("roundlaw: stdout: ") && text.lines().count() == 1, "{text}");
    let (stderr, _reader) = full();
    let line = "sweep config.toml --out blocked --adapter cpu";
    assert_eq!(program(place.path(), line).stderr(stderr).status().unwrap().code(), Some(0));
}

/// A list is written in blocks, whatever the number of its lines.
#[cfg(unix)]
#[test]
fn many_lines_are_few_writes() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    let place = place();
    fs::write(place.path().join("stdin"), "1 2 3 ".repeat(2000)).unwrap();
    for (line, least) in [("quantize --format e4m3", 6000), ("quantize --format e4m3 --json", 1), ("formats", 20)] {
        // Each write is a datagram of its own.
        let (writer, reader) = UnixDatagram::pair().unwrap();
        let mut child = program(place.path(), line).stdout(OwnedFd::from(writer)).spawn().unwrap();
        let read = std::thread::spawn(move || {
            let (mut writes, mut bytes, mut buffer) = (0, Vec::new(), vec![0; 1 << 20]);
            reader.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
            while let Ok(length @ 1..) = reader.recv(&mut buffer) {
                bytes.extend_from_slice(&buffer[..length]);
                writes += 1;
                if bytes.ends_with(b"]\n") {
                    break;
                }
            }
            (writes, bytes)
        });
        assert!(child.wait().unwrap().success());
        let (writes, bytes) = read.join().unwrap();
        let whole = program(place.path(), line).output().unwrap().stdout;
        assert!(bytes == whole, "{line}");
        assert!(whole.iter().filter(|&&byte| byte == b'\n').count() >= least, "{line}");
        assert!(writes <= 3 + 2 * whole.len() / (1 << 16), "{line}: {writes} writes of {} bytes", whole.len());
    }
}

#[test]
fn the_parsers_errors_are_one_line_too() {
    let place = place();
    for (line, parts) in [
        ("", &["no command", "sweep", "see `roundlaw --help`"][..]),
        ("swep", &["'swep'", "'sweep'", "see `roundlaw --help`"]),
        ("sweep", &["<CONFIG>", "--out <DIR>", "see `roundlaw sweep --help`"]),
        ("sweep config.toml --adaptr cpu", &["'--adaptr'", "'--adapter'", "see `roundlaw sweep --help`"]),
        ("replay swept --run x", &["'x'", "--run", "see `roundlaw replay --help`"]),
        ("quantize --format e4m3 --seed 1 --random w.npy", &["--seed", "--random"]),
    ] {
        let output = program(place.path(), line).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{line}: {text}");
        assert!(text.starts_with("roundlaw: ") && text.lines().count() == 1, "{line}: {text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "{line}: {text:?} does not name {part:?}"));
    }
}

#[cfg(unix)]
#[test]
fn names_do_not_steer_the_terminal() {
    let place = place();
    let hostile = "a\u{1b}[2J\rb\n";
    fs::rename(place.path().join("swept"), place.path().join(hostile)).unwrap();
    for args in [
        &["report", hostile][..],
        &["status", "gone\u{1b}]0;"],
        &["plan", "gone\u{9b}"],
        &["quantize", "--format", "\u{1b}"],
        &["\u{1b}c"],
        &["replay", hostile, "--run", "0"],
    ] {
        let output = program(place.path(), "").args(args).output().unwrap();
        for text in [String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output)] {
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{args:?}: {text:?}");
        }
        let both = output.stdout.len() + output.stderr.len();
        assert!(both > 0, "{args:?} says nothing");
    }
}

/// Without a session of windows, as on servers and in containers.
#[test]
fn drivers_do_not_complain_about_missing_windows() {
    let place = place();
    let mut command = program(place.path(), "devices --json");
    for name in ["XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    assert!(output.status.success() && !stderr(&output).contains("XDG_RUNTIME_DIR"), "{}", stderr(&output));
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// `println!` and its kin panic where a stream cannot be written.
#[test]
fn the_streams_are_written_in_one_place() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let writers = ["print!(", "println!(", "eprint!(", "eprintln!(", "dbg!(", "stdout()", "stderr()"];
    let mut looked = 0;
    for path in sources(&src).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")) {
        looked += 1;
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let asks = line.contains("is_terminal()");
            let writes = writers.iter().any(|writer| line.contains(writer));
            assert!(!writes || asks || path.ends_with("streams.rs"), "{}: {line}", path.display());
        }
    }
    assert!(looked > 100, "{looked} files");
}
