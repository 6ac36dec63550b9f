//! Largest words of blocks whose words change from turn to turn. Twin of shaders/maxima.wgsl.

use crate::codec::MAGNITUDE;
use crate::twin::constants;

constants! {
    /// Blocks of as many words as a subgroup has invocations.
    pub const WORD_BLOCKS: u32 = 4;
}

fn stirred(word: u32) -> u32 {
    word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)
}

/// The largest word of each block in each of so many turns, for blocks of `lanes` words: turn by turn, [`WORD_BLOCKS`] each.
pub fn maxima(lanes: u32, turns: u32) -> Vec<u32> {
    let mut blocks: Vec<Vec<u32>> =
        (0..WORD_BLOCKS).map(|block| (0..lanes).map(|lane| stirred(lanes * block + lane)).collect()).collect();
    let mut maxima = Vec::new();
    for _ in 0..turns {
        let sum = blocks.iter().flatten().fold(0u32, |sum, word| sum.wrapping_add(*word));
        for block in &mut blocks {
            block.iter_mut().for_each(|word| *word = stirred(*word ^ sum));
            let largest = block.iter().map(|word| word & MAGNITUDE).max().unwrap_or(0);
            block.iter_mut().for_each(|word| *word = word.wrapping_sub(largest));
            maxima.push(largest);
        }
    }
    maxima
}
