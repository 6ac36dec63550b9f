//! Where results come from: what the parts of a session say of it.

use std::time::{SystemTime, UNIX_EPOCH};

use super::rows::Origin;
use crate::config::resolved::to_toml;
use crate::hash::fnv1a64;
use crate::plan::{Plan, Shard};
use crate::store::part::Session;

/// This process as a session of a shard. It is another one for every call.
pub fn session(plan: &Plan, origin: &Origin, shard: Shard) -> Session {
    let hash = |text: &str| format!("{:016x}", fnv1a64(text.bytes()));
    // A clock before 1970 is none to tell sessions by; the process is.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let Origin { adapter, driver, pci, fingerprint } = origin.clone();
    Session {
        started: now.as_secs(),
        id: hash(&format!("{} {} {shard} {adapter}", now.as_nanos(), std::process::id())),
        version: env!("CARGO_PKG_VERSION").into(),
        git_commit: option_env!("ROUNDLAW_COMMIT").map(String::from),
        config_hash: hash(&to_toml(&plan.config)),
        shader_hash: format!("{:016x}", crate::gpu::kernels::hash()),
        adapter,
        driver,
        pci,
        fingerprint,
        shard: shard.to_string(),
        threads: rayon::current_num_threads(),
        seeds: plan.config.sweep.seeds,
    }
}
