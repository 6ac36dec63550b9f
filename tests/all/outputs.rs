//! Files that users name for output: what lies there already, links, devices, and two writers at once.

#[cfg(unix)]
mod owners;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::npy_file::f32_file;

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        fs::write(place.path("in.npy"), f32_file(1, &[4], &[0.3, 1.0, -2.7, 100.0])).unwrap();
        place.ends("quantize --format e4m3 in.npy right.npy --codes codes.npy", 0, &[]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roundlaw"));
        command.current_dir(self.0.path()).args(line.split_whitespace()).stdin(Stdio::null());
        command
    }

    /// The status, with one line on stderr that names the parts where it is none of success.
    #[track_caller]
    fn ends(&self, line: &str, code: i32, parts: &[&str]) -> Output {
        let output = self.command(line).output().unwrap();
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {text}");
        assert_eq!(text.lines().count(), usize::from(code != 0), "{line}: {text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "{line}: {text:?} does not name {part:?}"));
        output
    }

    #[track_caller]
    fn holds(&self, name: &str, like: &str) {
        assert!(fs::read(self.path(name)).unwrap() == fs::read(self.path(like)).unwrap(), "{name} is not {like}");
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn one_file_is_no_two_outputs_and_no_input_is_replaced() {
    let place = Place::new();
    fs::create_dir(place.path("dir")).unwrap();
    fs::hard_link(place.path("in.npy"), place.path("hard.npy")).unwrap();
    let mut lines = vec![
        "quantize --format e4m3 in.npy z.npy --codes ./z.npy",
        "quantize --format e4m3 in.npy z.npy --codes dir/../z.npy",
        "quantize --format mxfp4 in.npy z.npy --codes c.npy --scales ./c.npy",
        "quantize --format e4m3 in.npy in.npy",
        "quantize --format e4m3 in.npy ./in.npy",
        "quantize --format e4m3 in.npy z.npy --codes in.npy",
    ];
    if cfg!(unix) {
        lines.push("quantize --format e4m3 in.npy hard.npy");
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink("in.npy", place.path("soft.npy")).unwrap();
            symlink("new.npy", place.path("dangling.npy")).unwrap();
        }
        lines.push("quantize --format e4m3 in.npy soft.npy");
        lines.push("quantize --format e4m3 soft.npy in.npy");
        lines.push("quantize --format e4m3 in.npy new.npy --codes dangling.npy");
    }
    let before = place.names();
    let input = fs::read(place.path("in.npy")).unwrap();
    for line in lines {
        place.ends(line, 2, &["one file", "must differ"]);
        assert_eq!(place.names(), before, "{line}");
        assert!(fs::read(place.path("in.npy")).unwrap() == input, "{line}");
    }
}

#[test]
fn of_several_outputs_none_is_written_if_one_cannot_be() {
    let place = Place::new();
    let before = place.names();
    for line in [
        "quantize --format e4m3 in.npy gone/z.npy --codes c.npy",
        "quantize --format e4m3 in.npy z.npy --codes gone/c.npy",
        "quantize --format mxfp4 in.npy z.npy --codes c.npy --scales gone/s.npy",
    ] {
        place.ends(line, 1, &["gone/"]);
        assert_eq!(place.names(), before, "{line}");
    }
}

/// File names may have 255 bytes.
#[test]
fn a_name_may_be_as_long_as_the_file_system_takes() {
    let place = Place::new();
    for length in [240, 249, 255] {
        let name = format!("{}.npy", "n".repeat(length - 4));
        place.ends(&format!("quantize --format e4m3 in.npy {name}"), 0, &[]);
        place.holds(&name, "right.npy");
    }
    place.ends(&format!("quantize --format e4m3 in.npy {}", "n".repeat(256)), 1, &["nnn: "]);
}

#[test]
fn two_processes_may_write_one_file() {
    let place = Place::new();
    for round in 0..80 {
        let start = |format: &str| {
            let mut command = place.command(&format!("quantize --format {format} in.npy out.npy"));
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        for process in [start("e4m3"), start("e4m3")] {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
        place.holds("out.npy", "right.npy");
    }
    assert!(place.names().iter().all(|name| !name.ends_with(".tmp")), "{:?}", place.names());
}

/// What others left or laid out under the name of a temporary file is neither used nor harmed.
#[cfg(unix)]
#[test]
fn temporary_files_are_new_files() {
    let place = Place::new();
    std::os::unix::fs::symlink("victim", place.path(".npy.0.tmp")).unwrap();
    fs::write(place.path("victim"), "precious").unwrap();
    fs::write(place.path(".npy.1.tmp"), "left over").unwrap();
    place.ends("quantize --format e4m3 in.npy out.npy", 0, &[]);
    place.holds("out.npy", "right.npy");
    assert_eq!(fs::read_to_string(place.path("victim")).unwrap(), "precious");
    assert_eq!(fs::read_to_string(place.path(".npy.1.tmp")).unwrap(), "left over");
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    pub fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn make_fifo(path: &Path) {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    #[test]
    fn links_are_followed_and_stay() {
        let place = Place::new();
        fs::create_dir(place.path("far")).unwrap();
        fs::write(place.path("far/old.npy"), "old").unwrap();
        symlink("far/old.npy", place.path("link")).unwrap();
        symlink("link", place.path("link-to-link")).unwrap();
        symlink("far/new.npy", place.path("dangling")).unwrap();
        for (link, target) in [("link-to-link", "far/old.npy"), ("dangling", "far/new.npy")] {
            place.ends(&format!("quantize --format e4m3 in.npy {link}"), 0, &[]);
            assert!(fs::symlink_metadata(place.path(link)).unwrap().is_symlink());
            assert!(fs::symlink_metadata(place.path(target)).unwrap().is_file());
            place.holds(target, "right.npy");
        }
        symlink("circle", place.path("circle")).unwrap();
        place.ends("quantize --format e4m3 in.npy circle", 1, &["circle: "]);
    }

    #[test]
    fn permissions_stay_and_new_files_have_the_usual_ones() {
        let place = Place::new();
        fs::write(place.path("usual"), "").unwrap();
        assert_eq!(mode(&place.path("right.npy")), mode(&place.path("usual")));
        for bits in [0o600, 0o640, 0o755, 0o222] {
            fs::write(place.path("out.npy"), "old").unwrap();
            fs::set_permissions(place.path("out.npy"), fs::Permissions::from_mode(bits)).unwrap();
            place.ends("quantize --format e4m3 in.npy out.npy", 0, &[]);
            assert_eq!(mode(&place.path("out.npy")), bits);
            fs::set_permissions(place.path("out.npy"), fs::Permissions::from_mode(0o600)).unwrap();
            place.holds("out.npy", "right.npy");
            fs::remove_file(place.path("out.npy")).unwrap();
        }
        // A file that may not be written is not replaced, if there is anything that its writer may not write.
        fs::write(place.path("kept"), "old").unwrap();
        fs::set_permissions(place.path("kept"), fs::Permissions::from_mode(0o444)).unwrap();
        if fs::File::options().write(true).open(place.path("kept")).is_err() {
            place.ends("quantize --format e4m3 in.npy kept", 1, &["kept: Permission denied"]);
            assert_eq!(fs::read_to_string(place.path("kept")).unwrap(), "old");
        }
    }

    /// By whichever names: what is written to both would hold neither.
    #[test]
    fn one_pipe_is_no_two_outputs() {
        let place = Place::new();
        make_fifo(&place.path("pipe"));
        fs::hard_link(place.path("pipe"), place.path("same")).unwrap();
        let mut outputs = vec![("pipe", "pipe"), ("pipe", "same")];
        if cfg!(target_os = "linux") {
            outputs.extend([("/dev/stdout", "/dev/fd/1"), ("/proc/self/fd/1", "/dev/stdout")]);
        }
        outputs.push(("/dev/stdout", "/dev/stdout"));
        for (out, codes) in outputs {
            let line = format!("quantize --format e4m3 in.npy {out} --codes {codes}");
            let output = place.ends(&line, 2, &["one file", "must differ", &format!("OUT.npy {out} "), codes]);
            assert!(output.stdout.is_empty());
        }
        let line = "quantize --format mxfp4 in.npy right.npy --codes pipe --scales same";
        place.ends(line, 2, &["--codes pipe and --scales same are one file"]);
        place.holds("right.npy", "right.npy");
    }

    #[test]
    fn devices_and_pipes_are_written_to() {
        let place = Place::new();
        let device = fs::metadata("/dev/null").unwrap().rdev();
        symlink("/dev/null", place.path("null")).unwrap();
        for out in ["/dev/null", "null"] {
            let line = format!("quantize --format e4m3 in.npy {out} --codes {out}");
            place.ends(&line, 0, &[]);
            assert_eq!(fs::metadata("/dev/null").unwrap().rdev(), device);
        }
        // A device of its own, where the user may make one.
        let made = Command::new("mknod").arg(place.path("node")).args(["c", "1", "3"]).stderr(Stdio::null()).status();
        if made.is_ok_and(|status| status.success()) && fs::File::options().write(true).open(place.path("node")).is_ok()
        {
            place.ends("quantize --format e4m3 in.npy node", 0, &[]);
            assert!(fs::symlink_metadata(place.path("node")).unwrap().file_type().is_char_device());
        }
        make_fifo(&place.path("pipe"));
        let (path, right) = (place.path("pipe"), fs::read(place.path("right.npy")).unwrap());
        let reader = std::thread::spawn(move || fs::read(path).unwrap());
        place.ends("quantize --format e4m3 in.npy pipe", 0, &[]);
        assert!(reader.join().unwrap() == right);
        assert!(fs::symlink_metadata(place.path("pipe")).unwrap().file_type().is_fifo());
    }

    /// The array goes where stdout goes, behind what is there, and the summary to stderr.
    #[cfg(target_os = "linux")]
    #[test]
    fn stdout_may_be_the_output() {
        let place = Place::new();
        let right = fs::read(place.path("right.npy")).unwrap();
        let line = "quantize --format e4m3 in.npy /dev/stdout";
        let output = place.command(line).output().unwrap();
        assert!(output.stdout == right && output.status.success());
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("4 elements"));
        fs::write(place.path("log"), "before").unwrap();
        let log = fs::File::options().append(true).open(place.path("log")).unwrap();
        assert!(place.command(line).stdout(log).stderr(Stdio::null()).status().unwrap().success());
        assert!(fs::read(place.path("log")).unwrap() == [b"before", right.as_slice()].concat());
        // A socket cannot be opened by a name.
        let (socket, mut reader) = std::os::unix::net::UnixStream::pair().unwrap();
        let socket = std::os::fd::OwnedFd::from(socket);
        assert!(place.command(line).stdout(socket).stderr(Stdio::null()).status().unwrap().success());
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == right);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_reader_of_stdout_that_has_gone_is_no_error_for_arrays_either() {
        let place = Place::new();
        for line in ["in.npy /dev/stdout", "in.npy /dev/fd/1 --codes c.npy", "in.npy z.npy --codes /dev/stdout"] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let output = place.command(&format!("quantize --format e4m3 {line}")).stdout(writer).output().unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(0), "{line}: {text}");
            assert!(!text.contains("roundlaw: "), "{line}: {text}");
        }
        place.holds("c.npy", "codes.npy");
        place.holds("z.npy", "right.npy");
    }

    /// A limit on the size of files stands for a full disk: nothing is left, and what was there stays.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_does_not_fit_leaves_nothing() {
        let place = Place::new();
        let full = "/dev/full";
        place.ends(&format!("quantize --format e4m3 in.npy {full}"), 1, &["/dev/full: No space left", "make room"]);
        let mut text = String::new();
        fs::File::open(place.path("in.npy")).unwrap().read_to_string(&mut text).unwrap_err();
        place.ends("quantize --format e4m3 in.npy z.npy --codes /dev/full", 1, &["/dev/full: No space left"]);
        assert!(!place.path("z.npy").exists());
    }
}

#[test]
fn a_trace_is_whole_or_not_there() {
    let place = Place::new();
    let config = "problem = { dim = 8, spectrum = { kind = \"power\", exponent = 1.5 } }\n\
                  train = { model = [2], samples = [16] }\nrecipe = [{ name = \"fp32\" }]\nsweep = { seeds = 1 }\n";
    fs::write(place.path("config.toml"), config).unwrap();
    place.ends("replay config.toml --run 0 --trace trace.csv", 0, &[]);
    let text = fs::read_to_string(place.path("trace.csv")).unwrap();
    assert_eq!(
        (text.lines().count(), text.lines().next()),
        (17, Some("update,seen,excess,reducible,held_out,diverged"))
    );
    place.ends("replay config.toml --run 0 --trace gone/trace.csv", 2, &["gone/trace.csv: there is no directory gone"]);
    if cfg!(target_os = "linux") {
        let output = place.command("replay config.toml --run 0 --trace /dev/stdout").output().unwrap();
        assert!(output.status.success() && output.stdout == text.as_bytes(), "the trace alone");
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("run 0 cell 0"));
        place.ends("replay config.toml --run 0 --trace /dev/full", 1, &["/dev/full: No space left", "make room"]);
    }
    assert!(place.names().iter().all(|name| !name.ends_with(".tmp")), "{:?}", place.names());
}
