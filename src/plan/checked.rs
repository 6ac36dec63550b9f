//! Which seed indices the reference redoes.

use std::collections::BTreeSet;

use super::{Plan, cost};
use crate::config::Check;
use crate::hash::{fnv1a64, least};

impl Plan {
    /// How many seed indices the reference redoes: fixed by the plan, not the clock.
    pub fn checked_count(&self) -> u32 {
        let seeds = self.config.sweep.seeds;
        match self.config.sweep.check {
            Check::Off => 0,
            Check::All => seeds,
            Check::Seeds(n) => n.min(seeds),
            Check::Auto => {
                let cost = cost(self);
                let share = 0.1 * cost.seconds_per_seed / cost.reference_seconds_per_seed;
                ((share * f64::from(seeds)) as u32).clamp(1, seeds)
            }
        }
    }

    /// Whether any seed is checked.
    pub fn is_checked(&self) -> bool {
        // What a plan costs decides how many, not whether.
        !matches!(self.config.sweep.check, Check::Off | Check::Seeds(0))
    }

    /// The seed indices whose cohorts the reference redoes, chosen by a hash of the index.
    pub fn checked_seeds(&self) -> BTreeSet<u32> {
        let seeds = 0..self.config.sweep.seeds;
        least(seeds.map(|seed| (fnv1a64(seed.to_le_bytes()), seed)), self.checked_count() as usize)
    }
}
