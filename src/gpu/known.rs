//! The known-answer blocks: small sweeps that pipelines must repeat bit for bit before they are trusted. All pipelines
//! repeat the first three; those that know more classes of formats, which a plan takes that needs them, repeat one more for
//! each group of these.

use std::sync::LazyLock;

use super::shapes::Tuning;
use crate::config::Config;
use crate::error::Result;
use crate::format::Classes;
use crate::plan::{Cohort, Plan, Shard, Snapshot};
use crate::problem::Input;
use crate::problem::Sketch;
use crate::random::normal::normal;
use crate::random::{Purpose, Stream};
use crate::reference;
use crate::watch::Watch;

/// Floats, blocks with a power of two as scale, steps that are one and additive noise, each at every site, to nearest
/// and stochastic; batches of 1 and 3, an odd M of two tiles, a panel of two slices and one of another, averages past one
/// group, and a step at which runs diverge. Scales of very different size make another order of additions visible.
const CONFIG: &str = r#"
[problem]
dim = 300
spectrum = { kind = "power", exponent = 0.5 }
noise = 0.7
[train]
model = [5, 133]
samples = [402]
batch = [1, 3]
step_size = [0.01, 200.0]
schedule = "geometric"
output = ["last", "average"]
checkpoints = [99]
[[recipe]]
name = "none"
[[recipe]]
name = "minifloat"
data = "e4m3"
sketch = { format = "e4m3", rounding = "stochastic" }
feature = { format = "e4m3", rounding = "stochastic" }
label = { format = "e4m3", rounding = "stochastic" }
parameter = "e4m3"
activation = "e4m3"
gradient = { format = "e4m3", rounding = "stochastic" }
weight = { format = "e4m3", scale = 0.0009765625, rounding = "stochastic" }
[[recipe]]
name = "block"
data = { format = "mxfp4", rounding = "stochastic" }
sketch = "mxfp4"
feature = "mxfp4"
label = "mxfp4"
parameter = { format = "mxfp4", rounding = "stochastic" }
activation = { format = "mxfp4", rounding = "stochastic" }
gradient = "mxfp4"
weight = { format = "mxfp4", rounding = "stochastic" }
[[recipe]]
name = "integer"
data = { format = "int8", step = 0.0625 }
sketch = { format = "int8", step = 0.03125 }
feature = { format = "int8", step = 0.03125 }
label = { format = "int8", step = 0.25 }
parameter = { format = "int8", step = 0.015625, rounding = "stochastic" }
activation = { format = "int8", step = 0.125 }
gradient = { format = "int8", step = 0.125 }
weight = { format = "int8", step = 0.0078125, rounding = "stochastic" }
[[recipe]]
name = "additive"
data = { noise = "additive", eps = 0.01 }
sketch = { noise = "additive", eps = 0.01 }
feature = { noise = "additive", eps = 0.01 }
label = { noise = "additive", eps = 0.01 }
parameter = { noise = "additive", eps = 0.0001 }
activation = { noise = "additive", eps = 0.01 }
gradient = { noise = "additive", eps = 0.01 }
weight = { noise = "additive", eps = 0.000001 }
[sweep]
seeds = 2
seed = 20261
"#;

/// What the first block leaves out: sketch and covariates of 24 bits, split into components, a target in components, noise that
/// several elements share, features that the gradient reads otherwise, formats that overflow to infinity, the other
/// directions of rounding, and blocks of other sizes, whole vectors among them.
const COMPONENTS: &str = r#"
[problem]
dim = 150
spectrum = { kind = "power", exponent = 1.5 }
target = { kind = "source", exponent = 1.2 }
sketch = [{ kind = "gaussian", nested = false }, { kind = "gaussian" }]
tail = "closed"
[train]
model = [33, 40]
samples = [66]
batch = [3]
step_size = [0.05]
[[recipe]]
name = "shared noise"
data = { noise = "multiplicative", eps = 0.01 }
sketch = { noise = "multiplicative", eps = 0.01 }
feature = { noise = "relative", eps = 0.01, law = "two-point" }
feature_grad = { format = "mxfp8", rounding = "stochastic" }
label = { noise = "relative", eps = 0.01, shared_batch = true }
parameter = { noise = "multiplicative", eps = 0.01 }
activation = { noise = "additive", eps = 0.01, law = "two-point" }
gradient = { noise = "relative", eps = 0.01 }
[[recipe]]
name = "wide formats"
data = { noise = "relative", eps = 0.01 }
feature = "bf16"
feature_grad = { format = "f16", rounding = "stochastic" }
gradient = { format = "e4m3", scale = 0.0078125, overflow = "ieee" }
weight = { format = "f16", rounding = "stochastic" }
[[recipe]]
name = "eleven bits"
data = "f16"
[[recipe]]
name = "directions"
data = { format = "mxfp6-e2m3", block = "vector", scale_mode = "rceil", rounding = "nearest-away" }
sketch = { format = "int6", step = 0.125, rounding = "down" }
feature = { format = "e3m2", scale = 0.015625, rounding = "up" }
feature_grad = { format = "mxint8", scale_mode = "ceil", rounding = "toward-zero" }
label = { format = "int8", step = 0.25, rounding = "dither" }
parameter = { format = "bfp8", block = 8, scale_mode = "even", rounding = "stochastic", bits = 8, variant = "b" }
activation = { format = "int8", step = 0.125, rounding = "dither", bits = 8 }
weight = { format = "tf32", rounding = "stochastic", bits = 16 }
[[recipe]]
name = "long blocks"
data = { format = "bfp8", block = 64 }
sketch = { format = "mxfp8", block = "vector" }
feature = { format = "bfp8", block = "vector" }
feature_grad = { format = "mxfp8", block = "vector", rounding = "stochastic" }
label = { format = "bfp8", block = "vector" }
parameter = { format = "bfp8", block = "vector" }
activation = { format = "bfp8", block = 64 }
gradient = { format = "bfp8", block = "vector", rounding = "stochastic" }
weight = { format = "bfp12", block = "vector", rounding = "stochastic" }
[sweep]
seeds = 2
seed = 20262
"#;

/// Samples drawn as features behind some coordinates of x: labels of every size's own, a factor of 24 bits that the host
/// made, and operations at data that end within a slice, a block and a whole vector.
const FEATURES: &str = r#"
[problem]
dim = 150
spectrum = { kind = "power", exponent = 1.5 }
sampling = { kind = "head", coordinates = 70 }
sketch = [{ kind = "gaussian", nested = false }, { kind = "gaussian" }]
[train]
model = [33, 140]
samples = [33]
batch = [3]
step_size = [0.05]
[[recipe]]
name = "none"
[[recipe]]
name = "one factor"
data = { noise = "multiplicative", eps = 0.01 }
feature = { format = "e4m3", rounding = "stochastic" }
[[recipe]]
name = "integer"
data = { format = "int8", step = 0.0625, rounding = "stochastic" }
[[recipe]]
name = "blocks"
data = "mxfp4"
feature = "mxfp4"
[[recipe]]
name = "one block"
data = { format = "bfp8", block = "vector" }
[sweep]
seeds = 2
seed = 20264
"#;

/// Formats whose values are not a grid times a power of two, and the rarer options of grids.
const SCALED: &str = r#"
[problem]
dim = 150
spectrum = { kind = "power", exponent = 1.0 }
noise = 0.5
[train]
model = [40]
samples = [66]
batch = [3]
step_size = [0.05]
[[recipe]]
name = "logarithmic"
data = "log8"
sketch = { format = "log6", rounding = "stochastic" }
feature = { format = "log8", base_factor = 5, rounding = "stochastic", bits = 16, variant = "b" }
label = "log8"
parameter = { format = "log8", base_factor = 16, bias = 100, rounding = "nearest-away" }
activation = { format = "log4", rounding = "up" }
gradient = { format = "log8", rounding = "down" }
weight = { format = "log8", scale = 0.0625, rounding = "stochastic" }
[[recipe]]
name = "two levels"
data = { format = "nvfp4", scale_format = "ue5m3", tensor_scale = 0.01 }
sketch = { format = "nvfp4", tensor_scale = 0.0078125, rounding = "stochastic" }
feature = { format = "nvfp4", tensor_scale = 0.003 }
feature_grad = { format = "nvfp4", tensor_scale = 0.003, rounding = "stochastic" }
parameter = { format = "nvfp4", tensor_scale = 0.0001, block = 32 }
weight = { format = "nvfp4", tensor_scale = 0.0001, rounding = "stochastic" }
[[recipe]]
name = "steps"
data = { format = "int8", step = 0.03 }
sketch = { format = "int6", step = 0.1, range = "full" }
feature = { format = "int8", step = 0.01, rounding = "dither" }
label = { format = "int8", step = 0.25, rounding = "dither", bits = 16 }
parameter = { format = "e3m4", bias = 9, specials = "none", gradual_underflow = false }
gradient = { format = "int5", step = 0.3, range = "full", rounding = "stochastic", bits = 8 }
weight = { format = "int12", step = 0.001, rounding = "stochastic" }
[[recipe]]
name = "largest magnitudes"
data = { format = "mxfp8", scale_mode = "absmax" }
sketch = { format = "bfp6", scale_mode = "absmax", rounding = "stochastic" }
feature_grad = { format = "mxint8", scale_mode = "absmax", block = 8 }
parameter = { format = "mxfp4", scale_mode = "absmax" }
weight = { format = "int12", step = "absmax-f32", rounding = "stochastic" }
[sweep]
seeds = 2
seed = 20263
"#;

/// Posits at every site, to nearest and stochastic, and where their numbers are far apart.
const POSITS: &str = r#"
[problem]
dim = 150
spectrum = { kind = "power", exponent = 1.0 }
noise = 0.5
[train]
model = [40]
samples = [66]
batch = [3]
step_size = [0.05]
[[recipe]]
name = "nearest"
data = "posit8"
sketch = "posit8"
feature = "posit16"
feature_grad = "posit8"
label = "posit8"
parameter = "posit16"
activation = "posit8"
gradient = "posit8"
weight = "posit16"
[[recipe]]
name = "stochastic"
data = { format = "posit16", rounding = "stochastic" }
sketch = { format = "posit8", rounding = "stochastic", bits = 8 }
feature = { format = "posit8", rounding = "stochastic" }
label = { format = "posit16", rounding = "up" }
parameter = { format = "posit8", rounding = "stochastic", bits = 16, variant = "b" }
gradient = { format = "posit16", rounding = "down" }
weight = { format = "posit16", rounding = "stochastic" }
[[recipe]]
name = "grids"
data = "e4m3"
feature_grad = { format = "posit8", rounding = "toward-zero" }
weight = { format = "posit8", rounding = "stochastic" }
[sweep]
seeds = 2
seed = 20265
"#;

/// A plan, its cohorts, sizes that make panels and dispatches meet inside samples and batches, and the answers.
pub struct Known {
    pub plan: Plan,
    pub cohorts: Vec<Cohort>,
    pub tuning: Tuning,
    /// Rows of each cohort, by the reference.
    pub answers: Vec<Vec<Snapshot>>,
}

/// What a pipeline must know to do a block, and the block.
static BLOCKS: [(Classes, LazyLock<Known>); 5] = [
    (Classes::GRIDS, LazyLock::new(|| known(config(CONFIG), 201))),
    (Classes::GRIDS, LazyLock::new(|| known(components(), 30))),
    (Classes::GRIDS, LazyLock::new(|| known(config(FEATURES), 15))),
    (Classes::SCALED, LazyLock::new(|| known(config(SCALED), 66))),
    (Classes::POSIT, LazyLock::new(|| known(config(POSITS), 66))),
];

/// What pipelines that know these classes must repeat.
pub fn blocks(classes: Classes) -> impl Iterator<Item = &'static Known> {
    BLOCKS.iter().filter(move |(groups, _)| classes.contain(*groups)).map(|(_, block)| &**block)
}

fn known(config: Config, samples: u64) -> Known {
    let plan = Plan::new(config).and_then(|plan| plan.with_block(samples)).expect("the known-answer blocks are plans");
    let cohorts = plan.cohorts(Shard::WHOLE);
    let answer = |&cohort: &Cohort| reference::cohort(&plan, cohort, None, &Watch::default());
    let answers = cohorts.iter().map(answer).collect::<Result<_>>().expect("nobody stops the known answers");
    Known { plan, cohorts, tuning: Tuning { loops: 2000, panel: 256, ..Tuning::default() }, answers }
}

fn config(text: &str) -> Config {
    Config::parse(text, &[]).expect("the known-answer blocks are configs")
}

/// The second block, one of its sketches a full f32 one as a file would hold it.
fn components() -> Config {
    let mut config = config(COMPONENTS);
    let stream = Stream::new(config.sweep.seed, 0);
    let entry = |i: u32| normal(stream.word(i, 0, Purpose::Sketch as u32)) * 0.157;
    config.problems[1].sketch = Sketch::File(Input::of("known answers", vec![40, 150], (0..6000).map(entry).collect()));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_runs_that_end_and_needs_the_classes_it_says() {
        for (index, (classes, block)) in BLOCKS.iter().enumerate() {
            let ended = |rows: &Vec<Snapshot>| rows.iter().any(|row| row.diverged_at.is_none());
            assert!(block.answers.iter().all(ended), "block {index}");
            let needed: Classes = block.plan.points.iter().map(|point| point.classes()).collect();
            assert_eq!(needed, *classes, "block {index}");
        }
        let counts = Classes::GROUPS.iter().map(|(_, group)| blocks(*group).count());
        assert!(counts.min() > Some(blocks(Classes::GRIDS).count()), "a group without a block of its own");
        assert_eq!(blocks(Classes::all()).count(), BLOCKS.len());
    }
}
