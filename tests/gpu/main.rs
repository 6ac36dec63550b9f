//! The GPU adapter against the scalar reference, bit for bit, on every adapter there is (choose with
//! VK_DRIVER_FILES and WGPU_BACKEND, or `tests/adapter on NAME cargo test --release --test gpu`).

mod bench;
mod faults;
mod flips;
#[cfg(target_os = "linux")]
mod memory;
#[path = "../all/npy_file/mod.rs"]
#[allow(dead_code, reason = "files of f64 are for other tests")]
mod npy_file;
mod passport;
#[path = "../all/plans/mod.rs"]
#[allow(dead_code, reason = "what the CPU adapter's tests need of it")]
mod plans;
mod sampling;
mod several;
mod verify;

use std::sync::OnceLock;

use plans::Choices;
use roundlaw::config::Config;
use roundlaw::gpu::{AdapterInfo, Gpu, Tuning, adapters};
use roundlaw::plan::{Plan, Shard, Snapshot};
use roundlaw::reference;
use roundlaw::risk::{Gram, Truth};
use roundlaw::site::Site;
use roundlaw::watch::Watch;

/// The adapters under test, opened once and self-tested.
fn gpus() -> &'static [Gpu] {
    static GPUS: OnceLock<Vec<Gpu>> = OnceLock::new();
    GPUS.get_or_init(|| {
        let found = adapters();
        assert!(!found.is_empty(), "no GPU adapter found: install a driver, mesa-vulkan-drivers has lavapipe");
        found.iter().for_each(expected);
        let open = |adapter: &AdapterInfo| {
            let gpu = Gpu::open(adapter.index).expect("the adapter opens");
            gpu.self_test(&Watch::default()).expect("the known-answer block holds");
            println!("{}: {}", adapter.name, gpu.fingerprint());
            gpu
        };
        found.iter().map(open).collect()
    })
}

/// Every word of ROUNDLAW_EXPECT_ADAPTER must occur: a mistaken path must not test another adapter.
fn expected(adapter: &AdapterInfo) {
    let AdapterInfo { name, backend, driver, driver_info, .. } = adapter;
    let found = format!("{backend} {name} {driver} {driver_info}");
    let words = std::env::var("ROUNDLAW_EXPECT_ADAPTER").unwrap_or_default();
    assert!(words.split_whitespace().all(|word| found.contains(word)), "found {found:?}, expected {words:?}");
}

fn plan(text: &str, block: u64) -> Plan {
    let config = Config::parse(text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Plan::new(config).and_then(|plan| plan.with_block(block)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Runs a plan on every adapter and panics at the first difference from the reference.
fn same_as_reference(text: &str, block: u64, tuning: Tuning) -> Vec<Vec<Snapshot>> {
    let plan = plan(text, block);
    let cohorts = plan.cohorts(Shard::WHOLE);
    let expected: Vec<_> =
        cohorts.iter().map(|&cohort| reference::cohort(&plan, cohort, None, &Watch::default()).unwrap()).collect();
    for gpu in gpus() {
        let found = gpu.execute_tuned(&plan, &cohorts, tuning, &Watch::default()).expect("the plan runs");
        assert_eq!(found.len(), expected.len());
        for ((cohort, found), expected) in cohorts.iter().zip(&found).zip(&expected) {
            if let Some(place) = plan.difference(*cohort, expected, found) {
                panic!("{}, {tuning:?}, block {block}: {place}\n{text}", gpu.info.name);
            }
            assert_eq!(found, expected);
        }
    }
    expected
}

/// A random config; sizes stay small enough for the scalar reference.
fn config(c: &mut Choices) -> String {
    let sketched = c.below(6) > 0;
    let dim = [1 + c.below(8), 1 + c.below(140), 100 + c.below(600)][c.below(3) as usize];
    let batch = c.pick(&[1, 1, 2, 3, 5, 32, 33, 64]);
    let updates = 1 + c.below(300 / batch + 1);
    let samples = batch * updates;
    let (low, high) = (1 + c.below(dim), 1 + c.below(dim.min(200)));
    let (low, high) = (low.min(200).min(high), high.max(low.min(200)));
    let models = if low == high { format!("[{low}]") } else { format!("[{low}, {high}]") };
    let batches = if batch > 1 { format!("[1, {batch}]") } else { "[1]".to_string() };
    let checkpoints = match c.below(3) {
        0 => "\"log2\"".to_string(),
        1 => format!("[{}]", batch * (1 + c.below(samples / batch))),
        _ => "[]".to_string(),
    };
    let mut text = plans::problem_text(c, dim, high, sketched) + "[train]\n";
    if sketched {
        text += &format!("model = {models}\n");
    }
    text += &format!(
        "samples = [{samples}]\nbatch = {batches}\nstep_size = {}\nschedule = \"{}\"\noutput = {}\n\
         checkpoints = {checkpoints}\n[sweep]\nseeds = {}\nseed = {}\ndraws = \"{}\"\n",
        c.pick(&["[0.05]", "[0.01, 0.2]", "[0.1]", "[200.0]"]),
        c.pick(&["constant", "geometric"]),
        c.pick(&["\"last\"", "\"average\"", "[\"last\", \"average\"]", "\"tail\""]),
        1 + c.below(3),
        c.below(1 << 30),
        c.pick(&["device", "host"]),
    );
    let recipes = 1 + c.below(4);
    text + &plans::recipes_text(c, recipes, 2, updates, batch)
}

#[test]
fn random_plans_give_the_bits_of_the_reference() {
    let (mut rows, mut diverged) = (0, 0);
    for case in 0..40 {
        let mut choices = Choices::new(10_000 + case);
        let text = config(&mut choices);
        let tuning = Tuning {
            loops: [1, 60, 700, 50_000][choices.below(4) as usize],
            panel: [128, 256, 16_384][choices.below(3) as usize],
            slots: [1, 2, 4096][choices.below(3) as usize],
            own: Some(false),
            ..Tuning::default()
        };
        let block = [1, 64, 1024][choices.below(3) as usize];
        for row in same_as_reference(&text, block, tuning).iter().flatten() {
            rows += 1;
            diverged += u32::from(row.diverged_at.is_some());
        }
    }
    println!("{rows} rows, {diverged} of diverged runs");
    assert!(0 < diverged && diverged < rows, "some runs diverge, and some do not");
}

const ALL_SITES: &str = "[[recipe]]\nname = \"none\"\n[[recipe]]\nname = \"mx\"\ndata = \"mxfp4\"\nsketch = \"mxfp4\"\n\
    feature = \"mxfp4\"\nlabel = \"mxfp4\"\nparameter = { format = \"mxfp4\", rounding = \"stochastic\" }\n\
    activation = \"mxfp4\"\ngradient = \"mxfp4\"\nweight = { format = \"mxfp4\", rounding = \"stochastic\" }\n";

#[test]
fn a_model_of_1024_and_a_batch_of_64_straddle_dispatches() {
    let text = format!(
        "[problem]\ndim = 1100\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [33, 1024]\n\
         samples = [128]\nbatch = [64]\nstep_size = [0.05]\noutput = \"average\"\n[sweep]\nseeds = 1\n{ALL_SITES}"
    );
    same_as_reference(&text, 1, Tuning { loops: 1500, panel: 512, slots: 1, ..Tuning::default() });
}

#[test]
fn wide_models_of_random_size_give_the_bits_of_the_reference() {
    for case in 1000..1008 {
        let mut choices = Choices::new(case);
        let (low, high) = (1 + choices.below(600), 601 + choices.below(424));
        let (batch, dim) = ([1, 2, 7, 64][choices.below(4) as usize], 1024 + choices.below(200));
        let (updates, schedule) = (1 + choices.below(5), choices.pick(&["constant", "geometric"]));
        let mut text = format!(
            "[problem]\ndim = {dim}\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\n[train]\nmodel = [{low}, {high}]\n\
             samples = [{}]\nbatch = [{batch}]\nstep_size = [0.05]\nschedule = \"{schedule}\"\n\
             output = [\"last\", \"average\"]\n[sweep]\nseeds = 1\nseed = {case}\n",
            batch * updates,
        );
        text += &plans::recipes_text(&mut choices, 2, 2, updates, batch);
        same_as_reference(&text, 64, Tuning { loops: 3000, panel: 512, ..Tuning::default() });
    }
}

/// A recipe with the same format at every site.
fn every_site(name: &str, format: &str) -> String {
    let sites: String = Site::ALL.iter().map(|site| format!("{} = {{ {format} }}\n", site.name())).collect();
    format!("[[recipe]]\nname = \"{name}\"\n{sites}")
}

#[test]
fn one_scale_serves_a_vector_of_several_panels() {
    let whole = "format = \"bfp8\", block = \"vector\"";
    for draws in ["device", "host"] {
        let text = format!(
            "[problem]\ndim = 1003\nspectrum = {{ kind = \"power\", exponent = 0.5 }}\n\
             sketch = [{{ kind = \"gaussian\" }}, {{ kind = \"gaussian\", nested = false }}]\n[train]\n\
             model = [33, 130]\nsamples = [70]\nbatch = [1, 35]\nstep_size = [0.05]\n[sweep]\nseeds = 2\n\
             draws = \"{draws}\"\n{}[[recipe]]\nname = \"data\"\ndata = {{ {whole} }}\n[[recipe]]\n\
             name = \"sketch\"\nsketch = {{ {whole}, rounding = \"stochastic\" }}\n[[recipe]]\nname = \"small\"\n\
             data = \"mxfp8\"\n",
            every_site("all", whole),
        );
        for panel in [256, 16_384] {
            same_as_reference(&text, 35, Tuning { panel, ..Tuning::default() });
        }
    }
}

#[test]
fn the_largest_models_have_blocks_of_every_size() {
    let recipes = ["8", "64", "\"vector\""].map(|block| {
        every_site(block.trim_matches('"'), &format!("format = \"bfp12\", block = {block}, rounding = \"stochastic\""))
    });
    let text = format!(
        "[problem]\ndim = 4096\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\nsketch = {{ kind = \"none\" }}\n\
         [train]\nsamples = [6]\nbatch = [2]\nstep_size = [0.01]\n[sweep]\nseeds = 1\n{}",
        recipes.concat()
    );
    same_as_reference(&text, 1, Tuning { loops: 2000, ..Tuning::default() });
}

/// Runs for which a driver gets the operations, M and B as constants: of one sample and of batches, past a group of the
/// average, in dispatches of a few updates and of a part of one, and where runs diverge.
#[test]
fn pipelines_of_some_runs_alone_give_the_bits_of_the_reference() {
    // Few sites each: some drivers take seconds for every copy of the codec.
    let recipes = "[[recipe]]\nname = \"none\"\n[[recipe]]\nname = \"weights\"\ndata = \"e4m3\"\nparameter = \"e4m3\"\n\
        weight = { format = \"mxfp4\", rounding = \"stochastic\" }\n[[recipe]]\nname = \"scalars\"\n\
        feature_grad = { noise = \"relative\", eps = 0.01 }\nactivation = \"log8\"\n\
        gradient = { format = \"f16\", overflow = \"ieee\" }\n";
    for (loops, samples) in [(1, 9), (4000, 264)] {
        let text = format!(
            "[problem]\ndim = 40\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [33]\n\
             samples = [{samples}]\nbatch = [1, 3]\nstep_size = [0.02, 300.0]\nschedule = \"geometric\"\n\
             output = [\"last\", \"average\"]\n[sweep]\nseeds = 2\n{recipes}"
        );
        same_as_reference(&text, 66, Tuning { loops, own: Some(true), ..Tuning::default() });
    }
}

/// Phases that begin amid a block and amid the runs of other recipes, each with a pipeline of its own: the state goes from
/// one to the next. Runs that diverge before, in and behind a phase; features, labels and covariates that change with it.
#[test]
fn phases_of_some_runs_alone_give_the_bits_of_the_reference() {
    let recipes = "[[recipe]]\nname = \"none\"\n[[recipe]]\nname = \"weights\"\nweight = \"e4m3\"\n\
        then = [{ from = 40, weight = \"bf16\", data = \"e4m3\" }, { from = 0.6, weight = \"fp32\", feature = \"e4m3\" }]\n\
        [[recipe]]\nname = \"residuals\"\ngradient = { format = \"f16\", overflow = \"ieee\" }\n\
        then = [{ from = 0.5, gradient = \"fp32\", feature_grad = { noise = \"relative\", eps = 0.01 } }]\n";
    for (loops, samples) in [(1, 132), (4000, 264)] {
        let text = format!(
            "[problem]\ndim = 40\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [33]\n\
             samples = [{samples}]\nbatch = [1, 3]\nstep_size = [0.02, 3.0]\nschedule = \"geometric\"\n\
             output = [\"last\", \"average\", \"tail\"]\ncheckpoints = [99]\n[sweep]\nseeds = 2\n{recipes}"
        );
        same_as_reference(&text, 66, Tuning { loops, own: Some(true), ..Tuning::default() });
    }
}

/// Small models have a few lanes each and share a workgroup with runs of other seeds, which diverge when they do: the last
/// workgroup has places left over. Blocks smaller and larger than the lanes of a run, random words of several counters.
#[test]
fn runs_that_share_a_workgroup_give_the_bits_of_the_reference() {
    let blocks = |name: &str, parameter: &str, weight: &str| {
        let rounded = |block: &str| format!("{{ format = \"bfp12\", block = {block}, rounding = \"stochastic\" }}");
        let (parameter, weight) = (rounded(parameter), rounded(weight));
        format!("[[recipe]]\nname = \"{name}\"\nparameter = {parameter}\nweight = {weight}\n")
    };
    let recipes = [
        blocks("small", "8", "\"vector\""),
        blocks("large", "64", "16") + "feature_grad = { format = \"e4m3\", rounding = \"stochastic\" }\n",
    ];
    let text = format!(
        "[problem]\ndim = 160\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [5, 12, 60]\n\
         samples = [90]\nstep_size = [0.05, 1.5]\nschedule = \"constant\"\noutput = [\"last\", \"average\"]\n[sweep]\n\
         seeds = 19\n{}",
        recipes.concat()
    );
    let rows = same_as_reference(&text, 64, Tuning { loops: 4000, own: Some(true), ..Tuning::default() });
    let mut ends: Vec<_> = rows.iter().flatten().filter_map(|row| row.diverged_at).collect();
    ends.sort_unstable();
    ends.dedup();
    assert!(ends.len() > 10, "neighbours end at different updates: {ends:?}");
}

/// Where there are thousands of runs, those of a larger model share workgroups too.
#[test]
fn thousands_of_runs_of_a_larger_model_share_workgroups() {
    let steps: Vec<String> = (1..=456).map(|k| format!("{}", f64::from(k) / 4096.0)).collect();
    let text = format!(
        "[problem]\ndim = 130\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [100]\n\
         samples = [6]\nstep_size = [{}]\n[sweep]\nseeds = 9\n[[recipe]]\nname = \"blocks\"\n\
         parameter = {{ format = \"bfp12\", block = 32, rounding = \"stochastic\" }}\nweight = \"mxfp8\"\n",
        steps.join(", ")
    );
    same_as_reference(&text, 6, Tuning { own: Some(true), ..Tuning::default() });
}

#[test]
fn averages_fold_every_256_updates() {
    let text = format!(
        "[problem]\ndim = 40\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [9]\n\
         samples = [255, 256, 257, 1030]\nstep_size = [0.05]\nschedule = \"constant\"\noutput = \"average\"\n\
         [sweep]\nseeds = 2\n{ALL_SITES}"
    );
    same_as_reference(&text, 100, Tuning::default());
}

#[test]
fn long_dispatches_end_before_the_loops_of_any_driver_do() {
    for (model, batch, samples) in [(128, 1, 4096), (5, 1, 6000), (33, 8, 8192), (1024, 2, 512)] {
        let text = format!(
            "[problem]\ndim = 1024\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\n[train]\nmodel = [{model}]\n\
             samples = [{samples}]\nbatch = [{batch}]\nstep_size = [0.02]\n[sweep]\nseeds = 1\n\
             [[recipe]]\nname = \"none\"\n[[recipe]]\nname = \"blocks\"\nparameter = \"mxfp4\"\nfeature_grad = \"mxfp8\"\n\
             gradient = \"e4m3\"\nweight = {{ format = \"bf16\", rounding = \"stochastic\" }}\n{}",
            every_site("small blocks", "format = \"bfp8\", block = 8"),
        );
        same_as_reference(&text, 8192, Tuning::default());
    }
}

#[test]
fn a_plan_that_cannot_fit_is_refused_with_a_way_out() {
    let text = format!(
        "[problem]\ndim = 16777216\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [1024]\n\
         samples = [16]\n[sweep]\nseeds = 1\n{ALL_SITES}"
    );
    let error = gpus()[0].cohorts_at_once(&plan(&text, 1)).expect_err("G alone has 64 GiB");
    assert!(error.to_string().contains("--adapter cpu"), "{error}");
}

#[test]
fn an_adapter_that_is_not_there_is_refused_with_a_way_out() {
    let error = Gpu::open(1000).err().expect("no machine has a thousand adapters");
    assert_eq!(error.exit_code(), roundlaw::error::exit::NO_ADAPTER);
    assert!(error.to_string().contains("--adapter cpu"), "{error}");
}

#[test]
fn strict_shaders_give_the_same_bits() {
    let text = format!(
        "[problem]\ndim = 300\nspectrum = {{ kind = \"power\", exponent = 0.5 }}\n[train]\nmodel = [70]\n\
         samples = [90]\nbatch = [1, 3]\nstep_size = [0.05]\noutput = \"average\"\n[sweep]\nseeds = 2\n{ALL_SITES}"
    );
    let plan = plan(&text, 1024);
    let cohorts = plan.cohorts(Shard::WHOLE);
    for adapter in adapters() {
        let gpu = Gpu::open(adapter.index).expect("the adapter opens");
        gpu.use_strict(true);
        assert!(gpu.fingerprint().ends_with("+strict"));
        for (cohort, found) in
            cohorts.iter().zip(gpu.execute(&plan, &cohorts, &Watch::default()).expect("the plan runs"))
        {
            assert_eq!(
                plan.difference(*cohort, &reference::cohort(&plan, *cohort, None, &Watch::default()).unwrap(), &found),
                None
            );
        }
    }
}

/// G H G^T and G H w* from the device, of tiles and dispatches that are whole or not, of G in pairs and alone, in both
/// forms: to the bit what the host sums. Without f64 there are none.
#[test]
fn sums_for_the_risks_have_the_bits_of_the_host() {
    let none = "[[recipe]]\nname = \"none\"\n";
    let wide = "[[recipe]]\nname = \"wide\"\nsketch = \"f16\"\n";
    let narrow = "[[recipe]]\nname = \"narrow\"\nsketch = \"e4m3\"\n";
    let cases = [
        (5, "[1, 3]", "gaussian\"", "", [none, ""]),
        (300, "[63, 129]", "ones\"", "", [none, narrow]),
        (1003, "[8, 130]", "gaussian\"", ", nested = false", [narrow, none]),
        (1003, "[70]", "source\", exponent = 1.5", "", [wide, none]),
        (700, "[64]", "gaussian\"", "", [narrow, ""]),
    ];
    let has_doubles = |adapter: &AdapterInfo| {
        ["SHADER_F64", "SHADER_INT64"].iter().all(|name| adapter.features.iter().any(|feature| feature == name))
    };
    // Of an adapter without, one form is enough: some compile for minutes.
    let with = adapters().into_iter().filter(has_doubles);
    let strict: Vec<Gpu> = with.map(|adapter| Gpu::open(adapter.index).expect("it opens")).collect();
    strict.iter().for_each(|gpu| gpu.use_strict(true));
    for (dim, models, target, nested, recipes) in cases {
        let text = format!(
            "[problem]\ndim = {dim}\nspectrum = {{ kind = \"power\", exponent = 1.3 }}\n\
             target = {{ kind = \"{target} }}\nsketch = {{ kind = \"gaussian\"{nested} }}\n[train]\n\
             model = {models}\nsamples = [6]\nstep_size = [0.05]\n[sweep]\nseeds = 2\n{}",
            recipes.concat()
        );
        let plan = plan(&text, 6);
        let cohorts = plan.cohorts(Shard::WHOLE);
        for gpu in gpus().iter().chain(&strict) {
            let is_clean = recipes.contains(&none) && has_doubles(&gpu.info);
            for loops in [600, 50_000] {
                let tuning = Tuning { loops, gram: Some(true), own: Some(false), ..Tuning::default() };
                let done = gpu.execute_with_grams(&plan, &cohorts, tuning, &Watch::default()).expect("the plan runs");
                for (cohort, done) in cohorts.iter().zip(done) {
                    let (truth, point) = (Truth::of(&plan, *cohort).expect("a truth"), &plan.points[cohort.point]);
                    assert_eq!(done.grams.len(), if is_clean { point.sketches.len() } else { 0 }, "{text}");
                    for (draw, found) in point.sketches.iter().zip(&done.grams) {
                        let (lambda, sketch) = (&truth.eigenvalues.lambda, truth.draw(draw));
                        let watch = Watch::default();
                        let must = Gram::new(lambda, &truth.target, &sketch, draw.rows as usize, &watch).unwrap();
                        assert_eq!(
                            must.difference(&found.unpacked()),
                            None,
                            "{}, {}, {text}",
                            gpu.info.name,
                            gpu.fingerprint()
                        );
                    }
                }
            }
        }
    }
}
