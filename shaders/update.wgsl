// What an update of an SGD run is, whoever owns which element: the run and its place in `state`, the operations of its
// sites and their random words, what is counted, the step and the average. Twin of src/reference/train.rs. A kernel
// that trains owns lanes, loops and workgroup memory. In a pipeline of its own (OWN) the operations, model and batch of
// a run are constants, which a driver folds; else they are data.
// needs: common, op, site

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    samples: u32, // of a slot's buffers
    slots: u32,
    seeds_at: u32,
    runs_at: u32,
    first_sample: u32,
    average: u32, // is kept
    words: array<u32>,
}

// c_t = `first` halved every `stage` updates.
struct StepSize {
    first: f32,
    stage: u32,
}

struct Run {
    index: u32, // in `status`
    model: u32,
    batch: u32,
    feature: u32,
    z_at: u32,
    gradient_z_at: u32, // z as Z^T r reads it
    label_at: u32, // first word in `labels`
    step: StepSize,
    ops_at: u32, // one for each site, in the order of the sites below
    update: u32,
    updates: u32, // to do, the last of them up to place `end`
    first: u32, // place in the update: B activations, then B terms of the gradient
    end: u32,
    batch_start: u32, // sample of the buffers
    state_at: u32,
    state_words: u32, // of a slot
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> z: array<f32>; // per feature [slot][sample][M]
@group(0) @binding(3) var<storage, read> labels: array<f32>; // [label][slot][sample]
@group(0) @binding(4) var<storage, read> features: array<u32>; // [feature][slot][sample][FEATURE_TALLY]
@group(0) @binding(5) var<storage, read_write> state: array<u32>; // per run [slot][state_words]
@group(0) @binding(6) var<storage, read_write> status: array<u32>; // [run][slot]: update of divergence, or NEVER

// Sites that a run rounds at.
const LABEL: u32 = 0u;
const PARAMETER: u32 = 1u;
const ACTIVATION: u32 = 2u;
const GRADIENT: u32 = 3u;
const WEIGHT: u32 = 4u;
const FEATURE_GRAD: u32 = 5u;
const TRAIN_SITES: u32 = 6u;

// A run's state starts with its counters, a low and a high word each, and whether the open update met a nan. Behind them
// lie vectors of M words, those of the average where it is kept, and B batch values.
const COUNTERS: u32 = TRAIN_SITES * TALLY;
const COUNTER_WORDS: u32 = 2u;
const STATE_NAN: u32 = COUNTERS * COUNTER_WORDS;
const STATE_VECTORS: u32 = STATE_NAN + 1u;
const STATE_V: u32 = 0u;
const STATE_G: u32 = 1u; // the open update's gradient so far
const STATE_S: u32 = 2u; // open group of the average
const STATE_HI: u32 = 3u;
const STATE_LO: u32 = 4u;

// Updates whose iterates are summed before the sum joins the average.
const GROUP: u32 = 256u;
const NEVER: u32 = 0xffffffffu;

var<private> slot: u32;
var<private> seed_index: u32;
var<private> base: u32; // first word of this run's state
var<private> z_row: u32; // first word of z of the batch's first sample
var<private> gradient_row: u32; // the same as Z^T r reads it
var<private> cell_row: u32; // the batch's first sample among those of all slots
var<private> label_row: u32; // its label
var<private> sample: u32; // absolute index of the batch's first sample
var<private> update: u32;
var<private> step: u32; // bits of c_t
var<private> halves_at: u32; // update of the next halving
var<private> alive: bool = true;
var<private> poisoned: bool; // a nan stands behind a value of this update: it is not applied
var<private> counted: array<vec3<u32>, TRAIN_SITES>;

fn run_at(number: u32) -> Run {
    var run = load_run(params.runs_at + RUN_WORDS * number);
    if OWN {
        run.model = MODEL;
        run.batch = BATCH;
    }
    return run;
}

fn keeps_average() -> bool {
    if OWN {
        return AVERAGE;
    }
    return params.average != 0u;
}

fn start_run(run: Run, own_slot: u32) {
    slot = own_slot;
    seed_index = params.words[params.seeds_at + slot];
    base = run.state_at + slot * run.state_words;
    cell_row = slot * params.samples + run.batch_start;
    label_row = run.label_at + cell_row;
    z_row = run.z_at + cell_row * run.model;
    gradient_row = run.gradient_z_at + cell_row * run.model;
    sample = params.first_sample + run.batch_start;
    update = run.update;
    // Halving is exact.
    let halvings = update / run.step.stage;
    step = bitcast<u32>(run.step.first) - (halvings << 23u);
    halves_at = select((halvings + 1u) * run.step.stage, NEVER, run.step.stage == NEVER);
}

fn next_batch(run: Run) {
    update++;
    if update == halves_at {
        step -= 1u << 23u;
        halves_at += run.step.stage;
    }
    z_row += run.batch * run.model;
    gradient_row += run.batch * run.model;
    cell_row += run.batch;
    label_row += run.batch;
    sample += run.batch;
}

fn vector_at(run: Run, vector: u32) -> u32 {
    return base + STATE_VECTORS + vector * run.model;
}

fn values_at(run: Run) -> u32 {
    return vector_at(run, select(STATE_S, STATE_LO + 1u, keeps_average()));
}

fn status_at(run: Run) -> u32 {
    return run.index * params.slots + slot;
}

fn read_f32(at: u32) -> f32 {
    return bitcast<f32>(state[at]);
}

fn write_f32(at: u32, x: f32) {
    state[at] = bitcast<u32>(x);
}

fn run_op(run: Run, site: u32) -> QuantOp {
    if !OWN {
        return load_quant_op(run.ops_at + site * QUANT_OP_WORDS);
    }
    switch site {
        case LABEL: {
            return OP_LABEL;
        }
        case PARAMETER: {
            return OP_PARAMETER;
        }
        case ACTIVATION: {
            return OP_ACTIVATION;
        }
        case GRADIENT: {
            return OP_GRADIENT;
        }
        case WEIGHT: {
            return OP_WEIGHT;
        }
        default: {
            return OP_FEATURE_GRAD;
        }
    }
}

// One element through an operation; `largest` is that of its block. What is known of the run so far may count.
fn quantized(op: QuantOp, site: u32, bits: u32, largest: u32, word: u32) -> u32 {
    if op.kind == CLASS_NONE {
        return flush48(bits);
    }
    let value = apply_one(op, bits, largest, word);
    if alive {
        counted[site] += tally(value.flags);
        poisoned = poisoned || (value.flags & NAN) != 0u;
    }
    return value.bits;
}

// Whether what made z of sample b left a nan behind.
fn meets_nan(run: Run, b: u32) -> bool {
    let cell = run.feature * params.slots * params.samples + cell_row + b;
    return features[FEATURE_TALLY * cell + TALLY_NAN_BEHIND] != 0u;
}

fn scalar_word(op: QuantOp, b: u32) -> u32 {
    if draws(op) {
        let drawn = select(sample + b, sample, op.one_draw != 0u);
        return random_words(seed_index, 0u, drawn, op.purpose).x;
    }
    return 0u;
}

// Largest magnitude of the block of the batch that holds sample b, in column j.
fn batch_block_maximum(run: Run, op: QuantOp, b: u32, j: u32) -> u32 {
    let first = b - b % op.block;
    var largest = 0u;
    let end = first + min(op.block, run.batch - first);
    for (var i = first; i < end; i++) {
        largest = max(largest, bitcast<u32>(z[gradient_row + i * run.model + j]) & MAGNITUDE);
    }
    return largest;
}

// The next value of a weight before it is rounded, from its present one and its gradient summed over the batch.
fn advanced(v: f32, gradient: f32) -> f32 {
    let g = bitcast<f32>(flush48(bitcast<u32>(gradient)));
    return opaque(opaque(v) + opaque(bitcast<f32>(step) * g));
}

// (hi, q) = TwoSum(hi, s), lo = fl(lo + q) (Knuth); returns hi and lo.
fn fold(s: f32, hi: f32, lo: f32) -> vec2<f32> {
    let sum = opaque(opaque(hi) + opaque(s));
    let part = opaque(sum - opaque(hi));
    let left = opaque(opaque(hi) - opaque(sum - part));
    let right = opaque(opaque(s) - part);
    let q = opaque(left + right);
    return vec2<f32>(sum, opaque(opaque(lo) + q));
}
