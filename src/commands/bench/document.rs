//! A measurement as JSON, and read back for a comparison.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::bench::Row;
use crate::bench::head::Head;
use crate::error::{Error, Result};

/// One adapter's.
pub fn of(head: &Head, rows: &[Row]) -> Value {
    let mut document = head.document();
    document.insert("rows".into(), rows.iter().map(row).collect());
    Value::Object(document)
}

fn row(row: &Row) -> Value {
    json!({
        "suite": row.suite.name(),
        "name": row.name,
        "size": row.size,
        "format": row.format,
        "value": row.value,
        "unit": row.unit,
        "bound": row.bound.as_ref().map(|bound| bound.rate),
        "bound_by": row.bound.as_ref().map(|bound| bound.by),
        "share": row.share(),
        "verified": row.verified,
        "median": row.timing.median,
        "iqr": row.timing.iqr,
        "repeats": row.timing.repeats,
    })
}

/// One adapter's of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub adapter: String,
    pub rows: Vec<StoredRow>,
}

/// What a comparison needs of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    pub suite: String,
    pub name: String,
    pub size: String,
    pub format: Option<String>,
    pub value: f64,
    pub unit: String,
    pub verified: bool,
}

/// Those of a file: of one adapter, or of several.
pub fn read(path: &Path) -> Result<Vec<Stored>> {
    let refused = |error: &dyn std::fmt::Display| Error::Input(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(&error))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| refused(&format!("no JSON: {error}")))?;
    let file = |place: String| Members { file: path, place, map: None };
    match document {
        Value::Array(all) if !all.is_empty() => {
            all.into_iter().enumerate().map(|(k, one)| stored(file(format!("[{k}].")).with(one)?)).collect()
        }
        one @ Value::Object(_) => Ok(vec![stored(file(String::new()).with(one)?)?]),
        _ => Err(refused(&"allowed is what `roundlaw bench --json` prints: an object, or an array of such")),
    }
}

fn stored(mut members: Members) -> Result<Stored> {
    let adapter = members.text("adapter")?;
    let Value::Array(rows) = members.take("rows")? else { return Err(members.refusal("rows", "an array")) };
    let row = |(k, row)| {
        let place = format!("{}rows[{k}].", members.place);
        stored_row(Members { file: members.file, place, map: None }.with(row)?)
    };
    let rows = rows.into_iter().enumerate().map(row).collect::<Result<_>>()?;
    Ok(Stored { adapter, rows })
}

fn stored_row(mut members: Members) -> Result<StoredRow> {
    let format = match members.take("format")? {
        Value::Null => None,
        Value::String(format) => Some(format),
        _ => return Err(members.refusal("format", "a text or null")),
    };
    let value = members.take("value")?.as_f64().ok_or_else(|| members.refusal("value", "a number"))?;
    if value <= 0.0 {
        return Err(members.refusal("value", "a number above 0"));
    }
    Ok(StoredRow {
        suite: members.text("suite")?,
        name: members.text("name")?,
        size: members.text("size")?,
        format,
        value,
        unit: members.text("unit")?,
        verified: members.take("verified")?.as_bool().ok_or_else(|| members.refusal("verified", "true or false"))?,
    })
}

/// An object of a file, and where it stands there.
struct Members<'a> {
    file: &'a Path,
    place: String,
    map: Option<Map<String, Value>>,
}

impl Members<'_> {
    fn with(self, value: Value) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Members { map: Some(map), ..self }),
            _ => {
                let place = self.place.trim_end_matches('.');
                Err(Error::Input(format!("{}: {place}: allowed is an object", self.file.display())))
            }
        }
    }

    fn take(&mut self, key: &str) -> Result<Value> {
        let found = self.map.as_mut().and_then(|map| map.shift_remove(key));
        found.ok_or_else(|| Error::Input(format!("{}: {}{key} is missing", self.file.display(), self.place)))
    }

    fn text(&mut self, key: &str) -> Result<String> {
        match self.take(key)? {
            Value::String(text) => Ok(text),
            _ => Err(self.refusal(key, "a text")),
        }
    }

    fn refusal(&self, key: &str, allowed: &str) -> Error {
        Error::Input(format!("{}: {}{key}: allowed is {allowed}", self.file.display(), self.place))
    }
}
