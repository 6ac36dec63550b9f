//! Reading a TOML table key by key, so that whatever is left over is an unknown key.

use std::fmt::Display;

use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::format;
use crate::words::{self, Word};

/// A table whose keys are taken out one by one.
pub struct Keys {
    path: String,
    table: Table,
}

impl Keys {
    pub fn new(path: &str, table: Table) -> Keys {
        Keys { path: path.to_string(), table }
    }

    /// The table that `value` must be.
    pub fn from_value(path: &str, value: Value) -> Result<Keys> {
        match value {
            Value::Table(table) => Ok(Keys::new(path, table)),
            other => Err(Error::Input(format!("{path} = {other}: allowed is a table {{ ... }}"))),
        }
    }

    /// The options of a command line: messages name them as `--key`.
    pub fn options(table: Table) -> Keys {
        Keys::new("--", table)
    }

    /// Dotted name of `key` for messages.
    pub fn path(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_string(),
            "--" => format!("--{}", key.replace('_', "-")),
            path => format!("{path}.{key}"),
        }
    }

    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub fn required(&mut self, key: &str, allowed: &str) -> Result<Value> {
        self.take(key).ok_or_else(|| missing(&self.path(key), allowed))
    }

    /// The section of that name; an absent one is empty.
    pub fn table(&mut self, key: &str) -> Result<Keys> {
        let path = self.path(key);
        Keys::from_value(&path, self.take(key).unwrap_or(Value::Table(Table::new())))
    }

    /// Refuses keys nobody took.
    pub fn finish(self, allowed: &[&str]) -> Result<()> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) if allowed.contains(&key.as_str()) => {
                Err(Error::Input(format!("{} does not apply here: remove it", self.path(key))))
            }
            Some(key) => {
                let path = self.path(key);
                let allowed: Vec<String> = match self.path.as_str() {
                    "--" => allowed.iter().map(|key| self.path(key)).collect(),
                    _ => allowed.iter().map(|key| key.to_string()).collect(),
                };
                // The command line knows its options: this one is another format's.
                let wrong = if self.path == "--" { "does not apply to this format" } else { "is no known key" };
                Err(Error::Input(format!("{path} {wrong}: allowed are {}", allowed.join(", "))))
            }
        }
    }
}

/// Values of one list.
const MAX_VALUES: usize = 1 << 14;

/// A list that is neither empty nor holds a value twice.
pub fn from_list(key: &str, list: Vec<Value>) -> Result<Vec<Value>> {
    if list.len() > MAX_VALUES {
        return Err(Error::Input(format!("{key} holds {} values: allowed are up to {MAX_VALUES}", list.len())));
    }
    if list.is_empty() {
        return Err(Error::Input(format!("{key} = []: at least one value is needed")));
    }
    for (index, value) in list.iter().enumerate() {
        if list[..index].contains(value) {
            return Err(Error::Input(format!("{key} holds {value} twice: values must differ")));
        }
    }
    Ok(list)
}

/// Applies one `KEY=VALUE`: a dotted key and a TOML value (a bare word counts as text).
pub fn set(table: &mut Table, item: &str) -> Result<()> {
    let wrong = || Error::Input(format!("--set {item}: allowed is KEY=VALUE, as --set sweep.seeds=8"));
    let (key, text) = item.split_once('=').ok_or_else(wrong)?;
    let value = format!("v = {text}")
        .parse::<Table>()
        .ok()
        // A line break would bring in more keys.
        .filter(|table| table.len() == 1)
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| Value::from(text.trim()));
    let mut path: Vec<&str> = key.trim().split('.').collect();
    // No key lies deeper, and dropping a very deep table would exhaust the stack.
    if path.iter().any(|part| part.trim().is_empty()) || path.len() > 8 {
        return Err(wrong());
    }
    let last = path.pop().ok_or_else(wrong)?;
    let mut at = table;
    for part in path {
        let entry = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
        at = entry.as_table_mut().ok_or_else(|| {
            Error::Input(format!("--set {item}: {part} is no table; allowed are problem, train and sweep keys"))
        })?;
    }
    at.insert(last.to_string(), value);
    Ok(())
}

/// The key's value or values: `[problem]` lists make one problem point each.
pub fn values(keys: &mut Keys, key: &str, default: Value) -> Result<Vec<Value>> {
    let list = match keys.take(key).unwrap_or(default) {
        Value::Array(list) => list,
        single => vec![single],
    };
    from_list(&keys.path(key), list)
}

/// Parses a list. Two spellings of one value, as 1 and 1.0, are a value twice.
pub fn distinct<T: PartialEq>(key: &str, list: &[Value], parse: impl Fn(&Value) -> Result<T>) -> Result<Vec<T>> {
    let mut parsed = Vec::new();
    for value in list {
        let item = parse(value)?;
        if parsed.contains(&item) {
            return Err(Error::Input(format!("{key} holds {value} twice: values must differ")));
        }
        parsed.push(item);
    }
    Ok(parsed)
}

/// A list, or `{ from, to, mul }`, of distinct integers.
pub fn grid(key: &str, value: Value, low: u64, high: u64) -> Result<Vec<u64>> {
    let list = match value {
        Value::Table(table) => {
            let mut keys = Keys::new(key, table);
            let from = integer(&keys.path("from"), &keys.required("from", "the first value")?, low, high)?;
            let to = integer(&keys.path("to"), &keys.required("to", "the last value")?, from, high)?;
            let mul = integer(&keys.path("mul"), &keys.required("mul", "an integer >= 2")?, 2, 1 << 31)?;
            keys.finish(&["from", "to", "mul"])?;
            return Ok(std::iter::successors(Some(from), |v| v.checked_mul(mul)).take_while(|&v| v <= to).collect());
        }
        Value::Array(list) => list,
        single => vec![single],
    };
    from_list(key, list)?.iter().map(|value| integer(key, value, low, high)).collect()
}

pub fn missing(key: &str, allowed: &str) -> Error {
    Error::Input(format!("{key} is missing: allowed is {allowed}"))
}

pub fn bad(key: &str, value: &dyn Display, allowed: &str) -> Error {
    Error::Input(format!("{key} = {value}: allowed is {allowed}"))
}

pub fn integer(key: &str, value: &Value, low: u64, high: u64) -> Result<u64> {
    match value.as_integer().and_then(|v| u64::try_from(v).ok()) {
        Some(v) if (low..=high).contains(&v) => Ok(v),
        _ => Err(bad(key, value, &format!("an integer from {low} to {high}"))),
    }
}

pub fn number(key: &str, value: &Value, low: f64, high: f64) -> Result<f64> {
    match format::number(value) {
        // -0.0 becomes +0.0: one value has one text in the rows and in the resolved config.
        Some(v) if (low..=high).contains(&v) => Ok(v + 0.0),
        _ => Err(bad(key, value, &format!("a number from {low:e} to {high:e}"))),
    }
}

/// The variant of an enum of words.
pub fn word<T: Word>(key: &str, value: &Value) -> Result<T> {
    value.as_str().and_then(words::find).ok_or_else(|| bad(key, value, &words::listed::<T>()))
}

pub fn boolean(key: &str, value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(|| bad(key, value, "true, false"))
}
