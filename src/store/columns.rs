//! The columns of a part: one table that writing, reading and the digest all derive from.

use std::collections::HashMap;
use std::sync::LazyLock;

use arrow_schema::{DataType, Field};

use crate::site::{Counter, Counts, Site};
use crate::store::row::Row;

/// What a column is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Follows from the plan; readers compare it with the plan. In the digest.
    Setting,
    /// What a run came to; depends on config, seed and stream version alone. In the digest.
    Result,
    /// What a run came to besides; outside of the digest, which is older.
    Evaluated,
    /// Follows from the settings and repeats them for analyses. Outside of the digest; a part may lack it.
    Derived,
    /// How a row was made, not what came out.
    Provenance,
}

/// Key of a derived field's metadata, by which older programs know a newer derived column and pass over it.
pub const DERIVED: &str = "derived";

/// The value of one column in one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    U32(u32),
    U64(u64),
    F64(f64),
    Text(&'a str),
}

impl Value<'_> {
    /// Whether both are the same to the bit.
    fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
            _ => self == other,
        }
    }
}

/// As documents have it.
impl From<Value<'_>> for serde_json::Value {
    fn from(value: Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::U32(value) => value.into(),
            Value::U64(value) => value.into(),
            Value::F64(value) => value.into(),
            Value::Text(text) => text.into(),
        }
    }
}

/// As messages show it.
impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Value::Null => write!(f, "null"),
            Value::U32(value) => write!(f, "{value}"),
            Value::U64(value) => write!(f, "{value}"),
            Value::F64(value) => write!(f, "{value:?}"),
            Value::Text(text) => write!(f, "{text:?}"),
        }
    }
}

type Get = Box<dyn Fn(&Row) -> Value<'_> + Send + Sync>;
type Set = Box<dyn Fn(&mut Row, Value<'_>) -> bool + Send + Sync>;

/// A column: its Arrow field and how it is read from and put into a row.
pub struct Column {
    pub field: Field,
    pub kind: Kind,
    get: Get,
    set: Set,
}

impl Column {
    fn new<T: Stored>(kind: Kind, name: &str, get: Get, set: Set) -> Column {
        let marks = (kind == Kind::Derived).then(|| (DERIVED.to_owned(), "from the settings".to_owned()));
        let field = Field::new(name, T::TYPE, T::NULLABLE).with_metadata(marks.into_iter().collect::<HashMap<_, _>>());
        Column { field, kind, get, set }
    }

    /// A column that is a field of the row.
    fn of<T: Stored>(
        kind: Kind,
        name: &str,
        get: impl Fn(&Row) -> &T + Send + Sync + 'static,
        get_mut: impl Fn(&mut Row) -> &mut T + Send + Sync + 'static,
    ) -> Column {
        let set = move |row: &mut Row, cell: Value<'_>| match T::from_cell(cell) {
            Some(value) => {
                *get_mut(row) = value;
                true
            }
            None => false,
        };
        Column::new::<T>(kind, name, Box::new(move |row| get(row).cell()), Box::new(set))
    }

    /// A column that is one of a site's counters, null where the site has no counts.
    fn counter(site: Site, counter: Counter) -> Column {
        let get: Get = Box::new(move |row| match row.counts[site] {
            Some(mut counts) => Value::U64(*(counter.of)(&mut counts)),
            None => Value::Null,
        });
        let set = move |row: &mut Row, cell: Value<'_>| match cell {
            Value::U64(value) => {
                *(counter.of)(row.counts[site].get_or_insert_default()) = value;
                true
            }
            other => other == Value::Null,
        };
        Column::new::<Option<u64>>(Kind::Result, &format!("{}_{}", site.name(), counter.name), get, Box::new(set))
    }

    pub fn name(&self) -> &str {
        self.field.name()
    }

    /// Whether the digest covers it.
    pub fn is_digested(&self) -> bool {
        matches!(self.kind, Kind::Setting | Kind::Result)
    }

    pub fn get<'a>(&self, row: &'a Row) -> Value<'a> {
        (self.get)(row)
    }

    /// Puts a value into the row; false when it is not of the column's type.
    #[must_use]
    pub fn set(&self, row: &mut Row, cell: Value<'_>) -> bool {
        (self.set)(row, cell)
    }
}

/// A type of row field that a column can hold.
trait Stored: Sized + 'static {
    const TYPE: DataType;
    const NULLABLE: bool = false;
    fn cell(&self) -> Value<'_>;
    fn from_cell(cell: Value<'_>) -> Option<Self>;
}

macro_rules! stored {
    ($rust:ty, $arrow:ident, $cell:ident, |$value:ident| $to:expr, $from:expr) => {
        impl Stored for $rust {
            const TYPE: DataType = DataType::$arrow;
            fn cell(&self) -> Value<'_> {
                let $value = self;
                Value::$cell($to)
            }
            fn from_cell(cell: Value<'_>) -> Option<Self> {
                match cell {
                    Value::$cell($value) => Some($from),
                    _ => None,
                }
            }
        }
    };
}
stored!(u32, UInt32, U32, |v| *v, v);
stored!(u64, UInt64, U64, |v| *v, v);
stored!(f64, Float64, F64, |v| *v, v);
stored!(String, Utf8, Text, |v| v, v.to_owned());

impl<T: Stored> Stored for Option<T> {
    const TYPE: DataType = T::TYPE;
    const NULLABLE: bool = true;
    fn cell(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::cell)
    }
    fn from_cell(cell: Value<'_>) -> Option<Self> {
        match cell {
            Value::Null => Some(None),
            value => T::from_cell(value).map(Some),
        }
    }
}

macro_rules! column {
    ($kind:ident, $name:expr, |$row:ident| $place:expr) => {
        Column::of(Kind::$kind, $name, move |$row| &$place, move |$row| &mut $place)
    };
}

/// Columns named as the row's fields.
macro_rules! fields {
    ($kind:ident: $($field:ident),* $(,)?) => {
        [$(column!($kind, stringify!($field), |row| row.$field)),*]
    };
}

/// Every column, in file order.
pub static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let mut columns = Vec::new();
    columns.extend(fields![Setting: run_id, cell, seed_index]);
    columns.extend(fields![Result: seen, output]);
    columns.extend(fields![
        Setting:
        dim,
        spectrum,
        spectrum_exponent,
        target,
        target_exponent,
        noise,
        sketch_kind,
        sampling,
        tail,
        model,
        samples,
        batch,
        step_size,
        schedule,
        recipe,
    ]);
    columns.extend(fields![Derived: recipe_bits, phases]);
    for site in Site::ALL {
        let name = site.name();
        columns.push(column!(Setting, name, |row| row.formats[site]));
        columns.push(column!(Setting, &format!("{name}_rounding"), |row| row.roundings[site]));
        columns.push(column!(Derived, &format!("{name}_eps"), |row| row.eps[site]));
        columns.push(column!(Derived, &format!("{name}_bits"), |row| row.bits[site]));
    }
    columns.extend(fields![Result: excess, reducible, approximation]);
    columns.extend(fields![Evaluated: signal, overlap]);
    columns.extend(fields![
        Result:
        quantized_test,
        quantized_test_se,
        quantized_test_exact,
        held_out,
        held_out_se,
        diverged_at,
    ]);
    for site in Site::ALL {
        columns.extend(Counts::COUNTERS.map(|counter| Column::counter(site, counter)));
    }
    columns.extend(fields![Result: v_digest]);
    columns.extend(fields![Setting: stream_version]);
    columns.extend(fields![Provenance: checked, adapter, driver, fingerprint]);
    columns
});

/// The settings, results and risks in which two rows differ, if by a bit.
pub fn differing<'a>(a: &'a Row, b: &'a Row) -> impl Iterator<Item = (&'static str, Value<'a>, Value<'a>)> {
    let compared = COLUMNS.iter().filter(|c| matches!(c.kind, Kind::Setting | Kind::Result | Kind::Evaluated));
    compared.map(|c| (c.name(), c.get(a), c.get(b))).filter(|(_, a, b)| !a.is_same(b))
}

/// Whether two rows are the same to the bit, in every column.
pub fn is_same(a: &Row, b: &Row) -> bool {
    COLUMNS.iter().all(|column| column.get(a).is_same(&column.get(b)))
}

/// In which columns a stored row differs from one computed again, and how: in settings, results and risks. `None` where
/// every bit agrees.
pub fn differences(stored: &Row, computed: &Row) -> Option<String> {
    let text = |(name, stored, computed)| format!("{name} is {stored}, not {computed}");
    let texts: Vec<String> = differing(stored, computed).map(text).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// The risks of a row by their columns, those that it has not as `None`.
pub fn risks(row: &Row) -> impl Iterator<Item = (&'static str, Option<f64>)> {
    let is_risk =
        |c: &&Column| matches!(c.kind, Kind::Result | Kind::Evaluated) && *c.field.data_type() == DataType::Float64;
    COLUMNS.iter().filter(is_risk).map(|c| match c.get(row) {
        Value::F64(value) => (c.name(), Some(value)),
        _ => (c.name(), None),
    })
}
