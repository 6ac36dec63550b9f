use serde_json::json;

use super::print;
use crate::cli::Status;
use crate::config::Config;
use crate::error::Result;
use crate::plan::Plan;
use crate::store;

/// Runs done and to do, the checked share, and the digest of the result columns.
pub fn run(args: &Status) -> Result<()> {
    let rows = store::read_rows(&args.dir)?;
    let plan = Plan::new(Config::load(&args.dir.join("config.toml"), &[])?)?;
    let mut runs: Vec<(u64, bool)> = rows.iter().map(|row| (row.run_id, row.checked == "exact")).collect();
    runs.sort_unstable();
    runs.dedup();
    let (done, checked) = (runs.len(), runs.iter().filter(|(_, exact)| *exact).count());
    let digest = store::digest(&rows);
    let (all, rows) = (plan.runs(), rows.len());
    if args.json {
        let document = json!({ "runs": all, "done": done, "checked": checked, "rows": rows, "digest": digest });
        print(&document.to_string());
    } else {
        print(&format!("{done} of {all} runs, {checked} checked bit for bit, {rows} rows, digest {digest}"));
    }
    Ok(())
}
