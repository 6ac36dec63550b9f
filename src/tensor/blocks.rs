//! Which elements of an array share a scale, and the pieces in which an array goes through memory.
//!
//! Everything is said of the order in which elements are stored. An array is `planes` of `rows` times `columns` times
//! `inner` neighbours that belong to different blocks; a block is `height` rows times `width` columns. The last axis of
//! an array in C order is one with `inner` 1, its other axes have more.

use rayon::prelude::*;

use crate::codec::MAGNITUDE;

/// Elements of a batch, unless a strip of blocks has more.
const BATCH: usize = 1 << 18;
/// Blocks that a thread takes at a time.
const PIECE: usize = 256;

/// The blocks of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    planes: usize,
    rows: usize,
    columns: usize,
    inner: usize,
    height: usize,
    width: usize,
}

/// A piece of an array that holds whole blocks: `rows` times `columns` times `inner` elements that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    pub rows: usize,
    pub columns: usize,
    pub inner: usize,
    height: usize,
    width: usize,
}

impl Blocks {
    /// Blocks of up to `width` elements along an axis of `shape`, of a scalar its one element.
    pub fn along(shape: &[usize], is_fortran: bool, axis: usize, width: usize) -> Blocks {
        let shape = stored(shape, is_fortran);
        let axis = if is_fortran { shape.len() - 1 - axis } else { axis };
        let (rows, inner) = (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
        Blocks { planes: 1, rows, columns: shape[axis], inner, height: 1, width: width.min(shape[axis]).max(1) }
    }

    /// Tiles of up to `height` times `width` elements of the last two axes.
    pub fn tiles(shape: &[usize], is_fortran: bool, height: usize, width: usize) -> Blocks {
        let shape = stored(shape, is_fortran);
        let (first, height, width) = if is_fortran { (0, width, height) } else { (shape.len() - 2, height, width) };
        let [rows, columns] = [shape[first], shape[first + 1]];
        let (planes, inner) = (shape[..first].iter().product(), shape[first + 2..].iter().product());
        // Where no tile is cut the planes follow each other like one.
        let (planes, rows) = if rows % height == 0 { (1, planes * rows) } else { (planes, rows) };
        Blocks { planes, rows, columns, inner, height, width: width.min(columns).max(1) }
    }

    /// The pieces in which the array goes through memory: about 2^18 elements, and at least one strip of blocks. They
    /// depend on nothing but the array.
    pub fn batches(self) -> impl Iterator<Item = Batch> {
        let Blocks { planes, rows, columns, inner, height, width } = self;
        let line = columns * inner;
        let (down, across) = match height * line <= BATCH || height > 1 {
            true => ((BATCH / (height * line).max(1)).max(1) * height, columns.max(1)),
            false => (1, (BATCH / (width * inner)).max(1) * width),
        };
        let starts = (0..planes).flat_map(move |_| (0..rows).step_by(down));
        let cut = move |row: usize| {
            (0..columns).step_by(across).map(move |column| {
                let (rows, columns) = (down.min(rows - row), across.min(columns - column));
                Batch { rows, columns, inner, height, width }
            })
        };
        starts.flat_map(cut).filter(|batch| batch.count() > 0)
    }

    /// Elements of a row of blocks: a row of the array where blocks run along the axis that is stored last, else the
    /// elements of the blocks beside each other.
    pub fn strips(self) -> impl Iterator<Item = usize> {
        let Blocks { planes, rows, columns, inner, height, width } = self;
        let across = if height == 1 && inner > 1 { width } else { columns.max(1) };
        let bands = (0..planes).flat_map(move |_| (0..rows).step_by(height));
        let lengths = move |row: usize| {
            (0..columns)
                .step_by(across)
                .map(move |column| height.min(rows - row) * across.min(columns - column) * inner)
        };
        bands.flat_map(lengths).filter(|length| *length > 0)
    }
}

/// The extents in the order in which they are stored; a scalar is a vector of one element.
fn stored(shape: &[usize], is_fortran: bool) -> Vec<usize> {
    match (shape, is_fortran) {
        ([], _) => vec![1],
        (shape, true) => shape.iter().rev().copied().collect(),
        (shape, false) => shape.to_vec(),
    }
}

impl Batch {
    pub fn count(&self) -> usize {
        self.rows * self.columns * self.inner
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(self.height) * self.blocks_of_band()
    }

    /// Whether blocks are rows of an array in C order, which a GPU's kernel takes.
    pub fn is_of_rows(&self) -> bool {
        self.height == 1 && self.inner == 1
    }

    fn blocks_of_band(&self) -> usize {
        self.columns.div_ceil(self.width) * self.inner
    }

    fn band(&self) -> usize {
        self.height * self.columns * self.inner
    }

    /// Whether each run of `width` elements is a block.
    fn is_flat(&self) -> bool {
        self.is_of_rows() && (self.rows == 1 || self.columns.is_multiple_of(self.width))
    }

    /// The largest magnitude of each block, as bits.
    pub fn maxima(&self, bits: &[u32], maxima: &mut Vec<u32>) {
        maxima.clear();
        maxima.resize(self.blocks(), 0);
        if self.is_flat() {
            let pieces = bits.par_chunks(PIECE * self.width).zip(maxima.par_chunks_mut(PIECE));
            return pieces.for_each(|(bits, maxima)| largest_of_runs(bits, self.width, maxima));
        }
        let bands = bits.par_chunks(self.band()).zip(maxima.par_chunks_mut(self.blocks_of_band()));
        bands.for_each(|(band, maxima)| {
            for row in band.chunks(self.columns * self.inner) {
                for (run, maxima) in row.chunks(self.width * self.inner).zip(maxima.chunks_mut(self.inner)) {
                    for neighbours in run.chunks(self.inner) {
                        maxima
                            .iter_mut()
                            .zip(neighbours)
                            .for_each(|(most, bits)| *most = (*most).max(bits & MAGNITUDE));
                    }
                }
            }
        });
    }

    /// Gives each element what its block has.
    pub fn spread(&self, of_blocks: &[u32], of_elements: &mut [u32]) {
        if self.is_flat() {
            let pieces = of_elements.par_chunks_mut(PIECE * self.width).zip(of_blocks.par_chunks(PIECE));
            return pieces.for_each(|(elements, blocks)| {
                elements.chunks_mut(self.width).zip(blocks).for_each(|(run, block)| run.fill(*block));
            });
        }
        let bands = of_elements.par_chunks_mut(self.band()).zip(of_blocks.par_chunks(self.blocks_of_band()));
        bands.for_each(|(band, blocks)| {
            for row in band.chunks_mut(self.columns * self.inner) {
                for (run, blocks) in row.chunks_mut(self.width * self.inner).zip(blocks.chunks(self.inner)) {
                    run.chunks_mut(self.inner).for_each(|neighbours| neighbours.copy_from_slice(blocks));
                }
            }
        });
    }
}

/// The largest magnitude of each run, as bits.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx2", "x86_64+avx2"))]
fn largest_of_runs(bits: &[u32], width: usize, maxima: &mut [u32]) {
    let largest = |run: &[u32]| run.iter().fold(0, |most, bits| most.max(bits & MAGNITUDE));
    match width {
        // Sizes that the compiler knows become a few vectors each.
        16 => bits.chunks(16).zip(maxima).for_each(|(run, most)| *most = largest(run)),
        32 => bits.chunks(32).zip(maxima).for_each(|(run, most)| *most = largest(run)),
        _ => bits.chunks(width).zip(maxima).for_each(|(run, most)| *most = largest(run)),
    }
}
