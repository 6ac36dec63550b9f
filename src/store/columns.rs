//! The columns of a part: one table that writing, reading and the digest all derive from.

use std::sync::LazyLock;

use arrow_schema::{DataType, Field};

use crate::site::{Counter, Counts, Site};
use crate::store::row::Row;

/// Columns that the digest leaves out: how a row was made, and results that are younger than the digest.
const OUTSIDE: [&str; 6] = ["checked", "adapter", "driver", "fingerprint", "signal", "overlap"];

/// The value of one column in one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    U32(u32),
    U64(u64),
    F64(f64),
    Text(&'a str),
}

type Get = Box<dyn Fn(&Row) -> Value<'_> + Send + Sync>;
type Set = Box<dyn Fn(&mut Row, Value<'_>) -> bool + Send + Sync>;

/// A column: its Arrow field and how it is read from and put into a row.
pub struct Column {
    pub field: Field,
    /// Whether the digest covers the column: it depends on nothing but config, seed and stream version.
    pub is_result: bool,
    get: Get,
    set: Set,
}

impl Column {
    fn new<T: Stored>(name: &str, get: Get, set: Set) -> Column {
        Column { field: Field::new(name, T::TYPE, T::NULLABLE), is_result: !OUTSIDE.contains(&name), get, set }
    }

    /// A column that is a field of the row.
    fn of<T: Stored>(
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
        Column::new::<T>(name, Box::new(move |row| get(row).cell()), Box::new(set))
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
        Column::new::<Option<u64>>(&format!("{}_{}", site.name(), counter.name), get, Box::new(set))
    }

    pub fn name(&self) -> &str {
        self.field.name()
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
    ($name:expr, |$row:ident| $place:expr) => {
        Column::of($name, move |$row| &$place, move |$row| &mut $place)
    };
}

/// Columns named as the row's fields.
macro_rules! fields {
    ($($field:ident),* $(,)?) => {
        [$(column!(stringify!($field), |row| row.$field)),*]
    };
}

/// Every column, in file order.
pub static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let mut columns = Vec::new();
    columns.extend(fields![
        run_id,
        cell,
        seed_index,
        seen,
        output,
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
    for site in Site::ALL {
        let name = site.name();
        columns.push(column!(name, |row| row.formats[site]));
        columns.push(column!(&format!("{name}_rounding"), |row| row.roundings[site]));
    }
    columns.extend(fields![
        excess,
        reducible,
        approximation,
        signal,
        overlap,
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
    columns.extend(fields![v_digest, stream_version, checked, adapter, driver, fingerprint]);
    columns
});
