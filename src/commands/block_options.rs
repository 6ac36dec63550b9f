//! How blocks lie in an array, and codes in its bytes: the options of commands that read or write them.

use crate::error::{Error, Result};
use crate::format::QuantOp;
use crate::tensor::blocks::Blocks;
use crate::tensor::nibbles::Nibbles;
use crate::words;

/// The largest side of a tile.
const MAX_SIDE: usize = 1 << 16;

#[derive(clap::Args, Clone, Debug, Default)]
pub struct BlockOptions {
    /// Blocks run along this axis: from 0 on, or from -1, the last, down. By default the last.
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub axis: Option<i64>,
    /// Blocks are tiles of R rows and C columns of the last two axes, as 16x16 or 128x128.
    #[arg(long, value_name = "RxC", value_parser = tile, conflicts_with = "axis")]
    pub tile: Option<(usize, usize)>,
    /// Codes of up to 4 bits are two in a byte, along the last axis: the first in the low or in the high bits.
    #[arg(long, value_name = "low|high", value_parser = nibbles)]
    pub nibbles: Option<Nibbles>,
}

fn tile(text: &str) -> std::result::Result<(usize, usize), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
    let sides = text.split_once('x').and_then(|(rows, columns)| Some((side(rows)?, side(columns)?)));
    sides.ok_or_else(|| format!("allowed are two numbers from 1 to {MAX_SIDE}, as 16x16"))
}

fn nibbles(word: &str) -> std::result::Result<Nibbles, String> {
    words::find(word).ok_or_else(|| format!("allowed are {}", words::listed::<Nibbles>()))
}

/// An array whose blocks are asked for.
pub struct Array<'a> {
    pub name: &'a str,
    pub shape: &'a [usize],
    pub is_fortran: bool,
}

/// The blocks of an array, the axis of its rows, and the shape of its scales.
pub struct Laid {
    pub blocks: Blocks,
    pub axis: usize,
    pub scales: Vec<usize>,
}

impl BlockOptions {
    /// Whether any option was given.
    pub fn any(&self) -> bool {
        self.axis.is_some() || self.tile.is_some() || self.nibbles.is_some()
    }

    /// Refuses options that the format, or a block size that was given, does not go with.
    pub fn fit(&self, op: &QuantOp, has_block: bool) -> Result<()> {
        let refused = |option: &str, allowed: &str| Err(Error::Input(format!("{option}: allowed {allowed}")));
        let shares = "with formats whose blocks share a scale";
        match self {
            BlockOptions { axis: Some(_), .. } if !op.shares() => refused("--axis", shares),
            BlockOptions { tile: Some(_), .. } if !op.shares() => refused("--tile", shares),
            BlockOptions { tile: Some(_), .. } if has_block => {
                refused("--tile", "without --block: a tile is the block")
            }
            BlockOptions { nibbles: Some(_), .. } if op.width > 4 => {
                refused("--nibbles", &format!("with codes of up to 4 bits, not of {}", op.width))
            }
            BlockOptions { nibbles: Some(_), tile: Some((_, columns)), .. } if columns % 2 == 1 => {
                refused("--nibbles", "with tiles of an even number of columns")
            }
            _ => Ok(()),
        }
    }

    /// The blocks of an array of values or codes, one an element.
    pub fn laid(&self, op: &QuantOp, array: &Array) -> Result<Laid> {
        let Array { name, shape, is_fortran } = *array;
        let axes = shape.len().max(1);
        let extent = |axis: usize| shape.get(axis).copied().unwrap_or(1);
        if self.nibbles.is_some() && (is_fortran || !extent(axes - 1).is_multiple_of(2)) {
            return Err(Error::Input(format!(
                "--nibbles: {name} has shape {shape:?}{}: allowed is an even last axis, in C order",
                if is_fortran { " in Fortran order" } else { "" }
            )));
        }
        let mut scales = shape.to_vec();
        scales.resize(axes, 1);
        if let Some((height, width)) = self.tile {
            let [.., rows, columns] = scales.as_mut_slice() else {
                return Err(Error::Input(format!("--tile: {name} has shape {shape:?}: allowed are two axes or more")));
            };
            (*rows, *columns) = (rows.div_ceil(height), columns.div_ceil(width));
            let blocks = Blocks::tiles(shape, is_fortran, height, width);
            return Ok(Laid { blocks, axis: axes - 1, scales });
        }
        let (axis, count) = (self.axis.unwrap_or(-1), axes as i64);
        if !(-count..count).contains(&axis) {
            let allowed = format!("allowed are {} to {}", -count, count - 1);
            return Err(Error::Input(format!("--axis {axis}: {name} has shape {shape:?}: {allowed}")));
        }
        let axis = axis.rem_euclid(count) as usize;
        let width = if op.shares() { op.block as usize } else { 1 };
        scales[axis] = scales[axis].div_ceil(width.min(extent(axis)).max(1));
        Ok(Laid { blocks: Blocks::along(shape, is_fortran, axis, width), axis, scales })
    }
}
