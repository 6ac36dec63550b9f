use serde_json::Value;

use crate::codec::{any_float, description};
use crate::format::FORMATS;
use crate::streams::{print, print_all};

/// List every number format with its layout, limits, special values, defaults and source.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
}

/// Lists every row of the table with all its defaults.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let rows: Vec<_> = FORMATS.iter().map(description).chain([any_float()]).map(Value::Object).collect();
    if args.json {
        return Ok(print(&Value::from(rows).to_string())?);
    }
    let line = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default();
        let pairs = row.as_object().into_iter().flatten().filter(|(key, value)| *key != "name" && !value.is_null());
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key} {}", text(value))).collect();
        format!("{name}: {}\n", pairs.join("; "))
    };
    Ok(print_all(rows.iter().map(line))?)
}
