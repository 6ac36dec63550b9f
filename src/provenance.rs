//! Where results come from: what goes into manifest.json beside the settings.

use serde_json::{Map, Value, json};

use crate::hash::fnv1a64;
use crate::plan::Plan;
use crate::resolved::to_toml;
use crate::results::Origin;
use crate::runner::Summary;

/// Provenance of one finished shard. Keys that differ between shards carry its number.
pub fn shard(plan: &Plan, origin: &Origin, shard: (u32, u32), summary: &Summary) -> Map<String, Value> {
    let text = to_toml(&plan.config);
    let mut map = Map::new();
    map.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
    map.insert("git_commit".into(), json!(option_env!("ROUNDLAW_COMMIT")));
    map.insert("config_hash".into(), json!(format!("{:016x}", fnv1a64(text.bytes()))));
    map.insert("cells".into(), json!(plan.cells.len()));
    let own = json!({
        "adapter": origin.adapter,
        "driver": origin.driver,
        "fingerprint": origin.fingerprint,
        "runs": summary.runs,
        "checked": summary.checked,
        "seconds": summary.seconds,
        "threads": rayon::current_num_threads(),
    });
    map.insert(format!("shard {} of {}", shard.0, shard.1), own);
    map
}
