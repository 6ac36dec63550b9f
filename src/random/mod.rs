//! Random words by address: Threefry4x32 with 13 rounds (Salmon, Moraes, Dror and Shaw, "Parallel
//! random numbers: as easy as 1, 2, 3", SC 2011). Twin of `shaders/random.wgsl`.
//!
//! There is no state. A word is a function of the seed and of what the word is for, so any thread
//! or device can draw any part of the stream, and leaving work out never moves the rest.

pub mod normal;
mod normal_table;
mod words;

pub use words::{Words, user_purpose};

use crate::site::Site;

/// Threefish's key-schedule parity constant, in its 32-bit form.
pub(crate) const PARITY: u32 = 0x1BD1_1BDA;

/// One round. Even rounds pair (x0, x1) and (x2, x3); odd rounds pair (x0, x3) and (x2, x1).
macro_rules! mix {
    ($x:ident, $b:literal, $d:literal, $left:literal, $right:literal) => {
        $x[0] = $x[0].wrapping_add($x[$b]);
        $x[$b] = $x[$b].rotate_left($left) ^ $x[0];
        $x[2] = $x[2].wrapping_add($x[$d]);
        $x[$d] = $x[$d].rotate_left($right) ^ $x[2];
    };
}

/// Key injection number `$count`, after `4 * $count` rounds, with the extended key rotated as listed.
macro_rules! inject {
    ($x:ident, $k:ident, $count:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        $x[0] = $x[0].wrapping_add($k[$a]);
        $x[1] = $x[1].wrapping_add($k[$b]);
        $x[2] = $x[2].wrapping_add($k[$c]);
        $x[3] = $x[3].wrapping_add($k[$d]).wrapping_add($count);
    };
}

/// Threefry4x32 with 13 rounds: four random words for a key and a counter.
///
/// For a fixed key it is a bijection of the 2^128 counters. The rounds are unrolled by macros and
/// always inlined: a loop that calls this over an array of counters vectorises, a loop over a
/// table of rotations does not.
#[inline(always)]
pub fn threefry4x32(key: [u32; 4], counter: [u32; 4]) -> [u32; 4] {
    let k = [key[0], key[1], key[2], key[3], PARITY ^ key[0] ^ key[1] ^ key[2] ^ key[3]];
    let mut x = counter;
    inject!(x, k, 0, 0, 1, 2, 3);
    mix!(x, 1, 3, 10, 26);
    mix!(x, 3, 1, 11, 21);
    mix!(x, 1, 3, 13, 27);
    mix!(x, 3, 1, 23, 5);
    inject!(x, k, 1, 1, 2, 3, 4);
    mix!(x, 1, 3, 6, 20);
    mix!(x, 3, 1, 17, 11);
    mix!(x, 1, 3, 25, 10);
    mix!(x, 3, 1, 18, 20);
    inject!(x, k, 2, 2, 3, 4, 0);
    mix!(x, 1, 3, 10, 26);
    mix!(x, 3, 1, 11, 21);
    mix!(x, 1, 3, 13, 27);
    mix!(x, 3, 1, 23, 5);
    inject!(x, k, 3, 3, 4, 0, 1);
    mix!(x, 1, 3, 6, 20);
    x
}

/// What a word is drawn for: the third word of the counter. Rounding sites follow from 8 on, see
/// [`site_purpose`]; from 2^16 on they are users' own, see [`user_purpose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Purpose {
    /// Coordinates of the covariate x; second word: sample.
    Covariate = 0,
    /// Noise of the label; coordinate 0, second word: sample.
    LabelNoise = 1,
    /// Entries of the sketch; coordinate: column, second word: row.
    Sketch = 2,
    /// Coordinates of the target w*; second word: 0.
    Target = 3,
    /// Which rows of a file are held out; coordinate: row, second word: 0, seed and seed index 0.
    HeldOut = 4,
    /// Order of a file's training rows; coordinate: row, second word: 0.
    Order = 5,
    /// The closed tail of a feature; coordinate: feature, second word: sample.
    Tail = 6,
    /// Elements of a tensor outside of any run; coordinate: place along the last axis, second word: the others.
    Element = 7,
}

/// Index of the first test sample: training samples stay below it.
pub const FIRST_TEST: u32 = 1 << 31;

/// Purpose of the stochastic-rounding words of a site; coordinate: element, second word: sample, update or row.
pub const fn site_purpose(site: Site) -> u32 {
    8 + site as u32
}

/// All random words of one seed. [`Words`] walks them one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 4],
}

impl Stream {
    /// The stream of repetition `seed_index` under `seed`.
    pub const fn new(seed: u64, seed_index: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32, seed_index, 0] }
    }

    /// The Threefry key: seed low, seed high, seed index, 0.
    pub const fn key(&self) -> [u32; 4] {
        self.key
    }

    /// The word of `coordinate` for the sample, update or row `second`.
    ///
    /// A slice of 128 coordinates is 32 counters; word j of its counters, taken in order, is the
    /// j-th contiguous run of 32 coordinates, so vector lanes never interleave.
    #[inline]
    pub fn word(&self, coordinate: u32, second: u32, purpose: u32) -> u32 {
        self.word_of_pass(coordinate, second, purpose, 0)
    }

    /// The word in another pass over the same coordinates: the sketch of one model size has its own.
    #[inline]
    pub fn word_of_pass(&self, coordinate: u32, second: u32, purpose: u32, pass: u32) -> u32 {
        let (slice, within) = (coordinate / 128, coordinate % 128);
        let counter = [32 * slice + within % 32, second, purpose, pass];
        threefry4x32(self.key, counter)[(within / 32) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three `threefry4x32 13` lines of Random123's `tests/kat_vectors`: counter, key, words.
    const KNOWN_ANSWERS: [[[u32; 4]; 3]; 3] = [
        [[0; 4], [0; 4], [0x531c7e4f, 0x39491ee5, 0x2c855a92, 0x3d6abf9a]],
        [[!0; 4], [!0; 4], [0xc4189358, 0x1c9cc83a, 0xd5881c67, 0x6a0a89e0]],
        [
            [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
            [0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89],
            [0x4aa71d8f, 0x734738c2, 0x431fc6a8, 0xae6debf1],
        ],
    ];

    #[test]
    fn threefry_gives_the_known_answers() {
        for [counter, key, words] in KNOWN_ANSWERS {
            assert_eq!(threefry4x32(key, counter), words);
        }
    }

    #[test]
    fn a_slice_is_four_runs_of_32_coordinates() {
        let stream = Stream::new(0x0123_4567_89ab_cdef, 5);
        assert_eq!(stream.key(), [0x89ab_cdef, 0x0123_4567, 5, 0]);
        for slice in [0, 1, 7] {
            for lane in 0..32 {
                let words = threefry4x32(stream.key(), [32 * slice + lane, 9, 2, 0]);
                for run in 0..4 {
                    let word = stream.word(128 * slice + 32 * run + lane, 9, Purpose::Sketch as u32);
                    assert_eq!(word, words[run as usize]);
                }
            }
        }
    }
}
