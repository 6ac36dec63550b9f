//! Directories of runs in phases, and of tails: checked, replayed, exported, continued and predicted like all others.

use std::fs;
use std::path::Path;
use std::process::Output;

use roundlaw::{Config, Plan, replay};

const CONFIG: &str = include_str!("../../digests/phases.toml");

#[track_caller]
fn succeeded(args: &[&str]) -> String {
    let Output { status, stdout, stderr } =
        assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw")).args(args).output().unwrap();
    assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn a_directory_of_phases_is_like_any_other() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    let (config, out) = (path("config.toml"), path("out"));
    fs::write(&config, CONFIG).unwrap();
    let output = "train.output=[\"tail\", \"average\"]";
    let sweep =
        |more: &str| succeeded(&["sweep", &config, "--out", &out, "--set", output, "--set", more, "--adapter", "cpu"]);
    sweep("sweep.seeds=1");
    sweep("sweep.seeds=2");
    assert_eq!(succeeded(&["check", &out, "--all"]), "32 of 32 stored runs replayed: every bit agrees\n");
    succeeded(&["predict", &out]);
    let rows: Vec<_> = roundlaw::rows(Path::new(&out)).unwrap().map(Result::unwrap).collect();
    // Every run of its average a row at sample 48 and at its end, and of its tail one.
    assert_eq!(rows.len(), 32 * 3);
    let plan = Plan::new(Config::parse(CONFIG, &[output.into(), "sweep.seeds=2".into()]).unwrap()).unwrap();
    for row in &rows {
        let recipe = &plan.config().recipes()[(row.cell % 2) as usize];
        assert_eq!((&row.recipe, &row.phases), (&recipe.name, &recipe.phases_text()));
    }
    let run = rows.iter().find(|row| row.output == "tail" && row.samples == 640 && row.batch == 4).unwrap();
    let dir = path("arrays");
    let told = succeeded(&["replay", &out, "--run", &run.run_id.to_string(), "--export", &dir]);
    assert!(told.contains("output tail") && told.contains(&run.v_digest), "{told}");
    let replayed = replay(&plan, run.run_id).unwrap();
    let tail = replayed.iter().find(|replayed| replayed.row.output == "tail").unwrap();
    assert_eq!((tail.bits.len(), tail.low_bits.len()), (2 * run.model as usize, 2 * run.model as usize));
    let bytes = fs::read(Path::new(&dir).join("tail.npy")).unwrap();
    let stored = bytes[bytes.len() - 8 * tail.weights.len()..].chunks(8);
    assert!(stored.zip(&tail.weights).all(|(bytes, weight)| bytes == weight.to_le_bytes()));
}
