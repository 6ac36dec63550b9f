//! Arrays to a format, batch by batch: the memory it takes does not grow with the array.

use rayon::prelude::*;

use super::blocks::{Batch, Blocks};
use super::numbers::{Numbers, codes};
use super::places::Places;
use super::{Element, Source};
use crate::cpu::quantize::{Rounding, counts};
use crate::error::{Error, Result};
use crate::format::QuantOp;
use crate::random::Stream;
use crate::reference::quantize::{largest_finite, most_scaled};
use crate::site::Counts;
use crate::watch::Watch;

/// Elements read at a time where the largest is looked for.
const PIECE: usize = 1 << 18;

/// The largest magnitude of an array that is read for it once more, as bits.
pub fn largest(op: &QuantOp, source: &mut Source, numbers: &Numbers, watch: &Watch) -> Result<u32> {
    if source.is_pipe() {
        return Err(Error::Input(format!(
            "--tensor-scale is missing: {} can be read only once, and the scale of all of it comes first; allowed is its \
             largest magnitude divided by {}, or a file",
            source.name(),
            most_scaled(op)
        )));
    }
    let (mut bytes, mut bits, mut most) = (Vec::new(), Vec::new(), 0);
    for start in (0..source.count).step_by(PIECE) {
        watch.ask()?;
        let count = PIECE.min(source.count - start);
        source.read(count, &mut bytes)?;
        bits.resize(count, 0);
        numbers.bits(&bytes, &mut bits);
        most = bits.par_chunks(PIECE / 16).map(largest_finite).max().unwrap_or(0).max(most);
    }
    Ok(most)
}

/// Where the random words of a rounding come from.
pub enum Words<'a> {
    None,
    Seeded(Stream, Places),
    Given(Source<'a>),
}

impl<'a> Words<'a> {
    /// A word per element from the seed, by its place along `axis` and its row, where the rounding is random.
    pub fn seeded(op: &QuantOp, source: &Source, axis: usize, seed: u64) -> Result<Words<'a>> {
        if !op.draws() {
            return Ok(Words::None);
        }
        let places = Places::new(&source.shape, source.is_fortran, axis).ok_or_else(|| {
            let (name, shape) = (source.name(), &source.shape);
            Error::Input(format!("{name} has shape {shape:?}: a random rounding allows 2^32 rows, and as long ones"))
        })?;
        Ok(Words::Seeded(Stream::new(seed, 0), places))
    }

    /// Words that are given, one per element of `source`; messages call them `name`.
    pub fn given(op: &QuantOp, source: &Source, name: &str, given: Source<'a>) -> Result<Words<'a>> {
        let wrong = |message: String| Err(Error::Input(format!("{name}: {message}")));
        if !op.draws() {
            return wrong("words are allowed with rounding stochastic or dither".into());
        }
        if given.count != source.count {
            let (found, needed) = (given.count, source.count);
            return wrong(format!("there are {found} words: allowed are {needed}, one per element"));
        }
        if given.is_fortran != source.is_fortran {
            return wrong(format!("its order is not that of {}: allowed is the same order", source.name()));
        }
        Ok(Words::Given(given))
    }

    /// The words of the elements from `first` on, a word each unless none is asked for.
    fn next(&mut self, first: usize, count: usize, bytes: &mut Vec<u8>, words: &mut Vec<u32>) -> Result<()> {
        match self {
            Words::None => {}
            Words::Seeded(stream, places) => {
                words.resize(count, 0);
                places.words(*stream, first, words);
            }
            Words::Given(source) => {
                source.read(count, bytes)?;
                words.resize(count, 0);
                codes(Element::U32, bytes, words);
            }
        }
        Ok(())
    }
}

/// A batch of an array, and what became of it.
pub struct Rounded<'a> {
    /// The number of its first element.
    pub first: usize,
    pub batch: Batch,
    /// Of each element f32 bits, and a random word or nothing.
    pub bits: &'a [u32],
    pub words: &'a [u32],
    pub rounding: &'a mut Rounding,
}

/// What became of an array.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub counts: Counts,
    /// Numbers that were no f32.
    pub inexact: u64,
}

/// Rounds an array on all cores; `take` gets each batch, in order.
pub fn round<E: From<Error>>(
    op: &QuantOp,
    source: &mut Source,
    numbers: &Numbers,
    words: &mut Words,
    blocks: Blocks,
    mut take: impl FnMut(Rounded) -> std::result::Result<(), E>,
) -> std::result::Result<Totals, E> {
    let mut totals = Totals::default();
    let (mut bytes, mut bits, mut drawn, mut rounding) = (Vec::new(), Vec::new(), Vec::new(), Rounding::default());
    let mut first = 0;
    for batch in blocks.batches() {
        let count = batch.count();
        source.read(count, &mut bytes)?;
        bits.resize(count, 0);
        totals.inexact += numbers.bits(&bytes, &mut bits);
        words.next(first, count, &mut bytes, &mut drawn)?;
        rounding.round(op, &batch, &bits, &drawn);
        totals.counts += counts(&rounding.flags);
        take(Rounded { first, batch, bits: &bits, words: &drawn, rounding: &mut rounding })?;
        first += count;
    }
    Ok(totals)
}
