//! The result columns of the shipped configs, of drawn features, phases and tails, by digest: no thread count, block length
//! or shard split changes them.
//!
//! A new digest means a new `STREAM_VERSION`: these bits are what users replay.

use rayon::prelude::*;
use roundlaw::config::Config;
use roundlaw::plan::{Plan, Shard};
use roundlaw::risk::CohortRisk;
use roundlaw::run::adapter::{Adapter, Cpu};
use roundlaw::run::rows::{self, Origin};
use roundlaw::store::digest;
use roundlaw::store::row::{Row, STREAM_VERSION};
use roundlaw::watch::Watch;

const SMOKE: &str = include_str!("../digests/smoke.txt");
const QUICKSTART: &str = include_str!("../digests/quickstart.txt");
const SAMPLING: &str = include_str!("../digests/sampling.toml");
const FEATURE: &str = include_str!("../digests/feature.txt");
const HEAD: &str = include_str!("../digests/head.txt");
const CHANGES: &str = include_str!("../digests/phases.toml");
const PHASES: &str = include_str!("../digests/phases.txt");
const TAIL: &str = include_str!("../digests/tail.txt");

fn plan(name: &str) -> Plan {
    let path = format!("{}/configs/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Plan::new(Config::parse(&std::fs::read_to_string(path).unwrap(), &[]).unwrap()).unwrap()
}

fn rows(plan: &Plan, shard: Shard) -> Vec<Row> {
    let cohorts = plan.cohorts(shard);
    let raw = Cpu.execute(plan, &cohorts, &Watch::default()).unwrap();
    let evaluate = |(cohort, raw): (&_, &Vec<_>)| {
        let risk = CohortRisk::new(plan, *cohort).unwrap();
        rows::rows(plan, *cohort, &risk, raw, false, &Origin::default(), &Watch::default()).unwrap()
    };
    cohorts.par_iter().zip(&raw).flat_map(evaluate).collect()
}

fn expected(text: &str) -> &str {
    let (version, digest) = text.trim().split_once(' ').expect("a stream version and a digest");
    assert_eq!(version, STREAM_VERSION.to_string(), "the digest belongs to another stream version");
    digest
}

#[test]
fn smoke() {
    assert_eq!(digest(&rows(&plan("smoke"), Shard::WHOLE)), expected(SMOKE));
}

#[test]
fn quickstart() {
    assert_eq!(digest(&rows(&plan("quickstart"), Shard::WHOLE)), expected(QUICKSTART));
}

fn digest_with(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let plan = Plan::new(Config::parse(text, &overrides).unwrap()).unwrap();
    digest(&rows(&plan, Shard::WHOLE))
}

#[test]
fn phases_and_tails() {
    assert_eq!(digest_with(CHANGES, &[]), expected(PHASES));
    assert_eq!(digest_with(CHANGES, &["train.output=tail", "train.schedule=constant"]), expected(TAIL));
}

#[test]
fn drawn_features() {
    assert_eq!(digest_with(SAMPLING, &[]), expected(FEATURE));
    let head = "problem.sampling={ kind = \"head\", coordinates = 60 }";
    let data = "recipe.\"mxfp4\".data={ format = \"int8\", step = 0.0625, rounding = \"stochastic\" }";
    assert_eq!(digest_with(SAMPLING, &[head, data]), expected(HEAD));
}

#[test]
fn threads_leave_no_trace() {
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let digest = pool.install(|| digest(&rows(&plan("smoke"), Shard::WHOLE)));
        assert_eq!(digest, expected(SMOKE), "{threads} threads");
    }
}

#[test]
fn block_lengths_leave_no_trace() {
    for block in [4, 52, 8192] {
        let plan = plan("smoke").with_block(block).unwrap();
        assert_eq!(digest(&rows(&plan, Shard::WHOLE)), expected(SMOKE), "blocks of {block}");
    }
}

#[test]
fn shards_leave_no_trace() {
    for n in [2, 3] {
        let all: Vec<Row> = (0..n).flat_map(|i| rows(&plan("smoke"), Shard::new(i, n).unwrap())).collect();
        assert_eq!(digest(&all), expected(SMOKE), "{n} shards");
    }
}
