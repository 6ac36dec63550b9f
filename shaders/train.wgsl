// SGD runs, many updates a dispatch. Twin of src/reference/train.rs.
// One workgroup of 32 lanes per (run, cohort slot); lane l owns the elements j = l mod 32 of every M-vector.
//
// An update is B + 1 + ceil(M/32) units of work: the dot products of the batch, the scalars of the batch, and the
// gradient of 32 elements each. The host says with which unit a dispatch starts and how many it does, so a batch
// may straddle dispatches; what is between two units lies in `state`.

// params: 3 samples of the buffers, 4 slots, 5 first word of the seed indices, 6 first word of the runs,
// 7 absolute index of sample 0, 8 the average is kept. A run has RUN_WORDS words: 0 M, 1 B, 2 first word in z, 3 updates
// between halvings, 4 f32 step, 5 update, 6 unit of the update, 7 units to do, 8 first word in state, 9 words of
// a slot's state, 10 index in status, 11 sample at which the batch starts, 12 first word in z as Z^T r reads it,
// 13 feature, 14 operations: label, parameter, activation, gradient, weight, feature_grad.
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<f32>;
@group(0) @binding(4) var<storage, read> features: array<u32>; // counts of the feature kernel
// v, s, hi, lo, parameter as read, next v before it is rounded: M words each; batch values: B; counters: 18 x (32 low, 32 high words);
// whether a lane met a nan in the open update: 32.
@group(0) @binding(5) var<storage, read_write> state: array<u32>;
@group(0) @binding(6) var<storage, read_write> status: array<u32>; // [run][slot]: update of divergence, or all ones

const RUN_WORDS: u32 = 14u + 6u * OP_WORDS;
const GROUPS: u32 = max(MODEL, BATCH) / SMALLEST_BLOCK;
const COUNTERS: u32 = 18u;
const GROUP: u32 = 256u;
const NEVER: u32 = 0xffffffffu;
const LABEL: u32 = 0u;
const PARAMETER: u32 = 1u;
const ACTIVATION: u32 = 2u;
const GRADIENT: u32 = 3u;
const WEIGHT: u32 = 4u;
const FEATURE_GRAD: u32 = 5u;
const SCALARS = vec3<u32>(ACTIVATION, LABEL, GRADIENT);

// Workgroup memory does not start as zeros here: every word is written before it is read.
var<workgroup> weights: array<f32, MODEL>;
var<workgroup> values: array<f32, BATCH>; // activations, then residuals
var<workgroup> diverged: u32;

var<private> lane: u32;
var<private> seed_index: u32;
var<private> run: u32;
var<private> model: u32;
var<private> batch: u32;
var<private> base: u32;
var<private> slot: u32;
var<private> z_row: u32; // first word of z of the batch's first sample
var<private> gradient_row: u32; // the same as Z^T r reads it
var<private> label_row: u32;
var<private> sample: u32; // absolute index of the batch's first sample
var<private> update: u32;
var<private> alive: bool;
var<private> flip: u32 = 0u;
var<private> words: vec4<u32>;
var<private> counts: array<vec3<u32>, 6>;
var<private> poisoned: bool; // a nan stands behind a value of this update: it is not applied

fn run_op(site: u32) -> QuantOp {
    return load_op(run + 14u + site * OP_WORDS);
}

fn read_f32(at: u32) -> f32 {
    return bitcast<f32>(state[at]);
}

fn write_f32(at: u32, x: f32) {
    state[at] = bitcast<u32>(x);
}

// One element through an operation; `largest` is that of its block.
fn quantized(op: QuantOp, site: u32, bits: u32, largest: u32, word: u32) -> u32 {
    if op.kind == CLASS_NONE {
        return flush48(bits);
    }
    return counted(site, apply_one(op, bits, largest, word));
}

fn counted(site: u32, value: Stored) -> u32 {
    if alive {
        counts[site] += tally(value.flags);
        poisoned = poisoned || (value.flags & NAN) != 0u;
    }
    return value.bits;
}

// Word of element 32 k + lane of an M-vector of this update.
fn element_word(op: QuantOp, k: u32) -> u32 {
    if draws(op) && k % 4u == 0u {
        if op.one_draw != 0u {
            words = vec4<u32>(random_words(seed_index, 0u, update, op.purpose).x);
        } else {
            words = random_words(seed_index, 32u * (k / 4u) + lane, update, op.purpose);
        }
    }
    return words[k % 4u];
}

// Rounds the M-vector at this place of `state`; returns the largest magnitude of this lane's elements.
fn round_vector(site: u32, at: u32) -> u32 {
    let op = run_op(site);
    if shares(op) {
        for (var j = lane; j < model; j += 32u) {
            offer(j / op.block, state[at + j] & MAGNITUDE);
        }
        settle(lane, groups_of(op, model));
    }
    var largest = 0u;
    for (var k = 0u; 32u * k + lane < model; k++) {
        let j = 32u * k + lane;
        let rounded = quantized(op, site, state[at + j], block_maximum(op, j), element_word(op, k));
        state[at + j] = rounded;
        largest = max(largest, rounded & MAGNITUDE);
    }
    return largest;
}

// The weights as they are read: into `state`.
fn read_parameter() {
    if run_op(PARAMETER).kind != CLASS_NONE {
        for (var j = lane; j < model; j += 32u) {
            write_f32(base + 4u * model + j, weights[j]);
        }
        round_vector(PARAMETER, base + 4u * model);
    }
}

// The activation of sample b of the batch, in every lane.
fn dot(b: u32) -> f32 {
    let row = z_row + b * model;
    let cell = params[run + 13u] * params[4] * params[3] + label_row + b;
    poisoned = poisoned || features[4u * cell + 3u] != 0u;
    var sum = 0.0;
    if run_op(PARAMETER).kind == CLASS_NONE {
        for (var j = lane; j < model; j += 32u) {
            sum = opaque(sum + opaque(z[row + j] * weights[j]));
        }
    } else {
        for (var j = lane; j < model; j += 32u) {
            sum = opaque(sum + opaque(z[row + j] * read_f32(base + 4u * model + j)));
        }
    }
    partials[flip + lane] = sum;
    workgroupBarrier();
    let total = tree(flip);
    flip = 32u - flip;
    return total;
}

fn scalar_word(op: QuantOp, b: u32) -> u32 {
    if draws(op) {
        let drawn = select(sample + b, sample, op.one_draw != 0u);
        return random_words(seed_index, 0u, drawn, op.purpose).x;
    }
    return 0u;
}

// Activations, labels and residuals of the batch, one after the other so that the codec stands here once: blocks of
// formats run along the batch. `values` holds the activations, then y - a, then the residuals.
fn scalars() {
    for (var stage = 0u; stage < 3u; stage++) {
        let site = SCALARS[stage];
        let op = run_op(site);
        if shares(op) {
            for (var b = lane; b < batch; b += 32u) {
                offer(b / op.block, scalar(site, b) & MAGNITUDE);
            }
            settle(lane, groups_of(op, batch));
        }
        for (var b = lane; b < batch; b += 32u) {
            let rounded = quantized(op, site, scalar(site, b), block_maximum(op, b), scalar_word(op, b));
            let value = opaque(bitcast<f32>(rounded));
            if site == LABEL {
                values[b] = opaque(value - opaque(values[b]));
            } else {
                values[b] = value;
            }
        }
    }
    workgroupBarrier();
}

// What a site along the batch rounds of sample b.
fn scalar(site: u32, b: u32) -> u32 {
    if site == LABEL {
        return bitcast<u32>(labels[label_row + b]);
    }
    return bitcast<u32>(values[b]);
}

// c_t: halving is exact.
fn step_size() -> f32 {
    return bitcast<f32>(params[run + 4u] - ((update / params[run + 3u]) << 23u));
}

// z_bj as Z^T r reads it, for this lane's j; `largest` is that of its block along the batch.
fn gradient_feature(op: QuantOp, b: u32, j: u32, largest: u32) -> f32 {
    let bits = bitcast<u32>(z[gradient_row + b * model + j]);
    if op.kind == CLASS_NONE {
        return bitcast<f32>(bits);
    }
    var word = 0u;
    if op.one_draw != 0u {
        word = random_words(seed_index, 0u, sample + b, op.purpose).x;
    } else if draws(op) {
        let within = j % 128u;
        word = random_words(seed_index, 32u * (j / 128u) + within % 32u, sample + b, op.purpose)[within / 32u];
    }
    return bitcast<f32>(counted(FEATURE_GRAD, apply_one(op, bits, largest, word)));
}

// Largest magnitude of the block of the batch that starts at `first`, in column j.
fn batch_block_maximum(op: QuantOp, first: u32, j: u32) -> u32 {
    var largest = 0u;
    let end = first + min(op.block, batch - first);
    for (var b = first; b < end; b++) {
        largest = max(largest, bitcast<u32>(z[gradient_row + b * model + j]) & MAGNITUDE);
    }
    return largest;
}

// Next value of elements 32 k ... 32 k + 31, before it is rounded.
fn gradient(k: u32) {
    let j = 32u * k + lane;
    if j >= model {
        return;
    }
    let op = run_op(FEATURE_GRAD);
    var sum = 0.0;
    var largest = 0u;
    for (var b = 0u; b < batch; b++) {
        if shares(op) && b % op.block == 0u {
            largest = batch_block_maximum(op, b, j);
        }
        let product = opaque(gradient_feature(op, b, j, largest) * values[b]);
        if b == 0u {
            sum = product;
        } else {
            sum = opaque(sum + product);
        }
    }
    let g = bitcast<f32>(flush48(bitcast<u32>(sum)));
    write_f32(base + 5u * model + j, opaque(opaque(weights[j]) + opaque(step_size() * g)));
}

// (hi, q) = TwoSum(hi, s), lo = fl(lo + q) (Knuth); s restarts at +0.
fn fold(j: u32) {
    let s = read_f32(base + model + j);
    let hi = read_f32(base + 2u * model + j);
    let sum = opaque(opaque(hi) + opaque(s));
    let part = opaque(sum - opaque(hi));
    let left = opaque(opaque(hi) - opaque(sum - part));
    let right = opaque(opaque(s) - part);
    let q = opaque(left + right);
    write_f32(base + 2u * model + j, sum);
    write_f32(base + 3u * model + j, opaque(opaque(read_f32(base + 3u * model + j)) + q));
    write_f32(base + model + j, 0.0);
}

// Ends an update: rounds the next v, tests for divergence, joins v to the average and takes the next v.
fn commit() {
    let largest = round_vector(WEIGHT, base + 5u * model);
    offer(0u, select(largest, MAGNITUDE, poisoned));
    poisoned = false;
    settle(lane, 1u);
    if !alive {
        return;
    }
    if largest_of(0u) >= DIVERGED {
        alive = false;
        if lane == 0u {
            status[params[run + 10u] * params[4] + slot] = update;
        }
        return;
    }
    for (var j = lane; j < model; j += 32u) {
        if params[8] != 0u {
            let s = opaque(opaque(read_f32(base + model + j)) + opaque(weights[j]));
            write_f32(base + model + j, s);
            if (update + 1u) % GROUP == 0u {
                fold(j);
            }
        }
        weights[j] = read_f32(base + 5u * model + j);
    }
}

fn save_counts(at: u32) {
    for (var c = 0u; c < COUNTERS; c++) {
        let low = at + 64u * c + lane;
        let added = counts[c / 3u][c % 3u];
        let sum = state[low] + added;
        state[low] = sum;
        if sum < added {
            state[low + 32u] += 1u;
        }
    }
    state[at + 64u * COUNTERS + lane] = u32(poisoned);
}

@compute @workgroup_size(32)
fn train(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    lane = index;
    slot = group.y;
    run = params[6] + RUN_WORDS * group.x;
    seed_index = params[params[5] + slot];
    model = params[run];
    batch = params[run + 1u];
    base = params[run + 8u] + slot * params[run + 9u];
    let start = slot * params[3] + params[run + 11u];
    z_row = params[run + 2u] + start * model;
    gradient_row = params[run + 12u] + start * model;
    label_row = start;
    sample = params[7] + params[run + 11u];
    update = params[run + 5u];
    clear_maxima(lane);
    if lane == 0u {
        diverged = status[params[run + 10u] * params[4] + slot];
    }
    if workgroupUniformLoad(&diverged) != NEVER {
        return;
    }
    alive = true;
    poisoned = state[base + 6u * model + batch + 64u * COUNTERS + lane] != 0u;
    for (var j = lane; j < model; j += 32u) {
        weights[j] = read_f32(base + j);
    }
    var unit = params[run + 6u];
    if unit != 0u {
        for (var b = lane; b < batch; b += 32u) {
            values[b] = read_f32(base + 6u * model + b);
        }
        workgroupBarrier();
    }
    let end = batch + 1u + (model + 31u) / 32u;
    for (var done = 0u; done < params[run + 7u]; done++) {
        if unit < batch {
            if unit == 0u {
                read_parameter();
            }
            let a = dot(unit);
            if unit % 32u == lane {
                values[unit] = a;
            }
        } else if unit == batch {
            scalars();
        } else {
            gradient(unit - batch - 1u);
        }
        unit++;
        if unit == end {
            commit();
            unit = 0u;
            update++;
            z_row += batch * model;
            gradient_row += batch * model;
            label_row += batch;
            sample += batch;
        }
    }
    for (var j = lane; j < model; j += 32u) {
        write_f32(base + j, weights[j]);
    }
    if unit != 0u {
        for (var b = lane; b < batch; b += 32u) {
            write_f32(base + 6u * model + b, values[b]);
        }
    }
    save_counts(base + 6u * model + batch);
}
