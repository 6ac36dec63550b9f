// SGD runs, many updates a dispatch. Twin of src/reference/train.rs; what an update is stands in update.wgsl.
// One workgroup of 32 lanes per (run, cohort slot); lane l keeps the elements j = l mod 32 of every M-vector.
//
// An update is B activations, the scalars of the batch and B terms of the gradient; one of several samples that is too
// long for a dispatch is cut at any of them, and what is between lies in `state`. Whether an update diverged is settled
// at the first barrier of the next one, so that a batch of one costs one barrier: `weights` are v before the update that
// is open to doubt, `next` what it made of them. A run that diverged goes on to the end of the dispatch and changes
// nothing any more: every barrier then stands in uniform control flow.
// needs: update, residual, block, tree

const GROUPS: u32 = (max(MODEL, BATCH) + SMALLEST_BLOCK - 1u) / SMALLEST_BLOCK;
// Elements of a vector that a lane keeps.
const KEPT: u32 = (MODEL + LANES - 1u) / LANES;
// Vectors that are summed over the lanes at once.
const SUMS: u32 = clamp(BATCH, 2u, LANES);
const SINGLE: bool = OWN && BATCH == 1u;

// Workgroup memory does not start as zeros: every word is written before it is read.
var<workgroup> ended: array<atomic<u32>, 2>; // by parity of the update: it is not applied
var<workgroup> diverged: u32;
var<workgroup> totals: array<atomic<u32>, COUNTERS + 1u>; // what all lanes counted, and whether one met a nan

var<private> lane: u32;
var<private> weights: array<f32, KEPT>;
var<private> next: array<f32, KEPT>;
var<private> read_weights: array<f32, KEPT>; // v as it is read, rounded
var<private> z_kept: array<f32, KEPT>; // z of a batch of one
var<private> gradient: array<f32, KEPT>;
var<private> group_sum: array<f32, KEPT>; // open group of the average
var<private> doubt: bool = false; // an update is open to it
var<private> read_tally: vec3<u32>; // what `parameter` counted meanwhile
var<private> words: vec4<u32>;

fn rows(len: u32) -> u32 {
    return (len + LANES - 1u) / LANES;
}

fn element(k: u32) -> u32 {
    return LANES * k + lane;
}

// Word of element 32 k + lane of an M-vector of this update; ascending k.
fn element_word(op: QuantOp, k: u32) -> u32 {
    if draws(op) && k % 4u == 0u {
        words = vector_words(op, seed_index, counter_of(element(k)), update);
    }
    return words[k % 4u];
}

// The weights as they are read; counted where the update starts with it. A barrier where elements share scales.
fn read_parameter(run: Run) {
    let op = run_op(run, PARAMETER);
    if shares(op) {
        for (var k = 0u; k < rows(run.model); k++) {
            if element(k) < run.model {
                offer(element(k) / op.block, bitcast<u32>(next[k]) & MAGNITUDE);
            }
        }
        settle(lane, groups_of(op, run.model));
    }
    let before = counted[PARAMETER];
    for (var k = 0u; k < rows(run.model); k++) {
        read_weights[k] = next[k];
        if op.kind != CLASS_NONE && element(k) < run.model {
            let largest = block_maximum(op, element(k));
            read_weights[k] = bitcast<f32>(quantized(op, PARAMETER, bitcast<u32>(next[k]), largest, element_word(op, k)));
        }
    }
    read_tally = counted[PARAMETER] - before;
    counted[PARAMETER] = before;
}

// Ends the doubt about an update; behind a barrier.
fn close(run: Run, last: u32) {
    if alive && doubt {
        alive = atomicLoad(&ended[last % 2u]) == 0u;
        if alive {
            accept(run, last);
        } else if lane == 0u {
            status[status_at(run)] = last;
        }
    }
    doubt = false;
}

// Joins v to the average and takes the next v.
fn accept(run: Run, last: u32) {
    for (var k = 0u; k < rows(run.model); k++) {
        if keeps_average() {
            group_sum[k] = opaque(opaque(group_sum[k]) + opaque(weights[k]));
        }
        weights[k] = next[k];
    }
    if keeps_average() && (last + 1u) % GROUP == 0u {
        for (var k = 0u; k < rows(run.model); k++) {
            if element(k) < run.model {
                let hi = vector_at(run, STATE_HI) + element(k);
                let lo = vector_at(run, STATE_LO) + element(k);
                let folded = fold(group_sum[k], read_f32(hi), read_f32(lo));
                write_f32(hi, folded.x);
                write_f32(lo, folded.y);
            }
            group_sum[k] = 0.0;
        }
    }
}

// This lane's part of the dot product of z_b with the weights as they are read.
fn lane_sum(run: Run, b: u32) -> f32 {
    let row = z_row + b * run.model;
    var sum = 0.0;
    for (var k = 0u; k < rows(run.model); k++) {
        if element(k) < run.model {
            z_kept[k] = z[row + element(k)];
            sum = opaque(sum + opaque(z_kept[k] * read_weights[k]));
        }
    }
    return sum;
}

// What the first barrier of an update settles.
fn settle_doubt(run: Run, starts: bool) {
    close(run, update - 1u);
    if alive && starts {
        counted[PARAMETER] += read_tally;
    }
}

// The activation of a batch of one, in every lane.
fn activation(run: Run) -> f32 {
    poisoned = poisoned || meets_nan(run, 0u);
    let at = PARTIAL_STRIDE * (update % 2u);
    put_partial(at, lane, lane_sum(run, 0u));
    workgroupBarrier();
    settle_doubt(run, true);
    return tree(at);
}

// The activations of a batch from sample `first` to before `end`: 32 at a time, each summed over the lanes by one.
fn activations(run: Run, first: u32, end: u32) {
    for (var tile = first; tile < end; tile += LANES) {
        let own = tile + lane;
        for (var b = tile; b < min(tile + LANES, end); b++) {
            put_partial(PARTIAL_STRIDE * (b - tile), lane, lane_sum(run, b));
        }
        workgroupBarrier();
        if tile == first {
            settle_doubt(run, first == 0u);
        }
        if own < end {
            poisoned = poisoned || meets_nan(run, own);
            values[own] = tree(PARTIAL_STRIDE * lane);
        }
        workgroupBarrier();
    }
}

// Adds sample b of residual r to the gradient.
fn add_to_gradient(run: Run, b: u32, r: f32) {
    let op = run_op(run, FEATURE_GRAD);
    for (var k = 0u; k < rows(run.model); k++) {
        let j = element(k);
        if j < run.model {
            let product = opaque(gradient_z(run, op, b, k) * r);
            if b == 0u {
                gradient[k] = product;
            } else {
                gradient[k] = opaque(gradient[k] + product);
            }
        }
    }
}

// z_bj of element j = 32 k + lane as Z^T r reads it.
fn gradient_z(run: Run, op: QuantOp, b: u32, k: u32) -> f32 {
    let j = element(k);
    if op.kind == CLASS_NONE {
        if SINGLE {
            return z_kept[k];
        }
        return z[gradient_row + b * run.model + j];
    }
    let bits = bitcast<u32>(z[gradient_row + b * run.model + j]);
    var largest = 0u;
    if shares(op) {
        largest = batch_block_maximum(run, op, b, j);
    }
    if k % 4u == 0u {
        words = vector_words(op, seed_index, counter_of(j), sample + b);
    }
    return bitcast<f32>(quantized(op, FEATURE_GRAD, bits, largest, words[k % 4u]));
}

// Ends an update: the next v, rounded, and whether it diverges, which the next barrier settles.
fn commit(run: Run) {
    let op = run_op(run, WEIGHT);
    for (var k = 0u; k < rows(run.model); k++) {
        next[k] = advanced(weights[k], gradient[k]);
        if shares(op) && element(k) < run.model {
            offer(element(k) / op.block, bitcast<u32>(next[k]) & MAGNITUDE);
        }
    }
    if shares(op) {
        settle(lane, groups_of(op, run.model));
    }
    var largest = 0u;
    for (var k = 0u; k < rows(run.model); k++) {
        if element(k) < run.model {
            let rounded =
                quantized(op, WEIGHT, bitcast<u32>(next[k]), block_maximum(op, element(k)), element_word(op, k));
            next[k] = bitcast<f32>(rounded);
            largest = max(largest, rounded & MAGNITUDE);
        }
    }
    if poisoned || largest >= DIVERGED {
        atomicStore(&ended[update % 2u], 1u);
    }
    poisoned = false;
    doubt = true;
}

// Adds what the lanes counted; uniform control flow only.
fn save_counts() {
    for (var c = 0u; c < COUNTERS; c++) {
        let own = counted[c / TALLY][c % TALLY];
        if own != 0u {
            atomicAdd(&totals[c], own);
        }
    }
    if poisoned {
        atomicOr(&totals[COUNTERS], 1u);
    }
    workgroupBarrier();
    for (var c = lane; c < COUNTERS; c += LANES) {
        let low = base + COUNTER_WORDS * c;
        let added = atomicLoad(&totals[c]);
        let sum = state[low] + added;
        state[low] = sum;
        if sum < added {
            state[low + 1u] += 1u;
        }
    }
    if lane == 0u {
        state[base + STATE_NAN] = atomicLoad(&totals[COUNTERS]);
    }
}

// What lies in `state` between dispatches, where the run starts amid an update that update's too.
fn load_state(run: Run) {
    poisoned = state[base + STATE_NAN] != 0u;
    for (var k = 0u; k < rows(run.model); k++) {
        if element(k) < run.model {
            weights[k] = read_f32(vector_at(run, STATE_V) + element(k));
            if keeps_average() {
                group_sum[k] = read_f32(vector_at(run, STATE_S) + element(k));
            }
            if run.first != 0u {
                gradient[k] = read_f32(vector_at(run, STATE_G) + element(k));
            }
        }
        next[k] = weights[k];
    }
    if run.first != 0u {
        for (var b = lane; b < run.batch; b += LANES) {
            values[b] = read_f32(values_at(run) + b);
        }
    }
    workgroupBarrier();
}

fn save_state(run: Run) {
    for (var k = 0u; k < rows(run.model); k++) {
        if element(k) < run.model {
            write_f32(vector_at(run, STATE_V) + element(k), weights[k]);
            write_f32(vector_at(run, STATE_G) + element(k), gradient[k]);
            if keeps_average() {
                write_f32(vector_at(run, STATE_S) + element(k), group_sum[k]);
            }
        }
    }
    if run.end != 2u * run.batch {
        for (var b = lane; b < run.batch; b += LANES) {
            write_f32(values_at(run) + b, values[b]);
        }
    }
    save_counts();
}

// An update of one sample.
fn single(run: Run) {
    read_parameter(run);
    add_to_gradient(run, 0u, residual(run, activation(run)));
    commit(run);
}

// An update, or of the first and the last of a dispatch a part.
fn batch(run: Run, first: u32, end: u32) {
    if first < run.batch {
        read_parameter(run);
        activations(run, first, min(end, run.batch));
        if end >= run.batch {
            residuals(run);
        }
    }
    for (var b = max(first, run.batch); b < end; b++) {
        add_to_gradient(run, b - run.batch, values[b - run.batch]);
    }
    if end == 2u * run.batch {
        commit(run);
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    lane = index;
    let run = run_at(group.x);
    start_run(run, group.y);
    clear_maxima(lane);
    for (var c = lane; c < COUNTERS + 1u; c += LANES) {
        atomicStore(&totals[c], 0u);
    }
    if lane == 0u {
        diverged = status[status_at(run)];
        atomicStore(&ended[0], 0u);
        atomicStore(&ended[1], 0u);
    }
    if workgroupUniformLoad(&diverged) != NEVER {
        return;
    }
    load_state(run);
    for (var done = 0u; done < run.updates; done++) {
        if SINGLE {
            single(run);
        } else {
            batch(run, select(0u, run.first, done == 0u), select(2u * run.batch, run.end, done + 1u == run.updates));
        }
        next_batch(run);
    }
    workgroupBarrier();
    close(run, update - 1u);
    save_state(run);
}
