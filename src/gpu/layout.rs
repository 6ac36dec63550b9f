//! What a wave of cohorts of one problem point keeps on the device, and how many cohorts fit.

use super::shader::{MODEL_SIZES, train_memory};
use crate::config::{MAX_MODEL, Sketch};
use crate::error::{Error, Result};
use crate::format::{Op, class};
use crate::plan::Point;

/// Words of the counters of a run's state: 5 sites x 3, a low and a high word for each of 32 lanes.
pub const COUNTER_WORDS: u32 = 15 * 64;
/// Columns of the projection that lie on the device at a time, at most.
const PANEL: u64 = 16_384;
const MAX_GROUPS: u64 = 65_535;
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
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning { loops: 50_000, panel: PANEL, slots: 4096 }
    }
}

/// Shapes of the buffers.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub slots: u32,
    /// Samples of a block: a multiple of every batch.
    pub samples: u32,
    /// Columns of a panel, a multiple of 128.
    pub panel: u32,
    /// Columns rounded up to 128.
    pub stride: u32,
    pub sketched: bool,
    /// Distinct operations on covariates, and on the sketch.
    pub data_ops: Vec<Op>,
    pub sketch_ops: Vec<Op>,
    /// Data and sketch operation of each pair.
    pub pairs: Vec<(u32, u32)>,
    /// First word of each feature in z, and the words of all.
    pub z_at: Vec<u64>,
    pub z_words: u64,
    /// First word of each trajectory's state, the words of all, and of one slot.
    pub state_at: Vec<u64>,
    pub state_words: u64,
    pub run_words: Vec<u64>,
    rows: u64,
    columns: u64,
}

fn position(list: &mut Vec<Op>, op: Op) -> u32 {
    let found = list.iter().position(|have| *have == op);
    found.unwrap_or_else(|| {
        list.push(op);
        list.len() - 1
    }) as u32
}

/// First word of each item, and the sum.
fn offsets(words: impl Iterator<Item = u64>) -> (Vec<u64>, u64) {
    let mut total = 0;
    let at = words.map(|words| (total, total += words).0).collect();
    (at, total)
}

fn batches_lcm(point: &Point) -> u64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    point.trajectories.iter().fold(1, |lcm, t| lcm / gcd(lcm, t.batch.into()) * u64::from(t.batch))
}

impl Layout {
    fn new(point: &Point, slots: u64, samples: u64, limits: Limits, tuning: Tuning) -> Layout {
        let sketched = point.problem.sketch == Sketch::Gaussian;
        let (mut data_ops, mut sketch_ops) = (Vec::new(), Vec::new());
        let pairs: Vec<(u32, u32)> = point
            .pairs
            .iter()
            .map(|pair| (position(&mut data_ops, pair.data), position(&mut sketch_ops, pair.sketch)))
            .collect();
        let columns = u64::from(point.problem.dim);
        let stride = columns.div_ceil(128) * 128;
        let row_bytes = data_ops.len() as u64 * slots * samples * 4;
        let affordable = limits.binding.min(limits.total / 4) / row_bytes;
        let cells = slots * samples;
        let by_project = PROJECT_WORK / (cells * pairs.len() as u64 * u64::from(point.model));
        let by_draw = DRAW_WORK / (cells * (1 + data_ops.len() as u64));
        let quick = by_project.min(by_draw).max(NARROW);
        let widest = stride.min(tuning.panel.min(PANEL)).min(affordable).min(quick) / 128 * 128;
        let panel = if sketched { widest.max(128) } else { stride };
        let (z_at, z_words) = offsets(point.features.iter().map(|f| slots * samples * u64::from(f.model)));
        let run_words: Vec<u64> =
            point.trajectories.iter().map(|t| 6 * u64::from(t.model) + u64::from(t.batch + COUNTER_WORDS)).collect();
        let (state_at, state_words) = offsets(run_words.iter().map(|words| slots * words));
        Layout {
            slots: slots as u32,
            samples: samples as u32,
            panel: panel as u32,
            stride: stride as u32,
            sketched,
            data_ops,
            sketch_ops,
            pairs,
            z_at,
            z_words,
            state_at,
            state_words,
            run_words,
            rows: if sketched { point.model.into() } else { 0 },
            columns,
        }
    }

    fn cells(&self) -> u64 {
        u64::from(self.slots) * u64::from(self.samples)
    }

    pub fn g_words(&self) -> u64 {
        self.sketch_ops.len() as u64 * u64::from(self.slots) * self.rows * u64::from(self.stride)
    }

    pub fn sketch_count_words(&self) -> u64 {
        3 * self.sketch_ops.len() as u64 * u64::from(self.slots) * self.rows
    }

    pub fn x_words(&self) -> u64 {
        self.data_ops.len() as u64 * self.cells() * u64::from(self.panel)
    }

    pub fn data_count_words(&self) -> u64 {
        3 * self.data_ops.len() as u64 * self.cells()
    }

    pub fn lane_words(&self) -> u64 {
        32 * self.cells()
    }

    pub fn label_words(&self) -> u64 {
        self.cells()
    }

    pub fn p_words(&self) -> u64 {
        self.pairs.len() as u64 * self.cells() * self.rows
    }

    pub fn feature_count_words(&self) -> u64 {
        3 * self.z_at.len() as u64 * self.cells()
    }

    pub fn status_words(&self) -> u64 {
        self.state_at.len() as u64 * u64::from(self.slots)
    }

    pub fn scale_words(&self) -> u64 {
        self.columns * (1 + u64::from(self.slots))
    }

    /// Bytes of the largest buffer, and of all.
    fn bytes(&self) -> (u64, u64) {
        let words = [
            self.g_words(),
            self.sketch_count_words(),
            self.x_words(),
            self.data_count_words(),
            self.lane_words(),
            self.label_words(),
            self.p_words(),
            self.z_words,
            self.feature_count_words(),
            self.state_words,
            self.status_words(),
            self.scale_words(),
        ];
        (4 * words.iter().max().expect("a list of buffers"), 4 * words.iter().sum::<u64>())
    }

    fn fits(&self, limits: Limits) -> bool {
        let (largest, total) = self.bytes();
        let (slots, samples) = (u64::from(self.slots), u64::from(self.samples));
        // Many cohorts at once are worth it only while a dispatch stays short.
        let work = slots * samples * self.pairs.len() as u64 * self.rows * u64::from(self.panel);
        if slots > 1 && work > 2 * PROJECT_WORK {
            return false;
        }
        let groups = [samples, slots * self.pairs.len() as u64, self.z_at.len() as u64, self.state_at.len() as u64];
        largest <= limits.binding && total <= limits.total && groups.iter().all(|&n| n <= MAX_GROUPS)
    }
}

/// The layout for so many cohorts, if it fits: long blocks first.
fn fit(point: &Point, slots: u64, limits: Limits, tuning: Tuning) -> Option<Layout> {
    let lcm = batches_lcm(point);
    let longest = (point.block.min(32_768) / lcm).clamp(1, point.samples.div_ceil(lcm));
    let lengths = std::iter::successors(Some(longest), |n| (*n > 1).then_some(n / 2));
    // Several cohorts are worth shorter blocks only down to a point.
    lengths
        .filter(|&n| slots == 1 || n == longest || n * lcm >= 256)
        .map(|n| Layout::new(point, slots, n * lcm, limits, tuning))
        .find(|layout| layout.fits(limits))
}

/// Refuses what the kernels cannot do, whatever the memory.
fn refuse(point: &Point, limits: Limits) -> Result<()> {
    let shared = point.pairs.iter().flat_map(|pair| [pair.data, pair.sketch]);
    let own = point.trajectories.iter().flat_map(|t| t.ops);
    let mut ops = shared.chain(point.features.iter().map(|feature| feature.op)).chain(own);
    if let Some(op) = ops.find(|op| op.class == class::BLOCK && ![8, 16, 32].contains(&op.block)) {
        return Err(Error::Input(format!(
            "a format shares a scale among {} elements: GPU adapters allow 8, 16 or 32, `--adapter cpu` any number",
            op.block
        )));
    }
    let model = if point.model <= MODEL_SIZES[0] { MODEL_SIZES[0] } else { MAX_MODEL };
    let needed = u64::from(train_memory(model));
    if needed > limits.workgroup {
        return Err(Error::Input(format!(
            "train.model = {}: this adapter has {} bytes of workgroup memory, needed are {needed}; \
             smaller models fit, and `--adapter cpu` has no such limit",
            point.model, limits.workgroup
        )));
    }
    Ok(())
}

/// The layout for as many of `cohorts` as fit at once.
pub fn largest(point: &Point, cohorts: u64, limits: Limits, tuning: Tuning) -> Result<Layout> {
    refuse(point, limits)?;
    let most = cohorts.min(tuning.slots).max(1);
    let Some(mut best) = fit(point, 1, limits, tuning) else {
        let (largest, total) = Layout::new(point, 1, batches_lcm(point), limits, tuning).bytes();
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
        match fit(point, middle, limits, tuning) {
            Some(layout) => (low, best) = (middle, layout),
            None => high = middle,
        }
    }
    Ok(best)
}
