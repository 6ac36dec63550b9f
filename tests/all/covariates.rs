//! Users' rows: their order, what is held out, standardization, and the held-out error, by hand.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use roundlaw::config::Config;
use roundlaw::hash::fnv1a64;
use roundlaw::plan::SketchDraw;
use roundlaw::problem::Covariates;
use roundlaw::random::Stream;
use roundlaw::reference::sketch::entry;
use roundlaw::store;
use roundlaw::store::row::Row;
use tempfile::TempDir;

use crate::npy_file::f32_file;

const ROWS: usize = 120;
const COLUMNS: usize = 5;

/// Values of 24 significant bits; column 3 is constant, column 4 far from 0.
fn x(row: usize, column: usize) -> f32 {
    let noise = fnv1a64([row as u8, column as u8]) as u32 as f32 / 4_294_967_296.0 - 0.5;
    match column {
        3 => 0.1,
        4 => 1000.0 + noise,
        _ => noise * (1 + column) as f32,
    }
}

fn y(row: usize) -> f32 {
    x(row, 0) - 2.0 * x(row, 1) + x(row, 4) / 1000.0
}

/// A directory with x.npy and y.npy.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let values: Vec<f32> = (0..ROWS * COLUMNS).map(|at| x(at / COLUMNS, at % COLUMNS)).collect();
        fs::write(place.path("x.npy"), f32_file(1, &[ROWS, COLUMNS], &values)).unwrap();
        fs::write(place.path("y.npy"), f32_file(1, &[ROWS], &(0..ROWS).map(y).collect::<Vec<_>>())).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self, options: &str) -> String {
        format!(
            "[problem]\ncovariates = {{ path = \"x.npy\", labels = \"y.npy\"{options} }}\n\
             [train]\nmodel = [2, 3]\nsamples = [16, 64]\nbatch = [1, 2]\noutput = [\"last\", \"average\"]\n\
             [[recipe]]\nname = \"plain\"\n[[recipe]]\nname = \"low\"\ndata = \"e4m3\"\nfeature = \"mxfp4\"\n\
             weight = {{ format = \"int8\", step = 0.0009765625, rounding = \"stochastic\" }}\n\
             [sweep]\nseeds = 3\nseed = 5\n"
        )
    }

    fn read(&self, options: &str) -> Result<Arc<Covariates>, String> {
        fs::write(self.path("config.toml"), self.config(options)).unwrap();
        let config = Config::load(&self.path("config.toml"), &[]).map_err(|e| e.to_string())?;
        Ok(config.problems()[0].covariates().unwrap().clone())
    }

    fn covariates(&self, options: &str) -> Arc<Covariates> {
        self.read(options).unwrap()
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"));
        command.env("RAYON_NUM_THREADS", "2").current_dir(self.0.path()).timeout(Duration::from_secs(100));
        command.args(args).output().unwrap()
    }

    #[track_caller]
    fn succeeds(&self, args: &[&str]) -> (String, String) {
        let output = self.run(args);
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{err}");
        (out, err)
    }
}

fn stored(place: &Place, out: &str) -> Vec<Row> {
    roundlaw::rows(&place.path(out)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn held(covariates: &Covariates) -> Vec<u32> {
    (0..covariates.held_rows()).map(|k| covariates.held_row(k)).collect()
}

#[test]
fn the_order_of_the_file_is_kept_and_its_end_held_out() {
    let covariates = Place::new().covariates(", held_out = 0.25");
    for seed_index in [0, 1] {
        assert_eq!(covariates.order(&Stream::new(5, seed_index)), (0..90).collect::<Vec<u32>>());
    }
    assert_eq!(held(&covariates), (90..120).collect::<Vec<u32>>());
}

#[test]
fn a_permuted_order_is_another_permutation_for_each_seed_index() {
    let covariates = Place::new().covariates(", order = \"permuted\", held_out = 0.25");
    let held: BTreeSet<u32> = held(&covariates).into_iter().collect();
    assert_eq!(held.len(), 30);
    // The held-out rows are no run of the file.
    assert!(held.iter().next_back().unwrap() - held.iter().next().unwrap() > 60, "{held:?}");
    let mut seen = BTreeSet::new();
    for seed_index in 0..20 {
        let order = covariates.order(&Stream::new(5, seed_index));
        assert_eq!(order, covariates.order(&Stream::new(5, seed_index)), "the same for the same");
        let rows: BTreeSet<u32> = order.iter().copied().collect();
        assert_eq!((order.len(), rows.len()), (90, 90), "each row once");
        assert!(rows.is_disjoint(&held), "nothing that is held out is trained on");
        assert!(seen.insert(order), "seed index {seed_index} repeats an order");
    }
    // Another seed has the same held-out rows and another order.
    assert!(seen.insert(covariates.order(&Stream::new(6, 0))));
}

#[test]
fn every_training_row_leads_about_as_often() {
    let covariates = Place::new().covariates(", order = \"permuted\", held_out = 0.25");
    let mut firsts = [0u32; ROWS];
    for seed_index in 0..9000 {
        firsts[covariates.order(&Stream::new(5, seed_index))[0] as usize] += 1;
    }
    // 100 each of 90 rows; the statistic has mean 89 and deviation 13.3.
    let chi: f64 = firsts.iter().filter(|n| **n > 0).map(|n| (f64::from(*n) - 100.0).powi(2) / 100.0).sum();
    assert!((89.0 - 5.0 * 13.3..89.0 + 5.0 * 13.3).contains(&chi), "{chi}");
}

#[test]
fn rows_and_labels_are_those_of_the_file() {
    let covariates = Place::new().covariates("");
    for row in 0..ROWS {
        assert_eq!(covariates.row(row as u32), (0..COLUMNS).map(|column| x(row, column)).collect::<Vec<_>>());
        assert_eq!(covariates.label(row as u32), y(row));
    }
}

#[test]
fn standardized_columns_have_mean_0_and_deviation_1_over_the_training_rows() {
    for order in ["file", "permuted"] {
        let covariates =
            Place::new().covariates(&format!(", standardize = true, held_out = 0.25, order = \"{order}\""));
        let training = covariates.order(&Stream::new(0, 0));
        for column in 0..COLUMNS {
            let values: Vec<f64> = training.iter().map(|row| covariates.row(*row)[column].into()).collect();
            if column == 3 {
                assert!(values.iter().all(|value| *value == 0.0), "a constant column becomes 0");
                assert!(held(&covariates).iter().all(|row| covariates.row(*row)[column] == 0.0));
                continue;
            }
            let mean = values.iter().sum::<f64>() / 90.0;
            let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 90.0;
            // Each value is rounded to 2^-24 of itself.
            assert!(mean.abs() < 2f64.powi(-23) && (variance - 1.0).abs() < 2f64.powi(-22), "{mean} {variance}");
            // Held-out rows are measured by the statistics of the training rows.
            let of_file: Vec<f64> = training.iter().map(|row| x(*row as usize, column).into()).collect();
            let center = of_file.iter().sum::<f64>() / 90.0;
            let spread = (of_file.iter().map(|x| (x - center) * (x - center)).sum::<f64>() / 90.0).sqrt();
            for row in held(&covariates) {
                let expected = (f64::from(x(row as usize, column)) - center) / spread;
                assert!((f64::from(covariates.row(row)[column]) - expected).abs() < 1e-6, "row {row}, column {column}");
            }
        }
        // Labels stay as they are.
        assert_eq!(covariates.label(7), y(7));
    }
}

#[test]
fn a_held_out_row_far_from_the_training_rows_is_refused() {
    let place = Place::new();
    let far = |row: usize, column: usize| match (row, column) {
        (0, 2) => 1e-30,
        (119, 2) => 1000.0,
        (_, 2) => 0.0,
        _ => x(row, column),
    };
    let values: Vec<f32> = (0..ROWS * COLUMNS).map(|at| far(at / COLUMNS, at % COLUMNS)).collect();
    fs::write(place.path("x.npy"), f32_file(1, &[ROWS, COLUMNS], &values)).unwrap();
    let message = place.read(", standardize = true").unwrap_err();
    for part in ["problem.covariates.path", "x.npy", "element [119, 2]", "standardized", "2^20"] {
        assert!(message.contains(part), "{message}");
    }
    place.covariates("");
}

/// The weights that `replay` prints, by (seen, output).
fn replayed(place: &Place, row: &Row) -> Vec<f64> {
    let (out, err) =
        place.succeeds(&["replay", "out", "--run", &row.run_id.to_string(), "--seen", &row.seen.to_string()]);
    assert!(err.contains("agrees in every bit"), "{err}");
    let block = out.split("run ").find(|block| block.contains(&format!("output {}\n", row.output))).unwrap();
    block
        .lines()
        .filter(|line| line.trim_start().starts_with("v["))
        .map(|line| line.split_whitespace().last().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn the_held_out_column_is_the_mean_squared_error_by_hand() {
    let place = Place::new();
    let options = ", order = \"permuted\", held_out = 0.25, standardize = true";
    let covariates = place.covariates(options);
    place.succeeds(&["sweep", "config.toml", "--out", "out", "--adapter", "cpu", "--check", "all"]);
    let rows = stored(&place, "out");
    // 2 M x 2 N x 2 B x 2 recipes, 3 seeds, 2 outputs.
    assert_eq!(rows.len(), 16 * 3 * 2);
    let sketch = Config::load(&place.path("config.toml"), &[]).unwrap().problems()[0].sketch.clone();
    for row in rows.iter().step_by(7) {
        assert!(row.excess.is_none() && row.reducible.is_none() && row.approximation.is_none());
        let (v, stream) = (replayed(&place, row), Stream::new(5, row.seed_index));
        assert_eq!(v.len(), row.model as usize);
        let draw = SketchDraw { pass: 0, rows: row.model };
        // Unrounded features of the clean rows.
        let errors: Vec<f64> = held(&covariates)
            .into_iter()
            .map(|held| {
                let z = |j: u32| {
                    let row = covariates.row(held).iter().enumerate();
                    let g = |i: usize| f64::from(entry(&sketch, &draw, &stream, j, i as u32));
                    row.map(|(i, x)| f64::from(*x) * g(i)).sum::<f64>() / f64::from(v.len() as u32).sqrt()
                };
                let predicted: f64 = (0..).zip(&v).map(|(j, v)| z(j) * v).sum();
                (f64::from(covariates.label(held)) - predicted).powi(2)
            })
            .collect();
        let n = errors.len() as f64;
        let mean = errors.iter().sum::<f64>() / n;
        let error = (errors.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / (n - 1.0) / n).sqrt();
        let (stored, stored_error) = (row.held_out.unwrap(), row.held_out_se.unwrap());
        // Features are f32, and v is printed to the last digit.
        assert!((stored - mean).abs() < 1e-5 * mean, "run {}: {stored} is not {mean}", row.run_id);
        assert!((stored_error - error).abs() < 1e-4 * error, "run {}: {stored_error} is not {error}", row.run_id);
    }
}

#[test]
fn a_sweep_on_files_is_checked_resumed_and_replayed() {
    let place = Place::new();
    place.covariates(", order = \"permuted\", standardize = true");
    let sweep = ["sweep", "config.toml", "--out", "out", "--adapter", "cpu", "--check", "all"];
    let (_, few) = place.succeeds(&[&sweep[..], &["--set", "sweep.seeds=1"]].concat());
    assert!(few.contains("16 runs in") && few.contains("16 checked"), "{few}");
    let first = stored(&place, "out");
    let (_, rest) = place.succeeds(&sweep);
    assert!(rest.contains("32 runs in") && rest.contains("32 checked"), "{rest}");
    let rows = stored(&place, "out");
    assert_eq!(rows[..first.len()], first[..]);
    assert!(rows.iter().all(|row| row.checked == "exact" && row.held_out.is_some_and(|e| e.is_finite() && e > 0.0)));
    assert!(
        rows.iter().all(|row| row.spectrum.starts_with("covariates x.npy") && row.target.starts_with("labels y.npy"))
    );
    for run in ["0", "9", "47"] {
        let (_, err) = place.succeeds(&["replay", "out", "--run", run]);
        assert_eq!(err.matches("agrees in every bit").count(), 2, "{err}");
    }
    let (_, none) = place.succeeds(&sweep);
    assert!(none.contains("\n0 runs in"), "{none}");
    // Drawn on the host or the device, on one thread or two: the same rows.
    place.succeeds(&[&sweep[..3], &["host", "--adapter", "cpu", "--set", "sweep.draws=host"]].concat());
    assert_eq!(store::digest(&stored(&place, "host")), store::digest(&rows));
}
