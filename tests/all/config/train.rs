//! Sizes, grids, batches, steps and checkpoints.

use super::*;

#[test]
fn sizes_have_limits() {
    refused(&[
        (&["problem.dim=0"], &["problem.dim = 0", "1 to 16777216"]),
        (&["problem.dim=16777217"], &["problem.dim = 16777217", "1 to 16777216"]),
        (&["problem.spectrum.exponent=-1"], &["problem.spectrum.exponent = -1", "from 0"]),
        (&["problem.spectrum.exponent=17"], &["problem.spectrum.exponent = 17", "to 16"]),
        (&["problem.spectrum={kind=\"exponential\",rate=-0.1}"], &["problem.spectrum.rate = -0.1", "from 0"]),
        (&["problem.spectrum={kind=\"exponential\",rate=16.5}"], &["problem.spectrum.rate = 16.5", "to 16"]),
        (&["problem.spectrum={kind=\"logarithmic\",exponent=17}"], &["problem.spectrum.exponent = 17", "to 16"]),
        (&["problem.target={kind=\"source\",exponent=17}"], &["problem.target.exponent = 17", "to 16"]),
        (&["train.quantized_test=true", "train.test_samples=1"], &["train.test_samples = 1", "2 to 16777216"]),
        (&["train.quantized_test=true", "train.test_samples=16777217"], &["train.test_samples = 16777217", "2 to"]),
        (&["train.test_samples=64"], &["train.test_samples", "does not apply"]),
        (&["train.quantized_test=false", "train.test_samples=64"], &["train.test_samples", "does not apply"]),
        (&["train.schedule=\"cosine\""], &["train.schedule = \"cosine\"", "constant, geometric"]),
        (&["train.output=\"best\""], &["train.output = \"best\"", "last, average, tail"]),
        (&["sweep.draws=\"gpu\""], &["sweep.draws = \"gpu\"", "device, host"]),
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
    assert_eq!(plain(&["train.samples=16256", "train.batch=[127,128]"]).train().batches, [127, 128]);
    assert_eq!(plain(&["train.samples=16384", "train.batch=[1,1024,512]"]).train().batches, [1, 1024, 512]);
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
        (&["problem.noise=1e-15"], &["problem.noise = 1e-15", "2^-48"]),
        (&["train.step_size=1e-13"], &["train.step_size = 1e-13", "number from"]),
    ]);
    let smallest = 2f64.powi(-48);
    assert_eq!(plain(&[&format!("problem.noise={smallest:e}")]).problems()[0].noise, smallest);
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
    let batches = plain(&["train.batch={from=1,to=64,mul=4}"]).train().batches.clone();
    assert_eq!(batches, [1, 4, 16, 64]);
    // A single value is a list of one.
    assert_eq!(plain(&["train.model=4", "problem.noise=0.5"]), plain(&["train.model=[4]", "problem.noise=[0.5]"]));
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
    assert_eq!(read(&unsketched, &set).unwrap().train().models, Vec::<u32>::new());
    let text = message(&unsketched, &[set[0], "problem.dim=[10,4097]"]);
    names(&text, &["problem.dim = 4097", "none", "1 to 4096"]);
}

#[test]
fn grids_stay_small_enough_to_plan() {
    let list = |n: u32| format!("{:?}", (1..=n).collect::<Vec<u32>>());
    let steps = |n: u32| format!("train.step_size={:?}", (1..=n).map(f64::from).collect::<Vec<_>>());
    let samples = format!("train.samples={}", list(1025));
    refused(&[
        (&[&steps(1024), &samples], &["2099200 cells", "up to 1048576"]),
        (
            &[&steps(1000), "train.samples=10000", &format!("train.checkpoints={}", list(10_000))],
            &["2000 cells of 10000 rows", "16777216 rows"],
        ),
        (&[&format!("problem.noise={}", list(4097))], &["problem", "4097 points", "up to 4096"]),
        (
            &[&format!("problem.noise={}", list(100)), &format!("problem.dim={}", list(1100))],
            &["problem", "110000 points", "up to 4096"],
        ),
    ]);
    assert_eq!(plain(&[&steps(1024), "train.samples=[64]"]).train().step_sizes.len(), 1024);
}
