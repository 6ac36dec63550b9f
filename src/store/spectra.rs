//! Spectra measured on a user's covariates, beside the rows: `spectrum-<k>.csv`.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::directory::names;
use super::paths;
use crate::error::{Error, Result};
use crate::files::{csv_text, write_whole};

/// Columns of a spectrum's file: the index counts from 1.
const COLUMNS: [&str; 2] = ["index", "eigenvalue"];

/// A spectrum that lies in a directory.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredSpectrum {
    /// The k of its file, from 1.
    pub number: u64,
    /// Descending, at least one.
    pub eigenvalues: Vec<f64>,
}

impl MeasuredSpectrum {
    /// Writes the file; `tag` names the writer, as for every file of a shard.
    pub fn write(&self, dir: &Path, tag: &str) -> Result<()> {
        let path = paths::spectrum(dir, self.number);
        let text = self.csv(|value| format!("{value:e}"));
        write_whole(&path, tag, |file| file.write_all(text.as_bytes()).map_err(Error::io(&path)))
    }

    /// The text of the file, its numbers as `number` has them.
    pub fn csv(&self, number: impl Fn(f64) -> String) -> String {
        let lines = (1_u64..).zip(&self.eigenvalues).map(|(index, value)| vec![index.to_string(), number(*value)]);
        csv_text(std::iter::once(COLUMNS.map(String::from).to_vec()).chain(lines))
    }
}

/// The spectra of a directory by number, none where there is none. A malformed file is [`Error::Corrupt`].
pub fn spectra(dir: &Path) -> Result<Vec<MeasuredSpectrum>> {
    let mut spectra = Vec::new();
    for name in names(dir)? {
        let (Some(number), path) = (paths::spectrum_number(&name), dir.join(&name)) else { continue };
        let text = fs::read_to_string(&path).map_err(|e| match e.kind() {
            ErrorKind::InvalidData => Error::Corrupt(format!("{}: it is not text", path.display())),
            _ => Error::io(&path)(e),
        })?;
        let eigenvalues = parse(&text).map_err(|why| Error::Corrupt(format!("{}: {why}", path.display())))?;
        spectra.push(MeasuredSpectrum { number, eigenvalues });
    }
    spectra.sort_by_key(|spectrum| spectrum.number);
    Ok(spectra)
}

fn parse(text: &str) -> std::result::Result<Vec<f64>, String> {
    // The reader passes over empty lines; here each line is a row.
    if let Some(line) = text.lines().position(str::is_empty) {
        return Err(format!("line {}: two fields are needed", line + 1));
    }
    let mut records = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = records.records().map(|record| record.map_err(|e| e.to_string()));
    if records.next().transpose()?.is_none_or(|header| header != COLUMNS[..]) {
        return Err(format!("the first line must be `{}`", COLUMNS.join(",")));
    }
    let mut eigenvalues: Vec<f64> = Vec::new();
    for (index, record) in (1_usize..).zip(records) {
        let record = record?;
        let wrong = |what: &str| format!("line {}, `{}`: {what}", index + 1, Vec::from_iter(&record).join(","));
        if record.len() != COLUMNS.len() {
            return Err(wrong("two fields are needed"));
        }
        if record[0].parse() != Ok(index) {
            return Err(wrong(&format!("the index must be {index}")));
        }
        let value: Option<f64> = record[1].parse().ok().filter(|value: &f64| value.is_finite());
        let value = value.ok_or_else(|| wrong("the eigenvalue must be a finite number"))?;
        if eigenvalues.last().is_some_and(|before| value > *before) {
            return Err(wrong("eigenvalues must descend"));
        }
        eigenvalues.push(value);
    }
    if eigenvalues.is_empty() { Err("it has no eigenvalue".into()) } else { Ok(eigenvalues) }
}
