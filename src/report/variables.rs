//! What figures are drawn against, told apart by and split by: one table of names and of where a cell has them.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::scaling::collapse;
use super::table::{CellKey, Table};
use crate::store::row::Row;

/// The value of a variable.
#[derive(Clone, Debug)]
pub enum Value {
    Unset,
    Number(f64),
    Text(String),
}

impl Value {
    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Number(value) => Some(*value),
            _ => None,
        }
    }
}

impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Value {
        value.map_or(Value::Unset, Value::Number)
    }
}

/// Numbers before texts, by size.
impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        let rank = |value: &Value| match value {
            Value::Unset => 0,
            Value::Number(_) => 1,
            Value::Text(_) => 2,
        };
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Value::Unset => 0.hash(state),
            Value::Number(value) => value.to_bits().hash(state),
            Value::Text(text) => text.hash(state),
        }
    }
}

/// As a CSV has it; empty where there is none.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Value::Unset => Ok(()),
            Value::Number(value) => write!(f, "{value}"),
            Value::Text(text) => f.write_str(text),
        }
    }
}

/// Something that cells differ in.
pub struct Variable {
    /// A column of the rows, or a name of our own.
    pub name: &'static str,
    /// As a formula has it.
    pub symbol: &'static str,
    /// As an axis names it; empty where it is no number.
    pub label: &'static str,
    /// What it stands for: these need not be told apart beside it.
    pub replaces: &'static [&'static str],
    of: Of,
}

/// Where a variable is read.
enum Of {
    /// A setting of a group's rows.
    Row(fn(&Row) -> Value),
    Cell(fn(&Table, CellKey) -> Value),
}

impl Variable {
    pub fn of(&self, table: &Table, key: CellKey) -> Value {
        match self.of {
            Of::Row(of) => of(&table.groups[key.group].row),
            Of::Cell(of) => of(table, key),
        }
    }

    pub fn is_number(&self) -> bool {
        !self.label.is_empty()
    }

    /// A value as titles and notes say it.
    pub fn text(&self, value: &Value) -> String {
        match (self.symbol, self.is_number()) {
            ("", _) => value.to_string(),
            (symbol, true) => format!("{symbol} = {value}"),
            (symbol, false) => format!("{symbol} {value}"),
        }
    }

    /// Of an axis whose values the user chose, one by one.
    pub fn is_chosen(&self) -> bool {
        !matches!(self.name, "neff" | "seen" | "m_total" | "m_gc" | "compute" | "model_bits" | "eps" | "neff_collapsed")
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Variable) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn number(
    name: &'static str,
    symbol: &'static str,
    label: &'static str,
    replaces: &'static [&'static str],
    of: Of,
) -> Variable {
    Variable { name, symbol, label, replaces, of }
}

const fn text(name: &'static str, symbol: &'static str, of: Of) -> Variable {
    Variable { name, symbol, label: "", replaces: &[], of }
}

/// What all cells of a group share, in the order in which pages show it.
static SETTINGS: [Variable; 14] = [
    text("directory", "", Of::Cell(|table, key| Value::text(&table.directories[table.groups[key.group].directory]))),
    text("output", "output", Of::Row(|row| Value::text(&row.output))),
    number("dim", "D", "dimension D", &[], Of::Row(|row| Value::Number(row.dim.into()))),
    text("spectrum", "spectrum", Of::Row(|row| Value::text(&row.spectrum))),
    number("spectrum_exponent", "a", "spectrum exponent a", &[], Of::Row(|row| row.spectrum_exponent.into())),
    text("target", "target", Of::Row(|row| Value::text(&row.target))),
    number("target_exponent", "b", "source exponent b", &[], Of::Row(|row| row.target_exponent.into())),
    number("noise", "σ", "label noise σ", &[], Of::Row(|row| Value::Number(row.noise))),
    text("sketch_kind", "sketch", Of::Row(|row| Value::text(&row.sketch_kind))),
    text("sampling", "sampling", Of::Row(|row| Value::text(&row.sampling))),
    text("tail", "tail", Of::Row(|row| Value::text(&row.tail))),
    number("batch", "B", "batch size B", &[], Of::Row(|row| Value::Number(row.batch.into()))),
    number("step_size", "γ", "step size γ", &[], Of::Cell(step_size)),
    text("schedule", "schedule", Of::Row(|row| Value::text(&row.schedule))),
];

/// What tells the cells of a group apart.
static SIZES: [Variable; 4] = [
    number("model", "M", "model size M", &[], Of::Cell(|_, key| Value::Number(key.model.into()))),
    number("samples", "N", "samples N", &[], Of::Cell(|_, key| Value::Number(key.samples as f64))),
    text("recipe", "", Of::Cell(|table, key| Value::text(&table.recipes[key.recipe].name))),
    number("seen", "seen", "samples seen", &[], Of::Cell(|_, key| Value::Number(key.seen as f64))),
];

/// What follows from these, or stands for them.
static DERIVED: [Variable; 9] = [
    number(
        "neff",
        "N_eff",
        "effective samples N_eff",
        &["samples", "seen"],
        Of::Cell(|table, key| effective(table, key).into()),
    ),
    number(
        "compute",
        "M N",
        "compute M × N",
        &["samples"],
        Of::Cell(|_, key| Value::Number(f64::from(key.model) * key.samples as f64)),
    ),
    number(
        "model_bits",
        "bits",
        "bits of the model, M × bits",
        &["model"],
        Of::Cell(|table, key| table.recipes[key.recipe].bits.map(|bits| bits * f64::from(key.model)).into()),
    ),
    number(
        "bits",
        "bits",
        "bits of a value",
        &["recipe"],
        Of::Cell(|table, key| table.recipes[key.recipe].bits.into()),
    ),
    number(
        "eps",
        "eps",
        "noise variance eps",
        &["recipe"],
        Of::Cell(|table, key| table.recipes[key.recipe].eps.into()),
    ),
    text("family", "", Of::Cell(|table, key| Value::text(&table.recipes[key.recipe].family))),
    number("m_total", "M_total", "effective size M_total", &["model"], Of::Cell(|table, key| size(table, key, false))),
    number("m_gc", "M_gc", "gain-corrected size M_gc", &["model"], Of::Cell(|table, key| size(table, key, true))),
    number(
        "neff_collapsed",
        "N_eff / M_total^a",
        "N_eff / M_total^a",
        &["samples", "seen"],
        Of::Cell(|table, key| collapse(table, key).map(|(data, _)| data).into()),
    ),
];

/// All variables.
pub fn variables() -> impl Iterator<Item = &'static Variable> {
    SETTINGS.iter().chain(&SIZES).chain(&DERIVED)
}

/// What tells cells apart: a cell has one place in all of them.
pub fn telling() -> impl Iterator<Item = &'static Variable> {
    SETTINGS.iter().chain(&SIZES)
}

/// The settings of a group, the directory aside.
pub fn group_settings() -> impl Iterator<Item = &'static Variable> {
    SETTINGS.iter().filter(|variable| variable.name != "directory")
}

/// The problem of a row, as figures say it.
pub fn problem_text(row: &Row) -> String {
    let is_of_problem = |variable: &&Variable| !matches!(variable.name, "output" | "batch" | "schedule");
    let text = |variable: &Variable| match variable.of {
        Of::Row(of) => Some(of(row)).filter(|value| *value != Value::Unset).map(|value| variable.text(&value)),
        Of::Cell(_) => None,
    };
    SETTINGS.iter().filter(is_of_problem).filter_map(text).collect::<Vec<_>>().join(" · ")
}

/// The variable of this name.
pub fn variable(name: &str) -> Option<&'static Variable> {
    variables().find(|variable| variable.name == name)
}

/// Those that groups of one sweep are told apart by.
pub(super) fn settings(row: &Row) -> Vec<Value> {
    let texts = [&row.output, &row.spectrum, &row.target, &row.sketch_kind, &row.sampling, &row.tail, &row.schedule];
    let numbers = [Some(f64::from(row.dim)), row.spectrum_exponent, row.target_exponent, Some(row.noise)];
    let steps = [Some(f64::from(row.batch)), Some(row.step_size)];
    let texts = texts.into_iter().map(|text| Value::text(text));
    texts.chain(numbers.into_iter().chain(steps).map(Value::from)).collect()
}

fn step_size(table: &Table, key: CellKey) -> Value {
    let group = &table.groups[key.group];
    if group.best_of.is_empty() { Value::Number(group.row.step_size) } else { Value::text("best") }
}

/// N_eff: N of a constant step, also before the end of a run; N / log2(N / B) of a geometric one at its end.
pub fn effective(table: &Table, key: CellKey) -> Option<f64> {
    let row = &table.groups[key.group].row;
    let seen = key.seen as f64;
    match row.schedule.as_str() {
        // A run that changes its formats at a part of its N is no run of the samples seen.
        "constant" if key.is_final() || !table.recipes[key.recipe].has_phases => Some(seen),
        _ if key.is_final() => Some(seen / libm::log2(seen / f64::from(row.batch))).filter(|n| n.is_finite()),
        _ => None,
    }
}

fn size(table: &Table, key: CellKey, gain_corrected: bool) -> Value {
    // Without fits there is nothing to compare it with.
    if table.recipes[key.recipe].is_full_precision && !table.sizes.is_empty() {
        return Value::Number(key.model.into());
    }
    let sizes = table.sizes.get(&(key.group, key.recipe, key.model));
    sizes.and_then(|sizes| if gain_corrected { sizes.gain_corrected } else { sizes.total }).into()
}
