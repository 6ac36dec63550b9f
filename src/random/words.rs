//! Addressed words as a generator of `rand`, for distributions of one's own.

use std::convert::Infallible;

use rand_core::TryRng;
use rand_core::utils::{fill_bytes_via_next_word, next_u64_via_u32};

use super::{Stream, threefry4x32};

/// Coordinates of a slice: 32 counters of four words.
const SLICE: u32 = 128;
/// The first purpose that is a user's: the program's own stay below it.
const FIRST_USER: u32 = 1 << 16;

/// The purpose word of a user's own draws, number 0 to 65,535. The program draws nothing for these, in this version or
/// a later one: purposes from 2^16 on are the users'.
pub const fn user_purpose(number: u16) -> u32 {
    FIRST_USER + number as u32
}

/// Walks the words of one address in the order of their coordinates, and is a generator of `rand`.
///
/// An address is (seed, seed index) of the [`Stream`], a purpose, a second word (of the program's own purposes a sample,
/// an update or a row) and a pass. It has 2^32 words, one per coordinate; after the last one the walk goes on at the
/// first. Any two addresses that differ give independent words, so nothing but the address says what is drawn: not
/// what was drawn before, by whom, or on how many threads.
///
/// `next_u32` gives one word, that of [`Stream::word_of_pass`] at the current coordinate. `next_u64` takes two, the
/// first one low. `fill_bytes` takes a word for every four bytes, little-endian; of a last word that is needed in part
/// the rest is left out.
///
/// # Examples
/// A user's own label noise, heavier than a normal's, sample by sample:
/// ```
/// use rand_distr::{Distribution, StudentT};
/// use roundlaw::{Stream, Words, user_purpose};
///
/// let stream = Stream::new(0, 3);
/// let noise = StudentT::new(4.0).expect("a positive number");
/// let of_sample = |n: u32| noise.sample(&mut Words::new(stream, user_purpose(0), n));
/// let (first, last) = (of_sample(0), of_sample(999));
/// // In any order, or left out: the draws are the same.
/// assert_eq!((of_sample(999), of_sample(0)), (last, first));
///
/// // From coordinate 1000 on, as if the first 1000 words had been drawn.
/// use rand_core::Rng as _;
/// let mut words = Words::new(stream, user_purpose(1), 0).at(1000);
/// assert_eq!(words.next_u32(), stream.word(1000, 0, user_purpose(1)));
/// assert_eq!(words.coordinate(), 1001);
/// ```
#[derive(Clone, Debug)]
pub struct Words {
    stream: Stream,
    purpose: u32,
    second: u32,
    pass: u32,
    /// Of the word that comes next.
    coordinate: u32,
    /// Words of the slice that `coordinate` lies in.
    slice: [u32; SLICE as usize],
    is_drawn: bool,
}

impl Words {
    /// From coordinate 0 on, in pass 0. `purpose` is a [`user_purpose`], or one of the program's own
    /// ([`super::Purpose`], [`super::site_purpose`]), whose words are then those that a sweep of this seed draws.
    pub const fn new(stream: Stream, purpose: u32, second: u32) -> Words {
        Words { stream, purpose, second, pass: 0, coordinate: 0, slice: [0; SLICE as usize], is_drawn: false }
    }

    /// The same address in another pass.
    pub const fn in_pass(self, pass: u32) -> Words {
        Words { pass, is_drawn: false, ..self }
    }

    /// The same walk from `coordinate` on.
    pub const fn at(self, coordinate: u32) -> Words {
        Words { coordinate, is_drawn: false, ..self }
    }

    /// Coordinate of the word that comes next.
    pub const fn coordinate(&self) -> u32 {
        self.coordinate
    }

    fn draw(&mut self) {
        let first = self.coordinate / SLICE * 32;
        for lane in 0..32 {
            let counter = [first + lane, self.second, self.purpose, self.pass];
            for (run, word) in threefry4x32(self.stream.key(), counter).into_iter().enumerate() {
                self.slice[32 * run + lane as usize] = word;
            }
        }
        self.is_drawn = true;
    }
}

impl TryRng for Words {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        if !self.is_drawn {
            self.draw();
        }
        let within = self.coordinate % SLICE;
        self.coordinate = self.coordinate.wrapping_add(1);
        self.is_drawn = within != SLICE - 1;
        Ok(self.slice[within as usize])
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        next_u64_via_u32(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        fill_bytes_via_next_word(bytes, || self.try_next_u32())
    }
}

#[cfg(test)]
mod tests {
    use rand_core::Rng as _;
    use rand_distr::{Distribution as _, Exp1, Poisson, StandardNormal};

    use super::*;
    use crate::random::{Purpose, site_purpose};
    use crate::site::Site;

    const STREAM: Stream = Stream::new(0x0123_4567_89ab_cdef, 5);

    /// Words 0, 1, 32 and 128 of seed 0: counters 0, 1, 0 and 32, of which word 32 is the second of four.
    #[test]
    fn words_come_in_the_order_of_coordinates() {
        let stream = Stream::new(0, 0);
        let words: Vec<u32> = {
            let mut words = Words::new(stream, Purpose::Covariate as u32, 0);
            (0..300).map(|_| words.next_u32()).collect()
        };
        // Random123's known answer for a key and a counter of zeros: 531c7e4f 39491ee5 2c855a92 3d6abf9a.
        assert_eq!([0, 32, 64, 96].map(|k| words[k]), [0x531c_7e4f, 0x3949_1ee5, 0x2c85_5a92, 0x3d6a_bf9a]);
        assert_eq!(
            (words[1], words[33]),
            (threefry4x32([0; 4], [1, 0, 0, 0])[0], threefry4x32([0; 4], [1, 0, 0, 0])[1])
        );
        assert_eq!(words[128], threefry4x32([0; 4], [32, 0, 0, 0])[0]);
    }

    #[test]
    fn a_walk_gives_the_words_of_the_stream_from_any_coordinate() {
        for (purpose, second, pass) in [(Purpose::Sketch as u32, 9, 64), (user_purpose(7), u32::MAX, 0)] {
            for start in [0, 1, 31, 127, 128, 1_000_003, u32::MAX - 200] {
                let mut words = Words::new(STREAM, purpose, second).in_pass(pass).at(start);
                for k in 0..150 {
                    assert_eq!(words.coordinate(), start + k);
                    assert_eq!(words.next_u32(), STREAM.word_of_pass(start + k, second, purpose, pass));
                }
            }
        }
    }

    #[test]
    fn after_the_last_coordinate_comes_the_first() {
        let mut words = Words::new(STREAM, user_purpose(0), 0).at(u32::MAX);
        let expected = [u32::MAX, 0, 1].map(|k| STREAM.word(k, 0, user_purpose(0)));
        assert_eq!([words.next_u32(), words.next_u32(), words.next_u32()], expected);
    }

    #[test]
    fn longer_numbers_and_bytes_are_little_endian() {
        let words = Words::new(STREAM, user_purpose(0), 3).at(126);
        let expected: Vec<u32> = (126..130).map(|k| STREAM.word(k, 3, user_purpose(0))).collect();
        let mut longer = words.clone();
        assert_eq!(longer.next_u64(), u64::from(expected[0]) | u64::from(expected[1]) << 32);
        let mut bytes = [0; 6];
        longer.fill_bytes(&mut bytes);
        assert_eq!(bytes[..4], expected[2].to_le_bytes());
        assert_eq!(bytes[4..], expected[3].to_le_bytes()[..2]);
        assert_eq!(longer.coordinate(), 130);
    }

    /// Purposes of the program are below those of users, whatever site or number.
    #[test]
    fn purposes_of_users_are_their_own() {
        let own = [
            Purpose::Covariate,
            Purpose::LabelNoise,
            Purpose::Sketch,
            Purpose::Target,
            Purpose::HeldOut,
            Purpose::Order,
            Purpose::Tail,
            Purpose::Element,
        ];
        let highest = own.map(|purpose| purpose as u32).into_iter().max();
        let sites = Site::ALL.map(site_purpose);
        assert!(highest < sites.into_iter().min() && sites.into_iter().max() < Some(user_purpose(0)));
        assert_eq!((user_purpose(0), user_purpose(u16::MAX)), (0x1_0000, 0x1_ffff));
    }

    /// Mean and variance of 2^16 draws within five standard errors of the distribution's.
    #[test]
    fn distributions_of_rand_draw_from_the_words() {
        let count = 1 << 16;
        let check = |name: &str, (mean, variance, kurtosis): (f64, f64, f64), mut draw: Box<dyn FnMut(u32) -> f64>| {
            let draws: Vec<f64> = (0..count).map(&mut draw).collect();
            let found = draws.iter().sum::<f64>() / f64::from(count);
            let spread = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(count);
            let error = (variance / f64::from(count)).sqrt();
            assert!((found - mean).abs() < 5.0 * error, "{name}: mean {found}");
            let error = variance * ((kurtosis - 1.0) / f64::from(count)).sqrt();
            assert!((spread - variance).abs() < 5.0 * error, "{name}: variance {spread}");
        };
        // One walk for all draws, and an address for each.
        let mut words = Words::new(STREAM, user_purpose(1), 0);
        check("exponential", (1.0, 1.0, 9.0), Box::new(move |_| Exp1.sample(&mut words)));
        let of_sample = |n: u32| Words::new(STREAM, user_purpose(2), n);
        check("normal", (0.0, 1.0, 3.0), Box::new(move |n| StandardNormal.sample(&mut of_sample(n))));
        let poisson = Poisson::new(30.0).unwrap();
        check("Poisson", (30.0, 30.0, 3.0 + 1.0 / 30.0), Box::new(move |n| poisson.sample(&mut of_sample(n))));
    }
}
