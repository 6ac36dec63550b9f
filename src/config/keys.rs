//! Reading a table of a config key by key, so that whatever is left over is an unknown key.

use std::fmt;

use toml::{Table, Value};

use super::item::{Item, Node};
use super::places::Place;
use crate::error::{Error, Result};
use crate::words::{nearest, question};

/// A table whose keys are taken out one by one.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    place: Place,
    /// Its dotted name, or `--` for the options of a command line.
    name: String,
    items: Vec<(String, Item)>,
}

impl Keys {
    pub fn new(place: Place, items: Vec<(String, Item)>) -> Keys {
        Keys { place, name: String::new(), items }
    }

    /// Those of a table that no text holds.
    pub fn of(name: &str, table: Table) -> Keys {
        let items = table.into_iter().map(|(key, value)| (key, Item::new(&Place::Nowhere, value))).collect();
        Keys { place: Place::Nowhere, name: name.to_string(), items }
    }

    /// The options of a command line: messages name them as `--key`.
    pub fn options(table: Table) -> Keys {
        Keys::of("--", table)
    }

    pub fn called(self, name: &str) -> Keys {
        Keys { name: name.to_string(), ..self }
    }

    /// Dotted name of `key`.
    pub fn path(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_string(),
            "--" => format!("--{}", key.replace('_', "-")),
            name => format!("{name}.{key}"),
        }
    }

    /// Where `key` stands, or else the table, and its dotted name, as messages begin.
    pub fn key(&self, key: &str) -> String {
        format!("{}{}", self.place(key), self.path(key))
    }

    /// The dotted name of the table, and how messages about it begin.
    pub fn own(&self) -> (String, String) {
        (self.name.clone(), format!("{}{}", self.place, self.name))
    }

    fn place(&self, key: &str) -> &Place {
        self.get(key).map_or(&self.place, |item| &item.place)
    }

    pub fn get(&self, key: &str) -> Option<&Item> {
        self.items.iter().find(|(name, _)| name == key).map(|(_, item)| item)
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// What stands where: the dotted name of each key, and how messages about it begin.
    pub fn places(&self) -> impl Iterator<Item = (String, String)> {
        self.items.iter().map(|(key, _)| (self.path(key), self.key(key)))
    }

    pub fn take(&mut self, key: &str) -> Option<Item> {
        let at = self.items.iter().position(|(name, _)| name == key)?;
        Some(self.items.remove(at).1.called(&self.path(key)))
    }

    /// The key's value if that is a list.
    pub fn take_list(&mut self, key: &str) -> Option<Item> {
        self.get(key).filter(|item| matches!(item.node, Node::List(_)))?;
        self.take(key)
    }

    /// Gives a key that there is none of a value.
    pub fn put(&mut self, key: &str, item: Item) {
        self.items.push((key.to_string(), item));
    }

    pub fn take_or(&mut self, key: &str, default: impl Into<Value>) -> Item {
        let name = self.path(key);
        self.take(key).unwrap_or_else(|| Item::new(&self.place, default.into()).called(&name))
    }

    pub fn required(&mut self, key: &str, allowed: &str) -> Result<Item> {
        self.take(key).ok_or_else(|| self.missing(key, allowed))
    }

    pub fn missing(&self, key: &str, allowed: &str) -> Error {
        Error::Input(format!("{} is missing: allowed is {allowed}", self.key(key)))
    }

    /// The section of that name; an absent one is empty.
    pub fn section(&mut self, key: &str) -> Result<Keys> {
        self.take_or(key, Table::new()).table()
    }

    /// Refuses keys that are none of these, before one that a misspelled key stands for counts as missing.
    pub fn know(&self, known: &[&str]) -> Result<()> {
        let Some((key, _)) = self.items.iter().find(|(key, _)| !known.contains(&key.as_str())) else { return Ok(()) };
        let is_option = self.name == "--";
        // The command line knows its options: this one is another format's.
        let wrong = if is_option { "does not apply to this format" } else { "is no known key" };
        let listed: Vec<String> = known.iter().map(|k| if is_option { self.path(k) } else { k.to_string() }).collect();
        let meant = question(nearest(key, known));
        Err(Error::Input(format!("{} {wrong}: allowed are {}{meant}", self.key(key), listed.join(", "))))
    }

    /// Refuses keys nobody took.
    pub fn finish(self, known: &[&str]) -> Result<()> {
        self.know(known)?;
        match self.items.first() {
            None => Ok(()),
            Some((key, _)) => Err(Error::Input(format!("{} does not apply here: remove it", self.key(key)))),
        }
    }

    /// All that is left, as values.
    pub fn values(&self) -> Table {
        self.items.iter().map(|(key, item)| (key.clone(), item.value())).collect()
    }

    /// The item of that key; a new one is an empty table of a `--set`.
    pub fn entry(&mut self, key: &str) -> &mut Item {
        let at = self.items.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            self.items.push((key.to_string(), Item::new(&Place::Set, Value::Table(Table::new()))));
            self.items.len() - 1
        });
        &mut self.items[at].1
    }
}

/// As an inline table.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.items.iter().map(|(key, item)| format!("{key} = {item}")).collect();
        match pairs.is_empty() {
            true => f.write_str("{}"),
            false => write!(f, "{{ {} }}", pairs.join(", ")),
        }
    }
}

/// A list, or `{ from, to, mul }`, of distinct integers.
pub fn grid(item: Item, low: u64, high: u64) -> Result<Vec<u64>> {
    if let Node::Table(_) = &item.node {
        let mut keys = item.table()?;
        keys.know(&["from", "to", "mul"])?;
        let from = keys.required("from", "the first value")?.integer(low, high)?;
        let to = keys.required("to", "the last value")?.integer(from, high)?;
        let mul = keys.required("mul", "an integer >= 2")?.integer(2, 1 << 31)?;
        return Ok(std::iter::successors(Some(from), |v| v.checked_mul(mul)).take_while(|&v| v <= to).collect());
    }
    item.list()?.iter().map(|item| item.integer(low, high)).collect()
}
