//! A config says what it means or is refused: by key, by value, and with what is allowed.

use proptest::prelude::*;
use roundlaw::config::{Check, Checkpoints, Config, Output, Problem, Schedule, Sketch, Spectrum, Tail, Target};
use roundlaw::error::{Error, exit};
use roundlaw::format::{Law, Noise, Rounding, Spec, format};
use roundlaw::plan::Plan;
use roundlaw::resolved;
use roundlaw::row::{SITES, Site};

#[allow(dead_code, reason = "the comparison of rows is for other tests")]
mod plans;

const PLAIN: &str = r#"
[problem]
dim = 100
spectrum = { kind = "power", exponent = 2.0 }

[train]
model = [4, 8]
samples = [64]

[[recipe]]
name = "a"
"#;

const QUICKSTART: &str = include_str!("../configs/quickstart.toml");

fn read(text: &str, set: &[&str]) -> Result<Config, Error> {
    let set: Vec<String> = set.iter().map(|item| item.to_string()).collect();
    Ok(Plan::new(Config::parse(text, &set)?)?.config)
}

fn plain(set: &[&str]) -> Config {
    read(PLAIN, set).unwrap_or_else(|e| panic!("{set:?}: {e}"))
}

/// The message of a refusal, which is one line and ends the program with the status of bad input.
fn message(text: &str, set: &[&str]) -> String {
    let error = match read(text, set) {
        Ok(config) => panic!("{set:?} is accepted: {config:?}\n{text}"),
        Err(error) => error,
    };
    assert_eq!(error.exit_code(), exit::INPUT, "{error}");
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[track_caller]
fn names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not name {part:?}");
    }
}

/// Every override of the plain config is refused, and the message holds all of the parts.
#[track_caller]
fn refused(table: &[(&[&str], &[&str])]) {
    for (set, parts) in table {
        names(&message(PLAIN, set), parts);
    }
}

/// The plain config with another recipe.
fn with_recipe(lines: &str) -> String {
    format!("{PLAIN}{lines}\n")
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    refused(&[
        (&["extra=1"], &["extra", "no known key", "problem, train, recipe, sweep"]),
        (&["extra.deep=1"], &["extra", "no known key"]),
        (&["problem.dims=1"], &["problem.dims", "dim, spectrum, target, noise, sketch, sampling, tail"]),
        (&["problem.spectrum.rate=1"], &["problem.spectrum.rate", "kind, exponent"]),
        (&["problem.target={kind=\"ones\",exponent=2}"], &["problem.target.exponent", "kind"]),
        (&["problem.sketch={kind=\"gaussian\",seed=2}"], &["problem.sketch.seed", "kind, nested"]),
        (&["problem.covariates={path=\"x.npy\"}"], &["problem.covariates", "no known key"]),
        (&["train.models=[4]"], &["train.models", "model, samples, batch, step_size"]),
        (&["train.samples={from=4,to=8,mul=2,add=1}"], &["train.samples.add", "from, to, mul"]),
        (&["sweep.seed_count=4"], &["sweep.seed_count", "seeds, seed, check, draws"]),
    ]);
    names(&message(&with_recipe("weights = \"e4m3\""), &[]), &["recipe.weights", "name, data, sketch", "weight"]);
    let recipe = with_recipe("weight = { format = \"e4m3\", stochastic = true }");
    names(&message(&recipe, &[]), &["\"a\"", "weight.stochastic", "format, rounding, scale"]);
    let recipe = with_recipe("feature = { noise = \"additive\", eps = 0.1, seed = 1 }");
    names(&message(&recipe, &[]), &["feature.seed", "noise, eps, law"]);
}

#[test]
fn wrong_types_are_refused() {
    refused(&[
        (&["problem=3"], &["problem = 3", "table"]),
        (&["problem.dim=\"many\""], &["problem.dim", "\"many\"", "integer from 1 to 16777216"]),
        (&["problem.dim=100.0"], &["problem.dim = 100.0", "integer"]),
        (&["problem.dim=true"], &["problem.dim = true", "integer"]),
        (&["problem.spectrum=2.0"], &["problem.spectrum = 2.0", "table"]),
        (&["problem.spectrum.exponent=\"2\""], &["problem.spectrum.exponent = \"2\"", "number from 0"]),
        (&["problem.target=\"gaussian\""], &["problem.target = \"gaussian\"", "table"]),
        (&["problem.noise=\"1\""], &["problem.noise = \"1\"", "number"]),
        (&["problem.sketch=\"none\""], &["problem.sketch = \"none\"", "table"]),
        (&["train.samples=\"64\""], &["train.samples = \"64\"", "integer from 1"]),
        (&["train.samples=[64.0]"], &["train.samples = 64.0", "integer from 1"]),
        (&["train.batch=[[1]]"], &["train.batch = [1]", "integer from 1 to 1024"]),
        (&["train.step_size=false"], &["train.step_size = false", "number"]),
        (&["train.schedule=[\"constant\"]"], &["train.schedule", "constant, geometric"]),
        (&["train.output=3"], &["train.output = 3", "last, average"]),
        (&["train.checkpoints=8"], &["train.checkpoints = 8", "list", "log2"]),
        (&["train.checkpoints=\"log3\""], &["train.checkpoints = \"log3\"", "log2"]),
        (&["sweep.seeds=1.5"], &["sweep.seeds = 1.5", "integer from 1"]),
        (&["sweep.seed=-1"], &["sweep.seed = -1", "integer from 0"]),
        (&["sweep.check=\"some\""], &["sweep.check", "\"some\"", "auto, all, off or a number"]),
        (&["sweep.check=0"], &["sweep.check", "0", "number of seeds >= 1"]),
        (&["sweep.check=1.5"], &["sweep.check", "1.5", "number of seeds >= 1"]),
        (&["recipe=3"], &["recipe = 3", "[[recipe]]"]),
        (&["recipe={name=\"a\"}"], &["recipe = {", "[[recipe]]"]),
        (&["recipe=[3]"], &["recipe = 3", "table"]),
        (&["recipe=[{name=3}]"], &["recipe.name = 3", "non-empty text"]),
        (&["recipe=[{name=\" \"}]"], &["recipe.name = \" \"", "non-empty text"]),
    ]);
    names(&message(&with_recipe("weight = 8"), &[]), &["weight = 8", "table"]);
    names(&message(&with_recipe("weight = { format = 8 }"), &[]), &["weight.format = 8", "fp32, e4m3, int8, mxfp4"]);
}

#[test]
fn missing_keys_are_named_with_what_is_allowed() {
    for (line, parts) in [
        ("dim = 100", &["problem.dim", "missing", "integer"][..]),
        ("spectrum = { kind = \"power\", exponent = 2.0 }", &["problem.spectrum", "missing", "power"]),
        ("model = [4, 8]", &["train.model", "missing", "list"]),
        ("samples = [64]", &["train.samples", "missing", "list"]),
        ("name = \"a\"", &["recipe.name", "missing", "text"]),
        ("[[recipe]]\nname = \"a\"", &["recipe", "missing", "[[recipe]]"]),
    ] {
        assert!(PLAIN.contains(line));
        names(&message(&PLAIN.replace(line, ""), &[]), parts);
    }
    names(&message("", &[]), &["problem.dim", "missing"]);
    refused(&[
        (&["problem.spectrum={kind=\"power\"}"], &["problem.spectrum.exponent", "missing", "0 to 16"]),
        (&["problem.spectrum={exponent=2}"], &["problem.spectrum.kind", "missing", "power"]),
        (&["problem.target={}"], &["problem.target.kind", "missing", "gaussian, ones"]),
        (&["problem.sketch={}"], &["problem.sketch.kind", "missing", "gaussian, none"]),
        (&["train.model={to=8,mul=2}"], &["train.model.from", "missing"]),
        (&["train.model={from=8,mul=2}"], &["train.model.to", "missing"]),
        (&["train.model={from=4,to=8}"], &["train.model.mul", "missing", ">= 2"]),
        (&["recipe=[]"], &["recipe", "at least one"]),
    ]);
}

#[test]
fn a_value_or_a_name_stands_once() {
    refused(&[
        (&["problem.dim=[100,100]"], &["problem.dim", "100", "differ"]),
        (&["problem.noise=[1,1.0]"], &["problem.noise", "1.0", "differ"]),
        (&["problem.noise=[0.0,-0.0]"], &["problem.noise", "differ"]),
        (
            &["problem.spectrum=[{kind=\"power\",exponent=2},{kind=\"power\",exponent=2.0}]"],
            &["problem.spectrum", "2.0", "differ"],
        ),
        (&["problem.target=[{kind=\"ones\"},{kind=\"ones\"}]"], &["problem.target", "ones", "differ"]),
        (
            &["problem.sketch=[{kind=\"gaussian\"},{nested=true,kind=\"gaussian\"}]"],
            &["problem.sketch", "nested", "differ"],
        ),
        (&["train.model=[4,8,4]"], &["train.model", "4", "differ"]),
        (&["train.samples=[64,64]"], &["train.samples", "64", "differ"]),
        (&["train.batch=[2,1,2]"], &["train.batch", "2", "differ"]),
        (&["train.step_size=[1,0.1,1.0]"], &["train.step_size", "1.0", "differ"]),
        (&["train.output=[\"last\",\"last\"]"], &["train.output", "last", "differ"]),
        (&["train.checkpoints=[8,8]"], &["train.checkpoints", "8", "differ"]),
    ]);
    names(&message(&with_recipe("[[recipe]]\nname = \"a\""), &[]), &["recipe.name", "\"a\"", "differ"]);
}

#[test]
fn empty_grids_are_refused() {
    for key in [
        "problem.dim",
        "problem.spectrum",
        "problem.target",
        "problem.noise",
        "problem.sketch",
        "problem.sampling",
        "problem.tail",
        "train.model",
        "train.samples",
        "train.batch",
        "train.step_size",
        "train.output",
    ] {
        names(&message(PLAIN, &[&format!("{key}=[]")]), &[&format!("{key} = []"), "at least one"]);
    }
}

#[test]
fn sizes_have_limits() {
    refused(&[
        (&["problem.dim=0"], &["problem.dim = 0", "1 to 16777216"]),
        (&["problem.dim=16777217"], &["problem.dim = 16777217", "1 to 16777216"]),
        (&["problem.spectrum.exponent=-1"], &["problem.spectrum.exponent = -1", "from 0"]),
        (&["problem.spectrum.exponent=17"], &["problem.spectrum.exponent = 17", "to 1.6e1"]),
        (&["train.model=0"], &["train.model = 0", "1 to 100"]),
        (&["train.model=101"], &["train.model = 101", "1 to 100"]),
        (&["problem.dim=[100,50]", "train.model=60"], &["train.model = 60", "1 to 50"]),
        (&["problem.dim=5000", "train.model=[4,4097]"], &["train.model = 4097", "1 to 4096"]),
        (&["train.model={from=4,to=128,mul=2}"], &["train.model.to = 128", "4 to 100"]),
        (&["train.model={from=8,to=4,mul=2}"], &["train.model.to = 4", "8 to 100"]),
        (&["train.model={from=4,to=8,mul=1}"], &["train.model.mul = 1", "2 to"]),
        (&["train.model={from=4,to=8,mul=0}"], &["train.model.mul = 0", "2 to"]),
        (&["train.model={from=4,to=8,mul=-2}"], &["train.model.mul = -2", "2 to"]),
        (&["train.model={from=4,to=8,mul=1.5}"], &["train.model.mul = 1.5", "integer from 2"]),
        (&["train.samples=0"], &["train.samples = 0", "1 to 2147483647"]),
        (&["train.samples=2147483648"], &["train.samples = 2147483648", "1 to 2147483647"]),
        (&["train.batch=0"], &["train.batch = 0", "1 to 1024"]),
        (&["train.samples=2048", "train.batch=2048"], &["train.batch = 2048", "1 to 1024"]),
        (&["sweep.seeds=0"], &["sweep.seeds = 0", "1 to 2147483647"]),
        (&["sweep.seeds=2147483648"], &["sweep.seeds = 2147483648", "1 to 2147483647"]),
        (&["problem.noise=-0.5"], &["problem.noise = -0.5", "from 0"]),
        (&["problem.noise=1e7"], &["problem.noise = 10000000.0", "to 1e6"]),
        (&["train.step_size=0"], &["train.step_size = 0", "number from"]),
        (&["train.step_size=1e7"], &["train.step_size = 10000000.0", "number from"]),
    ]);
}

#[test]
fn batches_must_fit_the_samples() {
    refused(&[
        (&["train.batch=65"], &["train.batch = 65", "1 to the smallest train.samples, 64"]),
        (&["train.samples=[6,4]", "train.batch=[8]"], &["train.batch = 8", "smallest train.samples, 4"]),
        (
            &["train.samples=[64,70]", "train.batch=[1,32]"],
            &["train.samples = 70", "train.batch = 32", "nearest is 64"],
        ),
        (&["train.samples=90", "train.batch=32"], &["train.samples = 90", "train.batch = 32", "nearest is 96"]),
        (&["train.checkpoints=[8,65]"], &["train.checkpoints = 65", "1 to 64"]),
        (&["train.checkpoints=[0]"], &["train.checkpoints = 0", "1 to 64"]),
        (&["train.checkpoints=[8.0]"], &["train.checkpoints = 8.0", "integer"]),
        (
            &["train.batch=[1,4]", "train.checkpoints=[8,10]"],
            &["train.checkpoints = 10", "multiples of train.batch = 4"],
        ),
    ]);
    // 251 and 257 are prime.
    let set = ["train.samples=64507", "train.batch=[251,257]"];
    names(&message(PLAIN, &set), &["train.batch", "251", "257", "64507", "up to 16384"]);
    assert_eq!(plain(&["train.samples=16256", "train.batch=[127,128]"]).train.batches, [127, 128]);
    assert_eq!(plain(&["train.samples=16384", "train.batch=[1,1024,512]"]).train.batches, [1, 1024, 512]);
}

#[test]
fn the_model_key_belongs_to_the_sketch() {
    refused(&[
        (&["problem.sketch={kind=\"none\"}"], &["train.model", "none", "remove"]),
        (&["problem.sketch={kind=\"none\",nested=true}"], &["problem.sketch.nested", "kind"]),
    ]);
    // Of several sketches, model applies to the points that have one.
    let both = Plan::new(read(PLAIN, &["problem.sketch=[{kind=\"gaussian\"},{kind=\"none\"}]"]).unwrap()).unwrap();
    let models: Vec<u32> = both.points.iter().map(|point| point.model).collect();
    assert_eq!(models, [8, both.points[1].problem.dim]);
    let unsketched = PLAIN.replace("model = [4, 8]", "");
    let set = ["problem.sketch={kind=\"none\"}"];
    assert_eq!(read(&unsketched, &set).unwrap().train.models, Vec::<u32>::new());
    let text = message(&unsketched, &[set[0], "problem.dim=[10,4097]"]);
    names(&text, &["problem.dim = 4097", "none", "1 to 4096"]);
}

#[test]
fn what_is_not_there_yet_is_refused() {
    refused(&[
        (&["sweep.draws=\"host\""], &["sweep.draws = \"host\"", "device"]),
        (&["problem.sampling=\"feature\""], &["problem.sampling = \"feature\"", "ambient"]),
        (&["problem.tail=\"closed\""], &["problem.tail = \"closed\"", "open"]),
        (&["problem.sketch={kind=\"gaussian\",nested=false}"], &["problem.sketch.nested = false", "true"]),
        (&["problem.sketch={kind=\"file\"}"], &["problem.sketch.kind = \"file\"", "gaussian, none"]),
        (&["problem.target={kind=\"source\"}"], &["problem.target.kind = \"source\"", "gaussian, ones"]),
        (&["problem.spectrum.kind=\"exponential\""], &["problem.spectrum.kind = \"exponential\"", "power"]),
        (&["train.quantized_test=1"], &["train.quantized_test = 1", "true, false"]),
        (&["train.quantized_test=true", "train.test_samples=1"], &["train.test_samples = 1", "2 to"]),
        (&["train.test_samples=64"], &["train.test_samples", "does not apply"]),
        (&["train.schedule=\"cosine\""], &["train.schedule = \"cosine\"", "constant, geometric"]),
        (&["train.output=\"best\""], &["train.output = \"best\"", "last, average"]),
    ]);
    names(&message(&with_recipe("feature_grad = \"e4m3\""), &[]), &["feature_grad", "e4m3", "not implemented"]);
}

#[test]
fn formats_take_their_own_options() {
    for (value, parts) in [
        ("\"fp4\"", &["weight.format = \"fp4\"", "fp32, e4m3, int8, mxfp4"][..]),
        ("{ format = \"bf16\" }", &["weight.format = \"bf16\"", "fp32, e4m3, int8, mxfp4"]),
        ("{ scale = 2 }", &["weight.format", "missing", "fp32, e4m3, int8, mxfp4"]),
        ("\"int8\"", &["weight.step", "missing", "power of two"]),
        ("{ format = \"int8\", scale = 2 }", &["weight.step", "missing", "power of two"]),
        ("{ format = \"int8\", step = 0.1 }", &["weight.step = 0.1", "power of two from 2^-48 to 2^48"]),
        ("{ format = \"int8\", step = 0 }", &["weight.step = 0", "power of two"]),
        ("{ format = \"int8\", step = -2.0 }", &["weight.step = -2.0", "power of two"]),
        ("{ format = \"int8\", step = inf }", &["weight.step = inf", "power of two"]),
        ("{ format = \"int8\", step = nan }", &["weight.step = nan", "power of two"]),
        ("{ format = \"int8\", step = 1e-15 }", &["weight.step", "power of two"]),
        ("{ format = \"int8\", step = 1.7763568394002505e-15 }", &["weight.step", "2^-48"]),
        ("{ format = \"int8\", step = \"0.5\" }", &["weight.step = \"0.5\"", "power of two"]),
        ("{ format = \"e4m3\", scale = 3 }", &["weight.scale = 3", "power of two from 2^-32 to 2^32"]),
        ("{ format = \"e4m3\", scale = 8589934592 }", &["weight.scale = 8589934592", "2^32"]),
        ("{ format = \"e4m3\", step = 2 }", &["weight.step", "format, rounding, scale"]),
        ("{ format = \"mxfp4\", scale = 2 }", &["weight.scale", "format, rounding"]),
        ("{ format = \"mxfp4\", block = 16 }", &["weight.block", "format, rounding"]),
        ("{ format = \"fp32\", scale = 2 }", &["weight.scale", "allowed are format"]),
        ("{ format = \"fp32\", rounding = \"stochastic\" }", &["weight.rounding", "allowed are format"]),
        ("{ format = \"e4m3\", rounding = \"up\" }", &["weight.rounding = \"up\"", "nearest-even, stochastic"]),
        ("{ noise = \"relative\", eps = 0.1 }", &["weight.noise = \"relative\"", "additive"]),
        ("{ noise = \"additive\" }", &["weight.eps", "missing", "0.01"]),
        ("{ noise = \"additive\", eps = 0 }", &["weight.eps = 0", "number from"]),
        ("{ noise = \"additive\", eps = 1e-30 }", &["weight.eps", "number from"]),
        ("{ noise = \"additive\", eps = nan }", &["weight.eps = nan", "number from"]),
        ("{ noise = \"additive\", eps = 0.1, law = \"two-point\" }", &["weight.law = \"two-point\"", "gaussian"]),
        ("{ noise = \"additive\", eps = 0.1, format = \"e4m3\" }", &["weight.format", "noise, eps, law"]),
    ] {
        let text = message(&with_recipe(&format!("weight = {value}")), &[]);
        names(&text, parts);
        names(&text, &["\"a\""]);
    }
}

#[test]
fn steps_and_noise_stay_above_the_smallest_operand() {
    let tiny = 2f64.powi(-40);
    // A constant step over the batch is exactly 2^-48 at batch 256, and below it at 512.
    let set = |batch: u32, schedule: &str| {
        [
            format!("train.step_size={tiny:e}"),
            format!("train.batch={batch}"),
            "train.samples=1024".into(),
            format!("train.schedule={schedule}"),
        ]
    };
    let check = |batch, schedule| Config::parse(PLAIN, &set(batch, schedule)).and_then(Plan::new);
    assert!(check(256, "constant").is_ok());
    for (batch, schedule) in [(512, "constant"), (256, "geometric"), (1, "geometric")] {
        let error = check(batch, schedule).unwrap_err();
        assert_eq!(error.exit_code(), exit::INPUT);
        names(
            &error.to_string(),
            &["train.step_size", &format!("batch {batch}"), "1024 samples", "2^-48", "larger steps"],
        );
    }
    refused(&[
        (&["problem.noise=1e-15"], &["problem.noise = 0.000000000000001", "2^-48"]),
        (&["train.step_size=1e-13"], &["train.step_size = 0.0000000000001", "number from"]),
    ]);
    let smallest = 2f64.powi(-48);
    assert_eq!(plain(&[&format!("problem.noise={smallest:e}")]).problems[0].noise, smallest);
}

#[test]
fn numbers_are_finite() {
    for value in ["nan", "-nan", "inf", "-inf"] {
        for key in ["problem.noise", "problem.spectrum.exponent", "train.step_size", "problem.dim", "train.samples"] {
            names(&message(PLAIN, &[&format!("{key}={value}")]), &[key, value.trim_start_matches('-'), "from"]);
        }
    }
    // A zero has one sign, so that the same problem has the same rows and the same directory.
    let config = plain(&["problem.noise=-0.0", "problem.spectrum.exponent=-0.0"]);
    assert_eq!(config.problems[0].noise.to_bits(), 0);
    assert_eq!(config.problems[0].spectrum.exponent().map(f64::to_bits), Some(0));
}

#[test]
fn syntax_errors_name_the_line() {
    for (text, line) in [
        ("dim = = 3", 1),
        ("[problem]\ndim = 3\nspectrum = {\n", 3),
        ("[problem]\n\ndim = 3\ndim = 4\n", 4),
        ("[problem\n", 1),
        ("# text\n[problem]\nname = \"open\n", 3),
    ] {
        let message = message(text, &[]);
        // An unclosed bracket may be seen at the end of its line or at the end of the text.
        assert!((line..=line + 1).any(|line| message.contains(&format!("line {line}:"))), "{text:?}: {message}");
    }
    let broken = QUICKSTART.replace("batch = [1]", "batch = 1]");
    let line = 1 + broken[..broken.find("batch = 1]").unwrap()].matches('\n').count();
    names(&message(&broken, &[]), &[&format!("line {line}:")]);
}

#[test]
fn malformed_overrides_are_refused() {
    refused(&[
        (&["sweep.seeds"], &["--set sweep.seeds", "KEY=VALUE"]),
        (&[""], &["--set", "KEY=VALUE"]),
        (&["=3"], &["--set =3", "KEY=VALUE"]),
        (&[".seeds=3"], &["--set .seeds=3", "KEY=VALUE"]),
        (&["sweep.=3"], &["--set sweep.=3", "KEY=VALUE"]),
        (&["sweep..seeds=3"], &["--set sweep..seeds=3", "KEY=VALUE"]),
        (&["problem.dim.x=3"], &["--set problem.dim.x=3", "dim", "no table"]),
        (&["recipe.name=b"], &["--set recipe.name=b", "recipe", "no table"]),
        (&["sweep.seeds="], &["sweep.seeds = \"\"", "integer"]),
        (&["train.model=[4,"], &["train.model = \"[4,\"", "integer"]),
    ]);
}

#[test]
fn messages_with_quoted_line_breaks_stay_one_line() {
    // `message` holds each of them to one line.
    message(PLAIN, &["problem.tail=\"a\\nb\""]);
    message(PLAIN, &["problem.tail=a\nb"]);
    message(PLAIN, &["sweep\nseeds"]);
    message(&format!("\"a\\nb\" = 1\n{PLAIN}"), &[]);
    message(&with_recipe("weight = \"e4m3\\r\\n\""), &[]);
    message("[problem]\ndim = \"\"\"\na\nb\nc\"\"\"\nspectrum = 1", &[]);
}

#[test]
fn a_range_is_its_list() {
    for (range, list) in [
        ("{from=4,to=64,mul=2}", vec![4, 8, 16, 32, 64]),
        ("{from=3,to=100,mul=3}", vec![3, 9, 27, 81]),
        ("{from=7,to=7,mul=2}", vec![7]),
        ("{from=5,to=9,mul=2}", vec![5]),
        ("{from=1,to=100,mul=2147483648}", vec![1]),
    ] {
        for key in ["train.model", "train.samples"] {
            let listed = plain(&[&format!("{key}={list:?}")]);
            assert_eq!(plain(&[&format!("{key}={range}")]), listed, "{key} {range}");
        }
    }
    let batches = plain(&["train.batch={from=1,to=64,mul=4}"]).train.batches;
    assert_eq!(batches, [1, 4, 16, 64]);
    // A single value is a list of one.
    assert_eq!(plain(&["train.model=4", "problem.noise=0.5"]), plain(&["train.model=[4]", "problem.noise=[0.5]"]));
}

#[test]
fn overrides_replace_and_add() {
    let config = plain(&[
        "sweep.seeds=8",
        "sweep.check=off",
        "train.schedule=constant",
        "train.output=[\"average\", \"last\"]",
        "problem.spectrum.exponent = 1.5",
        "train.model=[16]",
        "sweep.seeds=9",
    ]);
    assert_eq!(config.sweep.seeds, 9, "the last one wins");
    assert_eq!(config.sweep.check, Check::Off);
    assert_eq!(config.train.schedule, Schedule::Constant);
    assert_eq!(config.train.outputs, [Output::Average, Output::Last]);
    assert_eq!(config.problems[0].spectrum, Spectrum::Power { exponent: 1.5 });
    assert_eq!(config.train.models, [16]);
    assert_eq!(plain(&["sweep.check=3"]).sweep.check, Check::Seeds(3));
    assert_eq!(plain(&["sweep.check=all"]).sweep.check, Check::All);
    assert_eq!(plain(&["recipe=[{name=\"b\"}]"]).recipes[0].name, "b");
    assert_eq!(plain(&["train.checkpoints=[32,8]"]).train.checkpoints, Checkpoints::At(vec![8, 32]));
}

#[test]
fn defaults() {
    let config = plain(&[]);
    let (spectrum, sketch) = (Spectrum::Power { exponent: 2.0 }, Sketch::Gaussian { nested: true });
    let problem = Problem { dim: 100, spectrum, target: Target::Gaussian, noise: 1.0, sketch, tail: Tail::Open };
    assert_eq!(config.problems, [problem]);
    assert_eq!(config.train.batches, [1]);
    assert_eq!(config.train.step_sizes, [0.1]);
    assert_eq!(config.train.schedule, Schedule::Geometric);
    assert_eq!(config.train.outputs, [Output::Last]);
    assert_eq!(config.train.checkpoints, Checkpoints::At(Vec::new()));
    assert_eq!(config.recipes[0].sites, [None; SITES]);
    assert_eq!((config.sweep.seeds, config.sweep.seed, config.sweep.check), (100, 0, Check::Auto));
    // Written out they are the same config, to the byte of its resolved form.
    let spelled = plain(&[
        "problem.target={kind=\"gaussian\"}",
        "problem.noise=1.0",
        "problem.sketch={kind=\"gaussian\",nested=true}",
        "problem.sampling=ambient",
        "problem.tail=open",
        "train.batch=[1]",
        "train.step_size=[0.1]",
        "train.schedule=geometric",
        "train.output=[\"last\"]",
        "train.checkpoints=[]",
        "train.quantized_test=false",
        "sweep.seeds=100",
        "sweep.seed=0",
        "sweep.check=auto",
        "sweep.draws=device",
    ]);
    assert_eq!(config, spelled);
    assert_eq!(resolved::to_toml(&config), resolved::to_toml(&spelled));
}

#[test]
fn sites_read_as_the_format_or_law_they_name() {
    let text = with_recipe(
        "data = \"fp32\"\nfeature = \"e4m3\"\nlabel = { format = \"mxfp4\", rounding = \"stochastic\" }\n\
         weight = { format = \"int8\", step = 0.0625 }\ngradient = { noise = \"additive\", eps = 0.25 }",
    );
    let sites = read(&text, &[]).unwrap().recipes[0].sites;
    let spec = |name: &str, scale, rounding| {
        let format = format(name).unwrap();
        Some(Spec::Format { format, scale, rounding, overflow: format.overflow })
    };
    assert_eq!(sites[Site::Data as usize], None, "fp32 leaves the site as it is");
    assert_eq!(sites[Site::Feature as usize], spec("e4m3", 1.0, Rounding::NearestEven));
    assert_eq!(sites[Site::Label as usize], spec("mxfp4", 1.0, Rounding::Stochastic));
    assert_eq!(sites[Site::Weight as usize], spec("int8", 0.0625, Rounding::NearestEven));
    assert_eq!(
        sites[Site::Gradient as usize],
        Some(Spec::Noise { noise: Noise::Additive, eps: 0.25, law: Law::Gaussian, shared: false })
    );
    assert_eq!(sites[Site::Parameter as usize], None);
}

#[test]
fn the_problem_grid_has_its_last_key_fastest() {
    let config =
        plain(&["problem.dim=[100,50]", "problem.target=[{kind=\"ones\"},{kind=\"gaussian\"}]", "problem.noise=[0,2]"]);
    let points: Vec<_> = config.problems.iter().map(|p| (p.dim, p.target.canonical(), p.noise)).collect();
    let (ones, gaussian) = (|| "ones".to_string(), || "gaussian".to_string());
    assert_eq!(
        points,
        [
            (100, ones(), 0.0),
            (100, ones(), 2.0),
            (100, gaussian(), 0.0),
            (100, gaussian(), 2.0),
            (50, ones(), 0.0),
            (50, ones(), 2.0),
            (50, gaussian(), 0.0),
            (50, gaussian(), 2.0),
        ]
    );
}

fn resolves_to_itself(config: &Config, what: &str) {
    let text = resolved::to_toml(config);
    let again = Config::parse(&text, &[]).unwrap_or_else(|e| panic!("{what}: {e}\n{text}"));
    assert_eq!(&again, config, "{what}:\n{text}");
    assert_eq!(resolved::to_toml(&again), text, "{what}");
}

#[test]
fn the_resolved_config_parses_back() {
    for case in 0..300 {
        resolves_to_itself(&plans::random(case).config, &format!("random config {case}"));
    }
    for text in [QUICKSTART, include_str!("../configs/smoke.toml"), PLAIN] {
        resolves_to_itself(&read(text, &[]).unwrap(), "config");
    }
    for set in [
        &["problem.noise=[1e-13,1e6,0,3]", "problem.dim=[30,20]", "problem.spectrum.exponent=16"][..],
        &["train.step_size=[1e-12,0.1,0.3333333333333333,1048576]", "train.schedule=constant"],
        &["train.checkpoints=[64,1]", "train.output=[\"average\",\"last\"]", "sweep.check=7"],
        &["train.checkpoints=log2", "sweep.seed=9223372036854775807", "sweep.seeds=2147483647", "sweep.check=off"],
        &["problem.target=[{kind=\"ones\"},{kind=\"gaussian\"}]", "problem.sketch=[{kind=\"gaussian\"}]"],
    ] {
        resolves_to_itself(&plain(set), &format!("{set:?}"));
    }
    for name in [
        "\"q\\\" \\\\ 'x'\"",
        "\"a\\nb\\r\\n\\tc\"",
        "'''\"\"\"'''",
        "\"\\u0000\\u001b\"",
        "\"résumé 数\"",
        "\" pad \"",
    ] {
        let config = read(PLAIN, &[&format!("recipe=[{{name={name}}}]")]).unwrap();
        resolves_to_itself(&config, name);
    }
    for scale in [-32, 32, 0] {
        let scale = 2f64.powi(scale);
        let lines = format!(
            "data = {{ format = \"e4m3\", scale = {scale:?} }}\nweight = {{ format = \"int8\", step = {scale:?} }}"
        );
        resolves_to_itself(&read(&with_recipe(&lines), &[]).unwrap(), &lines);
    }
}

fn is_read_or_refused(bytes: &[u8]) {
    if let Err(error) = Config::parse(&String::from_utf8_lossy(bytes), &[]).and_then(Plan::new) {
        assert_eq!(error.exit_code(), exit::INPUT, "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_configs_are_read_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let mut bytes = QUICKSTART.as_bytes().to_vec();
        for (place, byte, kind) in edits {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] = b"0123456789-.e[]{}=\"\n,"[usize::from(byte) % 21],
                2 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        is_read_or_refused(&bytes);
    }

    #[test]
    fn any_override_is_read_or_refused(
        key in "[a-z.]{0,12}|problem\\.(dim|noise|sketch)|train\\.(model|samples|batch|step_size|checkpoints)|sweep\\.(seeds|check)",
        value in "\\PC{0,12}|-?[0-9]{1,5}(\\.[0-9]{1,3})?(e-?[0-9]{1,2})?|\\[[0-9]{1,3},[0-9]{1,3}\\]",
    ) {
        if let Err(error) = Config::parse(PLAIN, &[format!("{key}={value}")]).and_then(Plan::new) {
            prop_assert_eq!(error.exit_code(), exit::INPUT);
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
