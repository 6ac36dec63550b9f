//! `replay` redoes a run with the scalar reference and finds what does not agree.

use super::*;
use crate::part_file;
use roundlaw::site::{Counts, PerSite};

/// A run of the recipe "integers", which has counters.
const ALTERED: u64 = 9;

fn swept() -> (Place, String) {
    let place = Place::new();
    succeeded(&place.sweep(TINY, "out", &["--set", "sweep.seeds=2"]));
    let dir = place.path("out").display().to_string();
    (place, dir)
}

#[test]
fn stored_rows_agree() {
    let (place, dir) = swept();
    let rows = stored(&place.path("out"));
    for run_id in (0..64).step_by(7).chain([63]) {
        let output = run(&["replay", &dir, "--run", &run_id.to_string()]);
        let (stdout, errors) = (String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output));
        assert_eq!(output.status.code(), Some(0), "{errors}");
        // Two outputs at the checkpoint and at the end.
        assert_eq!(errors.matches("agrees in every bit").count(), 4, "{errors}");
        for row in rows.iter().filter(|row| row.run_id == run_id) {
            assert!(stdout.contains(&format!("v_digest {}", row.v_digest)), "{stdout}");
            assert!(stdout.contains(&format!("({:016x})", row.excess.unwrap().to_bits())), "{stdout}");
        }
    }
    let output = run(&["replay", &dir, "--run", "5", "--seen", "16"]);
    assert_eq!(stderr(&output).matches("agrees in every bit").count(), 2);
    // A config alone has nothing to compare with, and gives the same numbers.
    let config = place.path("config.toml").display().to_string();
    let alone = run(&["replay", &config, "--run", "5", "--seen", "16"]);
    assert_eq!(alone.status.code(), Some(0));
    assert_eq!(alone.stdout, output.stdout);
}

#[test]
fn runs_out_of_range_are_refused() {
    let (place, dir) = swept();
    refused(&run(&["replay", &dir, "--run", "64"]), 2, &["--run 64", "0 to 63"]);
    refused(&run(&["replay", &dir, "--run", &u64::MAX.to_string()]), 2, &["--run", "0 to 63"]);
    refused(&run(&["replay", &dir, "--run", "0", "--seen", "17"]), 2, &["--seen", "allowed are 16, 32"]);
    assert_eq!(run(&["replay", &dir, "--run", "-1"]).status.code(), Some(2));
    let nowhere = place.path("nowhere").display().to_string();
    refused(&run(&["replay", &nowhere, "--run", "0"]), 2, &["nowhere"]);
    fs::create_dir(place.path("empty")).unwrap();
    refused(&run(&["replay", place.path("empty").to_str().unwrap(), "--run", "0"]), 7, &["manifest.json"]);
}

#[test]
fn an_altered_row_is_found() {
    let (place, dir) = swept();
    let mut part = store::parts(&place.path("out")).unwrap().remove(0);
    let intact = stored(&place.path("out"));
    assert_eq!(store::parts(&place.path("out")).unwrap().len(), 1);
    let nudge = |value: &mut Option<f64>| *value = value.map(|v| f64::from_bits(v.to_bits() ^ 1));
    type Alteration<'a> = (&'a str, &'a dyn Fn(&mut Row));
    let alterations: [Alteration; 7] = [
        ("v_digest", &|row| row.v_digest = format!("{:016x}", 1)),
        ("excess", &|row| nudge(&mut row.excess)),
        ("reducible", &|row| nudge(&mut row.reducible)),
        ("approximation", &|row| nudge(&mut row.approximation)),
        ("excess is null", &|row| row.excess = None),
        ("diverged_at", &|row| row.diverged_at = Some(3)),
        ("_saturated is", &|row| {
            row.counts = PerSite::from_fn(|s| row.counts[s].map(|c| Counts { saturated: c.saturated + 1, ..c }))
        }),
    ];
    for (what, alter) in alterations {
        part = part_file::rewrite(&part, |_, rows| {
            rows.clone_from(&intact);
            let place = rows.iter().rposition(|row| row.run_id == ALTERED).unwrap();
            alter(&mut rows[place]);
        });
        let output = run(&["replay", &dir, "--run", "9"]);
        assert_eq!(output.status.code(), Some(3), "{what}: {}", stderr(&output));
        let last = stderr(&output).lines().last().unwrap().to_string();
        assert!(last.starts_with("roundlaw: run 9 after") && last.contains(what), "{what}: {last}");
        // The other runs are as they were.
        assert_eq!(run(&["replay", &dir, "--run", "8"]).status.code(), Some(0), "{what}");
    }
    // A row that is not there is no disagreement, and no agreement either.
    part = part_file::rewrite(&part, |_, rows| {
        rows.clone_from(&intact);
        rows.retain(|row| row.run_id != ALTERED);
    });
    let output = run(&["replay", &dir, "--run", "9"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("not stored yet"), "{}", stderr(&output));
    part_file::rewrite(&part, |_, rows| rows.clone_from(&intact));
    assert_eq!(run(&["replay", &dir, "--run", "9"]).status.code(), Some(0));
}

#[test]
fn diverged_runs_have_no_risk_and_agree() {
    let place = Place::new();
    let args = [
        "--set",
        "train.step_size=10000.0",
        "--set",
        "sweep.seeds=1",
        "--set",
        "train.schedule=constant",
        "--check",
        "all",
    ];
    let rows = place.rows(TINY, "out", &args);
    let diverged: Vec<&Row> = rows.iter().filter(|row| row.diverged_at.is_some()).collect();
    assert!(!diverged.is_empty());
    assert!(diverged.iter().all(|row| (row.excess, row.reducible) == (None, None)));
    let (dir, run_id) = (place.path("out").display().to_string(), diverged[0].run_id.to_string());
    let output = run(&["replay", &dir, "--run", &run_id]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("agrees in every bit").count(), 4);
}

#[test]
fn a_trace_has_a_line_per_update() {
    let (place, dir) = swept();
    let trace = place.path("trace.csv");
    let rows = stored(&place.path("out"));
    for (samples, batch) in [(32, 1), (32, 2), (64, 1), (64, 2)] {
        let row = rows
            .iter()
            .rfind(|row| (row.samples, row.batch, row.seen) == (samples, batch, samples) && row.output == "last")
            .unwrap();
        let output = run(&["replay", &dir, "--run", &row.run_id.to_string(), "--trace", trace.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = fs::read_to_string(&trace).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("update,seen,excess,reducible,held_out,diverged"));
        let lines: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len() as u64, samples / u64::from(batch));
        for (update, line) in lines.iter().enumerate() {
            assert_eq!(line[0], update.to_string());
            assert_eq!(line[1], ((update as u64 + 1) * u64::from(batch)).to_string());
        }
        // The last update is the stored row, to the bit.
        let last = lines.last().unwrap();
        assert_eq!(last[2].parse::<f64>().unwrap().to_bits(), row.excess.unwrap().to_bits());
        assert_eq!(last[3].parse::<f64>().unwrap().to_bits(), row.reducible.unwrap().to_bits());
    }
}
