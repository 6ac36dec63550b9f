use serde_json::{Value, json};

use super::print;
use crate::format::{FORMATS, description};

/// List every number format with its layout, limits, special values, defaults and source.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
}

/// Lists every row of the table with all its defaults.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let rows: Vec<Value> =
        FORMATS.iter().map(|format| Value::Object(description(format))).chain([any_float()]).collect();
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
    Ok(())
}

/// The formats without a row.
fn any_float() -> Value {
    json!({
        "name": "eXmY",
        "layout": "sign, X = 1 to 8 exponent bits, Y = 0 to 22 mantissa bits, bias 2^(X-1) - 1",
        "default_rounding": "nearest-even",
        "default_bits": "32",
        "default_variant": "a",
        "default_scale": "1",
        "default_specials": "ieee",
        "default_gradual_underflow": "true",
        "default_overflow": "ieee",
        "default_nan": "propagate",
        "default_subnormals": "honour",
        "source": "the rules of IEEE 754-2019, 3.4",
    })
}
