//! What lies in a directory and is not what the program put there: every command says which file, and what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SMALL, rounds};
use crate::place::{Place, failed, names, run};

/// Every command that reads a directory's rows.
fn readers(place: &Place) -> Vec<Command> {
    let mut commands: Vec<Command> = [
        &["status"][..],
        &["report"],
        &["replay", "--run", "0"],
        &["fit"],
        &["replay", "--run", "9"],
        &["check", "--all"],
    ]
    .map(|args| place.on_out(args))
    .into();
    commands.push(place.sweep());
    commands
}

fn parts(place: &Place) -> Vec<PathBuf> {
    let mut parts: Vec<PathBuf> = names(&place.out())
        .iter()
        .filter(|name| name.ends_with(".parquet"))
        .map(|name| place.out().join(name))
        .collect();
    parts.sort();
    assert!(!parts.is_empty());
    parts
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// A finished directory of two parts.
fn two_parts() -> Place {
    let place = Place::new(SMALL);
    for shard in ["0/2", "1/2"] {
        let mut sweep = place.sweep();
        sweep.args(["--shard", shard]);
        place.succeeds(&mut sweep);
    }
    assert_eq!(parts(&place).len(), 2);
    place
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let place = two_parts();
    let part = &parts(&place)[0];
    let good = fs::read(part).unwrap();
    let step = good.len().div_ceil(rounds(120, 6000));
    for (k, at) in (0..good.len()).step_by(step).chain([good.len() - 1]).enumerate() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (k % 8);
        fs::write(part, bad).unwrap();
        // One command for each, in turn; replay reads the rows of its run, which lie in this part for run 0.
        let mut commands = readers(&place);
        let which = if k % 5 == 0 { k / 5 % 3 } else { 0 };
        failed(&run(commands.remove(which)), 7, &[&name(part), "delete"]);
    }
    failed(&run(place.sweep()), 7, &[&name(part), "delete"]);
    fs::remove_file(part).unwrap();
    place.finishes();
}

#[test]
fn parts_cut_grown_or_under_another_name_are_refused() {
    let place = two_parts();
    let both = parts(&place);
    let good = fs::read(&both[0]).unwrap();
    let other = fs::read(&both[1]).unwrap();
    let longer = [&good[..], b"\0"].concat();
    for bad in [&good[..good.len() - 1], &good[..good.len() / 2], &good[..4], b"", &longer, &other] {
        fs::write(&both[0], bad).unwrap();
        for command in readers(&place) {
            failed(&run(command), 7, &[&name(&both[0]), "delete"]);
        }
    }
    fs::remove_file(&both[0]).unwrap();
    place.finishes();
}

#[test]
fn a_part_of_another_sweep_is_refused() {
    for key in ["problem.noise=0.25", "sweep.seed=5", "recipe=[{name=\"fp16\"},{name=\"floats\",feature=\"e4m3\"}]"] {
        let (place, foreign) = (two_parts(), Place::new(SMALL));
        let mut sweep = foreign.sweep();
        sweep.args(["--set", key]);
        foreign.succeeds(&mut sweep);
        let part = parts(&foreign).remove(0);
        let brought = place.out().join("rows").join(name(&part));
        fs::copy(&part, &brought).unwrap();
        for command in readers(&place) {
            failed(&run(command), 7, &[&name(&part), "delete"]);
        }
        fs::remove_file(brought).unwrap();
        place.finishes();
    }
}

#[test]
fn what_is_no_file_and_bears_a_part_s_name_hangs_no_command() {
    let place = two_parts();
    let part = &parts(&place)[1];
    let kept = place.path("kept");
    fs::rename(part, &kept).unwrap();
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let dir = |path: &Path| fs::create_dir(path).unwrap();
    for make in [&fifo as &dyn Fn(&Path), &dir] {
        make(part);
        for command in readers(&place) {
            failed(&run(command), 7, &[&name(part)]);
        }
        if part.is_dir() {
            fs::remove_dir(part).unwrap()
        } else {
            fs::remove_file(part).unwrap()
        };
    }
    fs::rename(kept, part).unwrap();
    place.finishes();
}

#[test]
fn edited_settings_are_found_and_lost_ones_made_again() {
    for file in ["config.toml", "manifest.json"] {
        let place = two_parts();
        let path = place.out().join(file);
        let good = fs::read_to_string(&path).unwrap();
        let bad = good.replace("0.5", "0.25");
        assert_ne!(good, bad, "{file} has the noise");
        fs::write(&path, bad).unwrap();
        for command in [
            place.on_out(&["status"]),
            place.on_out(&["report"]),
            place.on_out(&["replay", "--run", "0"]),
            place.on_out(&["fit"]),
        ] {
            failed(&run(command), 7, &[file]);
        }
        fs::remove_file(&path).unwrap();
        place.finishes();
        assert!(fs::read_to_string(&path).unwrap().contains("0.5"));
    }
}
