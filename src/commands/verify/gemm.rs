//! `verify --gemm`: somebody else's product of two matrices, or of a matrix and a vector, in a format.

use std::path::Path;

use serde_json::{Value, json};

use super::Args;
use crate::commands::block_options;
use crate::commands::stored::{decodable, decode, scales};
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer};
use crate::streams::print;
use crate::tensor::numbers::Numbers;
use crate::tensor::{Element, Source};
use crate::verify::gemm::{self, MAX_INNER, ProductComparison, WrongElement};

/// Wrong elements that the text tells one by one.
const FIRST: usize = 10;
/// What factors are stored in: all of it is f32.
const FACTORS: [Element; 3] = [Element::F32, Element::F16, Element::Bf16];

/// The arrays: rows x inner, inner x columns or inner alone, and rows x columns or rows alone, of f32.
pub struct Paths<'a> {
    pub a: &'a Path,
    pub b: &'a Path,
    pub out: &'a Path,
}

/// An array of f32 bits, in C order.
struct Array {
    shape: Vec<usize>,
    bits: Vec<u32>,
}

pub fn run(args: &Args, paths: &Paths) -> anyhow::Result<()> {
    let found = compare(args, paths)?;
    print(&if args.json { document(&found).to_string() } else { lines(&found).join("\n") })?;
    match found.wrong {
        0 => Ok(()),
        count => {
            let all = found.rows * found.columns;
            Err(Error::Mismatch(format!("--gemm: {count} of {all} elements are wrong")).into())
        }
    }
}

fn compare(args: &Args, paths: &Paths) -> Result<ProductComparison> {
    let quantizer: Option<Quantizer> = match args.options.has("format") {
        true => Some(args.options.quantizer()?),
        false => None,
    };
    let a = match (args.decode, &quantizer) {
        (true, Some(quantizer)) => decoded(args, quantizer, paths.a)?,
        (true, None) => return Err(Error::Input("--decode: allowed with --format, that of the codes".into())),
        (false, _) => array(paths.a, &FACTORS)?,
    };
    let (b, out) = (array(paths.b, &FACTORS)?, array(paths.out, &[Element::F32])?);
    let inner = inner(paths, &a, &b, &out)?;
    if quantizer.is_some_and(|quantizer| quantizer.rounding.direction.is_random()) {
        return Err(Error::Input("--gemm: allowed are roundings without random bits".into()));
    }
    if inner > MAX_INNER {
        return Err(Error::Input(format!(
            "--gemm: sums of {inner} products: allowed are up to 2^20, so that the bound of f32 sums means something"
        )));
    }
    // Codes are of values that were rounded: what they meet is taken as it is.
    let quantizer = quantizer.filter(|_| !args.decode);
    let given = args.options.has("tensor_scale");
    let rounded = |bits: &[u32]| gemm::rounded(quantizer.as_ref(), given, bits, inner);
    let out: Vec<f32> = out.bits.iter().map(|bits| f32::from_bits(*bits)).collect();
    Ok(gemm::check(&rounded(&a.bits), inner, &rounded(&by_columns(&b.bits, inner)), &out))
}

/// The columns of a matrix one after the other.
fn by_columns(bits: &[u32], rows: usize) -> Vec<u32> {
    let columns = bits.len() / rows.max(1);
    (0..columns).flat_map(|column| bits.iter().skip(column).step_by(columns).copied()).collect()
}

fn array(path: &Path, allowed: &[Element]) -> Result<Array> {
    let mut source = Source::open(path, allowed)?;
    in_rows(&source)?;
    let (mut bytes, mut bits) = (Vec::new(), vec![0; source.count]);
    source.read(source.count, &mut bytes)?;
    Numbers::new(source.element, false).bits(&bytes, &mut bits);
    Ok(Array { shape: source.shape, bits })
}

fn in_rows(source: &Source) -> Result<()> {
    let name = source.name();
    match source.is_fortran && source.shape.len() > 1 {
        true => Err(Error::Input(format!("--gemm {name}: Fortran order: allowed is C order"))),
        false => Ok(()),
    }
}

/// The values of codes and scales.
fn decoded(args: &Args, quantizer: &Quantizer, path: &Path) -> Result<Array> {
    let op = QuantOp::of(quantizer);
    args.blocks.fit(&op, args.options.has("block"))?;
    decodable(&op, &args.options)?;
    let mut source = Source::open(path, &Element::CODES)?;
    in_rows(&source)?;
    let shape = args.blocks.shape_of_codes(&source);
    let array = block_options::Array { name: source.name(), shape: &shape, is_fortran: source.is_fortran };
    let laid = args.blocks.laid(&op, &array)?;
    let scales = scales(args.scales.as_deref(), "--decode", &op, source.is_fortran, source.name(), &laid)?;
    let mut bits = Vec::with_capacity(source.count);
    decode(&op, &args.blocks, &mut source, scales, &laid, |values| {
        bits.extend_from_slice(values);
        Ok(())
    })?;
    Ok(Array { shape, bits })
}

/// Products of a sum, if the shapes fit.
fn inner(paths: &Paths, a: &Array, b: &Array, out: &Array) -> Result<usize> {
    let [rows, inner] = a.shape[..] else {
        let (name, shape) = (paths.a.display(), &a.shape);
        return Err(Error::Input(format!("--gemm {name}: shape {shape:?}: allowed are (rows, inner)")));
    };
    let fits = match (&b.shape[..], &out.shape[..]) {
        ([first], [last]) => (*first, *last) == (inner, rows),
        ([first, columns], [last, as_many]) => (*first, *last, *columns) == (inner, rows, *as_many),
        _ => false,
    };
    if !fits || a.bits.is_empty() || b.bits.is_empty() {
        return Err(Error::Input(format!(
            "--gemm: shapes {:?}, {:?}, {:?}: allowed are (rows, inner), (inner, columns) and (rows, columns), or (inner) and \
             (rows), of 1 or more",
            a.shape, b.shape, out.shape
        )));
    }
    Ok(inner)
}

fn document(found: &ProductComparison) -> Value {
    // JSON has no infinities.
    let number = |number: f64| if number.is_finite() { json!(number) } else { json!(format!("{number:?}")) };
    let wrong = found.first.iter().map(|WrongElement { row, column, value, exact, bound }| {
        // As f32 prints it, not with the digits of f64.
        let value = if value.is_finite() { json!(value) } else { number((*value).into()) };
        json!({ "row": row, "column": column, "value": value, "exact": number(*exact), "bound": bound })
    });
    let wrong: Vec<Value> = wrong.collect();
    json!({
        "rows": found.rows,
        "columns": found.columns,
        "same_bits": found.same,
        "different": found.wrong,
        "worst": number(found.worst),
        "wrong": wrong,
    })
}

fn lines(found: &ProductComparison) -> Vec<String> {
    let ProductComparison { rows, columns, same, wrong, first, worst } = found;
    let mut lines = vec![format!(
        "{rows} x {columns} elements: {same} with our bits, {wrong} beyond what the order of f32 sums explains; largest error \
         {worst:.3} of that bound"
    )];
    lines.extend(first.iter().take(FIRST).map(|WrongElement { row, column, value, exact, bound }| {
        let distance = f64::from(*value) - exact;
        match distance.is_finite() {
            true => format!("[{row}, {column}]: {value:?}, exact {exact:?}, off by {distance:e}, bound {bound:e}"),
            false => format!("[{row}, {column}]: {value:?}, exact {exact:?}"),
        }
    }));
    lines
}
