// SGD runs, many updates a dispatch. Twin of src/reference/train.rs; what an update is stands in update.wgsl.
// WIDTH lanes per (run, cohort slot); lane l keeps the elements j = l mod WIDTH of every M-vector. A workgroup of 32
// has PACK neighbouring slots of a run. What the lanes of one exchange, and how, is the exchange's: by_barrier.wgsl or
// by_shuffle.wgsl.
//
// An update is B activations, the scalars of the batch and B terms of the gradient; one of several samples that is too
// long for a dispatch is cut at any of them, and what is between lies in `state`. Whether an update diverged is settled
// at the first barrier of the next one, so that a batch of one costs one barrier: `weights` are v before the update that
// is open to doubt, `next` what it made of them. A run that diverged goes on to the end of the dispatch and changes
// nothing any more: every barrier then stands in uniform control flow.
// needs: update, residual, exchange

// Runs of a workgroup.
const PACK: u32 = LANES / WIDTH;
// Elements of a vector that a lane keeps.
const KEPT: u32 = (MODEL + WIDTH - 1u) / WIDTH;
// Vectors that are summed over the lanes at once.
const SUMS: u32 = clamp(BATCH, 2u, LANES);
const SINGLE: bool = OWN && BATCH == 1u;
// What all lanes of a run counted, and whether one met a nan.
const TOTALS: u32 = COUNTERS + 1u;

// Workgroup memory does not start as zeros: every word is written before it is read.
var<workgroup> is_over: u32; // no run of the workgroup goes on: while one does, all keep pace
var<workgroup> totals: array<atomic<u32>, PACK * TOTALS>;

var<private> lane: u32; // of the run
var<private> member: u32; // number of the run in the workgroup
var<private> is_real: bool; // it is the run of a slot, not of a place that is left over
var<private> weights: array<f32, KEPT>;
var<private> next: array<f32, KEPT>;
var<private> read_weights: array<f32, KEPT>; // v as it is read, rounded
var<private> z_kept: array<f32, select(1u, KEPT, SINGLE)>; // z of a batch of one
var<private> gradient: array<f32, KEPT>;
var<private> group_sum: array<f32, KEPT>; // open group of the average
var<private> doubt: bool = false; // an update is open to it
var<private> read_tally: vec3<u32>; // what `parameter` counted meanwhile
var<private> words: array<vec4<u32>, PACK>; // of the lanes of 32 that this one stands for

fn rows(len: u32) -> u32 {
    return (len + WIDTH - 1u) / WIDTH;
}

fn element(k: u32) -> u32 {
    return WIDTH * k + lane;
}

// Random word of element k of this lane, drawn with number `second`; ascending k.
fn element_word(op: QuantOp, k: u32, second: u32) -> u32 {
    let row = k / PACK;
    if draws(op) && row % 4u == 0u {
        words[k % PACK] = vector_words(op, seed_index, counter_of(element(k)), second);
    }
    return words[k % PACK][row % 4u];
}

// Settles the largest magnitudes of the blocks of `next`. A barrier.
fn measure_next(run: Run, op: QuantOp) {
    for (var k = 0u; k < rows(run.model); k++) {
        measure(op, k, select(0u, bitcast<u32>(next[k]) & MAGNITUDE, element(k) < run.model));
    }
    settle_measures(op, run.model);
}

// The weights as they are read; counted where the update starts with it. A barrier where elements share scales.
fn read_parameter(run: Run) {
    let op = run_op(run, PARAMETER);
    if shares(op) {
        measure_next(run, op);
    }
    let before = counted[PARAMETER];
    for (var k = 0u; k < rows(run.model); k++) {
        read_weights[k] = next[k];
        if op.kind != CLASS_NONE && element(k) < run.model {
            let word = element_word(op, k, update);
            read_weights[k] = bitcast<f32>(quantized(op, PARAMETER, bitcast<u32>(next[k]), measured(op, k), word));
        }
    }
    read_tally = counted[PARAMETER] - before;
    counted[PARAMETER] = before;
}

// Ends the doubt about an update; behind what exchanges it, in uniform control flow.
fn close(run: Run, last: u32) {
    let is_refused = refused(last);
    if alive && doubt {
        alive = !is_refused;
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

// This lane's part of the dot product of z_b with the weights as they are read: its sums as one of 32 lanes each, by
// halving.
fn lane_sum(run: Run, b: u32) -> f32 {
    let row = z_row + b * run.model;
    var sums: array<f32, PACK>;
    for (var k = 0u; k < rows(run.model); k++) {
        if element(k) < run.model {
            let own = z[row + element(k)];
            if SINGLE {
                z_kept[k] = own;
            }
            sums[k % PACK] = opaque(sums[k % PACK] + opaque(own * read_weights[k]));
        }
    }
    for (var half = PACK / 2u; half > 0u; half /= 2u) {
        for (var i = 0u; i < half; i++) {
            sums[i] = opaque(sums[i] + sums[i + half]);
        }
    }
    return sums[0];
}

// What the first exchange of an update settles.
fn settle_doubt(run: Run, starts: bool) {
    close(run, update - 1u);
    if alive && starts {
        counted[PARAMETER] += read_tally;
    }
}

// The activation of a batch of one, in every lane.
fn activation(run: Run) -> f32 {
    poisoned = poisoned || meets_nan(run, 0u);
    let sum = total(lane_sum(run, 0u));
    settle_doubt(run, true);
    return sum;
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

// z_bj of element k of this lane as Z^T r reads it.
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
    return bitcast<f32>(quantized(op, FEATURE_GRAD, bits, largest, element_word(op, k, sample + b)));
}

// Ends an update: the next v, rounded, and whether it diverges, which the next barrier settles.
fn commit(run: Run) {
    let op = run_op(run, WEIGHT);
    for (var k = 0u; k < rows(run.model); k++) {
        next[k] = advanced(weights[k], gradient[k]);
    }
    if shares(op) {
        measure_next(run, op);
    }
    var largest = 0u;
    for (var k = 0u; k < rows(run.model); k++) {
        if element(k) < run.model {
            let word = element_word(op, k, update);
            let rounded = quantized(op, WEIGHT, bitcast<u32>(next[k]), measured(op, k), word);
            next[k] = bitcast<f32>(rounded);
            largest = max(largest, rounded & MAGNITUDE);
        }
    }
    if poisoned || largest >= DIVERGED {
        refuse();
    }
    poisoned = false;
    doubt = true;
}

// Adds what the lanes counted; uniform control flow only.
fn save_counts() {
    for (var c = 0u; c < COUNTERS; c++) {
        let own = counted[c / TALLY][c % TALLY];
        if own != 0u {
            atomicAdd(&totals[TOTALS * member + c], own);
        }
    }
    if poisoned {
        atomicOr(&totals[TOTALS * member + COUNTERS], 1u);
    }
    workgroupBarrier();
    if !is_real {
        return;
    }
    for (var c = lane; c < COUNTERS; c += WIDTH) {
        let low = base + COUNTER_WORDS * c;
        let added = atomicLoad(&totals[TOTALS * member + c]);
        let sum = state[low] + added;
        state[low] = sum;
        if sum < added {
            state[low + 1u] += 1u;
        }
    }
    if lane == 0u {
        state[base + STATE_NAN] = atomicLoad(&totals[TOTALS * member + COUNTERS]);
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
        if is_real && element(k) < run.model {
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

// Whether a run of the workgroup goes on.
fn any_goes_on(run: Run, first_slot: u32) -> bool {
    for (var own = first_slot; own < min(first_slot + PACK, params.slots); own++) {
        if status[run.index * params.slots + own] == NEVER {
            return true;
        }
    }
    return false;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    lane = index % WIDTH;
    member = index / WIDTH;
    let run = run_at(group.x);
    let own_slot = PACK * group.y + member;
    is_real = own_slot < params.slots;
    start_run(run, min(own_slot, params.slots - 1u));
    clear_exchange(index);
    for (var c = index; c < PACK * TOTALS; c += LANES) {
        atomicStore(&totals[c], 0u);
    }
    if index == 0u {
        is_over = select(1u, 0u, any_goes_on(run, PACK * group.y));
    }
    if workgroupUniformLoad(&is_over) != 0u {
        return;
    }
    alive = is_real && status[status_at(run)] == NEVER;
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
