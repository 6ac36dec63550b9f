//! Where results come from: what goes into manifest.json beside the settings.

use serde_json::{Map, Value, json};

use super::cohorts::Summary;
use super::rows::Origin;
use crate::config::resolved::to_toml;
use crate::hash::fnv1a64;
use crate::plan::{Plan, Shard};

/// Provenance of one session of a shard, from its first run on; sessions keep their own keys.
pub fn session(plan: &Plan, origin: &Origin, shard: Shard, first: u64, summary: &Summary) -> Map<String, Value> {
    let hash = |text: String| json!(format!("{:016x}", fnv1a64(text.bytes())));
    let own = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "git_commit": option_env!("ROUNDLAW_COMMIT"),
        "config_hash": hash(to_toml(&plan.config)),
        "plan_hash": hash(format!("{:?}", plan.points)),
        "shader_hash": format!("{:016x}", crate::gpu::kernels::hash()),
        "adapter": origin.adapter,
        "driver": origin.driver,
        "pci": origin.pci,
        "fingerprint": origin.fingerprint,
        "runs": summary.runs,
        "checked": summary.checked,
        "seconds": summary.seconds,
        "threads": rayon::current_num_threads(),
    });
    Map::from_iter([(format!("shard {} of {} from run {first}", shard.index(), shard.of()), own)])
}
