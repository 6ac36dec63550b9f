use serde_json::{Map, Value, json};

use super::format_options::FormatOptions;
use crate::codec::{self, descriptions};
use crate::error::{Error, Result};
use crate::files::csv_text;
use crate::format::{QuantOp, Quantizer};
use crate::streams::{print, print_all};

// Not a doc comment, to which that of the flattened options would be preferred.
#[derive(clap::Args, Debug)]
#[command(
    about = "List every number format with its layout, limits, special values, defaults and source; or its codes"
)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The format whose codes are listed.
    #[arg(value_name = "NAME", requires = "table", conflicts_with = "format")]
    name: Option<String>,
    /// Print every code of a format with its value at scale 1, as CSV: code, fields, value, value_bits.
    #[arg(long)]
    table: bool,
    #[command(flatten)]
    options: FormatOptions,
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  roundlaw formats
  roundlaw formats e4m3 --table
  roundlaw formats e3m4 --table --specials none --json";

/// Lists every row of the table with all its defaults, or every code of a format.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.table {
        let options = args.name.iter().fold(args.options.clone(), |options, name| options.with("format", name));
        return Ok(table(args.json, &options.quantizer()?)?);
    }
    if args.options.any() {
        return Err(Error::Input("options of a format: allowed with NAME --table".into()).into());
    }
    let rows: Vec<_> = descriptions().map(Value::Object).collect();
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

/// Every code, from 0 on. Values are those of a shared scale 1, and of a tensor scale 1.
fn table(as_json: bool, quantizer: &Quantizer) -> Result<()> {
    const COLUMNS: [&str; 4] = ["code", "fields", "value", "value_bits"];
    let digits = QuantOp::of(quantizer).width.div_ceil(4) as usize;
    let rows = codec::table(quantizer)?.map(|(code, bits)| {
        let (value, fields) = (f32::from_bits(bits), quantizer.layout.fields(code));
        [format!("0x{code:0digits$x}"), fields, format!("{value:?}"), format!("0x{bits:08x}")]
    });
    if !as_json {
        let head = COLUMNS.map(String::from).to_vec();
        return print_all([csv_text(std::iter::once(head).chain(rows.map(|row| row.to_vec())))]);
    }
    let object = |row: [String; 4]| {
        Value::from(Map::from_iter(COLUMNS.map(String::from).into_iter().zip(row.map(|cell| json!(cell)))))
    };
    print(&Value::from(rows.map(object).collect::<Vec<_>>()).to_string())
}
