//! Values in a number format, outside of any run; and the arrays that hold numbers, as people store them.

pub mod blocks;
pub mod codes;
mod element;
pub mod nibbles;
pub mod numbers;
mod packed;
pub mod places;
mod reader;
pub mod rounds;
mod safetensors;
mod source;
pub mod stats;

use toml::{Table, Value};

use crate::codec::NO_CODE;
use crate::config::keys::Keys;
use crate::config::quantizer::quantizer;
use crate::error::{Error, Result};
use crate::reference::quantize::Job;
use crate::site::Counts;

pub use element::{Element, size};
pub use reader::Reader;
pub use source::{Source, file_of};

/// What [`quantize`] may be told besides the format. Options are added as they come: begin with the default and set
/// fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuantizeOptions {
    /// Elements of a row: blocks run along rows and end with them. `None`: all values are one row.
    pub columns: Option<usize>,
    /// Key of the random words that stochastic rounding and dither draw: a word per element, by row and column.
    pub seed: u64,
    /// A random word per element in place of the seed's, of which a rounding with fewer bits takes the upper ones.
    pub words: Option<Vec<u32>>,
}

/// Values in a number format.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tensor {
    /// What the codes stand for, scales included, in the order of the input.
    pub values: Vec<f32>,
    /// The code of each value in its low bits, integers in two's complement; `None` for a value that the format has no
    /// code for, as a NaN where it has none.
    pub codes: Vec<Option<u32>>,
    /// What is stored of the scale of each block, row by row: a byte in E8M0 (2^(byte - 127)), of nvfp4 in E4M3 or UE5M3; or the
    /// bits of an f32 with `scale_mode = "absmax"` and `step = "absmax-f32"`. Empty where nothing is shared.
    pub scales: Vec<u32>,
    /// How many values were clipped, became zero, or are not finite.
    pub counts: Counts,
}

/// Rounds f32 values to a format by the scalar codec, on all cores: the bits of `roundlaw quantize`.
///
/// `format` is what a recipe of a config has at a site: a name, as `mxfp4`, or a table with options, as
/// `{ format = "int8", step = 0.0625 }`.
///
/// # Errors
/// [`Error::Input`] for an unknown format or option, rows that do not fit the values, more than 2^28 values, and words
/// that are not one per element of a random rounding.
///
/// # Examples
/// ```
/// use roundlaw::{QuantizeOptions, quantize};
///
/// let defaults = QuantizeOptions::default();
/// let e4m3 = quantize(&[464.0, 465.0, -0.3], "e4m3", &defaults)?;
/// assert_eq!(e4m3.values, [448.0, 448.0, -0.3125]);
/// assert_eq!(e4m3.codes, [Some(0x7e), Some(0x7e), Some(0xaa)]);
/// assert_eq!(e4m3.counts.saturated, 1, "464 ties to 448, 465 is clipped");
///
/// // Two rows of two: each shares a scale.
/// let mut rows = QuantizeOptions::default();
/// rows.columns = Some(2);
/// let mxfp4 = quantize(&[1.0, 6.0, 0.1, 0.25], "mxfp4", &rows)?;
/// assert_eq!((mxfp4.values.as_slice(), mxfp4.scales.as_slice()), (&[1.0, 6.0, 0.09375, 0.25][..], &[127, 123][..]));
///
/// let int8 = quantize(&[0.3], r#"{ format = "int8", step = 0.0625, rounding = "up" }"#, &defaults)?;
/// assert_eq!(int8.values, [0.3125]);
/// # Ok::<(), roundlaw::Error>(())
/// ```
pub fn quantize(values: &[f32], format: &str, options: &QuantizeOptions) -> Result<Tensor> {
    let table = table(format)?;
    let scale_is_given = table.contains_key("tensor_scale");
    let quantizer = quantizer(Keys::of("", table))?;
    let input: Vec<u32> = values.iter().map(|x| x.to_bits()).collect();
    let columns = options.columns.unwrap_or(input.len().max(1));
    let job = Job::new(&quantizer, scale_is_given, &input, columns)?;
    let job = match &options.words {
        Some(words) => job.with_words(words)?,
        None => job.seeded(options.seed),
    };
    let done = job.run();
    Ok(Tensor {
        values: done.elements.iter().map(|element| f32::from_bits(element.bits)).collect(),
        codes: done.elements.iter().map(|element| Some(element.code).filter(|code| *code != NO_CODE)).collect(),
        scales: done.scales.clone(),
        counts: done.counts(),
    })
}

/// A name, or a table in the TOML of a config, as the table of a format.
fn table(format: &str) -> Result<Table> {
    if !format.trim_start().starts_with('{') {
        return Ok(Table::from_iter([("format".to_string(), Value::from(format))]));
    }
    let wrong =
        || Error::Input(format!("{format:?}: allowed is a name, or a table as {{ format = \"int8\", step = 0.5 }}"));
    let mut root: Table = format!("table = {format}").parse().map_err(|_| wrong())?;
    match (root.remove("table"), root.is_empty()) {
        (Some(Value::Table(table)), true) => Ok(table),
        _ => Err(wrong()),
    }
}
