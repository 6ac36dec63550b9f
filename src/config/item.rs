//! The values of a config, each with its key and the place where it stands: messages name both.

use std::fmt;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::keys::Keys;
use super::places::Place;
use crate::error::{Error, Result};
use crate::format;
use crate::words::{self, Word};

/// Values of one list.
const MAX_VALUES: usize = 1 << 14;

/// A value of a config.
#[derive(Clone, Debug, Default)]
pub struct Item {
    pub place: Place,
    /// Dotted name of its key; that of the list for the values of one.
    pub name: String,
    pub node: Node,
    /// Whether a list may stand in its place.
    is_one_of_list: bool,
}

#[derive(Clone, Debug)]
pub enum Node {
    Value(Value),
    List(Vec<Item>),
    Table(Keys),
}

impl Default for Node {
    fn default() -> Node {
        Node::Table(Keys::default())
    }
}

/// The tables of a text, which messages call `name`. Its own errors name the line.
pub fn parse(name: &str, text: &str) -> Result<Keys> {
    let lines = Lines { name: name.into(), ends: text.match_indices('\n').map(|(at, _)| at).collect() };
    let wrong = |e: toml::de::Error| {
        const MOST: usize = 60;
        let start = e.span().map_or(0, |span| span.start);
        let line = text.get(..start).and_then(|before| text.lines().nth(before.matches('\n').count()));
        let line: String = line.unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(MOST).collect();
        Error::Input(format!("{}{}: `{line}`", lines.place(start), e.message()))
    };
    let places = DeTable::parse(text).map_err(wrong)?;
    let values: Table = text.parse().map_err(wrong)?;
    Ok(lines.keys(Place::Text(lines.name.clone()), values, places.get_ref()))
}

/// Line ends of a text.
struct Lines {
    name: Arc<str>,
    ends: Vec<usize>,
}

impl Lines {
    fn place(&self, byte: usize) -> Place {
        Place::Line(self.name.clone(), 1 + self.ends.partition_point(|end| *end < byte))
    }

    /// A table of values, with the places of its keys.
    fn keys(&self, place: Place, values: Table, places: &DeTable) -> Keys {
        let places = places.iter().map(|(key, value)| (self.place(key.span().start), value.get_ref()));
        let items = values.into_iter().zip(places);
        Keys::new(place, items.map(|((key, value), (place, at))| (key, self.item(place, value, at))).collect())
    }

    fn item(&self, place: Place, value: Value, at: &DeValue) -> Item {
        let node = match (value, at) {
            (Value::Table(values), DeValue::Table(places)) => Node::Table(self.keys(place.clone(), values, places)),
            (Value::Array(values), DeValue::Array(places)) => {
                let items = values.into_iter().zip(places.iter());
                Node::List(items.map(|(v, at)| self.item(self.place(at.span().start), v, at.get_ref())).collect())
            }
            (value, _) => Node::Value(value),
        };
        Item { place, node, ..Item::default() }
    }
}

impl Item {
    /// All of it at one place.
    pub fn new(place: &Place, value: Value) -> Item {
        let node = match value {
            Value::Table(table) => {
                let items = table.into_iter().map(|(key, value)| (key, Item::new(place, value)));
                Node::Table(Keys::new(place.clone(), items.collect()))
            }
            Value::Array(list) => Node::List(list.into_iter().map(|value| Item::new(place, value)).collect()),
            value => Node::Value(value),
        };
        Item { place: place.clone(), node, ..Item::default() }
    }

    pub fn called(self, name: &str) -> Item {
        Item { name: name.to_string(), ..self }
    }

    /// Where it stands and its key, as messages begin.
    pub fn key(&self) -> String {
        format!("{}{}", self.place, self.name)
    }

    pub fn value(&self) -> Value {
        match &self.node {
            Node::Value(value) => value.clone(),
            Node::List(list) => Value::Array(list.iter().map(Item::value).collect()),
            Node::Table(keys) => Value::Table(keys.values()),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.node {
            Node::Value(value) => value.as_str(),
            _ => None,
        }
    }

    /// Refuses it: `allowed` says what it may be.
    pub fn bad(&self, allowed: &str) -> Error {
        self.bad_unless(allowed, "")
    }

    /// The same; `question` is what may have been meant.
    pub fn bad_unless(&self, allowed: &str, question: &str) -> Error {
        let list = if self.is_one_of_list { ", or a list of such" } else { "" };
        Error::Input(format!("{} = {self}: allowed is {allowed}{list}{question}", self.key()))
    }

    /// Refuses what is none of the words.
    pub fn bad_word(&self, words: &[&str]) -> Error {
        let nearest = self.as_str().and_then(|word| words::nearest(word, words));
        self.bad_unless(&words.join(", "), &words::question(nearest))
    }

    /// The table that it must be.
    pub fn table(self) -> Result<Keys> {
        match self.node {
            Node::Table(keys) => Ok(keys.called(&self.name)),
            _ => Err(self.bad("a table { ... }")),
        }
    }

    /// A text or a list becomes the value of `key` in a table of its own.
    pub fn under(self, key: &str) -> Item {
        match self.node {
            Node::Table(_) => self,
            Node::Value(ref value) if !value.is_str() => self,
            _ => {
                let place = self.place.clone();
                let node = Node::Table(Keys::new(place.clone(), vec![(key.to_string(), self)]));
                Item { place, node, ..Item::default() }
            }
        }
    }

    /// Its value or values, at least one and none twice.
    pub fn list(self) -> Result<Vec<Item>> {
        let key = self.key();
        let Item { place, name, node, .. } = self;
        let list = match node {
            Node::List(list) => list,
            node => vec![Item { place, node, is_one_of_list: true, ..Item::default() }],
        };
        if list.len() > MAX_VALUES {
            return Err(Error::Input(format!("{key} holds {} values: allowed are up to {MAX_VALUES}", list.len())));
        }
        if list.is_empty() {
            return Err(Error::Input(format!("{key} = []: at least one value is needed")));
        }
        let list: Vec<Item> = list.into_iter().map(|item| item.called(&name)).collect();
        distinct(&list, |item| Ok(item.value()))?;
        Ok(list)
    }

    pub fn integer(&self, low: u64, high: u64) -> Result<u64> {
        let whole = match &self.node {
            Node::Value(value) => value.as_integer(),
            _ => None,
        };
        let one = whole.and_then(|v| u64::try_from(v).ok()).filter(|v| (low..=high).contains(v));
        one.ok_or_else(|| self.bad(&format!("an integer from {low} to {high}")))
    }

    pub fn number(&self, low: f64, high: f64) -> Result<f64> {
        let number = match &self.node {
            Node::Value(value) => format::number(value),
            _ => None,
        };
        match number {
            // -0.0 becomes +0.0: one value has one text in the rows and in the resolved config.
            Some(v) if (low..=high).contains(&v) => Ok(v + 0.0),
            _ => Err(self.bad(&format!("a number from {} to {}", plain(low), plain(high)))),
        }
    }

    /// Its value as the name of a recipe tells it: a text without quotes, and alike what is spelled 1 and 1.0.
    pub fn label(&self) -> String {
        match &self.node {
            Node::Value(Value::String(text)) => text.clone(),
            Node::Value(value) => format::number(value).map_or_else(|| value.to_string(), plain),
            _ => self.to_string(),
        }
    }

    /// The variant of an enum of words.
    pub fn word<T: Word>(&self) -> Result<T> {
        self.as_str().and_then(words::find).ok_or_else(|| self.bad_word(&words::words::<T>()))
    }

    pub fn boolean(&self) -> Result<bool> {
        match &self.node {
            Node::Value(Value::Boolean(truth)) => Ok(*truth),
            _ => Err(self.bad("true, false")),
        }
    }
}

/// A number without many zeros.
fn plain(number: f64) -> String {
    match number.abs() {
        1e-4..1e6 | 0.0 => number.to_string(),
        power if number > 0.0 && power.log2().fract() == 0.0 => format!("2^{}", number.log2()),
        _ => format!("{number:e}"),
    }
}

/// Parses a list. Two spellings of one value, as 1 and 1.0, are a value twice.
pub fn distinct<T: PartialEq>(list: &[Item], parse: impl Fn(&Item) -> Result<T>) -> Result<Vec<T>> {
    let mut parsed = Vec::with_capacity(list.len());
    for item in list {
        let value = parse(item)?;
        if parsed.contains(&value) {
            return Err(Error::Input(format!("{} holds {item} twice: values must differ", item.key())));
        }
        parsed.push(value);
    }
    Ok(parsed)
}

/// As in a config, but the magnitude of a number by its exponent.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Value(Value::Float(number)) if number.is_finite() => write!(f, "{number:?}"),
            Node::Value(value) => value.fmt(f),
            Node::List(list) => {
                let texts: Vec<String> = list.iter().map(Item::to_string).collect();
                write!(f, "[{}]", texts.join(", "))
            }
            Node::Table(keys) => keys.fmt(f),
        }
    }
}
