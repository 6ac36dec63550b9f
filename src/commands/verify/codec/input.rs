//! The files of `verify --codec`: a table of text, or arrays.

use std::path::Path;

use super::super::Args;
use crate::commands::block_options::{Array, Laid};
use crate::commands::stored::{read_scales, scales};
use crate::decimal::rounds_odd_alike;
use crate::error::{Error, Result};
use crate::format::{QuantOp, Quantizer};
use crate::limits;
use crate::tensor::numbers::Numbers;
use crate::tensor::{Element, Source};
use crate::verify::foreign::{Case, Cut, Found, Inputs, table};

/// The most elements of an array.
const MAX_ELEMENTS: usize = 1 << 28;
/// Bytes of memory for each element, and for each of a random rounding.
const OF_ELEMENT: u64 = 40;
const OF_RANDOM: u64 = 80;

/// What the files hold.
pub struct Files {
    pub case: Case,
    /// Of a second call.
    pub again: Option<Found>,
}

/// Reads the files.
pub fn read(args: &Args, quantizer: Quantizer, path: &Path) -> Result<Files> {
    let given = args.options.has("tensor_scale");
    match (&args.codes, &args.values) {
        (None, None) => Ok(Files { case: table(args, quantizer, given, path)?, again: None }),
        _ => arrays(args, quantizer, given, path),
    }
}

fn table(args: &Args, quantizer: Quantizer, given: bool, path: &Path) -> Result<Case> {
    let name = format!("--codec {}", path.display());
    for (option, is_set) in [
        ("--again", args.again.is_some()),
        ("--axis", args.blocks.axis.is_some()),
        ("--tile", args.blocks.tile.is_some()),
        ("--nibbles", args.blocks.nibbles.is_some()),
    ] {
        if is_set {
            return Err(Error::Input(format!("{option}: allowed with arrays, --codes or --values")));
        }
    }
    let bytes = std::fs::read(path).map_err(|error| Error::Input(format!("{name}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::Input(format!("{name} is no text: allowed is CSV, or an array with its --codes or --values"))
    })?;
    table::read(&name, &text, quantizer, given)
}

fn arrays(args: &Args, quantizer: Quantizer, given: bool, path: &Path) -> Result<Files> {
    let op = QuantOp::of(&quantizer);
    if quantizer.four_over_six && op.draws() {
        return Err(Error::Input(
            "--four-over-six true: allowed with roundings that are not random: a block's scale depends on its words"
                .into(),
        ));
    }
    if args.blocks.nibbles.is_some() && args.codes.is_none() {
        return Err(Error::Input("--nibbles: allowed with --codes".into()));
    }
    let mut source = Source::open(path, &Element::NUMBERS)?;
    if source.count > MAX_ELEMENTS {
        let (name, count) = (source.name(), source.count);
        return Err(Error::Input(format!("{name} has {count} elements: allowed are 2^28; verify a part of them")));
    }
    let bytes = source.count as u64 * if op.draws() { OF_RANDOM } else { OF_ELEMENT };
    if let Some(left) = limits::memory().filter(|left| left.bytes < bytes) {
        let (name, count, gib) = (source.name(), source.count, |bytes: u64| bytes as f64 / (1u64 << 30) as f64);
        return Err(Error::Input(format!(
            "{name} has {count} elements, which take {:.2} GiB: {:.2} GiB are left of {}; verify a part of them",
            gib(bytes),
            gib(left.bytes),
            left.of
        )));
    }
    let array = Array { name: source.name(), shape: &source.shape, is_fortran: source.is_fortran };
    let laid = args.blocks.laid(&op, &array)?;
    let stored = |option: &str, path: &Path| match args.codes {
        Some(_) => codes_of(args, option, &op, path, &source, &laid),
        None => values_of(option, path, &source).map(Found::Values),
    };
    let found = match (&args.codes, &args.values) {
        (Some(codes), _) => stored("--codes", codes)?,
        (None, Some(values)) => stored("--values", values)?,
        (None, None) => return Err(Error::Input("--codec: allowed are --codes or --values".into())),
    };
    let again = args.again.as_deref().map(|path| stored("--again", path)).transpose()?;
    let (shape, is_fortran) = (source.shape.clone(), source.is_fortran);
    let bytes = all(&mut source)?;
    let numbers = |to_odd: bool| {
        let mut bits = vec![0; source.count];
        let inexact = Numbers::new(source.element, to_odd).bits(&bytes, &mut bits);
        (bits, inexact)
    };
    let (bits, inexact) = numbers(rounds_odd_alike(&op));
    let nearest = (inexact > 0).then(|| numbers(false).0);
    let cut = args.blocks.tile.map_or(Cut::Along(laid.axis), |(rows, columns)| Cut::Tiles(rows, columns));
    let inputs = Inputs { bits, nearest, shape, is_fortran };
    Ok(Files { case: Case::new(quantizer, given, inputs, cut, found), again })
}

/// Everything that a source holds.
fn all(source: &mut Source) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.read(source.count, &mut bytes)?;
    Ok(bytes)
}

/// The codes of an array, and the scales of its blocks.
fn codes_of(args: &Args, option: &str, op: &QuantOp, path: &Path, input: &Source, laid: &Laid) -> Result<Found> {
    let mut source = Source::open(path, &Element::CODES)?;
    same_shape(option, &source, &args.blocks.shape_of_codes(&source), input)?;
    let name = source.name().to_string();
    let scales = scales(args.scales.as_deref(), "--codes", op, source.is_fortran, &name, laid)?;
    let (mut bytes, mut codes, mut bytes_of_scales) = (Vec::new(), vec![0; input.count], Vec::new());
    args.blocks.read_codes(op, &mut source, 0, &mut bytes, &mut codes)?;
    if let Some(mut source) = scales {
        let count = source.count;
        read_scales(op, &mut source, count, &mut bytes, &mut bytes_of_scales)?;
    }
    Ok(Found::Codes { codes, scales: bytes_of_scales })
}

/// The dequantized values of an array, as f32 bits.
fn values_of(option: &str, path: &Path, input: &Source) -> Result<Vec<u32>> {
    let mut source = Source::open(path, &Element::NUMBERS)?;
    same_shape(option, &source, &source.shape, input)?;
    let (bytes, mut bits) = (all(&mut source)?, vec![0; source.count]);
    let inexact = Numbers::new(source.element, false).bits(&bytes, &mut bits);
    match inexact {
        0 => Ok(bits),
        _ => Err(Error::Input(format!(
            "{option}: {} has {inexact} numbers that are no f32: allowed are values of a format, which are",
            source.name()
        ))),
    }
}

/// Refuses an array that does not hold an element for each one of the input, in its order.
fn same_shape(option: &str, source: &Source, shape: &[usize], input: &Source) -> Result<()> {
    if shape == input.shape && source.is_fortran == input.is_fortran {
        return Ok(());
    }
    let order = |is_fortran: bool| if is_fortran { " in Fortran order" } else { "" };
    let (found, must) = (order(source.is_fortran), order(input.is_fortran));
    let (name, inputs) = (source.name(), input.name());
    Err(Error::Input(format!(
        "{option}: {name} has elements of shape {shape:?}{found}: allowed is {:?}{must}, as {inputs} has",
        input.shape
    )))
}
