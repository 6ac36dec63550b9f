//! What a launch of cohorts of one problem point keeps on the device, and how many cohorts fit.

use super::gram::GramAt;
use super::in_words::Product;
use super::kernels::Tile;
use super::label::law_words;
use super::operands::{Operand, Operands, PairAt, components_of, operands, slice_loops};
use super::tally::{FEATURE_TALLY, TALLY};

use super::slice::{LANES, SLICE};
use super::train::state::state_words;
use crate::error::{Error, Result};
use crate::plan::{ProblemPoint, lcm};
use crate::problem::Sketch;

/// Columns of the projection that lie on the device at a time, at most.
const PANEL: u64 = 16_384;
/// Multiply-adds of one projection, and normals of one draw, at most: about 100 ms on a slow GPU.
const PROJECT_WORK: u64 = 40_000_000_000;
const DRAW_WORK: u64 = 4_000_000_000;
/// Narrower panels than this would spend their time on the totals.
const NARROW: u64 = 512;

/// What a device allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of one buffer.
    pub binding: u64,
    /// Bytes of all buffers.
    pub total: u64,
    /// Bytes of workgroup memory.
    pub workgroup: u64,
    /// Workgroups of a dispatch along an axis.
    pub groups: u64,
}

/// Sizes that change the speed, never the results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Loop iterations of one invocation, about. Mesa 22's llvmpipe silently ends all loops at 65,535.
    pub loops: u64,
    /// Columns per panel, at most.
    pub panel: u64,
    /// Cohorts at once, at most.
    pub slots: u64,
    /// Whether runs are trained by pipelines of their own; without it, where that is worth it.
    pub own: Option<bool>,
    /// Whether the device makes the sums for exact risks; without it, where that is worth it.
    pub gram: Option<bool>,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning { loops: 50_000, panel: PANEL, slots: 4096, own: None, gram: None }
    }
}

/// Shapes of the buffers.
#[derive(Clone, Debug, PartialEq)]
pub struct Shapes {
    pub slots: u32,
    /// Samples of a block: a multiple of every batch.
    pub samples: u32,
    /// Columns of a panel, a multiple of 128.
    pub panel: u32,
    /// Columns rounded up to 128.
    pub stride: u32,
    pub sketched: bool,
    /// Distinct operations on covariates, and on the sketch.
    pub data_ops: Vec<Operand>,
    pub sketch_ops: Vec<Operand>,
    pub pairs: Vec<PairAt>,
    /// What each projection multiplies.
    pub products: Vec<Product>,
    /// Components of w* in the label that draw makes; 0 where none is its.
    pub target_components: u32,
    /// Labels of a sample.
    pub labels: u64,
    /// Words that the host fills with covariates, and with the sketch.
    pub uploaded_x: u64,
    pub uploaded_g: u64,
    /// First word of each feature in z, and the words of all.
    pub z_at: Vec<u64>,
    pub z_words: u64,
    /// Words of a slot's state of each trajectory.
    pub run_words: Vec<u64>,
    /// Words of a sample's sums, and rows of a column of G.
    pub row_stride: u64,
    /// Whether two rows of G share a word: no component has more than 8 significant bits.
    pub paired: bool,
    /// The sums for exact risks, of each draw of the sketch; none where the host makes them.
    pub grams: Vec<GramAt>,
    /// Words of all scales, and of what labels are made of.
    scale_words: u64,
    rows: u64,
}

/// Neighbouring columns that lie on the device together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Columns {
    pub first: u32,
    pub width: u32,
}

/// `stride` columns in panels of `panel`.
pub fn columns(stride: u32, panel: u32) -> impl Iterator<Item = Columns> {
    (0..stride).step_by(panel as usize).map(move |first| Columns { first, width: panel.min(stride - first) })
}

/// First word of each item, and the sum.
pub fn offsets(words: impl Iterator<Item = u64>) -> (Vec<u64>, u64) {
    let mut total = 0;
    let at = words.map(|words| (total, total += words).0).collect();
    (at, total)
}

fn batches_lcm(point: &ProblemPoint) -> u64 {
    point.trajectories.iter().fold(1, |sum, t| lcm(sum, t.batch.into()))
}

impl Shapes {
    fn new(point: &ProblemPoint, average: bool, slots: u64, samples: u64, limits: Limits, tuning: Tuning) -> Shapes {
        let sketched = point.problem.is_sketched();
        let Operands { data: data_ops, sketch: sketch_ops, pairs, products } = operands(point);
        let columns = u64::from(point.coordinates);
        let draws_features = point.problem.draws_features();
        let target_components = if draws_features { 0 } else { point.problem.target_components() };
        let stride = columns.next_multiple_of(SLICE.into());
        let x_rows = u64::from(components_of(&data_ops)) + u64::from(point.uploads);
        let row_bytes = x_rows * slots * samples * 4;
        let affordable = limits.binding.min(limits.total / 4) / row_bytes;
        let cells = slots * samples;
        let by_project = PROJECT_WORK / (cells * products.len() as u64 * u64::from(point.model));
        let by_draw = DRAW_WORK / (cells * (1 + data_ops.len() as u64));
        let quick = by_project.min(by_draw).max(NARROW);
        let of_project = if sketched { Tile::most_slice_loops() } else { 0 };
        let slice = slice_loops(&data_ops, target_components).max(of_project);
        let short = (tuning.loops / slice).max(1) * u64::from(SLICE);
        let widest = stride.min(tuning.panel.min(PANEL)).min(affordable).min(quick).min(short);
        let whole_slices = widest / u64::from(SLICE) * u64::from(SLICE);
        let panel = if sketched { whole_slices.max(SLICE.into()) } else { stride };
        let (z_at, z_words) = offsets(point.features.iter().map(|f| slots * samples * u64::from(f.model)));
        let grams = if tuning.gram == Some(true) { GramAt::of(point, &sketch_ops) } else { Vec::new() };
        let run_words = point.trajectories.iter().map(|t| state_words(t, average).into()).collect();
        let uploaded_g = match point.problem.sketch {
            _ if draws_features => {
                slots * point.projected_on().iter().map(|draw| u64::from(draw.rows)).sum::<u64>() * columns
            }
            Sketch::File(_) => u64::from(point.model) * columns,
            _ => 0,
        };
        let of_slot = if draws_features { law_words(point) } else { columns * u64::from(target_components) };
        Shapes {
            slots: slots as u32,
            samples: samples as u32,
            panel: panel as u32,
            stride: stride as u32,
            sketched,
            data_ops,
            sketch_ops,
            pairs,
            products,
            target_components,
            labels: point.labels.len() as u64,
            uploaded_x: if point.uploads { cells * panel } else { 0 },
            uploaded_g,
            z_at,
            z_words,
            run_words,
            row_stride: if sketched { u64::from(point.model).next_multiple_of(8) } else { 0 },
            paired: is_paired(point),
            grams,
            scale_words: columns + slots * of_slot,
            rows: if sketched { point.model.into() } else { 0 },
        }
    }

    /// Samples of all slots.
    pub fn cells(&self) -> u64 {
        u64::from(self.slots) * u64::from(self.samples)
    }

    /// Words of G as the sketch writes it, row by row.
    pub fn sketched_words(&self) -> u64 {
        u64::from(components_of(&self.sketch_ops)) * u64::from(self.slots) * self.rows * u64::from(self.stride)
    }

    /// Words of G as the projection reads it, column by column.
    pub fn g_words(&self) -> u64 {
        let columns = u64::from(components_of(&self.sketch_ops)) * u64::from(self.slots) * u64::from(self.stride);
        columns * self.row_stride / if self.paired { 2 } else { 1 }
    }

    /// First word of the largest magnitudes behind the sketch's counts.
    pub fn sketch_maxima_at(&self) -> u64 {
        u64::from(TALLY) * self.sketch_ops.len() as u64 * u64::from(self.slots) * self.rows
    }

    pub fn sketch_count_words(&self) -> u64 {
        self.sketch_maxima_at() + u64::from(self.slots) * self.rows
    }

    pub fn x_words(&self) -> u64 {
        u64::from(components_of(&self.data_ops)) * self.cells() * u64::from(self.panel)
    }

    /// First word of the largest magnitudes behind the counts of data.
    pub fn data_maxima_at(&self) -> u64 {
        u64::from(TALLY) * self.data_ops.len() as u64 * self.cells()
    }

    pub fn data_count_words(&self) -> u64 {
        self.data_maxima_at() + self.cells()
    }

    /// Whether the panels of a block are only measured, before they are quantized: first yes, then no.
    pub fn passes(&self) -> &'static [bool] {
        if self.data_ops.iter().any(Operand::is_whole) { &[true, false] } else { &[false] }
    }

    /// The panels of a vector, from left to right.
    pub fn panels(&self) -> impl Iterator<Item = Columns> + use<> {
        columns(self.stride, self.panel)
    }

    pub fn lane_words(&self) -> u64 {
        u64::from(LANES * self.target_components) * self.cells()
    }

    pub fn label_words(&self) -> u64 {
        self.labels * self.cells()
    }

    pub fn p_words(&self) -> u64 {
        self.products.len() as u64 * self.cells() * self.row_stride
    }

    pub fn feature_count_words(&self) -> u64 {
        u64::from(FEATURE_TALLY) * self.z_at.len() as u64 * self.cells()
    }

    fn status_words(&self) -> u64 {
        self.run_words.len() as u64 * u64::from(self.slots)
    }

    fn state_words(&self) -> u64 {
        self.run_words.iter().sum::<u64>() * u64::from(self.slots)
    }

    pub fn scale_words(&self) -> u64 {
        self.scale_words
    }

    /// Words of the eigenvalues and of every slot's w* in f64, and of the sums.
    pub fn spectrum_words(&self) -> u64 {
        if self.grams.is_empty() { 0 } else { 2 * u64::from(self.stride) * (1 + u64::from(self.slots)) }
    }

    pub fn gram_words(&self) -> u64 {
        2 * u64::from(self.slots) * GramAt::slot_sums(&self.grams)
    }

    /// Bytes of the largest buffer, and of all.
    fn bytes(&self) -> (u64, u64) {
        let words = [
            self.sketched_words(),
            self.g_words(),
            self.sketch_count_words(),
            self.x_words(),
            self.data_count_words(),
            self.lane_words(),
            self.label_words(),
            self.p_words(),
            self.z_words,
            self.feature_count_words(),
            self.state_words(),
            self.status_words(),
            self.scale_words(),
            self.uploaded_x,
            self.uploaded_g,
            self.spectrum_words(),
            self.gram_words(),
        ];
        (4 * words.iter().max().expect("a list of buffers"), 4 * words.iter().sum::<u64>())
    }

    /// Bytes of all buffers.
    pub fn total(&self) -> u64 {
        self.bytes().1
    }

    fn fits(&self, limits: Limits) -> bool {
        let (largest, total) = self.bytes();
        let (slots, samples) = (u64::from(self.slots), u64::from(self.samples));
        // Many cohorts at once are worth it only while a dispatch stays short.
        let work = slots * samples * self.products.len() as u64 * self.rows * u64::from(self.panel);
        if slots > 1 && work > 2 * PROJECT_WORK {
            return false;
        }
        let products = slots * (self.products.len() as u64).max(1);
        let groups = [samples, self.rows, products, self.labels, self.z_at.len() as u64, self.run_words.len() as u64];
        largest <= limits.binding && total <= limits.total && groups.iter().all(|&n| n <= limits.groups)
    }
}

/// Whether bf16 holds every component of G.
fn is_paired(point: &ProblemPoint) -> bool {
    point.pairs.iter().flat_map(|pair| &pair.splitting.g).all(|&bits| bits <= 8)
}

/// The shapes for so many cohorts, if it fits: long blocks first.
fn fit(point: &ProblemPoint, average: bool, slots: u64, limits: Limits, tuning: Tuning) -> Option<Shapes> {
    let lcm = batches_lcm(point);
    let longest = (point.block.min(32_768) / lcm).clamp(1, point.samples.div_ceil(lcm));
    let lengths = std::iter::successors(Some(longest), |n| (*n > 1).then_some(n / 2));
    // Several cohorts are worth shorter blocks only down to a point.
    lengths
        .filter(|&n| slots == 1 || n == longest || n * lcm >= 256)
        .map(|n| Shapes::new(point, average, slots, n * lcm, limits, tuning))
        .find(|shapes| shapes.fits(limits))
}

/// The shapes for as many of `cohorts` as fit at once.
pub fn largest(point: &ProblemPoint, average: bool, cohorts: u64, limits: Limits, tuning: Tuning) -> Result<Shapes> {
    let most = cohorts.min(tuning.slots).max(1);
    // What has no room for the sums leaves them to the host.
    let gram = tuning.gram.filter(|_| fit(point, average, 1, limits, tuning).is_some());
    let tuning = Tuning { gram, ..tuning };
    let Some(mut best) = fit(point, average, 1, limits, tuning) else {
        let (largest, total) = Shapes::new(point, average, 1, batches_lcm(point), limits, tuning).bytes();
        return Err(Error::Input(format!(
            "one cohort with problem.dim = {}, M = {} and {} trajectories needs {largest} bytes in one buffer and \
             {total} in all; this adapter allows {} and {}, `--adapter cpu` has no such limit",
            point.problem.dim,
            point.model,
            point.trajectories.len(),
            limits.binding,
            limits.total
        )));
    };
    // The largest number that fits, by bisection: (fits, does not).
    let (mut low, mut high) = (1, most + 1);
    while high - low > 1 {
        let middle = (low + high) / 2;
        match fit(point, average, middle, limits, tuning) {
            Some(shapes) => (low, best) = (middle, shapes),
            None => high = middle,
        }
    }
    Ok(best)
}
