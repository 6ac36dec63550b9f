//! `predict`: the documents and the file it writes, and that the rows of sweeps have the means it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use roundlaw::run::predict::{Means, PredictOptions, predict};
use roundlaw::{Config, Plan, Shard, SweepOptions, Watch, open_adapter, run, sweep};
use serde_json::Value;

const ALL: PredictOptions = PredictOptions { prior: false, budget: f64::INFINITY };

/// Every site with a law, prefixes of one trajectory and halved steps, and formats whose errors are what a law's are:
/// with a dither that is taken off again they know nothing of the value.
const CONFIG: &str = r#"
[problem]
dim = 24
spectrum = { kind = "power", exponent = 1.5 }
noise = [0.5, 1.0]
tail = "closed"
[train]
model = [3, 6]
samples = [16, 64]
batch = 2
step_size = 0.04
schedule = "constant"
output = ["last", "average"]
checkpoints = [8, 32]
quantized_test = true
test_samples = 2
[[recipe]]
name = "fp32"

[[recipe]]
name = "sums"
feature = { noise = "additive", eps = 0.1 }
parameter = { noise = "additive", eps = 0.05, law = "two-point" }
gradient = { noise = "additive", eps = 0.3 }

[[recipe]]
name = "factors"
data = { noise = "relative", eps = 0.2 }
sketch = { noise = "multiplicative", eps = 0.1 }
feature_grad = { noise = "multiplicative", eps = 0.2 }
label = { noise = "relative", eps = 0.3, shared_batch = true }
activation = { noise = "relative", eps = 0.3 }

[[recipe]]
name = "rounded sketch"
sketch = "e2m1"
feature = { noise = "relative", eps = 0.2 }
weight = { noise = "relative", eps = 0.01 }

[[recipe]]
name = "format"
feature = { format = "int8", step = 0.5, rounding = "dither" }
label = { format = "int8", step = 1.0, rounding = "dither" }
parameter = { format = "int8", step = 0.25, rounding = "dither" }
gradient = { format = "int8", step = 0.5, rounding = "dither" }
[sweep]
seeds = 400
seed = 5
check = "off"
"#;

fn command(args: &[&str]) -> Output {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw")).arg("predict").args(args).output().unwrap()
}

fn document(args: &[&str]) -> Vec<Value> {
    let output = command(&[args, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn config_in(dir: &Path) -> String {
    let path = dir.join("config.toml");
    fs::write(&path, CONFIG).unwrap();
    path.display().to_string()
}

/// By cell, seen and output.
type Key = (u64, u64, String);

#[test]
fn rows_of_a_sweep_have_the_expected_means() {
    let plan = Plan::new(Config::parse(CONFIG, &[]).unwrap()).unwrap();
    let predicted = predict(&plan, &ALL, &Watch::default()).unwrap();
    let mut expected: BTreeMap<(u32, Key), [f64; 2]> = BTreeMap::new();
    for (seed_index, place, found) in predicted.by_seed() {
        let (risks, key) = (found.risks.unwrap(), (place.cell, place.seen, place.output.to_owned()));
        assert!(expected.insert((seed_index, key), [risks.excess, risks.quantized_test]).is_none());
    }
    let mut differences: BTreeMap<Key, Vec<[f64; 2]>> = BTreeMap::new();
    sweep(&plan, open_adapter("cpu").unwrap().as_ref(), &SweepOptions::default(), |cohort| {
        for row in cohort.rows {
            let key = (row.cell, row.seen, row.output.clone());
            let [excess, test] = expected[&(row.seed_index, key.clone())];
            // Of formats the risk on quantized features is measured.
            let found = row.quantized_test_exact.or(row.quantized_test).unwrap();
            differences.entry(key).or_default().push([row.excess.unwrap() - excess, found - test]);
        }
        Ok(())
    })
    .unwrap();
    // 2 points, 2 M, 5 recipes; N = 16 has 2 numbers of samples, N = 64 has 3; two outputs.
    assert_eq!(differences.len(), 2 * 2 * 5 * (2 + 3) * 2);
    let mut squares = Vec::new();
    for (key, values) in &differences {
        for k in 0..2 {
            let n = values.len() as f64;
            let mean = values.iter().map(|v| v[k]).sum::<f64>() / n;
            let variance = values.iter().map(|v| (v[k] - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let z = mean / (variance / n).sqrt();
            assert!(z.abs() < 4.5, "{key:?}: z = {z}");
            squares.push(z * z);
        }
    }
    let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    println!("rms z = {rms:.2}");
    assert!(rms < 1.4, "rms z = {rms}");
}

#[test]
fn a_risk_that_no_number_holds_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = config_in(dir.path());
    let grown = [&config, "--set", "sweep.seeds=2", "--set", "train.step_size=[50]", "--set", "train.samples=[8192]"];
    for object in document(&grown).iter().filter(|own| own["status"] == "exact" && own["seen"] == 8192) {
        assert!(object["excess"].is_null() && object["reason"] == "the expected risk grows beyond f64", "{object}");
    }
}

#[test]
fn a_document_has_every_cell_with_the_names_of_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let config = config_in(dir.path());
    let (means, seeds) =
        (document(&[&config, "--set", "sweep.seeds=3"]), document(&[&config, "--set", "sweep.seeds=3", "--per-seed"]));
    assert_eq!((means.len(), seeds.len()), (2 * 2 * 5 * 5 * 2, 3 * 2 * 2 * 5 * 5 * 2));
    let key = |object: &Value| ["cell", "seen", "output"].map(|name| object[name].to_string());
    for mean in &means {
        assert!(mean.get("run_id").is_none() && mean.get("seed_index").is_none());
        assert_eq!(mean["prior"], false);
        assert_eq!((&mean["dim"], &mean["batch"], &mean["tail"]), (&24.into(), &2.into(), &"closed".into()));
        let own: Vec<&Value> = seeds.iter().filter(|seed| key(seed) == key(mean)).collect();
        assert_eq!((own.len(), &mean["seeds"]), (3, &3.into()));
        for name in ["excess", "reducible", "approximation", "quantized_test"] {
            if mean["recipe"] == "format" {
                assert_eq!(
                    (&mean["status"], &mean["reason"]),
                    (&"matched".into(), &"a number format at feature".into())
                );
                let sites = mean["formats"].as_array().unwrap().iter().map(|format| format["site"].as_str().unwrap());
                assert_eq!(sites.collect::<Vec<_>>(), ["feature", "label", "parameter", "gradient"]);
                // A dither of step 1 has an error of variance 1/12.
                let label = &mean["formats"][1];
                let (gain, eps) = (label["gain"].as_f64().unwrap(), label["eps"].as_f64().unwrap());
                assert!(label["noise"] == "additive" && (gain - 1.0).abs() < 0.05 && (12.0 * eps - 1.0).abs() < 0.2);
                assert!(mean["full_precision"].as_f64().unwrap() < mean["excess"].as_f64().unwrap());
            } else {
                assert!(mean["status"] == "exact" && mean["reason"].is_null() && mean["full_precision"].is_null());
            }
            let values: Vec<f64> = own.iter().map(|seed| seed[name].as_f64().unwrap()).collect();
            let average = values.iter().sum::<f64>() / 3.0;
            let se = (values.iter().map(|value| (value - average).powi(2)).sum::<f64>() / 6.0).sqrt();
            let near = |found: &Value, expected: f64| (found.as_f64().unwrap() - expected).abs() < 1e-12 * average;
            assert!(near(&mean[name], average) && near(&mean[&format!("{name}_se")], se), "{mean}");
        }
    }
    // Closed forms: here of full precision alone, and of the last iterate where it settles.
    for mean in &means {
        let (kappa, plateau) = (mean["kappa"].as_f64(), mean["plateau"].as_f64());
        assert_eq!(
            (kappa.is_some(), plateau.is_some()),
            (mean["recipe"] == "fp32", mean["recipe"] == "fp32" && mean["output"] == "last")
        );
        assert!(kappa.is_none_or(|kappa| kappa > 0.0 && kappa < 1.0), "{mean}");
    }
    // The eps of a law stands there as in a row.
    assert!(means.iter().any(|mean| mean["feature"] == "additive eps=0.1 law=gaussian" && mean["feature_eps"] == 0.1));
    let table = command(&[&config, "--set", "sweep.seeds=1"]);
    assert_eq!(String::from_utf8(table.stdout).unwrap().lines().count(), 1 + means.len());
    let warning = String::from_utf8(table.stderr).unwrap();
    assert!(
        warning
            .contains("8 of 40 cells have numbers of laws like their formats, a number format at feature: cell 4, 9"),
        "{warning}"
    );
}

/// Every seed has its own w*; over its law there is the one of the sketch alone.
#[test]
fn a_prior_takes_the_mean_over_targets() {
    let plan = |target: &str| {
        let text = CONFIG.replace("noise = [0.5, 1.0]", &format!("noise = 0.5\ntarget = {{ {target} }}"));
        Plan::new(Config::parse(&text, &["sweep.seeds=400".into()]).unwrap()).unwrap()
    };
    let means = |plan: &Plan, prior| -> Vec<Means> {
        let predicted = predict(plan, &PredictOptions { prior, ..ALL }, &Watch::default()).unwrap();
        predicted.means().map(|(_, found)| found.risks.unwrap()).collect()
    };
    let gaussian = plan("kind = \"gaussian\"");
    let (own, prior) = (means(&gaussian, false), means(&gaussian, true));
    assert_eq!((own.len(), prior.len()), (2 * 5 * 5 * 2, own.len()));
    for (own, prior) in own.iter().zip(&prior) {
        for (own, prior) in [(own.excess, prior.excess), (own.approximation, prior.approximation)] {
            let z = (own.mean - prior.mean) / own.se.unwrap();
            assert!(own != prior && z.abs() < 4.0, "z = {z}: {own:?} and {prior:?}");
        }
    }
    let ones = plan("kind = \"ones\"");
    assert_eq!(means(&ones, false), means(&ones, true));
    // No law of a fixed target is named.
    let told = |plan: &Plan| {
        let predicted = predict(plan, &PredictOptions { prior: true, ..ALL }, &Watch::default()).unwrap();
        predicted.objects().next().unwrap()["prior"].as_bool()
    };
    assert_eq!((told(&gaussian), told(&ones)), (Some(true), Some(false)));
}

#[test]
fn what_grew_beyond_f64_has_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let config = config_in(dir.path());
    let settings = [&config, "--set", "sweep.seeds=2", "--set", "train.step_size=1e6"];
    let objects = document(&settings);
    let beyond = |object: &&Value| object["status"] == "exact" && object["excess"].is_null();
    assert!(objects.iter().filter(beyond).all(|object| object["excess_se"].is_null() && object["kappa"].is_null()));
    let table = String::from_utf8(command(&settings).stdout).unwrap();
    // The excess is in column 8.
    let without = |line: &&str| line.contains("exact") && line.split_whitespace().nth(7) == Some("-");
    let count = table.lines().filter(without).count();
    assert!(count > 0 && count == objects.iter().filter(beyond).count(), "{table}");
    assert!(!table.contains("inf") && !table.contains("NaN"), "{table}");
}

/// A format with infinities and a scale that takes some entries there ends the runs that read one at update 0.
#[test]
fn a_sketch_without_numbers_has_no_expected_risk() {
    let text = CONFIG
        .replace("sketch = \"e2m1\"", "sketch = { format = \"e5m2\", scale = 0.00006103515625, overflow = \"ieee\" }");
    let plan = Plan::new(Config::parse(&text, &["sweep.seeds=200".into()]).unwrap()).unwrap();
    let predicted = predict(&plan, &ALL, &Watch::default()).unwrap();
    let expected: BTreeMap<(u32, Key), (bool, Option<String>)> = predicted
        .by_seed()
        .map(|(seed, place, found)| {
            let key = (place.cell, place.seen, place.output.to_owned());
            ((seed, key), (found.risks.is_some(), place.status.reason().map(String::from)))
        })
        .collect();
    let (mut ended, mut whole, mut cells) = (0, 0, std::collections::BTreeSet::new());
    sweep(&plan, open_adapter("cpu").unwrap().as_ref(), &SweepOptions::default(), |cohort| {
        for row in cohort.rows.into_iter().filter(|row| row.recipe == "rounded sketch") {
            let (has_risks, reason) = &expected[&(row.seed_index, (row.cell, row.seen, row.output.clone()))];
            if row.diverged_at == Some(0) {
                ended += 1;
                cells.insert(row.cell);
                assert!(!has_risks && reason.as_ref().unwrap().contains("its runs end at update 0"), "{reason:?}");
            } else {
                whole += 1;
                assert!(*has_risks && reason.is_none(), "{row:?}");
            }
        }
        Ok(())
    })
    .unwrap();
    println!("{ended} rows ended, {whole} have numbers, in {} cells", cells.len());
    assert!(ended > 0 && whole > 0);
    // A cell with such a seed index has no mean.
    let without: std::collections::BTreeSet<u64> =
        predicted.inexact().filter(|(_, is)| is.reason().unwrap().contains("update 0")).map(|(cell, _)| cell).collect();
    assert_eq!(without, cells);
    for (place, found) in predicted.means() {
        assert_eq!(found.risks.is_none(), place.status.name() == "none");
        assert!(!cells.contains(&place.cell) || found.risks.is_none());
    }
}

#[test]
fn a_budget_leaves_the_cheapest_cells_and_names_the_others() {
    let plan = Plan::new(Config::parse(CONFIG, &["sweep.seeds=2".into()]).unwrap()).unwrap();
    let of = |budget: f64| {
        let predicted = predict(&plan, &PredictOptions { budget, ..ALL }, &Watch::default()).unwrap();
        let without = predicted.inexact().filter(|(_, status)| status.name() == "none");
        let missing: Vec<(u64, String)> =
            without.map(|(cell, status)| (cell, status.reason().unwrap().to_owned())).collect();
        let with = predicted.means().filter(|(_, found)| found.risks.is_some()).map(|(place, _)| place.cell);
        (with.collect::<std::collections::BTreeSet<u64>>(), missing)
    };
    let (all, missing) = of(f64::INFINITY);
    assert_eq!((all.len(), missing.len()), (40, 0));
    let (none, missing) = of(1e-12);
    assert_eq!((none.len(), missing.len()), (0, 40));
    let beyond: std::collections::BTreeSet<&String> = missing
        .iter()
        .map(|(_, why)| why)
        .filter(|why| why.starts_with("beyond --budget 0.000000000001: all"))
        .collect();
    // One reason for all of them, with a budget that has room for all.
    let seconds = beyond.first().and_then(|why| why.split(' ').rev().nth(1)).unwrap().parse().unwrap();
    assert_eq!((beyond.len(), of(seconds).0.len()), (1, 40));
    // Full precision is cheaper than matrices.
    let cheapest = (1..40).map(|k| of(1e-6 * 2f64.powi(k)).0).find(|cells| !cells.is_empty()).unwrap();
    assert!(cheapest.len() < 40 && cheapest.iter().all(|cell| [0, 1].contains(&(cell % 5))), "{cheapest:?}");
}

/// Of matched formats too, which have full precision followed beside them.
#[test]
fn all_work_is_told_once() {
    let recipes = "recipe=[{name=\"fp32\"}, {name=\"format\", feature=\"e4m3\"}]";
    let plan = Plan::new(Config::parse(CONFIG, &[recipes.into(), "sweep.seeds=3".into()]).unwrap()).unwrap();
    let watch = Watch::default();
    predict(&plan, &ALL, &watch).unwrap();
    assert!((watch.done() - 1.0).abs() < 1e-9, "{}", watch.done());
}

#[test]
fn a_directory_gets_a_file_with_the_digest_of_its_rows() {
    let place = tempfile::tempdir().unwrap();
    let (config, dir) = (config_in(place.path()), place.path().join("out"));
    let plan = Plan::new(Config::parse(CONFIG, &["sweep.seeds=2".into()]).unwrap()).unwrap();
    let cpu = open_adapter("cpu").unwrap();
    run::sweep::sweep(&plan, &dir, Shard::WHOLE, cpu.as_ref(), &Watch::default()).unwrap();
    let out = dir.display().to_string();
    let written = command(&[&out]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    assert_eq!(String::from_utf8(written.stdout).unwrap().trim(), dir.join("predict.parquet").display().to_string());
    let reader = SerializedFileReader::new(fs::File::open(dir.join("predict.parquet")).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let of = metadata.iter().find(|pair| pair.key == "roundlaw").unwrap().value.as_ref().unwrap();
    let of: Value = serde_json::from_str(of).unwrap();
    let rows: Vec<_> = roundlaw::rows(&dir).unwrap().map(Result::unwrap).collect();
    assert_eq!((&of["digest"], &of["seeds"]), (&roundlaw::store::digest(&rows).into(), &2.into()));
    let stored = reader.get_row_iter(None).unwrap().map(Result::unwrap);
    let objects = document(&[&config, "--set", "sweep.seeds=2", "--per-seed"]);
    let mut count = 0;
    for ((row, object), swept) in stored.zip(&objects).zip(&rows) {
        assert_eq!((row.get_ulong(0).unwrap(), row.get_ulong(3).unwrap()), (swept.run_id, swept.seen));
        assert_eq!(
            (row.get_string(4).unwrap(), row.get_string(10).unwrap()),
            (&swept.output, &object["status"].as_str().unwrap().to_owned())
        );
        // A document's reader may miss the last bit.
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-15 * 4.0;
        match (row.get_double(5).ok(), object["excess"].as_f64()) {
            (Some(stored), Some(told)) => assert!(near(stored, told), "{stored} and {told}"),
            (stored, told) => assert_eq!((stored, told), (None, None)),
        }
        count += 1;
    }
    assert_eq!((count, rows.len()), (objects.len(), objects.len()));
    // The directory is still what it was, and a sweep continues it.
    run::sweep::sweep(&plan, &dir, Shard::WHOLE, cpu.as_ref(), &Watch::default()).unwrap();
    let refused = command(&[&out, "--set", "sweep.seeds=3"]);
    assert_eq!(refused.status.code(), Some(2));
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.contains(&format!("--set sweep.seeds=3 of {out}: ")) && refused.contains("allowed is"),
        "{refused}"
    );
}

#[test]
fn what_cannot_be_predicted_is_refused_and_stopping_drops_all() {
    let place = tempfile::tempdir().unwrap();
    let config = config_in(place.path());
    for budget in ["0", "-1", "x", "nan", "inf", "1e999"] {
        let refused = command(&[&config, &format!("--budget={budget}")]);
        assert_eq!(refused.status.code(), Some(2), "{budget}");
        assert!(String::from_utf8(refused.stderr).unwrap().contains("allowed is a finite number of seconds above 0"));
    }
    let plan = Plan::new(Config::parse(CONFIG, &[]).unwrap()).unwrap();
    let watch = Watch::default();
    watch.stop();
    assert_eq!(predict(&plan, &ALL, &watch).err().unwrap().exit_code(), roundlaw::exit::INCOMPLETE);
}

/// Rounding the weights that are stored is no error of fresh draws: what is known is full precision.
#[test]
fn stored_weights_in_a_format_have_full_precision_alone_and_what_formats_destroy_has_nothing() {
    let text = CONFIG
        .replace("feature = { format = \"int8\", step = 0.5, rounding = \"dither\" }\n", "weight = \"e4m3\"\n")
        .replace("weight = { noise = \"relative\", eps = 0.01 }", "parameter = { format = \"int8\", step = 1e4 }");
    let plan = Plan::new(Config::parse(&text, &["sweep.seeds=3".into()]).unwrap()).unwrap();
    let predicted = predict(&plan, &ALL, &Watch::default()).unwrap();
    let of = |recipe: u64| predicted.means().filter(move |(place, _)| place.cell % 5 == recipe);
    for ((place, found), (_, full)) in of(4).zip(of(0)) {
        assert_eq!((place.status.name(), found.risks.is_none()), ("none", true));
        assert_eq!(place.status.reason(), Some("a number format at weight"), "at label a law stands for it");
        assert_eq!(found.full_precision.unwrap().mean, full.risks.unwrap().excess.mean, "the same problem and steps");
    }
    for (place, found) in of(3) {
        assert_eq!((place.status.name(), found.risks), ("none", None), "all weights are read as zeros");
        assert!(place.status.reason().unwrap().contains("leaves nothing"), "{:?}", place.status);
    }
}
