//! A run's state on the device: its layout, which shaders/update.wgsl names alike, and its decoding.

use crate::gpu::slice::LANES;
use crate::gpu::tally::TALLY;
use crate::plan::Trajectory;
use crate::site::{Counts, PerSite};
use crate::twin::constants;

constants! {
    /// Vectors of M words at the start of a state: v; the open group, hi and lo of the average; the open update's
    /// gradient so far.
    pub const STATE_V: u32 = 0;
    pub const STATE_S: u32 = 1;
    pub const STATE_HI: u32 = 2;
    pub const STATE_LO: u32 = 3;
    pub const STATE_G: u32 = 4;
    pub const STATE_VECTORS: u32 = 5;
    /// Behind the vectors and B batch values: counters, a low and a high word for each lane.
    pub const COUNTERS: u32 = super::TRAIN_SITES * TALLY;
    pub const COUNTER_WORDS: u32 = 2 * LANES;
    /// Behind the counters: whether each lane met a nan in the open update.
    pub const NAN_WORDS: u32 = LANES;
}

/// State of one run as read back.
pub struct RunState {
    pub v: Vec<u32>,
    /// The average: open group, hi and lo; empty where none is kept.
    pub s: Vec<u32>,
    pub hi: Vec<u32>,
    pub lo: Vec<u32>,
    pub counts: PerSite<Counts>,
}

/// First word of the counters.
fn counters_at(t: &Trajectory) -> u32 {
    STATE_VECTORS * t.model + t.batch
}

/// Words of the state of one run.
pub fn state_words(t: &Trajectory) -> u32 {
    counters_at(t) + COUNTERS * COUNTER_WORDS + NAN_WORDS
}

impl RunState {
    /// Reads the words of one run.
    pub fn decode(t: &Trajectory, words: &[u32], average: bool) -> RunState {
        let model = t.model as usize;
        let vector = |k: u32| words[k as usize * model..][..model].to_vec();
        let sum = |k: u32| if average { vector(k) } else { Vec::new() };
        let counters = &words[counters_at(t) as usize..][..(COUNTERS * COUNTER_WORDS) as usize];
        let mut counts = PerSite::default();
        let of_sites = counters.chunks((TALLY * COUNTER_WORDS) as usize);
        for ((site, _), words) in t.ops.by_site().into_iter().zip(of_sites) {
            let mut sums = words.chunks(COUNTER_WORDS as usize).map(counter);
            let [saturated, underflowed, nan] = std::array::from_fn(|_| sums.next().unwrap_or(0));
            counts[site] = Counts { saturated, underflowed, nan };
        }
        RunState { v: vector(STATE_V), s: sum(STATE_S), hi: sum(STATE_HI), lo: sum(STATE_LO), counts }
    }
}

/// A counter, summed over its lanes.
fn counter(words: &[u32]) -> u64 {
    let (low, high) = words.split_at(LANES as usize);
    low.iter().zip(high).map(|(&low, &high)| u64::from(low) + (u64::from(high) << 32)).sum()
}
