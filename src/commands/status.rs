use serde_json::json;

use super::print;
use crate::cli::Status;
use crate::config::Config;
use crate::error::Result;
use crate::plan::Plan;
use crate::store;

/// Runs done and to do, the checked share, and the digest of the result columns.
pub fn run(args: &Status) -> Result<()> {
    let stored = store::rows(&args.dir)?;
    let plan = Plan::new(Config::load(&store::paths::config(&args.dir), &[])?)?;
    let (mut rows, mut done, mut checked, mut last) = (0_u64, 0_u64, 0_u64, None);
    let stored = stored.inspect(|row| {
        let Ok(row) = row else { return };
        rows += 1;
        // The rows of a run come together, and were checked together.
        if last.replace(row.run_id) != Some(row.run_id) {
            done += 1;
            checked += u64::from(row.is_checked());
        }
    });
    let digest = store::digest_of(stored)?;
    let all = plan.runs();
    if args.json {
        let document = json!({ "runs": all, "done": done, "checked": checked, "rows": rows, "digest": digest });
        print(&document.to_string());
    } else {
        print(&format!("{done} of {all} runs, {checked} checked bit for bit, {rows} rows, digest {digest}"));
    }
    Ok(())
}
