//! Values, and what somebody's codec stored for them.

use std::borrow::Cow;
use std::sync::Arc;

use super::parts::is_nan;
use crate::codec::{NO_CODE, added, distance, quantize, stored, stored_scale};
use crate::format::{QuantOp, Quantizer, policy};
use crate::reference::quantize::operation;
use crate::tensor::blocks::Blocks;

/// What is stored for an element, and the value that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// With its sign; [`NO_CODE`] where the format has none, or a value is what is stored.
    pub code: u32,
    /// What is stored of its block's scale; 0 where nothing is shared.
    pub scale: u32,
    /// f32 bits.
    pub value: u32,
}

/// What a codec gives for each element.
pub type Codec<'a> = Box<dyn Fn(usize) -> Stored + Sync + 'a>;

/// What was found in the files.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A code for each element, and a scale for each block.
    Codes { codes: Vec<u32>, scales: Vec<u32> },
    /// Dequantized values, as f32 bits.
    Values(Vec<u32>),
}

/// Which elements share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Blocks run along an axis.
    Along(usize),
    /// Blocks are tiles of rows and columns of the last two axes.
    Tiles(usize, usize),
}

/// How a stored element compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    Same,
    /// Both are NaN, by codes that differ.
    OtherNan,
    Different,
}

/// An array, and what was stored for it. Elements are in the order of the files.
pub struct Case {
    pub quantizer: Quantizer,
    pub op: QuantOp,
    /// Whether a two-level format has its own scale of the tensor.
    given: bool,
    /// f32 bits; of numbers that are no f32 those that round as they do.
    pub inputs: Vec<u32>,
    /// The f32 nearest each number, where one is no f32.
    pub nearest: Option<Vec<u32>>,
    pub shape: Vec<usize>,
    pub is_fortran: bool,
    pub cut: Cut,
    pub(super) blocks: Blocked,
    /// Which blocks take their largest magnitudes to 4, where that is a choice.
    fours: Vec<bool>,
    pub found: Found,
}

/// An array as it was read.
pub struct Inputs {
    pub bits: Vec<u32>,
    pub nearest: Option<Vec<u32>>,
    pub shape: Vec<usize>,
    pub is_fortran: bool,
}

impl Case {
    /// What was stored for `inputs` by a codec of a format; `given`: of a two-level format the scale of the tensor.
    pub fn new(quantizer: Quantizer, given: bool, inputs: Inputs, cut: Cut, found: Found) -> Case {
        let Inputs { bits, nearest, shape, is_fortran } = inputs;
        let op = operation(&quantizer, given, &bits);
        let (blocks, fours) = (Blocked::default(), Vec::new());
        let case = Case { quantizer, op, given, inputs: bits, nearest, shape, is_fortran, cut, blocks, fours, found };
        let blocks = case.blocked(&op, cut, &case.inputs);
        Case { fours: blocks.fours(&op, &case.inputs), blocks, ..case }
    }

    /// A list of values, which is one row.
    pub fn list(quantizer: Quantizer, given: bool, bits: Vec<u32>, nearest: Option<Vec<u32>>, found: Found) -> Case {
        let inputs = Inputs { shape: vec![bits.len()], bits, nearest, is_fortran: false };
        Case::new(quantizer, given, inputs, Cut::Along(0), found)
    }

    /// The operation of another format, or of other options, on the same array.
    pub(super) fn operation(&self, quantizer: &Quantizer) -> QuantOp {
        operation(quantizer, self.given, &self.inputs)
    }

    /// The blocks of values in place of the case's own.
    pub(super) fn blocked(&self, op: &QuantOp, cut: Cut, inputs: &[u32]) -> Blocked {
        if !op.shares() {
            return Blocked::default();
        }
        Blocked::new(cut.blocks(&self.shape, self.is_fortran, op.block as usize), inputs)
    }

    /// What the format asks for.
    pub fn ours(&self) -> Codec<'_> {
        self.rounded(self.op, (&self.inputs).into(), self.blocks.clone())
    }

    /// What a format gives for values in blocks, of which the scales are stored in the order of the blocks.
    pub(super) fn rounded<'a>(&'a self, op: QuantOp, inputs: Cow<'a, [u32]>, blocks: Blocked) -> Codec<'a> {
        let fours = blocks.fours(&op, &inputs);
        let scales = blocks.scales(&op, &fours);
        Box::new(move |k| {
            let rounded = quantize(&of_block(&op, &fours, blocks.at(k)), inputs[k], blocks.largest(k), 0);
            // The files have their scales where the case's blocks are.
            Stored { code: rounded.code, scale: at(&scales, self.blocks.at(k)), value: rounded.bits }
        })
    }

    /// What was stored for an element.
    pub fn theirs(&self, k: usize) -> Stored {
        self.stored_in(&self.found, k)
    }

    /// What other files of the same kind have for it.
    pub(super) fn stored_in(&self, found: &Found, k: usize) -> Stored {
        match found {
            Found::Values(values) => Stored { code: NO_CODE, scale: 0, value: values[k] },
            Found::Codes { codes, scales } => {
                let (code, scale) = (codes[k], at(scales, self.blocks.at(k)));
                Stored { code, scale, value: stored(&self.op, code, scale) }
            }
        }
    }

    /// How what was stored for an element compares with what another codec gives.
    pub fn agreement(&self, k: usize, other: Stored) -> Agreement {
        self.compared(self.theirs(k), other)
    }

    /// How something that was stored compares with what another codec gives.
    pub(super) fn compared(&self, theirs: Stored, other: Stored) -> Agreement {
        let both_nan = is_nan(theirs.value) && is_nan(other.value);
        match self.found {
            Found::Values(_) if both_nan || theirs.value == other.value => Agreement::Same,
            Found::Codes { .. } if theirs.scale != other.scale => Agreement::Different,
            Found::Codes { .. } if theirs.code == other.code => Agreement::Same,
            Found::Codes { .. } if both_nan && other.code != NO_CODE => Agreement::OtherNan,
            _ => Agreement::Different,
        }
    }

    /// Elements of a row, as they are stored.
    pub(super) fn row(&self) -> usize {
        let last = if self.is_fortran { self.shape.first() } else { self.shape.last() };
        last.copied().unwrap_or(1)
    }

    /// The f32 nearest the number of an element, as bits.
    pub fn nearest(&self, k: usize) -> u32 {
        self.nearest.as_ref().unwrap_or(&self.inputs)[k]
    }

    /// The block that an element is in.
    pub fn block_of(&self, k: usize) -> usize {
        self.blocks.at(k)
    }

    /// Whether files with another number of blocks than this could be those that were found.
    pub(super) fn has_room(&self, blocks: &Blocked) -> bool {
        matches!(self.found, Found::Values(_)) || blocks.maxima.len() == self.blocks.maxima.len()
    }

    /// The scales that the format asks for.
    pub(super) fn own_scales(&self) -> Vec<u32> {
        self.blocks.scales(&self.op, &self.fours)
    }

    /// The operation of a block.
    pub(super) fn of_block(&self, block: usize) -> QuantOp {
        of_block(&self.op, &self.fours, block)
    }

    /// How many stored scales differ, of all.
    pub(super) fn different_scales(&self) -> Option<(usize, usize)> {
        match &self.found {
            Found::Codes { scales, .. } if self.op.shares() => {
                let ours = self.own_scales();
                Some((ours.iter().zip(scales).filter(|(ours, theirs)| ours != theirs).count(), scales.len()))
            }
            _ => None,
        }
    }

    /// Rows and columns of the stored scales, by the two axes that are stored last.
    pub(super) fn grid_of_blocks(&self) -> Option<(usize, usize)> {
        let mut extents = self.shape.clone();
        match self.cut {
            Cut::Along(axis) => {
                let extent = extents.get_mut(axis)?;
                *extent = extent.div_ceil(self.op.block as usize);
            }
            Cut::Tiles(height, width) => {
                let [.., rows, columns] = extents.as_mut_slice() else { return None };
                (*rows, *columns) = (rows.div_ceil(height), columns.div_ceil(width));
            }
        }
        if self.is_fortran {
            extents.reverse();
        }
        let [.., rows, columns] = extents[..] else { return None };
        Some((rows, columns))
    }
}

impl Cut {
    fn blocks(self, shape: &[usize], is_fortran: bool, size: usize) -> Blocks {
        match self {
            Cut::Along(axis) => Blocks::along(shape, is_fortran, axis, size),
            Cut::Tiles(height, width) => Blocks::tiles(shape, is_fortran, height, width),
        }
    }
}

fn of_block(op: &QuantOp, fours: &[bool], block: usize) -> QuantOp {
    if fours.get(block).copied().unwrap_or(false) { op.to_four() } else { *op }
}

/// What is shared, of an element or not.
fn at(of_blocks: &[u32], block: usize) -> u32 {
    of_blocks.get(block).copied().unwrap_or(0)
}

/// The blocks of an array: which one each element is in, and the largest magnitude of each. Empty where none is shared.
#[derive(Clone, Default)]
pub(super) struct Blocked {
    pub of: Arc<[u32]>,
    /// As bits.
    pub maxima: Vec<u32>,
}

impl Blocked {
    fn new(blocks: Blocks, inputs: &[u32]) -> Blocked {
        let (mut of, mut maxima, mut own) = (vec![0; inputs.len()], Vec::new(), Vec::new());
        let mut first = 0;
        for batch in blocks.batches() {
            let place = first..first + batch.count();
            batch.maxima(&inputs[place.clone()], &mut own);
            let numbers: Vec<u32> = (maxima.len() as u32..).take(own.len()).collect();
            batch.spread(&numbers, &mut of[place.clone()]);
            maxima.append(&mut own);
            first = place.end;
        }
        Blocked { of: of.into(), maxima }
    }

    /// Which blocks of these elements take their largest magnitudes to 4; empty where that is no choice.
    fn fours(&self, op: &QuantOp, inputs: &[u32]) -> Vec<bool> {
        if !op.has(policy::FOUR_OVER_SIX) {
            return Vec::new();
        }
        let mut sums = vec![[0; 2]; self.maxima.len()];
        for (k, bits) in inputs.iter().enumerate() {
            let largest = self.largest(k);
            for (sum, op) in sums[self.at(k)].iter_mut().zip([*op, op.to_four()]) {
                *sum = added(*sum, distance(&op, *bits, largest, quantize(&op, *bits, largest, 0).bits));
            }
        }
        sums.into_iter().map(|[six, four]| four < six).collect()
    }

    fn scales(&self, op: &QuantOp, fours: &[bool]) -> Vec<u32> {
        let scale = |(block, largest): (usize, &u32)| stored_scale(*largest, &of_block(op, fours, block));
        self.maxima.iter().enumerate().map(scale).collect()
    }

    pub fn at(&self, k: usize) -> usize {
        self.of.get(k).map_or(0, |block| *block as usize)
    }

    fn largest(&self, k: usize) -> u32 {
        at(&self.maxima, self.at(k))
    }
}
