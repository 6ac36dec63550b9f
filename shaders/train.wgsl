// SGD runs, many updates a dispatch. Twin of src/reference/train.rs; what an update is stands in update.wgsl.
// One workgroup of 32 lanes per (run, cohort slot); lane l owns the elements j = l mod 32 of every M-vector.
//
// An update is B + 1 + ceil(M/32) units of work: the dot products of the batch, the scalars of the batch, and the
// gradient of 32 elements each. The host says with which unit a dispatch starts and how many it does, so a batch
// may straddle dispatches; what is between two units lies in `state`.
// needs: update, block, tree

const GROUPS: u32 = max(MODEL, BATCH) / SMALLEST_BLOCK;
const SCALARS = vec3<u32>(ACTIVATION, LABEL, GRADIENT);

// Workgroup memory does not start as zeros: every word is written before it is read.
var<workgroup> weights: array<f32, MODEL>;
var<workgroup> values: array<f32, BATCH>; // activations, then residuals
var<workgroup> diverged: u32;

var<private> lane: u32;
var<private> flip: u32 = 0u;
var<private> words: vec4<u32>;

// Word of element 32 k + lane of an M-vector of this update.
fn element_word(op: QuantOp, k: u32) -> u32 {
    if draws(op) && k % 4u == 0u {
        words = vector_words(op, seed_index, counter_of(LANES * k + lane), update);
    }
    return words[k % 4u];
}

// Rounds the M-vector at this place of `state`; returns the largest magnitude of this lane's elements.
fn round_vector(site: u32, at: u32) -> u32 {
    let op = run_op(site);
    if shares(op) {
        for (var j = lane; j < run.model; j += LANES) {
            offer(j / op.block, state[at + j] & MAGNITUDE);
        }
        settle(lane, groups_of(op, run.model));
    }
    var largest = 0u;
    for (var k = 0u; LANES * k + lane < run.model; k++) {
        let j = LANES * k + lane;
        let rounded = quantized(op, site, state[at + j], block_maximum(op, j), element_word(op, k));
        state[at + j] = rounded;
        largest = max(largest, rounded & MAGNITUDE);
    }
    return largest;
}

// The weights as they are read: into `state`.
fn read_parameter() {
    if run_op(PARAMETER).kind != CLASS_NONE {
        let at = vector_at(STATE_READ);
        for (var j = lane; j < run.model; j += LANES) {
            write_f32(at + j, weights[j]);
        }
        round_vector(PARAMETER, at);
    }
}

// The activation of sample b of the batch, in every lane.
fn dot(b: u32) -> f32 {
    let row = z_row + b * run.model;
    poisoned = poisoned || meets_nan(b);
    var sum = 0.0;
    if run_op(PARAMETER).kind == CLASS_NONE {
        for (var j = lane; j < run.model; j += LANES) {
            sum = opaque(sum + opaque(z[row + j] * weights[j]));
        }
    } else {
        let at = vector_at(STATE_READ);
        for (var j = lane; j < run.model; j += LANES) {
            sum = opaque(sum + opaque(z[row + j] * read_f32(at + j)));
        }
    }
    partials[flip + lane] = sum;
    workgroupBarrier();
    let total = tree(flip);
    flip = LANES - flip;
    return total;
}

// Activations, labels and residuals of the batch, one after the other so that the codec stands here once: blocks of
// formats run along the batch. `values` holds the activations, then y - a, then the residuals.
fn scalars() {
    for (var stage = 0u; stage < 3u; stage++) {
        let site = SCALARS[stage];
        let op = run_op(site);
        if shares(op) {
            for (var b = lane; b < run.batch; b += LANES) {
                offer(b / op.block, scalar(site, b) & MAGNITUDE);
            }
            settle(lane, groups_of(op, run.batch));
        }
        for (var b = lane; b < run.batch; b += LANES) {
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

// Next value of elements 32 k ... 32 k + 31, before it is rounded.
fn gradient(k: u32) {
    let j = LANES * k + lane;
    if j >= run.model {
        return;
    }
    let op = run_op(FEATURE_GRAD);
    var sum = 0.0;
    var largest = 0u;
    for (var b = 0u; b < run.batch; b++) {
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
    advance(j, weights[j], sum);
}

// Joins the weight to the average.
fn add_to_average(j: u32) {
    let s_at = vector_at(STATE_S) + j;
    let s = opaque(opaque(read_f32(s_at)) + opaque(weights[j]));
    write_f32(s_at, s);
    if (update + 1u) % GROUP == 0u {
        let folded = fold(s, read_f32(vector_at(STATE_HI) + j), read_f32(vector_at(STATE_LO) + j));
        write_f32(vector_at(STATE_HI) + j, folded.x);
        write_f32(vector_at(STATE_LO) + j, folded.y);
        write_f32(s_at, 0.0);
    }
}

// Ends an update: rounds the next v, tests for divergence, joins v to the average and takes the next v.
fn commit() {
    let next_at = vector_at(STATE_NEXT);
    let largest = round_vector(WEIGHT, next_at);
    offer(0u, select(largest, MAGNITUDE, poisoned));
    poisoned = false;
    settle(lane, 1u);
    if !alive {
        return;
    }
    if largest_of(0u) >= DIVERGED {
        alive = false;
        if lane == 0u {
            status[status_at()] = update;
        }
        return;
    }
    for (var j = lane; j < run.model; j += LANES) {
        if params.average != 0u {
            add_to_average(j);
        }
        weights[j] = read_f32(next_at + j);
    }
}

fn save_counts() {
    for (var c = 0u; c < COUNTERS; c++) {
        let low = counters_at() + COUNTER_WORDS * c + lane;
        let added = counted[c / TALLY][c % TALLY];
        let sum = state[low] + added;
        state[low] = sum;
        if sum < added {
            state[low + LANES] += 1u;
        }
    }
    state[nan_at() + lane] = u32(poisoned);
}

// What lies in `state` between dispatches; `unit` is the next of the update.
fn load_state(unit: u32) {
    poisoned = state[nan_at() + lane] != 0u;
    for (var j = lane; j < run.model; j += LANES) {
        weights[j] = read_f32(vector_at(STATE_V) + j);
    }
    if unit != 0u {
        for (var b = lane; b < run.batch; b += LANES) {
            values[b] = read_f32(values_at() + b);
        }
        workgroupBarrier();
    }
}

fn save_state(unit: u32) {
    for (var j = lane; j < run.model; j += LANES) {
        write_f32(vector_at(STATE_V) + j, weights[j]);
    }
    if unit != 0u {
        for (var b = lane; b < run.batch; b += LANES) {
            write_f32(values_at() + b, values[b]);
        }
    }
    save_counts();
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    lane = index;
    start_run(group.x, group.y);
    clear_maxima(lane);
    if lane == 0u {
        diverged = status[status_at()];
    }
    if workgroupUniformLoad(&diverged) != NEVER {
        return;
    }
    var unit = run.unit;
    load_state(unit);
    let end = run.batch + 1u + (run.model + LANES - 1u) / LANES;
    for (var done = 0u; done < run.units; done++) {
        if unit < run.batch {
            if unit == 0u {
                read_parameter();
            }
            let a = dot(unit);
            if unit % LANES == lane {
                values[unit] = a;
            }
        } else if unit == run.batch {
            scalars();
        } else {
            gradient(unit - run.batch - 1u);
        }
        unit++;
        if unit == end {
            commit();
            unit = 0u;
            next_batch();
        }
    }
    save_state(unit);
}
