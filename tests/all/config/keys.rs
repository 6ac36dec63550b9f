//! Keys that do not exist, have the wrong type, are missing, or say a thing twice.

use super::recipe::{FLOAT_KEYS, FORMAT_NAMES};
use super::*;

#[test]
fn unknown_keys_are_refused_at_every_level() {
    refused(&[
        (&["extra=1"], &["extra", "no known key", "problem, train, recipe, sweep"]),
        (&["extra.deep=1"], &["extra", "no known key"]),
        (&["problem.dims=1"], &["problem.dims", "dim, spectrum, target, noise, sketch, sampling, tail"]),
        (&["problem.spectrum.rate=1"], &["problem.spectrum.rate", "kind, exponent"]),
        (&["problem.target={kind=\"ones\",exponent=2}"], &["problem.target.exponent", "kind"]),
        (&["problem.sketch={kind=\"gaussian\",seed=2}"], &["problem.sketch.seed", "kind, nested"]),
        (&["problem.spectrum={kind=\"exponential\",exponent=2}"], &["problem.spectrum.rate", "missing"]),
        (&["problem.spectrum={kind=\"exponential\",rate=1,exponent=2}"], &["problem.spectrum.exponent", "kind, rate"]),
        (&["problem.spectrum={kind=\"logarithmic\",exponent=2,rate=1}"], &["problem.spectrum.rate", "kind, exponent"]),
        (&["problem.target={kind=\"source\",exponent=2,rate=1}"], &["problem.target.rate", "kind, exponent"]),
        (&["problem.target={kind=\"ones\",path=\"w.npy\"}"], &["problem.target.path", "kind"]),
        (&["problem.sketch={kind=\"gaussian\",path=\"s.npy\"}"], &["problem.sketch.path", "kind, nested"]),
        (&["train.models=[4]"], &["train.models", "model, samples, batch, step_size"]),
        (&["train.samples={from=4,to=8,mul=2,add=1}"], &["train.samples.add", "from, to, mul"]),
        (&["sweep.seed_count=4"], &["sweep.seed_count", "seeds, seed, check, draws"]),
    ]);
    names(
        &message(&with_recipe("weights = \"e4m3\""), &[]),
        &["recipe.weights", "name, bits, then, data, sketch", "weight"],
    );
    let recipe = with_recipe("weight = { format = \"e4m3\", stochastic = true }");
    names(&message(&recipe, &[]), &["\"a\"", "weight.stochastic", &FLOAT_KEYS]);
    let recipe = with_recipe("feature = { noise = \"additive\", eps = 0.1, seed = 1 }");
    names(&message(&recipe, &[]), &["feature.seed", "allowed are noise, eps, law"]);
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
        (&["problem.spectrum={kind=3}"], &["problem.spectrum.kind = 3", "power, exponential, logarithmic, file"]),
        (&["problem.spectrum={kind=\"exponential\",rate=\"fast\"}"], &["problem.spectrum.rate = \"fast\"", "from 0"]),
        (&["problem.spectrum={kind=\"file\",path=3}"], &["problem.spectrum.path = 3", "path of a .npy file"]),
        (&["problem.spectrum={kind=\"file\",path=\"\"}"], &["problem.spectrum.path = \"\"", "path of a .npy file"]),
        (
            &["problem.spectrum={kind=\"file\",path=\"x.npy\",hash=7}"],
            &["problem.spectrum.hash = 7", "the file's hash"],
        ),
        (&["problem.target={kind=[\"ones\"]}"], &["problem.target.kind", "gaussian, ones, source, file"]),
        (&["problem.target={kind=\"source\",exponent=true}"], &["problem.target.exponent = true", "number from 0"]),
        (&["problem.target={kind=\"file\",path=[\"w.npy\"]}"], &["problem.target.path", "path of a .npy file"]),
        (&["problem.sketch={kind=1}"], &["problem.sketch.kind = 1", "gaussian, none, file"]),
        (&["problem.sketch={kind=\"gaussian\",nested=1}"], &["problem.sketch.nested = 1", "true, false"]),
        (&["problem.sketch={kind=\"file\",path=false}"], &["problem.sketch.path = false", "path of a .npy file"]),
        (&["problem.sampling=1"], &["problem.sampling = 1", "ambient"]),
        (&["problem.tail=true"], &["problem.tail = true", "open, closed"]),
        (&["train.quantized_test=1"], &["train.quantized_test = 1", "true, false"]),
        (&["sweep.draws=true"], &["sweep.draws = true", "device, host"]),
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
    names(&message(&with_recipe("weight = { format = 8 }"), &[]), &["weight.format = 8", FORMAT_NAMES]);
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
        (&["problem.spectrum={kind=\"exponential\"}"], &["problem.spectrum.rate", "missing", "0 to 16"]),
        (&["problem.spectrum={kind=\"logarithmic\"}"], &["problem.spectrum.exponent", "missing", "0 to 16"]),
        (&["problem.spectrum={kind=\"file\"}"], &["problem.spectrum.path", "missing", ".npy"]),
        (&["problem.target={}"], &["problem.target.kind", "missing", "gaussian, ones, source, file"]),
        (&["problem.target={kind=\"source\"}"], &["problem.target.exponent", "missing", "0 to 16"]),
        (&["problem.target={kind=\"file\"}"], &["problem.target.path", "missing", ".npy"]),
        (&["problem.sketch={}"], &["problem.sketch.kind", "missing", "gaussian, none, file"]),
        (&["problem.sketch={kind=\"file\"}"], &["problem.sketch.path", "missing", ".npy"]),
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
        (
            &["problem.spectrum=[{kind=\"exponential\",rate=1},{rate=1.0,kind=\"exponential\"}]"],
            &["problem.spectrum", "rate = 1.0", "differ"],
        ),
        (
            &["problem.target=[{kind=\"source\",exponent=2},{kind=\"source\",exponent=2.0}]"],
            &["problem.target", "exponent = 2.0", "differ"],
        ),
        (&["problem.tail=[\"open\",\"closed\",\"open\"]"], &["problem.tail", "open", "differ"]),
        (&["problem.sampling=[\"ambient\",\"ambient\"]"], &["problem.sampling", "ambient", "differ"]),
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
fn numbers_are_finite() {
    for value in ["nan", "-nan", "inf", "-inf"] {
        for key in ["problem.noise", "problem.spectrum.exponent", "train.step_size", "problem.dim", "train.samples"] {
            names(&message(PLAIN, &[&format!("{key}={value}")]), &[key, value.trim_start_matches('-'), "from"]);
        }
    }
    for (set, key) in [
        ("problem.spectrum={kind=\"exponential\",rate=nan}", "problem.spectrum.rate = nan"),
        ("problem.spectrum={kind=\"logarithmic\",exponent=inf}", "problem.spectrum.exponent = inf"),
        ("problem.target={kind=\"source\",exponent=nan}", "problem.target.exponent = nan"),
    ] {
        names(&message(PLAIN, &[set]), &[key, "from 0"]);
    }
    // A zero has one sign, so that the same problem has the same rows and the same directory.
    let config = plain(&["problem.noise=-0.0", "problem.spectrum.exponent=-0.0"]);
    assert_eq!(config.problems()[0].noise.to_bits(), 0);
    assert_eq!(config.problems()[0].spectrum.exponent().map(f64::to_bits), Some(0));
}

#[test]
fn defaults() {
    let config = plain(&[]);
    let (spectrum, sketch) = (Spectrum::Power { exponent: 2.0 }, Sketch::Gaussian { nested: true });
    let (sampling, tail) = (Sampling::Ambient, Tail::Open);
    let problem = Problem { dim: 100, spectrum, target: Target::Gaussian, noise: 1.0, sketch, sampling, tail };
    assert_eq!(config.problems(), [problem]);
    assert_eq!(config.train().batches, [1]);
    assert_eq!(config.train().step_sizes, [0.1]);
    assert_eq!(config.train().schedule, Schedule::Geometric);
    assert_eq!(config.train().outputs, [Output::Last]);
    assert_eq!(config.train().checkpoints, Checkpoints::At(Vec::new()));
    assert_eq!(config.recipes()[0].sites, PerSite::default());
    assert_eq!((config.sweep().seeds, config.sweep().seed, config.sweep().check), (100, 0, Check::Auto));
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
