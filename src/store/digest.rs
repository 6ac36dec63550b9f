//! One number that stands for all results of a directory.

use std::fmt::Write as _;

use super::columns::{COLUMNS, Value};
use crate::error::Result;
use crate::hash::fnv1a64;
use crate::store::row::Row;

/// FNV-1a 64, as 16 hex digits, of the result columns of the rows in key order: equal for equal
/// results whatever the shards, machines and checks that led to them.
pub fn digest(rows: &[Row]) -> String {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by_key(|row| row.key());
    hex(sorted.into_iter().map(canonical))
}

/// [`digest`] of rows that come in key order, one after another; their first error ends it.
pub fn digest_of(rows: impl Iterator<Item = Result<Row>>) -> Result<String> {
    let mut failure = None;
    let lines = rows.map_while(|row| row.map_err(|error| failure = Some(error)).ok()).map(|row| canonical(&row));
    let digest = hex(lines);
    failure.map_or(Ok(digest), Err)
}

fn hex(lines: impl Iterator<Item = String>) -> String {
    format!("{:016x}", fnv1a64(lines.flat_map(String::into_bytes)))
}

/// A row's result columns as a line. A text is led by its length, so that no two rows share a line.
fn canonical(row: &Row) -> String {
    let mut line = String::new();
    for column in COLUMNS.iter().filter(|column| column.is_digested()) {
        let written = match column.get(row) {
            Value::Null => write!(line, "null\t"),
            Value::U32(value) => write!(line, "{value}\t"),
            Value::U64(value) => write!(line, "{value}\t"),
            Value::F64(value) => write!(line, "{:016x}\t", value.to_bits()),
            Value::Text(value) => write!(line, "{}:{value}\t", value.len()),
        };
        written.expect("a String takes whatever is written to it");
    }
    line.push('\n');
    line
}
