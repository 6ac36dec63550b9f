//! Rates of the fast CPU kernels at D = 2000: ns per draw, GFLOP/s of the projection, ns per training element-step.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use roundlaw::config::Config;
use roundlaw::cpu;
use roundlaw::cpu::draw::{self, CohortSource};
use roundlaw::cpu::project::Panels;
use roundlaw::cpu::train::{Run, Sample, Training, train};
use roundlaw::format::QuantOp;
use roundlaw::plan::{Cohort, Plan};
use roundlaw::random::Stream;
use roundlaw::random::normal::normal;
use roundlaw::risk::CohortRisk;
use roundlaw::site::{Counts, Grids, Site};

const DIM: usize = 2000;
const PADDED: usize = 2048;
const SAMPLES: usize = 48;

fn plan(model: u32, site: &str) -> Plan {
    let text = format!(
        "[problem]\ndim = {DIM}\nspectrum = {{ kind = \"power\", exponent = 2.0 }}\n[train]\nmodel = [{model}]\nsamples = [4096]\n\
         schedule = \"constant\"\n\
         [[recipe]]\nname = \"bench\"\n{site}\n[sweep]\nseeds = 1\n"
    );
    Plan::new(Config::parse(&text, &[]).expect("the bench's config is valid")).expect("the bench's plan is valid")
}

fn source(plan: &Plan) -> CohortSource {
    cpu::source(&plan.points[0], &Stream::new(0, 0), &[])
}

fn draws(c: &mut Criterion) {
    let mut group = c.benchmark_group("draw");
    group.throughput(Throughput::Elements(DIM as u64));
    for site in ["", "data = \"e4m3\"", "data = \"mxfp4\"", "data = { format = \"e4m3\", rounding = \"stochastic\" }"] {
        let plan = plan(32, site);
        let (source, op) = (source(&plan), plan.points[0].pairs[0].data);
        let mut x = vec![0.0; PADDED];
        group.bench_function(if site.is_empty() { "fp32" } else { site }, |b| {
            let mut n = 0;
            b.iter(|| {
                n += 1;
                let mut y = [0.0];
                draw::sample(&source, n, &mut x, &mut y);
                if op.is_set() {
                    draw::quantize_row(&op, &mut x, DIM, source.key, n, &mut Counts::default());
                }
                y
            });
        });
    }
    group.finish();
}

fn projections(c: &mut Criterion) {
    let mut group = c.benchmark_group("project");
    for model in [32, 128, 512] {
        let plan = plan(model, "");
        let (source, point) = (source(&plan), &plan.points[0]);
        let mut sketch = vec![0.0; PADDED * model as usize];
        for (j, row) in sketch.chunks_mut(PADDED).enumerate() {
            draw::sketch_row(&point.problem.sketch, &point.sketches[0], source.key, j as u32, DIM, row);
        }
        let panels = Panels::new(&sketch, PADDED);
        let mut x = vec![0.0; PADDED * SAMPLES];
        for (n, row) in x.chunks_mut(PADDED).enumerate() {
            draw::sample(&source, n as u32, row, &mut [0.0]);
        }
        let mut out = vec![0.0; SAMPLES * model as usize];
        group.throughput(Throughput::Elements((2 * PADDED * SAMPLES * model as usize) as u64));
        group.bench_function(format!("M = {model}, flops"), |b| {
            let mut totals = Vec::new();
            b.iter(|| panels.project(black_box(&x), &mut totals, &mut out));
        });
    }
    group.finish();
}

/// What exact risks of a cohort take: its sketch drawn, the Gram matrix, and the factor of that.
fn evaluations(c: &mut Criterion) {
    let mut group = c.benchmark_group("risk");
    for model in [32, 128, 512] {
        let plan = plan(model, "");
        let cohort = Cohort { point: 0, seed_index: 0 };
        group.bench_function(format!("M = {model}"), |b| b.iter(|| CohortRisk::new(&plan, cohort).is_ok()));
    }
    group.finish();
}

/// Formats of the parameters, one of each class.
const TRAINED: [&str; 7] = [
    "",
    "parameter = \"e4m3\"",
    "parameter = \"mxfp4\"",
    "parameter = \"nvfp4\"",
    "parameter = \"log8\"",
    "parameter = { format = \"int8\", step = 0.03 }",
    "parameter = { format = \"int8\", step = 0.03125, rounding = \"dither\" }",
];

/// Updates of B = 1, of a run alone and of as many as a thread trains in turns.
fn training(c: &mut Criterion) {
    let mut group = c.benchmark_group("train");
    for model in [32u32, 128, 512] {
        for site in TRAINED {
            let plan = plan(model, site);
            let trajectory = &plan.points[0].trajectories[0];
            let z: Vec<f32> = (0..model.next_multiple_of(128)).map(|j| if j < model { 0.1 } else { 0.0 }).collect();
            let (key, none) = (Stream::new(0, 0).key(), Counts::default());
            let samples = vec![Sample { z: &z, y: 1.0, data: &none, feature: &none }; SAMPLES];
            for together in [1, cpu::TOGETHER] {
                group.throughput(Throughput::Elements(u64::from(model) * (SAMPLES * together) as u64));
                let name = if site.is_empty() { "fp32" } else { site };
                group.bench_function(format!("M = {model}, {name}, {together} in turns"), |b| {
                    let mut runs: Vec<_> = (0..together).map(|_| (Run::new(trajectory, false), Vec::new())).collect();
                    b.iter(|| {
                        let mut trainings: Vec<Training> = runs
                            .iter_mut()
                            .map(|(run, rows)| Training {
                                run,
                                trajectory,
                                ops: &trajectory.phases[0].ops,
                                first: 0,
                                samples: &samples,
                                gradient: &samples,
                                index: 0,
                                rows,
                            })
                            .collect();
                        train(&mut trainings, key);
                    });
                });
            }
        }
    }
    group.finish();
}

/// Formats alone: elements rounded per second, on a vector that stays in the first cache.
fn codecs(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Elements(PADDED as u64));
    let plain = [
        "e4m3", "e5m2", "e2m1", "bf16", "mxfp8", "mxfp4", "mxint8", "bfp8", "log8", "log6", "log4", "posit8",
        "posit16", "nvfp4",
    ];
    let mut texts: Vec<String> = plain.map(|name| format!("format = \"{name}\"")).to_vec();
    let rarer = [
        "\"int8\", step = 0.03125",
        "\"int8\", step = 0.03",
        "\"int8\", step = 0.03125, range = \"full\"",
        "\"uint8\", step = 0.03125, zero_point = 128",
        "\"e4m3\", gradual_underflow = false",
        "\"e4m3\", nan = \"satfinite\"",
        "\"e5m0\"",
        "\"mxfp4\", nan = \"satfinite\"",
    ];
    texts.extend(rarer.map(|option| format!("format = {option}")));
    let mut cases: Vec<String> = texts
        .iter()
        .flat_map(|text| ["nearest-even", "up", "stochastic"].map(|word| format!("{text}, rounding = \"{word}\"")))
        .collect();
    cases.extend(["0.03125", "0.03"].map(|step| format!("format = \"int8\", step = {step}, rounding = \"dither\"")));
    for text in cases {
        let (op, stream) = (operation(&text), Stream::new(0, 0));
        let drawn: Vec<f32> = (0..PADDED as u32).map(|k| normal(stream.word(k, 0, 0))).collect();
        let mut values = drawn.clone();
        group.bench_function(text.replace("format = ", "").replace('"', ""), |b| {
            b.iter(|| {
                values.copy_from_slice(black_box(&drawn));
                draw::quantize_row(&op, &mut values, PADDED, stream.key(), 0, &mut Counts::default());
            });
        });
    }
    group.finish();
}

/// What a recipe's text asks for at the weights.
fn operation(text: &str) -> QuantOp {
    let plan = plan(32, &format!("weight = {{ {text} }}"));
    QuantOp::new(plan.config().recipes()[0].sites[Site::Weight].as_ref(), Site::Weight, Grids { data: 16, sketch: 8 })
}

criterion_group! {
    name = kernels;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(1))
        .warm_up_time(std::time::Duration::from_millis(300));
    targets = codecs, draws, projections, evaluations, training
}
criterion_main!(kernels);
