//! What a directory keeps and compares of a plan.

use std::fmt::{self, Write};

use crate::config::resolved::{identity, to_toml};
use crate::hash::{fnv1a64, fnv1a64_more};
use crate::plan::Plan;
use crate::store::Settings;
use crate::store::part::{Shape, Sweep};
use crate::store::row::STREAM_VERSION;

/// What the output directory of a plan compares and keeps.
pub fn settings(plan: &Plan) -> Settings {
    let config = &plan.config;
    Settings {
        config_toml: to_toml(config),
        seeds: config.sweep.seeds,
        sweep: Sweep { stream_version: STREAM_VERSION, identity: identity(config), plan: shape(plan) },
    }
}

/// What a directory knows of a plan.
fn shape(plan: &Plan) -> Shape {
    let points = plan.points.iter().map(|point| {
        let cells = point.trajectories.iter().map(|trajectory| trajectory.cells.len() as u64).sum();
        let rows = point.trajectories.iter().map(|trajectory| plan.rows_of(trajectory) as u64).sum();
        (cells, rows)
    });
    let mut hash = Hash(fnv1a64([]));
    write!(hash, "{:?}", plan.points).expect("a hash takes every text");
    Shape::new(format!("{:016x}", hash.0), points)
}

/// The hash of a text that is never whole in memory: that of a large plan takes many times the plan.
struct Hash(u64);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = fnv1a64_more(self.0, text.bytes());
        Ok(())
    }
}
