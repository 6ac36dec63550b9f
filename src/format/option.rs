//! What an option of a site is: one row says its name, what it is for, how it is read and how it is written.

use std::fmt;

use toml::Value;

use crate::words::{self, Word};

/// An option of a `T`, which is a format or a law with everything a recipe can set.
pub struct OptionRow<T: 'static> {
    /// The key in a config, and with hyphens on the command line.
    pub name: &'static str,
    pub kind: Kind,
    /// A line of help; `{}` stands for its words.
    pub help: &'static str,
    /// What is allowed, whatever the other options are.
    pub allowed: Allowed,
    pub unset: Unset,
    /// Whether a format has this option.
    pub applies: fn(&T) -> bool,
    /// Sets it; false where the value is nothing it can be.
    pub read: fn(&mut T, &Value) -> bool,
    /// Where the other options limit it: whether it is within the limits, and what they allow.
    pub limits: fn(&T) -> Option<(bool, String)>,
    /// What it is set to; `None` where it has no effect beside the other options.
    pub write: fn(&T) -> Option<Setting>,
    /// Whether a row's column names it even where it has its default.
    pub always: fn(&T) -> bool,
}

/// What an option is about. Texts list options by kind, then in the order of their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The format or the law itself.
    Name,
    Rounding,
    /// What multiplies the values, and how far they reach.
    Scale,
    /// Which values there are, and how elements share a scale.
    Layout,
    /// What becomes of values that the format does not hold.
    Policy,
    /// Of a law.
    Law,
}

impl Kind {
    /// As they are read: the limits of a scale follow from the layout.
    pub const READ: &[Kind] = &[Kind::Name, Kind::Rounding, Kind::Layout, Kind::Scale, Kind::Policy, Kind::Law];
    /// In the resolved config.
    pub const RESOLVED: &[Kind] = &[Kind::Name, Kind::Scale, Kind::Layout, Kind::Policy, Kind::Rounding, Kind::Law];
    /// In the column `<site>` of a row.
    pub const COLUMN: &[Kind] = &[Kind::Layout, Kind::Scale, Kind::Policy, Kind::Law];
    /// Where a format is described.
    pub const DESCRIBED: &[Kind] = &[Kind::Rounding, Kind::Scale, Kind::Layout, Kind::Policy];
}

/// What a page says is allowed.
pub enum Allowed {
    Words(fn() -> Vec<&'static str>),
    Text(&'static str),
}

/// What holds where an option is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// Nothing: it must be set.
    Required,
    /// Nothing: without it there is another thing at the site.
    Nothing,
    /// What the layout of the format says.
    Layout,
    /// One value, with which a new `T` begins.
    Usual,
}

/// What an option is set to: [`fmt::Display`] as in a row's column, [`Setting::toml`] as in a config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    Word(&'static str),
    Truth(bool),
    Whole(i64),
    Number(f64),
    Single(f32),
    /// The step of integers. A column says too when values are multiplied by its reciprocal.
    Step(f64),
}

impl<T> OptionRow<T> {
    /// A policy that no other option limits: what a row leaves out.
    pub(super) const FREE: OptionRow<T> = OptionRow {
        name: "",
        kind: Kind::Policy,
        help: "",
        allowed: Allowed::Text(""),
        unset: Unset::Usual,
        applies: |_| true,
        read: |_, _| false,
        limits: |_| None,
        write: |_| None,
        always: |_| false,
    };

    /// Its help, with the words it knows.
    pub fn help(&self) -> String {
        match self.allowed {
            Allowed::Words(words) => self.help.replace("{}", &words().join(", ")),
            Allowed::Text(_) => self.help.to_string(),
        }
    }

    /// Whether what it is set to fits the other options, and what is allowed beside them.
    pub fn fits(&self, target: &T) -> (bool, String) {
        let anything = || match self.allowed {
            Allowed::Words(words) => words().join(", "),
            Allowed::Text(text) => text.replace('`', ""),
        };
        (self.limits)(target).unwrap_or_else(|| (true, anything()))
    }
}

/// The options of these kinds, a kind after the other.
pub fn by_kind<'r, T>(rows: &'r [OptionRow<T>], kinds: &[Kind]) -> impl Iterator<Item = &'r OptionRow<T>> {
    kinds.iter().copied().flat_map(|kind| rows.iter().filter(move |row| row.kind == kind))
}

/// Those of them that a target has.
pub fn applying<'r, T>(rows: &'r [OptionRow<T>], kinds: &[Kind], target: &T) -> impl Iterator<Item = &'r OptionRow<T>> {
    by_kind(rows, kinds).filter(|row| (row.applies)(target))
}

/// ` NAME=VALUE` for each option of these kinds that is not the default's.
pub(super) fn column<T>(rows: &[OptionRow<T>], kinds: &[Kind], target: &T, default: &T) -> String {
    let told = |row: &&OptionRow<T>| (row.always)(target) || (row.write)(target) != (row.write)(default);
    let text = |row: &OptionRow<T>| Some(format!(" {}={}", row.name, (row.write)(target)?));
    applying(rows, kinds, target).filter(told).filter_map(text).collect()
}

/// `{ NAME = VALUE, ... }` with everything that has an effect, as the resolved config holds it.
pub(super) fn inline_table<T>(rows: &[OptionRow<T>], target: &T) -> String {
    let pair = |row: &OptionRow<T>| Some(format!("{} = {}", row.name, (row.write)(target)?.toml()));
    let pairs: Vec<String> = applying(rows, Kind::RESOLVED, target).filter_map(pair).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// The same with the name and what is not the default's; a format's name alone as a text.
pub(super) fn short_table<T>(rows: &[OptionRow<T>], target: &T, default: impl Fn(&OptionRow<T>) -> T) -> String {
    let write = |row: &OptionRow<T>| Some(format!("{} = {}", row.name, (row.write)(target)?.toml()));
    let is_default = |row: &OptionRow<T>| (row.write)(target) == (row.write)(&default(row));
    let told = |row: &&OptionRow<T>| row.kind == Kind::Name || (row.always)(target) || !is_default(row);
    let pairs: Vec<String> = applying(rows, Kind::RESOLVED, target).filter(told).filter_map(write).collect();
    match pairs.as_slice() {
        [name] => name.trim_start_matches("format = ").to_owned(),
        _ => format!("{{ {} }}", pairs.join(", ")),
    }
}

/// Sets a field to what was read; false where that is nothing.
pub(super) fn set<V>(field: &mut V, value: Option<V>) -> bool {
    value.map(|value| *field = value).is_some()
}

/// A word of an enum.
pub(super) fn word<W: Word>(value: &Value) -> Option<W> {
    value.as_str().and_then(words::find)
}

/// A number, whole or not.
pub fn number(value: &Value) -> Option<f64> {
    value.as_float().or(value.as_integer().map(|v| v as f64))
}

/// A number from 2^low to 2^high.
pub(super) fn between(value: &Value, low: i32, high: i32) -> Option<f64> {
    number(value).filter(|v| (libm::ldexp(1.0, low)..=libm::ldexp(1.0, high)).contains(v))
}

pub(super) fn truths() -> Vec<&'static str> {
    vec!["true", "false"]
}

impl Setting {
    /// A TOML literal.
    pub fn toml(self) -> String {
        match self {
            Setting::Word(word) => format!("\"{word}\""),
            Setting::Truth(truth) => truth.to_string(),
            Setting::Whole(whole) => whole.to_string(),
            Setting::Number(number) | Setting::Step(number) => format!("{number:?}"),
            // As f64, which the limits are checked in.
            Setting::Single(number) => format!("{:?}", f64::from(number)),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Word(word) => f.write_str(word),
            Setting::Truth(truth) => truth.fmt(f),
            Setting::Whole(whole) => whole.fmt(f),
            Setting::Number(number) => number.fmt(f),
            Setting::Single(number) => number.fmt(f),
            Setting::Step(step) if is_power_of_two(*step) => step.fmt(f),
            Setting::Step(step) => write!(f, "{step} times=reciprocal"),
        }
    }
}

/// Whether a positive normal number is a power of two.
pub(super) fn is_power_of_two(x: f64) -> bool {
    x.to_bits() << 12 == 0
}
