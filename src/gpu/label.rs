//! The host of shaders/label.wgsl: the labels of a block where each model size has its own.

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::draw::TARGET_COMPONENTS;
use super::in_words::Label;
use super::kernels::LABEL;
use super::launch::{Block, Launch};
use super::params::{Tail, params};
use super::pipeline::Bound;
use super::samples::Samples;
use crate::error::{Error, Result};
use crate::plan::{self, ProblemPoint};
use crate::random::Stream;
use crate::risk::{JointLaw, PackedGram};

params! {
    pub struct Params {
        pub first_sample: u32,
        pub samples: u32,
        pub slots: u32,
        pub seeds_at: u32,
        pub labels_at: u32,
        /// Of the scales, and of a component of u.
        pub columns: u32,
        /// Of a slot, behind the scales.
        pub slot_words: u32,
    }
}

/// The laws of a slot's features and labels, and by draw of the sketch the sums that they come from.
pub type SlotLaws = (Vec<JointLaw>, Vec<PackedGram>);

/// Those of every slot of a launch; empty where covariates are drawn.
pub fn laws(launch: &Launch) -> Result<Vec<SlotLaws>> {
    let Launch { plan, point, seeds, .. } = *launch;
    // What is made here counts for none of the work that was planned.
    let watch = launch.watch.share(0.0);
    let of_slot = |index: &u32| {
        let stream = Stream::new(plan.config.sweep.seed, *index);
        JointLaw::all(point, &stream, &watch)
    };
    // A pool of its own: every thread of the shared one may be waiting for the device that waits for these laws.
    let pool = ThreadPoolBuilder::new().build();
    let pool =
        pool.map_err(|error| Error::Other(format!("the host cannot start the threads that make factors: {error}")))?;
    pool.install(|| seeds.par_iter().map(of_slot).collect())
}

/// What stands for the sketches of every slot, with rows of `columns`.
pub fn factor_words(columns: usize, slots: &[SlotLaws]) -> Vec<f32> {
    let laws = slots.iter().flat_map(|(laws, _)| laws);
    padded(columns, laws.flat_map(|law| law.factor.chunks(law.columns())))
}

/// What label.wgsl reads of a slot: the components of u of each law, then e of each label.
pub fn label_words(point: &ProblemPoint, (laws, _): &SlotLaws) -> Vec<f32> {
    let components = laws.iter().flat_map(|law| law.coefficients.iter().map(Vec::as_slice));
    let mut words = padded(point.coordinates as usize, components);
    words.extend(point.labels.iter().filter_map(|label| Some(laws.get(label.law)?.deviation(label.model))));
    words
}

/// The rows one after another, each of `columns` with zeros behind it.
fn padded<'a>(columns: usize, rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut words = Vec::new();
    for row in rows {
        words.extend_from_slice(row);
        words.resize(words.len() + columns - row.len(), 0.0);
    }
    words
}

/// Number of the words of [`label_words`].
pub fn law_words(point: &ProblemPoint) -> u64 {
    let components = u64::from(TARGET_COMPONENTS) * u64::from(point.coordinates);
    components * point.laws.len() as u64 + point.labels.len() as u64
}

impl Samples<'_> {
    /// Makes the labels of a block.
    pub fn label(&self, block: Block) -> Result<()> {
        let Launch { shapes, point, variant, .. } = *self.launch;
        let (columns, slot_words) = (point.coordinates, law_words(point) as u32);
        let label = |(number, own): (u32, &plan::Label)| Label {
            coordinates: point.problem.literal() + own.model,
            components_at: own.law as u32 * TARGET_COMPONENTS * columns,
            deviation_at: slot_words - point.labels.len() as u32 + number,
        };
        let labels: Vec<Label> = (0..).zip(&point.labels).map(label).collect();
        let mut tail = Tail::default();
        let params = Params {
            head: self.launch.head(),
            first_sample: block.first as u32,
            samples: shapes.samples,
            slots: shapes.slots,
            seeds_at: tail.append(self.launch.seeds),
            labels_at: tail.append(&labels),
            columns,
            slot_words,
        };
        let buffers = [Bound::new(&self.scales, shapes.scale_words()), Bound::new(&self.labels, shapes.label_words())];
        let groups = [block.samples as u32, shapes.slots, labels.len() as u32];
        self.dispatch(&LABEL, variant, &tail.behind(params), &buffers, groups)
    }
}
