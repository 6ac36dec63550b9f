//! Reading a TOML table key by key, so that whatever is left over is an unknown key.

use toml::{Table, Value};

use crate::error::{Error, Result};

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

    /// Dotted name of `key` for messages.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }

    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    pub fn required(&mut self, key: &str, allowed: &str) -> Result<Value> {
        self.take(key).ok_or_else(|| Error::Input(format!("{} is missing: allowed is {allowed}", self.path(key))))
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
                Err(Error::Input(format!("{path} is no known key: allowed are {}", allowed.join(", "))))
            }
        }
    }
}

/// A list that is neither empty nor holds a value twice.
pub fn from_list(key: &str, list: Vec<Value>) -> Result<Vec<Value>> {
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

/// A power of two 2^low to 2^high.
pub fn power_of_two(key: &str, value: &Value, low: i32, high: i32) -> Result<f64> {
    let number = value.as_float().or(value.as_integer().map(|v| v as f64));
    let fits = |v: &f64| *v > 0.0 && v.to_bits() << 12 == 0 && (low..=high).contains(&libm::ilogb(*v));
    number.filter(fits).ok_or_else(|| {
        Error::Input(format!("{key} = {value}: allowed is a power of two from 2^{low} to 2^{high}, as 0.03125"))
    })
}

/// Applies one `KEY=VALUE`: a dotted key and a TOML value (a bare word counts as text).
pub fn set(table: &mut Table, item: &str) -> Result<()> {
    let wrong = || Error::Input(format!("--set {item}: allowed is KEY=VALUE, as --set sweep.seeds=8"));
    let (key, text) = item.split_once('=').ok_or_else(wrong)?;
    let value = format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| Value::from(text.trim()));
    let mut path: Vec<&str> = key.trim().split('.').collect();
    if path.iter().any(|part| part.trim().is_empty()) {
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
