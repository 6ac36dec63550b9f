//! `verify --gemv`: somebody else's product of Z and v in a format.

use std::path::Path;

use serde_json::{Value, json};

use super::super::format_options::FormatOptions;
use super::Args;
use crate::error::{Error, Result};
use crate::format::Quantizer;
use crate::npy::{Element, Npy};
use crate::streams::print;
use crate::verify::gemv::{self, MAX_COLUMNS, ProductComparison, WrongRow};

/// Wrong rows told one by one.
const FIRST: usize = 10;

/// The arrays: rows x columns, columns, and rows of f32.
pub struct Paths<'a> {
    pub z: &'a Path,
    pub v: &'a Path,
    pub out: &'a Path,
}

/// An array of f32, in C order.
struct Array {
    shape: Vec<usize>,
    bits: Vec<u32>,
}

fn array(path: &Path) -> Result<Array> {
    let npy = Npy::read_any(path, &[Element::F32])?;
    let shape = npy.shape.clone();
    Ok(Array { shape, bits: npy.into_f32().into_iter().map(f32::to_bits).collect() })
}

pub fn run(args: &Args, paths: &Paths) -> anyhow::Result<()> {
    let found = compare(&args.options, paths)?;
    print(&if args.json { document(&found).to_string() } else { lines(&found).join("\n") })?;
    match found.wrong.len() {
        0 => Ok(()),
        count => Err(Error::Mismatch(format!("--gemv: {count} of {} rows are wrong", found.rows)).into()),
    }
}

fn compare(options: &FormatOptions, paths: &Paths) -> Result<ProductComparison> {
    let quantizer: Option<Quantizer> = match options.has("format") {
        true => Some(options.quantizer()?),
        false => None,
    };
    let (z, v, out) = (array(paths.z)?, array(paths.v)?, array(paths.out)?);
    let columns = columns(paths, &z, &v, &out)?;
    if quantizer.is_some_and(|quantizer| quantizer.rounding.direction.is_random()) {
        return Err(Error::Input("--gemv: allowed are roundings without random bits".into()));
    }
    if columns > MAX_COLUMNS {
        return Err(Error::Input(format!(
            "--gemv: {columns} columns: allowed are up to 2^20, so that the bound of f32 sums means something"
        )));
    }
    let rounded = |bits: &[u32]| gemv::rounded(quantizer.as_ref(), options.has("tensor_scale"), bits, columns);
    let out: Vec<f32> = out.bits.iter().map(|bits| f32::from_bits(*bits)).collect();
    Ok(gemv::check(&rounded(&z.bits), columns, &rounded(&v.bits), &out))
}

/// Columns of Z, if the shapes fit.
fn columns(paths: &Paths, z: &Array, v: &Array, out: &Array) -> Result<usize> {
    let [rows, columns] = z.shape[..] else {
        let (name, shape) = (paths.z.display(), &z.shape);
        return Err(Error::Input(format!("--gemv {name}: shape {shape:?}: allowed are (rows, columns)")));
    };
    if v.shape != [columns] || out.shape != [rows] {
        return Err(Error::Input(format!(
            "--gemv: shapes {:?}, {:?}, {:?}: allowed are (rows, columns), (columns) and (rows)",
            z.shape, v.shape, out.shape
        )));
    }
    Ok(columns)
}

fn document(found: &ProductComparison) -> Value {
    // JSON has no infinities.
    let number = |number: f64| if number.is_finite() { json!(number) } else { json!(format!("{number:?}")) };
    let wrong = found.wrong.iter().map(|WrongRow { row, value, exact, bound }| {
        // As f32 prints it, not with the digits of f64.
        let value = if value.is_finite() { json!(value) } else { number((*value).into()) };
        json!({ "row": row, "value": value, "exact": number(*exact), "bound": bound })
    });
    let wrong: Vec<Value> = wrong.collect();
    json!({ "rows": found.rows, "same_bits": found.same, "worst": number(found.worst), "wrong": wrong })
}

fn lines(found: &ProductComparison) -> Vec<String> {
    let mut lines = vec![format!(
        "{} rows: {} with our bits, {} beyond what the order of f32 sums explains; largest error {:.3} of that bound",
        found.rows,
        found.same,
        found.wrong.len(),
        found.worst
    )];
    lines.extend(found.wrong.iter().take(FIRST).map(|WrongRow { row, value, exact, bound }| {
        let distance = f64::from(*value) - exact;
        match distance.is_finite() {
            true => format!("row {row}: {value:?}, exact {exact:?}, off by {distance:e}, bound {bound:e}"),
            false => format!("row {row}: {value:?}, exact {exact:?}"),
        }
    }));
    lines
}
