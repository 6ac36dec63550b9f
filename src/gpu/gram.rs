//! The host of shaders/gram.wgsl: what exact risks need of the clean sketch of every slot.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::Features;

use super::kernels::{GRAM, Variant};
use super::launch::Launch;
use super::operands::Operand;
use super::params::{Parameters, params};
use super::pipeline::Bound;
use super::reading::Reading;
use super::samples::Samples;
use super::shapes::{Columns, Shapes, Tuning, columns};
use super::slice::SLICE;
use super::{AdapterInfo, Gpu, is_hardware};
use crate::error::Result;
use crate::format::QuantOp;
use crate::plan::{Difference, ProblemPoint, SketchDraw};
use crate::problem::Sketch;
use crate::random::Stream;
use crate::reference;
use crate::risk::{CohortStates, Gram, PackedGram, Truth};
use crate::twin::constants;

params! {
    pub struct Params {
        /// Of the draw.
        pub rows: u32,
        /// Rows of a coordinate, a multiple of 8.
        pub row_stride: u32,
        /// Coordinates of G.
        pub stride: u32,
        /// Coordinate.
        pub first: u32,
        /// Of this dispatch, a multiple of [`GRAM_COORDINATES`].
        pub coordinates: u32,
        /// Of G: the clean draw.
        pub component: u32,
        pub slots: u32,
        /// Of the draw, in those of a slot.
        pub sums_at: u32,
        pub slot_sums: u32,
    }
}

constants! {
    /// Rows and columns of a workgroup, and coordinates that it holds at a time.
    pub const GRAM_TILE: u32 = 64;
    pub const GRAM_COORDINATES: u32 = 16;
}

/// What the kernel needs of a device: f64, and u64 to make them opaque.
pub const DOUBLES: Features = Features::SHADER_F64.union(Features::SHADER_INT64);

/// Multiply-adds of a dispatch, at most: some 10 ms on a card with few units for f64.
const WORK: u64 = 4_000_000_000;

/// Loop iterations of an invocation for [`GRAM_COORDINATES`] coordinates, with the last test of each loop: those, their
/// products, their products with w*; and for what it reads before and writes behind.
pub const STEP_LOOPS: [u64; 3] = [1, GRAM_COORDINATES as u64 + 1, GRAM_COORDINATES as u64 + 1];
pub const ENTRY_LOOPS: [u64; 4] = [5, 4 * 5, 5, 4 * 5];

/// The sums of one draw of the sketch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GramAt {
    /// Of G: the draw as it is.
    component: u32,
    rows: u32,
    /// First of its sums in those of a slot.
    at: u64,
}

impl GramAt {
    /// Those of every draw of a point; none where the host makes them: where the sketch comes from a file, whose products
    /// need not be exact, where there is no risk, where features are drawn, and where some draw lies on the device
    /// quantized alone.
    pub fn of(point: &ProblemPoint, ops: &[Operand]) -> Vec<GramAt> {
        let is_drawn = matches!(point.problem.sketch, Sketch::Gaussian { .. });
        if !is_drawn || point.problem.covariates().is_some() || point.problem.draws_features() {
            return Vec::new();
        }
        let mut sums = 0;
        let of_draw = |(draw, SketchDraw { rows, .. }): (usize, &SketchDraw)| {
            let is_clean = |op: &&Operand| op.draw == draw && !op.split.op.is_set() && op.split.components == 1;
            let component = ops.iter().find(is_clean)?.first;
            let at = sums;
            sums += PackedGram::sums(*rows as usize) as u64;
            Some(GramAt { component, rows: *rows, at })
        };
        point.sketches.iter().enumerate().map(of_draw).collect::<Option<_>>().unwrap_or_default()
    }

    /// Of all these draws, for one slot.
    pub fn slot_sums(all: &[GramAt]) -> u64 {
        all.last().map_or(0, |last| last.at + PackedGram::sums(last.rows as usize) as u64)
    }

    fn tiles(&self) -> u32 {
        self.rows.div_ceil(GRAM_TILE)
    }

    /// Coordinates of a dispatch: a multiple of [`SLICE`].
    fn width(&self, slots: u32, loops: u64) -> u32 {
        let (tiles, tile) = (u64::from(self.tiles()), u64::from(GRAM_TILE));
        let by_work = WORK / (u64::from(slots) * tiles * (tiles + 1) / 2 * tile * tile);
        let steps = loops.saturating_sub(ENTRY_LOOPS.iter().sum()) / STEP_LOOPS.iter().sum::<u64>();
        let most = by_work.min(steps * u64::from(GRAM_COORDINATES));
        (most / u64::from(SLICE)).max(1) as u32 * SLICE
    }
}

/// The sums of each slot of a launch, as they come from the device.
pub fn by_slot(shapes: &Shapes, sums: Vec<f64>) -> Vec<Vec<PackedGram>> {
    let (sums, slot_sums) = (Arc::new(sums), GramAt::slot_sums(&shapes.grams));
    let of_slot = |slot: u64| {
        let of_draw = |gram: &GramAt| (slot * slot_sums + gram.at, gram.rows as usize);
        let draws = shapes.grams.iter().map(of_draw);
        draws.map(|(at, rows)| PackedGram::new(sums.clone(), at as usize, rows)).collect()
    };
    (0..u64::from(shapes.slots)).map(of_slot).collect()
}

impl Samples<'_> {
    /// Makes the sums of every slot, which are on their way from then on.
    pub fn gram(&self, strict: bool) -> Result<Reading> {
        let Launch { shapes, context, tuning, .. } = *self.launch;
        if shapes.grams.is_empty() {
            return Ok(context.read_later(&[]));
        }
        let slot_sums = GramAt::slot_sums(&shapes.grams);
        let sums = context.buffer("G H G^T", shapes.gram_words());
        let variant = Variant { strict, paired: shapes.paired, ..Variant::least() };
        for gram in &shapes.grams {
            for Columns { first, width } in columns(shapes.stride, gram.width(shapes.slots, tuning.loops)) {
                let params = Parameters::of(Params {
                    head: self.launch.head(),
                    rows: gram.rows,
                    row_stride: shapes.row_stride as u32,
                    stride: shapes.stride,
                    first,
                    coordinates: width,
                    component: gram.component,
                    slots: shapes.slots,
                    sums_at: gram.at as u32,
                    slot_sums: slot_sums as u32,
                });
                let buffers = [
                    Bound::new(&self.g, shapes.g_words()),
                    Bound::new(&self.spectrum, shapes.spectrum_words()),
                    Bound::new(&sums, shapes.gram_words()),
                ];
                let groups = [gram.tiles(), gram.tiles(), shapes.slots];
                self.dispatch(&GRAM, variant, &params, &buffers, groups)?;
            }
        }
        Ok(context.read_later(&[(&sums, 0, shapes.gram_words())]))
    }
}

/// Who makes the sums, in the order in which they are tried.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    #[default]
    Plain,
    Strict,
    Host,
}

/// A pipeline, and the size of what it makes.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    strict: bool,
    paired: bool,
    dim: u32,
    /// Of each draw of the sketch.
    rows: Vec<u32>,
}

/// Which forms of the kernel gave the host's bits: the first that is not refused, and what it is proved for.
#[derive(Default)]
pub struct GramProofs(Mutex<(Form, HashSet<Kind>)>);

impl GramProofs {
    /// Whether the strict form is to be used, where the other kernels are `strict`; `None` where the host makes the sums.
    pub fn form(&self, strict: bool) -> Option<bool> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).0 {
            Form::Host => None,
            form => Some(strict || form == Form::Strict),
        }
    }

    /// Whether sums of a kind are kept: not where `difference`, asked once of each kind, finds that they are not the host's.
    /// The strict form is the next one then, and behind it the host itself, of which `tell` hears.
    fn settle(
        &self,
        kind: Kind,
        difference: impl FnOnce() -> Result<Option<Difference>>,
        tell: impl FnOnce(Difference),
    ) -> Result<bool> {
        let (form, proved) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if proved.contains(&kind) {
            return Ok(true);
        }
        let strict = kind.strict;
        let Some(found) = difference()? else { return Ok(proved.insert(kind)) };
        // One that was on its way may be of a form that is refused by now.
        *form = (*form).max(if strict { Form::Host } else { Form::Strict });
        if strict {
            tell(found);
        }
        Ok(false)
    }
}

impl Gpu {
    /// Whether the device makes the sums of a plan: where it has f64, and is one that gains by it.
    pub(super) fn makes_grams(&self, tuning: Tuning) -> bool {
        tuning.gram.unwrap_or(is_hardware(&self.info)) && self.context.has(DOUBLES)
    }

    /// Drops the sums of a launch unless those of its first and its last cohort have the host's bits.
    pub(super) fn prove_grams(&self, launch: &Launch, done: &mut [CohortStates]) -> Result<()> {
        let Launch { shapes, point, strict_gram: strict, .. } = *launch;
        let rows: Vec<u32> = shapes.grams.iter().map(|gram| gram.rows).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let kind = Kind { strict, paired: shapes.paired, dim: point.problem.dim, rows };
        let AdapterInfo { index, name, .. } = &self.info;
        let tell = |found| {
            (self.tell)(&format!(
                "adapter {index} ({name}) gives other sums for the risks, {found}: the host makes them"
            ));
        };
        let difference = || {
            let ends = BTreeSet::from([0, done.len() - 1]);
            ends.into_iter().find_map(|slot| difference(launch, slot, &done[slot].grams).transpose()).transpose()
        };
        if !self.gram_proofs.settle(kind, difference, tell)? {
            done.iter_mut().for_each(|done| done.grams.clear());
        }
        Ok(())
    }
}

/// The first sum of a slot's cohort that is not the host's, which gets the sketch from the reference: on this thread
/// alone, as the pool's may wait for the device.
fn difference(launch: &Launch, slot: usize, grams: &[PackedGram]) -> Result<Option<Difference>> {
    let Launch { point, plan, seeds, .. } = *launch;
    let (none, watch) = (QuantOp::none(), launch.watch.share(0.0));
    let truth = Truth::new(point, Stream::new(plan.config.sweep.seed, seeds[slot]));
    let of_first = truth.iter().flat_map(|truth| point.sketches.iter().zip(grams).map(move |sums| (truth, sums)));
    for (truth, (draw, sums)) in of_first {
        let (kind, dim) = (&point.problem.sketch, point.problem.dim);
        let rows = reference::sketch::sketch(&none, kind, draw, &truth.stream, dim);
        let sketch: Vec<f32> = rows.flat_map(|(row, _)| row).collect();
        let must = Gram::new(&truth.eigenvalues.lambda, &truth.target, &sketch, draw.rows as usize, &watch)?;
        if let Some(found) = must.difference(&sums.unpacked()) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn kind(strict: bool, dim: u32) -> Kind {
        Kind { strict, paired: true, dim, rows: vec![8] }
    }

    #[test]
    fn the_strict_form_follows_the_plain_one_and_the_host_follows_both() {
        let (proofs, told) = (GramProofs::default(), RefCell::new(Vec::new()));
        let settle = |kind: Kind, same: bool| {
            let difference = || Ok((!same).then(|| Difference::new("G H G^T", 3, 1, 2)));
            proofs.settle(kind, difference, |found| told.borrow_mut().push(found.to_string())).expect("no error")
        };
        assert_eq!((proofs.form(false), proofs.form(true)), (Some(false), Some(true)));
        assert!(settle(kind(false, 100), true));
        assert!(settle(kind(false, 100), false), "what is proved is not asked again");
        assert!(!settle(kind(false, 200), false), "another size");
        assert_eq!((proofs.form(false), told.borrow().len()), (Some(true), 0));
        assert!(settle(kind(true, 200), true));
        assert!(!settle(kind(true, 300), false));
        assert_eq!((proofs.form(false), proofs.form(true)), (None, None));
        assert!(!settle(kind(false, 400), false), "of a launch that was on its way");
        assert_eq!(proofs.form(false), None);
        assert_eq!(told.take(), ["G H G^T[3] is 0x2, must be 0x1"]);
    }
}
