//! `quantize` writes where the user says: through links, into devices and pipes, beside another process.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{SMALL, npy_file::f32_file, rounds};
use crate::place::{Place, failed, names, roundlaw, run, stderr};

/// A directory with `in.npy`, and what `quantize` makes of it.
fn place() -> (Place, Vec<u8>) {
    let place = Place::new(SMALL);
    let values: Vec<f32> = (0..5000).map(|i| i as f32 / 7.0).collect();
    fs::write(place.path("in.npy"), f32_file(1, &[5000], &values)).unwrap();
    place.succeeds(&mut quantize(&place, "out.npy"));
    let good = fs::read(place.path("out.npy")).unwrap();
    fs::remove_file(place.path("out.npy")).unwrap();
    (place, good)
}

fn quantize(place: &Place, output: &str) -> Command {
    let mut command = roundlaw(&["quantize", "--format", "e4m3", "in.npy", output]);
    command.current_dir(place.path(""));
    command
}

#[test]
fn links_are_followed_and_stay() {
    let (place, good) = place();
    fs::create_dir(place.path("elsewhere")).unwrap();
    for target in [place.path("target.npy"), place.path("elsewhere/target.npy"), "target.npy".into()] {
        for exists in [true, false] {
            let link = place.path("link.npy");
            symlink(&target, &link).unwrap();
            let file = place.path("").join(&target);
            if exists {
                fs::write(&file, "old").unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            }
            place.succeeds(&mut quantize(&place, "link.npy"));
            assert_eq!(fs::read_link(&link).unwrap(), target);
            assert!(fs::read(&file).unwrap() == good);
            if exists {
                assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "the mode is kept");
            }
            fs::remove_file(&link).unwrap();
            fs::remove_file(&file).unwrap();
        }
    }
}

#[test]
fn devices_and_pipes_are_written_to() {
    let (place, good) = place();
    // By a link: a program that replaces its output must not replace the machine's.
    symlink("/dev/null", place.path("null")).unwrap();
    place.succeeds(&mut quantize(&place, "null"));
    assert!(Path::new("/dev/null").metadata().unwrap().file_type().is_char_device());
    assert_eq!(fs::read_link(place.path("null")).unwrap(), Path::new("/dev/null"));

    symlink("/dev/full", place.path("full")).unwrap();
    failed(&run(quantize(&place, "full")), 1, &["full", "No space left"]);

    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let child = quantize(&place, "fifo").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut read = Vec::new();
    fs::File::open(&fifo).unwrap().read_to_end(&mut read).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(read == good && fifo.symlink_metadata().unwrap().file_type().is_fifo());

    // A reader that goes away is no reason to panic.
    let child = quantize(&place, "fifo").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(fs::File::open(&fifo).unwrap());
    let output = child.wait_with_output().unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1)) && !stderr(&output).contains("panicked"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn names_may_be_as_long_as_the_system_has_them() {
    let (place, good) = place();
    for length in [200, 249, 255] {
        let name = format!("{}.npy", "x".repeat(length - 4));
        place.succeeds(&mut quantize(&place, &name));
        assert!(fs::read(place.path(&name)).unwrap() == good);
    }
    failed(&run(quantize(&place, &"x".repeat(256))), 1, &["xxx", "too long"]);
    assert_eq!(names(&place.path("")).iter().filter(|name| name.ends_with(".tmp")).count(), 0);
}

#[test]
fn a_file_under_two_names_is_refused_before_anything_is_written() {
    let (place, _) = place();
    fs::write(place.path("old.npy"), "old").unwrap();
    fs::hard_link(place.path("old.npy"), place.path("hard.npy")).unwrap();
    symlink("old.npy", place.path("soft.npy")).unwrap();
    symlink("new.npy", place.path("dangling.npy")).unwrap();
    symlink(".", place.path("here")).unwrap();
    let input = fs::read(place.path("in.npy")).unwrap();
    for (output, codes) in [
        ("z.npy", "./z.npy"),
        ("z.npy", "here/z.npy"),
        ("old.npy", "hard.npy"),
        ("old.npy", "soft.npy"),
        ("new.npy", "dangling.npy"),
        ("dangling.npy", "here/new.npy"),
    ] {
        let mut command = quantize(&place, output);
        failed(
            &run({
                command.args(["--codes", codes]);
                command
            }),
            2,
            &[codes.trim_start_matches("./")],
        );
        assert!(!place.path("z.npy").exists() && !place.path("new.npy").exists(), "{output} {codes}");
        assert_eq!(fs::read(place.path("old.npy")).unwrap(), b"old", "{output} {codes}");
    }
    assert!(fs::read(place.path("in.npy")).unwrap() == input);
}

#[test]
fn two_processes_with_one_output_both_succeed() {
    let (place, good) = place();
    for _ in 0..rounds(20, 200) {
        let children = [(); 2]
            .map(|()| quantize(&place, "out.npy").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        }
        assert!(fs::read(place.path("out.npy")).unwrap() == good);
    }
    assert_eq!(names(&place.path("")).len(), 3, "the config, the input and the output");
}
