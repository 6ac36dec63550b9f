//! What `verify --codec` compares: a table of text, or arrays.

use std::path::Path;

use super::super::Args;
use crate::commands::block_options::{Array, BlockOptions, Laid};
use crate::commands::stored::{read_scales, scales_of};
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

/// Which array is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Input,
    Codes,
    Scales,
    Values,
    Again,
}

impl Role {
    fn option(self) -> &'static str {
        match self {
            Role::Input => "--codec",
            Role::Codes => "--codes",
            Role::Scales => "--scales",
            Role::Values => "--values",
            Role::Again => "--again",
        }
    }
}

/// Opens an array whose elements are allowed, where there is one.
pub type Open<'a> = dyn Fn(Role, &[Element]) -> Option<Result<Source<'a>>> + 'a;

/// How the arrays are to be read.
pub struct Layout<'a> {
    pub blocks: &'a BlockOptions,
    /// Whether a two-level format has its own scale of the tensor.
    pub has_tensor_scale: bool,
    /// Whether codes were stored, or values.
    pub has_codes: bool,
    /// Whether there is a second call.
    pub has_again: bool,
}

/// What the files hold.
pub struct Files {
    pub case: Case,
    /// Of a second call.
    pub again: Option<Found>,
}

/// Reads the files.
pub fn read(args: &Args, quantizer: Quantizer, path: &Path) -> Result<Files> {
    let given = args.options.has("tensor_scale");
    if args.codes.is_none() && args.values.is_none() {
        return Ok(Files { case: table(args, quantizer, given, path)?, again: None });
    }
    let open = |role: Role, allowed: &[Element]| {
        let path = match role {
            Role::Input => Some(path),
            Role::Codes => args.codes.as_deref(),
            Role::Scales => args.scales.as_deref(),
            Role::Values => args.values.as_deref(),
            Role::Again => args.again.as_deref(),
        };
        path.map(|path| Source::open(path, allowed))
    };
    let layout = Layout {
        blocks: &args.blocks,
        has_tensor_scale: given,
        has_codes: args.codes.is_some(),
        has_again: args.again.is_some(),
    };
    arrays(&layout, quantizer, &open)
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

/// Reads arrays.
pub fn arrays(layout: &Layout, quantizer: Quantizer, open: &Open) -> Result<Files> {
    let op = QuantOp::of(&quantizer);
    if quantizer.four_over_six && op.draws() {
        return Err(Error::Input(
            "--four-over-six true: allowed with roundings that are not random: a block's scale depends on its words"
                .into(),
        ));
    }
    let Layout { blocks, has_tensor_scale, has_codes, has_again } = *layout;
    if blocks.nibbles.is_some() && !has_codes {
        return Err(Error::Input("--nibbles: allowed with --codes".into()));
    }
    let mut source = opened(open, Role::Input, &Element::NUMBERS)?;
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
    let laid = blocks.laid(&op, &array)?;
    let stored = |role: Role| match has_codes {
        true => codes_of(blocks, role, open, &op, &source, &laid),
        false => values_of(role, open, &source).map(Found::Values),
    };
    let found = stored(if has_codes { Role::Codes } else { Role::Values })?;
    let again = has_again.then(|| stored(Role::Again)).transpose()?;
    let (shape, is_fortran) = (source.shape.clone(), source.is_fortran);
    let bytes = all(&mut source)?;
    let numbers = |to_odd: bool| {
        let mut bits = vec![0; source.count];
        let inexact = Numbers::new(source.element, to_odd).bits(&bytes, &mut bits);
        (bits, inexact)
    };
    let (bits, inexact) = numbers(rounds_odd_alike(&op));
    let nearest = (inexact > 0).then(|| numbers(false).0);
    let cut = blocks.tile.map_or(Cut::Along(laid.axis), |(rows, columns)| Cut::Tiles(rows, columns));
    let inputs = Inputs { bits, nearest, shape, is_fortran };
    Ok(Files { case: Case::new(quantizer, has_tensor_scale, inputs, cut, found), again })
}

/// Everything that a source holds.
fn all(source: &mut Source) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.read(source.count, &mut bytes)?;
    Ok(bytes)
}

fn opened<'a>(open: &Open<'a>, role: Role, allowed: &[Element]) -> Result<Source<'a>> {
    open(role, allowed).unwrap_or_else(|| Err(Error::Input("--codec: allowed are --codes or --values".into())))
}

/// The codes of an array, and the scales of its blocks.
fn codes_of(
    blocks: &BlockOptions,
    role: Role,
    open: &Open,
    op: &QuantOp,
    input: &Source,
    laid: &Laid,
) -> Result<Found> {
    let mut source = opened(open, role, &Element::CODES)?;
    same_shape(role, &source, &blocks.shape_of_codes(&source), input)?;
    let name = source.name().to_string();
    let scales = scales_of(|types| open(Role::Scales, types), "--codes", op, source.is_fortran, &name, laid)?;
    let (mut bytes, mut codes, mut bytes_of_scales) = (Vec::new(), vec![0; input.count], Vec::new());
    blocks.read_codes(op, &mut source, 0, &mut bytes, &mut codes)?;
    if let Some(mut source) = scales {
        let count = source.count;
        read_scales(op, &mut source, count, &mut bytes, &mut bytes_of_scales)?;
    }
    Ok(Found::Codes { codes, scales: bytes_of_scales })
}

/// The dequantized values of an array, as f32 bits.
fn values_of(role: Role, open: &Open, input: &Source) -> Result<Vec<u32>> {
    let mut source = opened(open, role, &Element::NUMBERS)?;
    same_shape(role, &source, &source.shape, input)?;
    let (bytes, mut bits) = (all(&mut source)?, vec![0; source.count]);
    let inexact = Numbers::new(source.element, false).bits(&bytes, &mut bits);
    match inexact {
        0 => Ok(bits),
        _ => Err(Error::Input(format!(
            "{}: {} has {inexact} numbers that are no f32: allowed are values of a format, which are",
            role.option(),
            source.name()
        ))),
    }
}

/// Refuses an array that does not hold an element for each one of the input, in its order.
fn same_shape(role: Role, source: &Source, shape: &[usize], input: &Source) -> Result<()> {
    if shape == input.shape && source.is_fortran == input.is_fortran {
        return Ok(());
    }
    let order = |is_fortran: bool| if is_fortran { " in Fortran order" } else { "" };
    let (found, must) = (order(source.is_fortran), order(input.is_fortran));
    let (option, name, inputs) = (role.option(), source.name(), input.name());
    Err(Error::Input(format!(
        "{option}: {name} has elements of shape {shape:?}{found}: allowed is {:?}{must}, as {inputs} has",
        input.shape
    )))
}
