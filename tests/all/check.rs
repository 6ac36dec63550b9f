//! A test of the check: whatever an adapter gets wrong is found, and its first update, its place and its bits are named.

use std::sync::Arc;

use rayon::prelude::*;
use roundlaw::SweepOptions;
use roundlaw::config::Config;
use roundlaw::error::{Error, exit};
use roundlaw::plan::{Cohort, Difference, Plan, Shard, Snapshot, Trajectory};
use roundlaw::problem::{Covariates, Input, Spectrum};
use roundlaw::run::adapter::{Adapter, Cpu};
use roundlaw::run::check::{self, Mismatch, Stage};
use roundlaw::run::{cohorts, sweep};
use roundlaw::site::Site;
use roundlaw::store::row::Row;
use roundlaw::watch::Watch;

use crate::faulty::{Faulty, Summing};
use crate::npy_file::f32_file;

mod drawn;
mod second;

const CONFIG: &str = r#"
[problem]
dim = 60
spectrum = { kind = "power", exponent = 1.5 }
[train]
model = [20, 40]
samples = [256, 512]
batch = [1, 4]
step_size = [0.1]
output = ["last", "average"]
[[recipe]]
name = "e4m3 features, int8 weights"
feature = { format = "e4m3", scale = 0.0625 }
weight = { format = "int8", step = 0.03125, rounding = "stochastic" }
[[recipe]]
name = "fp32"
[sweep]
seeds = 2
check = "all"
"#;

const COHORT: Cohort = Cohort { point: 0, seed_index: 1 };

fn plan() -> Plan {
    Plan::new(Config::parse(CONFIG, &[]).unwrap()).unwrap()
}

fn checked(plan: &Plan, adapter: &dyn Adapter) -> Option<Mismatch> {
    let rows = adapter.execute(plan, &[COHORT], &Watch::default()).unwrap().remove(0);
    check::cohort(plan, COHORT, &rows, adapter, &Watch::default()).unwrap()
}

/// The runs that a fault meets.
#[derive(Clone, Copy, Debug)]
enum Runs {
    /// Those of one recipe, model size and batch.
    One {
        recipe: usize,
        model: u32,
        batch: u32,
    },
    All,
}

impl Runs {
    fn has(&self, t: &Trajectory) -> bool {
        match self {
            Runs::One { recipe, model, batch } => (t.recipe, t.model, t.batch) == (*recipe, *model, *batch),
            Runs::All => true,
        }
    }
}

const RUNS: [Runs; 3] =
    [Runs::All, Runs::One { recipe: 0, model: 40, batch: 1 }, Runs::One { recipe: 1, model: 20, batch: 4 }];

/// Applies `damage` to the rows of these runs from the one after `update` on.
fn from_update(runs: Runs, update: u64, damage: impl Fn(&mut Snapshot) + Send + Sync + 'static) -> Faulty {
    Faulty::damaged(move |plan, cohort, rows| {
        for row in rows.iter_mut() {
            let trajectory = &plan.points[cohort.point].trajectories[row.trajectory];
            if runs.has(trajectory) && row.seen / u64::from(trajectory.batch) > update {
                damage(row);
            }
        }
    })
}

/// Asserts that the mismatch is one of the runs that the fault met.
#[track_caller]
fn is_of(mismatch: &Mismatch, runs: Runs, plan: &Plan) {
    let owns = |t: &&Trajectory| t.cells.iter().any(|prefix| prefix.cell == mismatch.cell);
    let trajectory = plan.points[0].trajectories.iter().find(owns).unwrap();
    assert!(runs.has(trajectory), "{runs:?}: {mismatch:?}");
    assert_eq!(mismatch.run_id, plan.run_id(COHORT.seed_index, mismatch.cell));
}

fn hexadecimal(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

type Place = (&'static str, usize, fn(&mut Snapshot), u64);

/// Where a fault is, what it does, and the bits that differ by it.
const PLACES: [Place; 12] = [
    ("v", 17, |row| row.v[17] ^= 1, 1),
    ("v", 17, |row| row.v[17] ^= 1 << 13, 1 << 13),
    ("v", 0, |row| row.v[0] ^= 1 << 23, 1 << 23),
    ("v", 19, |row| row.v[19] ^= 1 << 31, 1 << 31),
    ("average hi", 3, |row| row.hi[3] ^= 1 << 20, 1 << 20),
    ("average lo", 4, |row| row.lo[4] ^= 1, 1),
    ("weight saturated", 0, |row| row.counts[Site::Weight].saturated ^= 1, 1),
    ("feature underflowed", 0, |row| row.counts[Site::Feature].underflowed ^= 4, 4),
    ("feature_grad nan", 0, |row| row.counts[Site::FeatureGrad].nan ^= 2, 2),
    ("data saturated", 0, |row| row.counts[Site::Data].saturated ^= 1 << 40, 1 << 40),
    // No divergence is all ones.
    ("diverged_at", 0, |row| row.diverged_at = Some(5), u64::MAX ^ 5),
    ("length of v", 0, |row| row.v.truncate(16), 0),
];

#[test]
fn a_sound_adapter_passes() {
    let plan = plan();
    assert_eq!(checked(&plan, &Cpu), None);
    assert_eq!(checked(&plan, &Faulty::altered(|_| ())), None);
}

#[test]
fn every_place_in_one_run_or_all_from_any_update_on() {
    let plan = plan();
    // Both recipes and batches have 64 updates at least; the last case shows in the last row alone.
    let cases: Vec<_> = PLACES.iter().zip([0, 40, 41, 63, 1, 62, 31, 9, 32, 50, 2, 63]).collect();
    cases.par_iter().for_each(|((place, index, damage, bits), update)| {
        for runs in RUNS {
            let adapter = from_update(runs, *update, *damage);
            let mismatch = checked(&plan, &adapter).unwrap_or_else(|| panic!("{place}, {runs:?}: not found"));
            let found = &mismatch.difference;
            assert_eq!(mismatch.first_update, Some(*update), "{place}, {runs:?}: {mismatch:?}");
            assert_eq!((found.place.as_str(), found.index), (*place, *index), "{runs:?}");
            if *bits != 0 {
                assert_eq!(hexadecimal(&found.expected) ^ hexadecimal(&found.actual), *bits, "{place}: {found}");
            }
            is_of(&mismatch, runs, &plan);
        }
    });
}

#[test]
fn a_passing_fault_is_found_and_named_one() {
    let plan = plan();
    for (place, index, damage, _) in &PLACES {
        let runs = RUNS[1];
        let mismatch = checked(&plan, &from_update(runs, 300, *damage).once()).unwrap();
        assert_eq!(mismatch.first_update, None, "{place}");
        assert_eq!(mismatch.seen, Some(512), "the first row after it");
        assert_eq!((mismatch.difference.place.as_str(), mismatch.difference.index), (*place, *index));
        assert!(mismatch.line().contains("after 512 samples") && mismatch.line().contains("passing fault"));
        is_of(&mismatch, runs, &plan);
    }
}

#[test]
fn a_row_too_few_or_too_many() {
    let plan = plan();
    let last = |plan: &Plan, runs: Runs, rows: &[Snapshot]| {
        let own = |row: &Snapshot| runs.has(&plan.points[0].trajectories[row.trajectory]) && row.seen == 512;
        rows.iter().position(own)
    };
    for runs in RUNS {
        for passing in [false, true] {
            let dropped = Faulty::damaged(move |plan, _, rows| {
                last(plan, runs, rows).map(|at| rows.remove(at));
            });
            let added = Faulty::damaged(move |plan, _, rows| {
                last(plan, runs, rows).into_iter().for_each(|at| rows.insert(at, rows[at].clone()));
            });
            for (adapter, place) in [(dropped, "length of v"), (added, "number of rows")] {
                let adapter = if passing { adapter.once() } else { adapter };
                let mismatch = checked(&plan, &adapter).unwrap_or_else(|| panic!("{place}, {runs:?}: not found"));
                assert_eq!((mismatch.difference.place.as_str(), mismatch.seen), (place, Some(512)), "{runs:?}");
                let batch = plan.cells()[mismatch.cell as usize].batch;
                let update = (!passing).then_some(512 / u64::from(batch) - 1);
                assert_eq!(mismatch.first_update, update, "{place}, {runs:?}");
                is_of(&mismatch, runs, &plan);
            }
        }
    }
    // Nothing at all comes back when the search executes the run again.
    let empty = Faulty::damaged(|_, _, rows| rows.clear());
    assert_eq!(checked(&plan, &empty).unwrap().first_update, Some(0));
}

/// Rows of a file in their order, so that a sample is a row and a wrong draw a wrong value.
fn of_rows(dir: &std::path::Path) -> (Plan, Vec<f32>) {
    let values: Vec<f32> = (0..400 * 8).map(|i| ((i * 37) % 101) as f32 / 50.5 - 1.0).collect();
    let labels: Vec<f32> = values.chunks(8).map(|x| x[0] - x[5]).collect();
    std::fs::write(dir.join("x.npy"), f32_file(1, &[400, 8], &values)).unwrap();
    std::fs::write(dir.join("y.npy"), f32_file(1, &[400], &labels)).unwrap();
    let text = "[problem]\ncovariates = { path = \"x.npy\", labels = \"y.npy\" }\n[train]\nmodel = 4\nsamples = 320\n\
                batch = 2\n[[recipe]]\nname = \"a\"\ndata = \"e4m3\"\n[sweep]\nseeds = 2\n";
    std::fs::write(dir.join("config.toml"), text).unwrap();
    (Plan::new(Config::load(&dir.join("config.toml"), &[]).unwrap()).unwrap(), values)
}

#[test]
fn a_wrong_draw_of_one_sample() {
    let dir = tempfile::tempdir().unwrap();
    let (plan, values) = of_rows(dir.path());
    let labels: Vec<f32> = values.chunks(8).map(|x| x[0] - x[5]).collect();
    // A coordinate of sample 77, and the label of sample 300: batches of two make their updates 38 and 150.
    for (x, y, update) in [(Some(77 * 8 + 3), None, 38), (None, Some(300), 150)] {
        let (mut values, mut labels) = (values.clone(), labels.clone());
        x.into_iter().for_each(|at: usize| values[at] = -values[at]);
        y.into_iter().for_each(|at: usize| labels[at] += 1.0);
        let (x, y) = (Input::of("x", vec![400, 8], values), Input::of("y", vec![400], labels));
        let wrong = Spectrum::Covariates(Arc::new(Covariates::new(x, y, false, 0.1, false)));
        let adapter = Faulty::altered(move |plan| plan.points[0].problem.spectrum = wrong.clone());
        let mismatch = checked(&plan, &adapter).unwrap();
        assert_eq!((mismatch.first_update, mismatch.difference.place.as_str()), (Some(update), "v"));
    }
}

#[test]
fn a_step_that_is_halved_one_update_early() {
    let plan = plan();
    let stage = u64::from(plan.points[0].trajectories[0].step.stage);
    let adapter = Faulty::altered(|plan| plan.points[0].trajectories.iter_mut().for_each(|t| t.step.stage -= 1));
    let mismatch = checked(&plan, &adapter).unwrap();
    assert_eq!((mismatch.first_update, mismatch.difference.place.as_str()), (Some(stage - 1), "v"));
}

/// The command redoes the run: all of its rows, or the one that differs. Nothing of it is stored.
#[track_caller]
fn replays(command: &str, run: u64, seen: Option<u64>) {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_roundlaw")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = std::process::Command::new("sh").args(["-c", command]).env("PATH", path).output().unwrap();
    let (stdout, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(exit::INCOMPLETE.into()), "{command}: {errors}");
    assert!(stdout.starts_with(&format!("run {run} ")) && errors.contains("not stored yet"), "{command}: {stdout}");
    let of_row = seen.map(|seen| format!(", seen {seen}, "));
    assert!(of_row.is_none_or(|row| stdout.contains(&row)), "{command}: {stdout}");
}

#[test]
fn a_difference_before_the_first_row_is_replayed_whole() {
    let (plan, dir) = (plan(), tempfile::Builder::new().prefix("it's a ").tempdir().unwrap());
    let adapter = from_update(Runs::All, 40, |row| row.v[2] ^= 1 << 5);
    let watch = Watch::default();
    sweep::sweep(&plan, dir.path(), Shard::WHOLE, &adapter, &watch).unwrap_err();
    // Sketches and test samples are drawn by no adapter that a test could put a fault into.
    let of_sketch = Mismatch {
        run_id: 3,
        cell: 3,
        seed_index: 0,
        stage: Stage::Draws,
        seen: None,
        first_update: None,
        difference: Difference::new("sketch", 0, 1, 2),
    };
    assert!(of_sketch.line().contains("before the first update"), "{}", of_sketch.line());
    replays(&of_sketch.replay(dir.path()), 3, None);
}

#[test]
fn a_sweep_stops_keeps_the_part_out_and_says_where() {
    let (plan, dir) = (plan(), tempfile::tempdir().unwrap());
    let adapter = from_update(Runs::All, 40, |row| row.v[2] ^= 1 << 5);
    let watch = Watch::default();
    let error = sweep::sweep(&plan, dir.path(), Shard::WHOLE, &adapter, &watch).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("update 40"), "{error}");
    let names: Vec<String> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let stored = names.iter().find(|name| name.starts_with("mismatch-")).unwrap_or_else(|| panic!("{names:?}"));
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.path().join(stored)).unwrap()).unwrap();
    let mismatch = &document["mismatch"];
    assert_eq!((mismatch["first_update"].as_u64(), mismatch["difference"]["index"].as_u64()), (Some(40), Some(2)));
    assert_eq!(*stored, format!("mismatch-{}.json", mismatch["run_id"]));
    replays(document["replay"].as_str().unwrap(), mismatch["run_id"].as_u64().unwrap(), mismatch["seen"].as_u64());
    assert!(!names.iter().any(|name| name.ends_with(".parquet")), "{names:?}");
}

/// The rows of a sweep by an adapter, checked as often as `check` says.
fn swept(adapter: &dyn Adapter, check: &str) -> Result<Vec<Row>, Error> {
    let text = CONFIG.replace("check = \"all\"", &format!("check = \"{check}\""));
    let plan = Plan::new(Config::parse(&text, &[]).unwrap()).unwrap();
    let mut rows = Vec::new();
    cohorts::sweep(&plan, adapter, &SweepOptions::default(), |done| {
        rows.extend(done.rows);
        Ok(())
    })?;
    Ok(rows)
}

#[test]
fn sums_for_the_risks_that_an_adapter_makes() {
    let (none, own) = (swept(&Cpu, "off").unwrap(), swept(&Summing(|_, _: &mut [f64]| ()), "off").unwrap());
    assert_eq!(own, none, "the same sums give the same rows");
    assert_eq!(swept(&Summing(|_, _: &mut [f64]| ()), "all").unwrap(), swept(&Cpu, "all").unwrap());
    // Of 40 rows up to the diagonal, the last entry: the risks come from what the adapter hands over.
    let last = Summing(|_, sums: &mut [f64]| sums[40 * 41 / 2 - 1] *= 1.0 + 1e-6);
    for (row, must) in swept(&last, "off").unwrap().iter().zip(&none) {
        let seen = Row { excess: must.excess, reducible: must.reducible, ..row.clone() };
        let seen = Row { approximation: must.approximation, signal: must.signal, overlap: must.overlap, ..seen };
        assert_eq!(&seen, must, "nothing but risks");
        assert_eq!(row == must, row.model == 20 || row.excess.is_none(), "the largest M alone has that entry");
    }
    // Of a checked cohort one bit is enough.
    for (at, place) in [(7, "G H G^T[121]"), (40 * 41 / 2 + 3, "G H w*[3]")] {
        let bit = Summing(move |cohort: Cohort, sums: &mut [f64]| {
            let flipped = f64::from_bits(sums[at].to_bits() ^ u64::from(cohort == COHORT));
            sums[at] = flipped;
        });
        let error = swept(&bit, "all").unwrap_err();
        assert_eq!(error.exit_code(), exit::MISMATCH);
        assert!(error.to_string().contains(&format!("before the first update: {place} is 0x")), "{error}");
    }
}
