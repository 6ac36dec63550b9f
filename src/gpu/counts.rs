//! Counters of the shared sites: summed over the samples that a run consumed before it diverged.

use std::ops::Range;

use wgpu::Buffer;

use super::device::Context;
use super::launch::{Block, Launch};
use super::reading::Reading;
use super::samples::Samples;
use super::shapes::Shapes;
use super::tally::{FEATURE_TALLY, TALLY, TALLY_NAN};
use crate::error::Result;
use crate::format::QuantOp;
use crate::plan::ProblemPoint;
use crate::site::{Counts, PerSite, Site};

/// Tallies on the device: [op][slot][sample], each of so many words.
#[derive(Clone, Copy)]
struct Tallies<'a> {
    buffer: &'a Buffer,
    words: u32,
}

/// Running sums over the samples of a block: `sums[item][slot][n]` counts the first n of them.
struct Prefix {
    sums: Vec<Vec<Vec<Counts>>>,
}

/// The tallies of a block on their way, those of the items that count.
struct PrefixReading {
    words: Reading,
    counted: Vec<bool>,
    tally: u32,
}

impl PrefixReading {
    fn new(context: &Context, shapes: &Shapes, ops: &[QuantOp], tallies: Tallies) -> PrefixReading {
        let all = u64::from(shapes.slots) * u64::from(tallies.words) * u64::from(shapes.samples);
        let counted: Vec<bool> = ops.iter().map(QuantOp::is_counted).collect();
        let items = (0..).zip(&counted).filter(|(_, counted)| **counted);
        let ranges: Vec<_> = items.map(|(item, _): (u64, _)| (tallies.buffer, item * all, all)).collect();
        PrefixReading { words: context.read_later(&ranges), counted, tally: tallies.words }
    }
}

impl Prefix {
    fn take(context: &Context, shapes: &Shapes, reading: PrefixReading, samples: u64) -> Result<Prefix> {
        let row = reading.tally as usize * shapes.samples as usize;
        let words = context.take(reading.words)?;
        let mut items = words.chunks(row * shapes.slots as usize);
        let sums_of = |words: &[u32]| running(words, reading.tally, samples as usize);
        let sums_of_item = |counted: &bool| match counted {
            true => items.next().into_iter().flat_map(|words| words.chunks(row)).map(sums_of).collect(),
            false => Vec::new(),
        };
        Ok(Prefix { sums: reading.counted.iter().map(sums_of_item).collect() })
    }

    /// Of these samples of the block; none of an empty range.
    fn between(&self, item: usize, slot: usize, samples: Range<u64>) -> Counts {
        match self.sums[item].get(slot) {
            Some(sums) if !samples.is_empty() => sums[samples.end as usize] - sums[samples.start as usize],
            _ => Counts::default(),
        }
    }
}

fn counts_of(words: &[u32]) -> Counts {
    Counts { saturated: words[0].into(), underflowed: words[1].into(), nan: words[TALLY_NAN as usize].into() }
}

fn running(words: &[u32], tally: u32, samples: usize) -> Vec<Counts> {
    let mut sum = Counts::default();
    let mut sums = vec![sum];
    for words in words.chunks(tally as usize).take(samples) {
        sum += counts_of(words);
        sums.push(sum);
    }
    sums
}

/// The counts of a block on their way.
pub struct BlockReading {
    block: Block,
    data: PrefixReading,
    feature: PrefixReading,
}

/// Counters of data and feature of every run, and of the sketch.
pub struct Shared<'a> {
    shapes: &'a Shapes,
    point: &'a ProblemPoint,
    /// Sums over the blocks before the current one: [run][slot] (data, feature).
    before: Vec<Vec<(Counts, Counts)>>,
    /// [sketch operation][slot], sums over the first rows.
    sketch: Vec<Vec<Vec<Counts>>>,
    data: Prefix,
    feature: Prefix,
    block: Block,
    /// Whether data or feature count anything.
    pub counted: bool,
}

impl<'a> Shared<'a> {
    pub fn new(launch: &Launch<'a>, samples: &Samples) -> Result<Shared<'a>> {
        let Launch { context, shapes, point, .. } = *launch;
        let mut sketch = Vec::new();
        let words = u64::from(TALLY) * u64::from(point.model);
        let slots = u64::from(shapes.slots);
        for (item, op) in (0..).zip(&shapes.sketch_ops) {
            let counted = op.split.op.is_counted() && shapes.sketched;
            let ranges = [(&samples.sketch_counts, item * slots * words, slots * words)];
            let read = if counted { context.read(&ranges)? } else { Vec::new() };
            sketch.push(read.chunks(words as usize).map(|words| running(words, TALLY, point.model as usize)).collect());
        }
        let zero = vec![(Counts::default(), Counts::default()); shapes.slots as usize];
        let counted = shapes.data_ops.iter().any(|op| op.split.op.is_counted())
            || point.features.iter().any(|feature| feature.op.is_counted());
        let (data, feature) = (Prefix { sums: Vec::new() }, Prefix { sums: Vec::new() });
        let before = vec![zero; point.trajectories.len()];
        Ok(Shared { shapes, point, before, sketch, data, feature, block: Block::default(), counted })
    }

    /// Has the counts of a block read.
    pub fn read_block(&self, context: &Context, samples: &Samples, block: Block) -> BlockReading {
        let data: Vec<QuantOp> = self.shapes.data_ops.iter().map(|op| op.split.op).collect();
        let features: Vec<QuantOp> = self.point.features.iter().map(|feature| feature.op).collect();
        let reading =
            |ops: &[QuantOp], buffer, words| PrefixReading::new(context, self.shapes, ops, Tallies { buffer, words });
        BlockReading {
            block,
            data: reading(&data, &samples.data_counts, TALLY),
            feature: reading(&features, &samples.feature_counts, FEATURE_TALLY),
        }
    }

    /// Takes the counts of a block, the next one.
    pub fn start_block(&mut self, context: &Context, reading: BlockReading) -> Result<()> {
        let BlockReading { block, data, feature } = reading;
        self.block = block;
        self.data = Prefix::take(context, self.shapes, data, block.samples)?;
        self.feature = Prefix::take(context, self.shapes, feature, block.samples)?;
        Ok(())
    }

    /// Adds the block to the sums; `diverged` as [run][slot].
    pub fn end_block(&mut self, diverged: &[Option<u64>]) {
        let end = self.block.first + self.block.samples;
        for run in 0..self.before.len() {
            for slot in 0..self.before[run].len() {
                let at = run * self.shapes.slots as usize + slot;
                self.before[run][slot] = self.data_and_feature(run, slot, end, diverged[at]);
            }
        }
    }

    fn data_and_feature(&self, run: usize, slot: usize, seen: u64, diverged_at: Option<u64>) -> (Counts, Counts) {
        let (mut data, mut feature) = self.before[run][slot];
        if !self.counted {
            return (data, feature);
        }
        let t = &self.point.trajectories[run];
        // The samples of the update that diverged are counted, later ones are not.
        let limit = diverged_at.map_or(seen, |update| seen.min((update + 1) * u64::from(t.batch)));
        for (number, phase) in t.phases.iter().enumerate() {
            let [first, end] = [phase.from, t.phase_end(number).min(limit)]
                .map(|sample| sample.saturating_sub(self.block.first).min(self.block.samples));
            let op = self.shapes.pairs[self.point.features[phase.feature].pair].data as usize;
            data += self.data.between(op, slot, first..end);
            feature += self.feature.between(phase.feature, slot, first..end);
        }
        (data, feature)
    }

    /// Fills in the shared sites of a row after `seen` samples of the current block.
    pub fn add(&self, counts: &mut PerSite<Counts>, run: usize, slot: usize, seen: u64, diverged_at: Option<u64>) {
        let t = &self.point.trajectories[run];
        let (data, feature) = self.data_and_feature(run, slot, seen, diverged_at);
        counts[Site::Data] += data;
        counts[Site::Feature] += feature;
        // Phases have one sketch.
        let op = self.shapes.pairs[self.point.features[t.phases[0].feature].pair].sketch as usize;
        if let Some(sums) = self.sketch[op].get(slot) {
            counts[Site::Sketch] += sums[t.model as usize];
        }
    }
}
