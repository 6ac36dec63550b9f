//! `plan` counts, warns and refuses without running anything.

use std::thread;
use std::time::Duration;

use roundlaw::error::Error;
use roundlaw::plan::{Cohort, Shard, Snapshot, cohort_cost};
use roundlaw::run::adapter::Adapter;
use roundlaw::run::estimate;
use roundlaw::run::rows::Origin;
use roundlaw::watch::Watch;
use roundlaw::{Config, Plan};

use super::*;

fn plan(text: &str, args: &[&str]) -> Output {
    let place = Place::new();
    let config = place.config(text);
    let output = run(&[&["plan", &config, "--json"], args].concat());
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 1, "plan writes no file");
    output
}

#[track_caller]
fn document(text: &str, args: &[&str]) -> Value {
    let output = plan(text, args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_plan_is_one_json_object() {
    let document = document(TINY, &[]);
    let integer = |key: &str| document[key].as_u64().unwrap_or_else(|| panic!("{key} is no integer: {document}"));
    // 2 M x 2 N x 2 B x 4 recipes.
    assert_eq!(integer("cells"), 32);
    assert_eq!(integer("runs"), 32 * 7);
    assert_eq!(integer("cohorts"), 7);
    assert_eq!(integer("blocks"), 7, "64 samples are drawn at once");
    assert!(integer("bytes") > 0);
    assert!(document["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds < 60.0), "{document}");
    // Blocks clip their largest values by design, and nothing else here is to be warned of.
    let warnings = document["warnings"].as_array().unwrap();
    assert!(warnings.iter().all(|w| w.as_str().is_some_and(|w| w.starts_with("recipe \"blocks\": "))), "{document}");
}

#[test]
fn the_plan_counts_what_it_is_asked_for() {
    let set = ["--set", "problem.noise=[0,1]", "--set", "sweep.seeds=5", "--set", "train.samples=[2048,3000]"];
    let document = document(TINY, &[&set[..], &["--set", "train.batch=[1,2,4]"]].concat());
    assert_eq!(document["cells"], 2 * 2 * 2 * 3 * 4);
    assert_eq!(document["runs"], 2 * 2 * 2 * 3 * 4 * 5);
    assert_eq!(document["cohorts"], 10);
    // What is drawn at once does not grow with N, and is the same for every cohort.
    let blocks = |document: &Value| document["blocks"].as_u64().unwrap();
    let (few, more) = (
        blocks(&document),
        blocks(&self::document(
            TINY,
            &[&set[..2], &["--set", "sweep.seeds=5", "--set", "train.samples=[6000]"]].concat(),
        )),
    );
    assert!(few > 10 && few % 10 == 0 && more > few, "{few}, {more}");
}

#[test]
fn constant_steps_share_trajectories() {
    assert_eq!(document(TINY, &[])["trajectories"], 32 * 7);
    assert_eq!(document(TINY, &["--set", "train.schedule=constant"])["trajectories"], 16 * 7, "N are prefixes");
}

const PLAIN: &str =
    "[problem]\ndim = 24\nspectrum = { kind = \"power\", exponent = 1.5 }\n[train]\nmodel = 4\nsamples = 32\n";

fn with(recipe: &str) -> String {
    format!("{PLAIN}[[recipe]]\nname = \"suspect\"\n{recipe}\n")
}

#[track_caller]
fn warnings(text: &str, args: &[&str]) -> Vec<String> {
    let list = document(text, args)["warnings"].as_array().unwrap().clone();
    list.iter().map(|line| line.as_str().unwrap().to_string()).collect()
}

/// So is one whose format rounds the first coordinates alone.
#[test]
fn warnings_of_a_head_name_the_phase() {
    let head = ["--set", "problem.sampling={ kind = \"head\", coordinates = 3 }"];
    for (recipe, called) in [
        ("data = \"e4m3\"\nthen = [{ from = 0.5, label = \"bf16\" }]", "recipe \"suspect\": approximate"),
        ("then = [{ from = 0.5, data = \"e4m3\" }]", "recipe \"suspect\", phase 1: approximate"),
    ] {
        let found = warnings(&with(recipe), &head);
        assert_eq!(found.iter().filter(|line| line.starts_with(called)).count(), 1, "{found:?}");
    }
}

/// A phase is warned of what it changes, and so named.
#[test]
fn warnings_name_the_phase() {
    let small = "{ format = \"int8\", step = 0.0009765625 }";
    let of = |recipe: &str, part: &str| {
        let found = warnings(&with(recipe), &[]);
        found.into_iter().filter(|line| line.contains(part)).collect::<Vec<_>>()
    };
    for (site, change, part) in [
        ("weight", small, "the largest value of the format at weight"),
        ("feature", "{ format = \"e4m3\", scale = 64.0 }", "of the features at M = 4 fall below"),
        ("data", "{ format = \"int8\", step = 7.62939453125e-6 }", "of the values at data"),
    ] {
        let (first, then) = (format!("{site} = {change}\n"), "then = [{ from = 0.5, label = \"bf16\" }]");
        let own = of(&format!("{first}{then}"), part);
        assert!(!own.is_empty() && own.iter().all(|line| line.starts_with("recipe \"suspect\": ")), "{own:?}");
        let later = of(&format!("then = [{{ from = 0.5, {site} = {change} }}]"), part);
        let named = |line: &String| line.starts_with("recipe \"suspect\", phase 1: ");
        assert!(!later.is_empty() && later.iter().all(named), "{later:?}");
    }
}

#[test]
fn each_warning_has_its_config_and_the_plain_one_none() {
    assert_eq!(warnings(&with(""), &[]), [""; 0]);
    for (recipe, args, parts) in [
        ("sketch = \"bf16\"", &[][..], &["suspect", "sketch", "finer", "8-bit"][..]),
        ("sketch = { format = \"f16\", rounding = \"stochastic\" }", &[], &["suspect", "sketch", "finer", "8-bit"]),
        (
            "feature = { format = \"int8\", step = 1.0 }",
            &[],
            &["suspect", "features", "M = 4", "below", "step = 6.25e-2"],
        ),
        ("feature = { format = \"e4m3\", scale = 64.0 }", &[], &["features", "below", "hint: feature.scale = 4e0"]),
        ("", &["--set", "train.step_size=1.5"], &["train.step_size = 1.5", "stability", "kappa"]),
        (
            "weight = { format = \"int8\", step = 0.0009765625 }",
            &[],
            &["suspect", "weight", "saturates", "0.124", "hint: a larger step"],
        ),
        (
            "parameter = { format = \"e4m3\", scale = 0.0000152587890625 }",
            &[],
            &["suspect", "parameter", "saturates", "hint: a larger scale"],
        ),
        (
            "data = { format = \"int8\", step = 7.62939453125e-6 }",
            &[],
            &["suspect", "values at data are beyond", "saturate; hint: a larger data.step"],
        ),
        (
            "sketch = { format = \"int4\", step = 0.125 }",
            &[],
            &["values at sketch are beyond", "saturate; hint: a larger sketch.step"],
        ),
        (
            "feature = { format = \"e4m3\", scale = 0.0009765625 }",
            &[],
            &["values at feature (M = 4) are beyond", "hint: a larger feature.scale"],
        ),
        (
            "label = { format = \"e5m2\", scale = 0.0000152587890625 }",
            &[],
            &["values at label are beyond", "hint: a larger label.scale"],
        ),
        (
            "gradient = { format = \"int8\", step = 0.00390625 }",
            &[],
            &["values at gradient are beyond", "hint: a larger gradient.step"],
        ),
        (
            "feature = { format = \"f16\", scale = 0.0000152587890625 }",
            &[],
            &["values at feature (M = 4) overflow", "diverges", "hint: a larger feature.scale"],
        ),
        (
            "label = { format = \"e4m3\", scale = 0.0009765625, overflow = \"ieee\" }",
            &[],
            &["values at label overflow", "diverges", "hint: a larger label.scale"],
        ),
    ] {
        let found = warnings(&with(recipe), args);
        let named = |warning: &&String| parts.iter().all(|part| warning.contains(part));
        let Some(own) = found.iter().find(named) else { panic!("{recipe} {args:?}: {found:?} do not name {parts:?}") };
        assert_eq!(own.lines().count(), 1);
        // A sweep says the same on stderr, and goes on.
        let place = Place::new();
        let output = place.sweep(&with(recipe), "out", &[args, &["--set", "sweep.seeds=1"]].concat());
        succeeded(&output);
        assert!(stderr(&output).contains(&format!("warning: {own}\n")), "{}", stderr(&output));
        // The text form holds it too.
        let text = run(&[&["plan", &place.config(&with(recipe))], args].concat());
        assert!(String::from_utf8_lossy(&text.stdout).contains(&format!("warning: {own}\n")));
    }
}

#[test]
fn a_hint_that_is_followed_ends_its_warning() {
    for (recipe, hinted) in [
        ("feature = { format = \"int8\", step = HERE }", "16.0"),
        ("feature = { format = \"e4m3\", scale = HERE }", "4096.0"),
        ("feature = { format = \"e5m2\", scale = HERE }", "65536.0"),
    ] {
        let found = warnings(&with(&recipe.replace("HERE", hinted)), &[]);
        let hint = found[0].rsplit(" = ").next().unwrap().to_string();
        assert_eq!(warnings(&with(&recipe.replace("HERE", &hint)), &[]), [""; 0], "{found:?}");
    }
}

#[test]
fn blocks_set_their_own_scale_and_get_no_hint() {
    let samples = ["--set", "train.samples=64"];
    for format in ["mxfp4", "mxfp8", "mxfp8-e5m2"] {
        for site in ["data", "sketch", "feature", "weight", "parameter"] {
            let found = warnings(&with(&format!("{site} = \"{format}\"")), &samples);
            assert!(found.iter().all(|warning| !warning.contains("hint")), "{format} at {site}: {found:?}");
        }
    }
    // A label alone in its block is cut wherever its significand is beyond 1.5: every third.
    for (site, batch) in [("label", 1), ("gradient", 1)] {
        let found = warnings(
            &with(&format!("{site} = \"mxfp4\"")),
            &[&samples[..], &["--set", &format!("train.batch={batch}")]].concat(),
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(&format!("values at {site} are beyond")) && found[0].ends_with("saturate"),
            "{found:?}"
        );
    }
    assert_eq!(warnings(&with("label = \"mxfp4\""), &[&samples[..], &["--set", "train.batch=32"]].concat()), [""; 0]);
}

#[test]
fn sizes_beyond_memory_are_refused_with_the_memory_needed() {
    let text = TINY.replace("model = [3, 5]", "model = 4096").replace("dim = 24", "dim = 16777216");
    let place = Place::new();
    // G once in f32, and once more for each quantized pair of data and sketch.
    let output = plan(&text, &["--set", "recipe=[{name=\"fp32\"}]"]);
    refused(&output, 2, &["problem.dim", "train.model", "GiB", "512."]);
    assert!(!stderr(&output).contains("sweep.seeds"), "more seeds take no more: {}", stderr(&output));
    assert!(output.stdout.is_empty() || serde_json::from_slice::<Value>(&output.stdout).is_ok());
    refused(&place.sweep(&text, "out", &[]), 2, &["problem.dim", "train.model", "GiB"]);
    assert!(!place.path("out").exists());
    let config = place.config(&text);
    refused(&run(&["replay", &config, "--run", "0"]), 2, &["problem.dim", "GiB"]);
    // A list of all cohorts, at 16 bytes each.
    let noise: Vec<String> = (1..=40).map(|noise| format!("{noise}.0")).collect();
    let many = format!("problem.noise=[{}]", noise.join(", "));
    let output = plan(TINY, &["--set", &many, "--set", "sweep.seeds=2147483647"]);
    refused(&output, 2, &["40 problem points", "sweep.seeds = 2147483647", "GiB"]);
    assert!(!stderr(&output).contains("RAYON_NUM_THREADS"), "threads do not help: {}", stderr(&output));
}

/// A plan whose training costs as much as its projection: 32 step sizes of one M share the features.
fn trained(model: u32, recipe: &str) -> String {
    let steps: Vec<String> = (1..=32).map(|k| format!("{}", f64::from(k) / 256.0)).collect();
    format!(
        "[problem]\ndim = 512\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\n[train]\nmodel = {model}\nsamples = 20000\n\
         step_size = [{}]\n[[recipe]]\nname = \"r\"\n{recipe}\n[sweep]\nseeds = 1\ncheck = \"off\"\n",
        steps.join(", ")
    )
}

fn seconds(document: &Value, key: &str) -> f64 {
    document[key].as_f64().unwrap_or_else(|| panic!("{key} is no number: {document}"))
}

#[test]
fn the_time_is_that_of_its_parts() {
    let parts = ["execution_seconds", "evaluation_seconds", "check_seconds"];
    let [off, all] = ["off", "all"].map(|check| document(TINY, &["--set", &format!("sweep.check={check}")]));
    for document in [&off, &all] {
        let sum: f64 = parts.iter().map(|key| seconds(document, key)).sum();
        assert!((seconds(document, "seconds") / sum - 1.0).abs() < 1e-9, "{document}");
    }
    assert_eq!(off["adapter"], "cpu");
    assert_eq!(seconds(&off, "check_seconds"), 0.0);
    assert!(seconds(&all, "check_seconds") > 2.0 * seconds(&all, "execution_seconds"), "the reference is slow: {all}");
    assert_eq!(off["execution_seconds"], all["execution_seconds"]);
}

#[test]
fn what_is_shared_costs_once_and_what_is_short_costs_its_beginning() {
    let of = |text: &str| seconds(&document(text, &[]), "execution_seconds");
    let ratio = |a: &str, b: &str| of(a) / of(b);
    // An update of 4 weights and one of 8 take the same steps; of 512 they take nearly twice those of 256.
    assert!(ratio(&trained(8, ""), &trained(4, "")) < 1.2);
    assert!((1.5..2.1).contains(&ratio(&trained(512, ""), &trained(256, ""))));
    // Formats cost, random ones more.
    let weight = |rounding: &str| trained(256, &format!("weight = {{ format = \"e4m3\", rounding = \"{rounding}\" }}"));
    assert!(ratio(&weight("nearest-even"), &trained(256, "")) > 1.2);
    assert!(ratio(&weight("stochastic"), &weight("nearest-even")) > 1.2);
    // Eight recipes at the features share what one of them draws and projects.
    let one = trained(512, "feature = \"e4m3\"").replace("step_size", "# ");
    let names: String =
        (0..7).map(|k| format!("[[recipe]]\nname = \"s{k}\"\nfeature = \"e{}m{}\"\n", 2 + k % 4, 1 + k / 4)).collect();
    let eight = one.replace("[sweep]", &format!("{names}[sweep]"));
    assert!((1.1..3.0).contains(&ratio(&eight, &one)));
    // Without a sketch nothing is projected.
    let none = trained(512, "").replace("[train]\nmodel = 512", "sketch = { kind = \"none\" }\n[train]");
    assert!(ratio(&trained(512, ""), &none) > 1.2);
}

/// Takes a time for each core-second that the CPU would, and computes nothing.
struct Sleeping {
    seconds: f64,
    at_once: usize,
}

impl Sleeping {
    fn takes(&self, plan: &Plan, cohorts: &[Cohort]) -> f64 {
        self.seconds * cohorts.iter().map(|cohort| cohort_cost(plan, cohort.point).execution).sum::<f64>()
    }
}

impl Adapter for Sleeping {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], _: &Watch) -> Result<Vec<Vec<Snapshot>>, Error> {
        thread::sleep(Duration::from_secs_f64(self.takes(plan, cohorts)));
        Ok(Vec::new())
    }

    fn cohorts_at_once(&self, _: &Plan) -> Result<usize, Error> {
        Ok(self.at_once)
    }

    fn executions_at_once(&self) -> usize {
        1
    }

    fn origin(&self) -> Origin {
        Origin::default()
    }
}

#[test]
fn a_device_is_asked_for_its_own_time() {
    let text = TINY.replace("dim = 24", "dim = [24, 900]");
    let plan = Plan::new(Config::parse(&text, &[]).unwrap()).unwrap();
    let (watch, all) = (Watch::default(), plan.cohorts(Shard::WHOLE));
    let by_rates = estimate::of_cpu(&plan, 2);
    // The first cohort alone is of the small point.
    for at_once in [1, all.len()] {
        let mut device = Sleeping { seconds: 1.0, at_once };
        device.seconds = 4.0 / device.takes(&plan, &all[..at_once]);
        let (found, takes) = (estimate::of_device(&plan, 2, &device, &watch).unwrap(), device.takes(&plan, &all));
        // A sleep may be longer on a machine that has other work.
        assert!((takes * 0.99..takes * 1.5).contains(&found.execution), "{takes} s, {found:?}");
        assert_eq!((found.evaluation, found.check), (by_rates.evaluation, by_rates.check));
        assert_eq!(found.total, found.execution.max(found.evaluation + found.check), "the CPU works meanwhile");
    }
    let place = Place::new();
    refused(&run(&["plan", &place.config(TINY), "--adapter", "no such device"]), 4, &["--adapter no such device"]);
}
