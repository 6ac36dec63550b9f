//! Every run has the rows that are due, no more and no fewer: at the checkpoints before its end, and at its end.

use roundlaw::config::Config;
use roundlaw::plan::Plan;

use super::*;

const GRID: &str = "[problem]\ndim = 6\nspectrum = { kind = \"power\", exponent = 1.5 }\n\
    [train]\nmodel = [2, 3]\nsamples = [64, 16, 24]\nbatch = [1, 2, 8]\nstep_size = [0.1, 0.2]\n\
    output = [\"last\", \"average\"]\n[[recipe]]\nname = \"a\"\n[[recipe]]\nname = \"b\"\nfeature = \"e4m3\"\n\
    [sweep]\nseeds = 2\n";

type IsCheckpoint = fn(seen: u64, batch: u64) -> bool;

#[test]
fn every_run_has_the_rows_that_are_due() {
    let checkpoints: [(&str, IsCheckpoint); 4] = [
        ("[]", |_, _| false),
        // Beyond the end of some runs, at the end of others.
        ("[40, 8, 16]", |seen, _| [8, 16, 40].contains(&seen)),
        ("[8, 16, 24, 64]", |seen, _| [8, 16, 24, 64].contains(&seen)),
        ("\"log2\"", |seen, batch| (0..7).any(|k| seen == batch << k)),
    ];
    let place = Place::new();
    for (number, (list, is_checkpoint)) in checkpoints.into_iter().enumerate() {
        for schedule in ["constant", "geometric"] {
            let set = [format!("train.checkpoints={list}"), format!("train.schedule={schedule}")];
            let rows = place.rows(GRID, &format!("{schedule}-{number}"), &["--set", &set[0], "--set", &set[1]]);
            let plan = Plan::new(Config::parse(GRID, &set).unwrap()).unwrap();
            let mut due = Vec::new();
            for run in 0..plan.runs() {
                let cell = plan.cells()[(run % plan.cells().len() as u64) as usize];
                let at = |seen: &u64| *seen == cell.samples || is_checkpoint(*seen, cell.batch.into());
                for seen in (1..=cell.samples).filter(at) {
                    due.extend(["average", "last"].map(|output| (run, seen, output)));
                }
            }
            let stored: Vec<_> = rows.iter().map(Row::key).collect();
            assert_eq!(stored, due, "{list} {schedule}");
            // What a part holds is planned by the same count.
            let planned: usize = plan.points[0].trajectories.iter().map(|t| plan.rows_of(t)).sum();
            assert_eq!(2 * planned, rows.len(), "{list} {schedule}");
        }
    }
}

#[test]
fn a_replay_names_the_rows_of_its_own_run() {
    let place = Place::new();
    let set = ["train.schedule=constant", "train.checkpoints=[8, 40]"].map(|item| ["--set", item]).concat();
    succeeded(&place.sweep(GRID, "out", &set));
    // Run 12 is one of N = 16: its trajectory goes on to 64, and has rows after 24, 40 and 64 samples for others.
    let plan = Plan::new(Config::load(&place.path("out/config.toml"), &[]).unwrap()).unwrap();
    assert_eq!(plan.cells()[12].samples, 16);
    let out = place.path("out").display().to_string();
    refused(&run(&["replay", &out, "--run", "12", "--seen", "40"]), 2, &["--seen", "of run 12 allowed are 8, 16"]);
}
