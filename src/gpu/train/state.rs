//! A run's state on the device: its layout, which shaders/update.wgsl names alike, and its decoding.

use crate::gpu::tally::TALLY;
use crate::plan::Trajectory;
use crate::site::{Counts, PerSite};
use crate::twin::constants;

constants! {
    /// At the start: the counters, a low and a high word each, and whether the open update met a nan.
    pub const COUNTERS: u32 = super::TRAIN_SITES * TALLY;
    pub const COUNTER_WORDS: u32 = 2;
    pub const STATE_NAN: u32 = COUNTERS * COUNTER_WORDS;
    /// Then vectors of M words: v and the open update's gradient so far; where the average is kept its open group, hi and
    /// lo. B batch values are the last.
    pub const STATE_VECTORS: u32 = STATE_NAN + 1;
    pub const STATE_V: u32 = 0;
    pub const STATE_G: u32 = 1;
    pub const STATE_S: u32 = 2;
    pub const STATE_HI: u32 = 3;
    pub const STATE_LO: u32 = 4;
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

/// Words of the state of one run.
pub fn state_words(t: &Trajectory, average: bool) -> u32 {
    let vectors = if average { STATE_LO + 1 } else { STATE_S };
    STATE_VECTORS + vectors * t.model + t.batch
}

impl RunState {
    /// Reads the words of one run.
    pub fn decode(t: &Trajectory, words: &[u32], average: bool) -> RunState {
        let model = t.model as usize;
        let (head, vectors) = words.split_at(STATE_VECTORS as usize);
        let vector = |k: u32| vectors[k as usize * model..][..model].to_vec();
        let sum = |k: u32| if average { vector(k) } else { Vec::new() };
        let mut counters =
            head.chunks_exact(COUNTER_WORDS as usize).map(|words| u64::from(words[0]) + (u64::from(words[1]) << 32));
        let mut next = || counters.next().unwrap_or(0);
        let mut counts = PerSite::default();
        for (site, _) in t.phases[0].ops.by_site() {
            counts[site] = Counts { saturated: next(), underflowed: next(), nan: next() };
        }
        RunState { v: vector(STATE_V), s: sum(STATE_S), hi: sum(STATE_HI), lo: sum(STATE_LO), counts }
    }
}
