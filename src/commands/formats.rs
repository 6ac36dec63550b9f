use serde_json::{Value, json};

use super::print;
use crate::cli::Formats;
use crate::error::Result;
use crate::format::{FORMATS, description};

/// Lists every row of the table with all its defaults.
pub fn run(args: &Formats) -> Result<()> {
    let rows: Vec<Value> = FORMATS.iter().map(|format| Value::Object(description(format))).collect();
    if args.json {
        print(&json!(rows).to_string());
        return Ok(());
    }
    for row in &rows {
        let name = row["name"].as_str().unwrap_or_default();
        let pairs = row.as_object().into_iter().flatten().filter(|(key, value)| *key != "name" && !value.is_null());
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key} {}", text(value))).collect();
        print(&format!("{name}: {}", pairs.join("; ")));
    }
    print(
        "eXmY: any X = 1 to 8, Y = 0 to 22, as IEEE 754 would have it; bias, specials and gradual_underflow change it",
    );
    Ok(())
}
