//! Random words of an array's elements, by where they are and not by how they are stored.

use rayon::prelude::*;

use crate::random::{Purpose, Stream};

/// Elements that a thread takes at a time.
const PIECE: usize = 1 << 12;

/// The place of each element along an axis, and the number of its row, in C order, over all other axes.
pub struct Places {
    /// The axes, the fastest first.
    axes: Vec<Axis>,
}

struct Axis {
    extent: usize,
    /// What a step along it adds to the number of the row; `None`: it is the axis of the row.
    step: Option<usize>,
}

impl Places {
    /// `None`: there are more places or rows than a word's address tells apart, 2^32.
    pub fn new(shape: &[usize], is_fortran: bool, axis: usize) -> Option<Places> {
        let (mut axes, mut rows) = (Vec::new(), 1);
        for (index, &extent) in shape.iter().enumerate().rev() {
            axes.push(Axis { extent, step: (index != axis).then_some(rows) });
            rows *= if index == axis { 1 } else { extent };
        }
        let columns = shape.get(axis).copied().unwrap_or(1);
        if is_fortran {
            axes.reverse();
        }
        let fits = |count: usize| count as u64 <= 1 << 32;
        (fits(rows) && fits(columns)).then_some(Places { axes })
    }

    fn of(&self, index: usize) -> (u32, u32) {
        let (mut rest, mut place, mut row) = (index, 0, 0);
        for Axis { extent, step } in &self.axes {
            let at = rest % extent;
            rest /= extent;
            match step {
                Some(step) => row += at * step,
                None => place = at,
            }
        }
        (place as u32, row as u32)
    }

    /// The words of the elements that are stored from number `first` on.
    pub fn words(&self, stream: Stream, first: usize, words: &mut [u32]) {
        words.par_chunks_mut(PIECE).enumerate().for_each(|(piece, words)| {
            for (k, word) in words.iter_mut().enumerate() {
                let (place, row) = self.of(first + piece * PIECE + k);
                *word = stream.word(place, row, Purpose::Element as u32);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn both_orders_have_the_same_places() {
        let shape = [2, 3, 4];
        for axis in 0..3 {
            let [c, fortran] = [false, true].map(|is_fortran| Places::new(&shape, is_fortran, axis).unwrap());
            for (i, j, k) in (0..2).flat_map(|i| (0..3).flat_map(move |j| (0..4).map(move |k| (i, j, k)))) {
                let must = [(i, j * 4 + k), (j, i * 4 + k), (k, i * 3 + j)][axis];
                let must = (must.0 as u32, must.1 as u32);
                assert_eq!(c.of((i * 3 + j) * 4 + k), must);
                assert_eq!(fortran.of(i + 2 * (j + 3 * k)), must);
            }
        }
        assert_eq!(Places::new(&[], false, 0).unwrap().of(0), (0, 0));
    }
}
