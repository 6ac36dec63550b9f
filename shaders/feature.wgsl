// z_j = Qfeature(fl(fl(fl(p_j f) scale) + fl(tail n_j))). Twin of `dot`'s last step and of `feature` in
// src/reference/project.rs. One workgroup of 32 lanes per (sample, cohort slot, feature); lane l owns the elements
// j = l mod 32.

// params: 3 stride of a row of p, 4 first sample, 5 samples, 6 slots, 7 first word of the seed indices, 8 first
// word of the features, 9 rows of the sketch's counts. A feature has 8 words: first product, products, M, f32 scale,
// f32 deviation of the tail, first word in z, operation on x whose counts may hold a nan, on G, each + 1 or 0; then
// the operations of the factor and of the feature.
@group(0) @binding(2) var<storage, read> p: array<f32>; // [product][slot][sample][row]
@group(0) @binding(3) var<storage, read> data_counts: array<u32>; // [op][slot][sample][3]
@group(0) @binding(4) var<storage, read> sketch_counts: array<u32>; // [op][slot][row][3]
@group(0) @binding(5) var<storage, read_write> z: array<f32>; // per feature [slot][sample][M]
// [feature][slot][sample][4]: saturated, underflowed, nan, and whether a nan stands behind any value of z.
@group(0) @binding(6) var<storage, read_write> counts: array<u32>;

const FEATURE_WORDS: u32 = 8u + 2u * OP_WORDS;
const GROUPS: u32 = MODEL / SMALLEST_BLOCK;

// Workgroup memory does not start as zeros here.
var<workgroup> tallies: array<atomic<u32>, 4>;

// The products of the components of row j, the smallest total first; `first` is the word of the first product.
fn projection(first: u32, products: u32, step: u32) -> u32 {
    var sum = p[first + (products - 1u) * step];
    for (var product = products - 1u; product > 0u; product--) {
        sum = opaque(opaque(sum) + opaque(p[first + (product - 1u) * step]));
    }
    return flush48(bitcast<u32>(sum));
}

// Four words of the elements 32 k + lane to 32 (k + 3) + lane.
fn element_words(op: QuantOp, seed_index: u32, k: u32, lane: u32, absolute: u32) -> vec4<u32> {
    if op.one_draw != 0u {
        return vec4<u32>(random_words(seed_index, 0u, absolute, op.purpose).x);
    }
    if draws(op) {
        return random_words(seed_index, 8u * k + lane, absolute, op.purpose);
    }
    return vec4<u32>(0u);
}

// What x or G made infinite or NaN.
fn nan_before(about: u32, model: u32, slot: u32, sample: u32, lane: u32) -> u32 {
    let samples = params[5];
    let slots = params[6];
    var found = 0u;
    let data_op = params[about + 6u];
    if data_op != 0u {
        found = data_counts[(((data_op - 1u) * slots + slot) * samples + sample) * 3u + 2u];
    }
    let sketch_op = params[about + 7u];
    if sketch_op != 0u {
        for (var row = lane; row < model; row += 32u) {
            found |= sketch_counts[(((sketch_op - 1u) * slots + slot) * params[9] + row) * 3u + 2u];
        }
    }
    return found;
}

@compute @workgroup_size(32)
fn feature(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sample = group.x;
    let slot = group.y;
    let samples = params[5];
    let slots = params[6];
    let absolute = params[4] + sample;
    let seed_index = params[params[7] + slot];
    let about = params[8] + FEATURE_WORDS * group.z;
    let products = params[about + 1u];
    let model = params[about + 2u];
    let scale = bitcast<f32>(params[about + 3u]);
    let tail = bitcast<f32>(params[about + 4u]);
    let factor = load_op(about + 8u);
    let op = load_op(about + 8u + OP_WORDS);
    let p_step = slots * samples * params[3];
    let p_at = params[about] * p_step + (slot * samples + sample) * params[3];
    let z_at = params[about + 5u] + (slot * samples + sample) * model;

    var factor_word = 0u;
    if factor.kind != CLASS_NONE {
        factor_word = random_words(seed_index, 0u, absolute, factor.purpose).x;
    }
    if lane < 4u {
        atomicStore(&tallies[lane], 0u);
    }
    if shares(op) {
        clear_maxima(lane);
    }
    workgroupBarrier();
    var words = vec4<u32>(0u);
    for (var k = 0u; k * 32u + lane < model; k++) {
        let j = 32u * k + lane;
        var bits = projection(p_at + j, products, p_step);
        if factor.kind != CLASS_NONE {
            bits = apply_one(factor, bits, 0u, factor_word).bits;
        }
        bits = flush48(bitcast<u32>(opaque(bitcast<f32>(bits) * scale)));
        if tail != 0.0 {
            if k % 4u == 0u {
                words = random_words(seed_index, 8u * k + lane, absolute, 6u);
            }
            let noise = opaque(tail * normal_draw(words[k % 4u]));
            bits = flush48(bitcast<u32>(opaque(opaque(bitcast<f32>(bits)) + noise)));
        }
        z[z_at + j] = bitcast<f32>(bits);
        if shares(op) {
            offer(j / op.block, bits & MAGNITUDE);
        }
    }
    if shares(op) {
        settle(lane, groups_of(op, model));
    }
    var total = vec3<u32>(0u);
    if op.kind != CLASS_NONE {
        for (var k = 0u; k * 32u + lane < model; k++) {
            let j = 32u * k + lane;
            if k % 4u == 0u {
                words = element_words(op, seed_index, k, lane, absolute);
            }
            let value = apply_one(op, bitcast<u32>(z[z_at + j]), block_maximum(op, j), words[k % 4u]);
            total += tally(value.flags);
            z[z_at + j] = bitcast<f32>(value.bits);
        }
    }
    if any(total != vec3<u32>(0u)) {
        atomicAdd(&tallies[0], total.x);
        atomicAdd(&tallies[1], total.y);
        atomicAdd(&tallies[2], total.z);
    }
    atomicOr(&tallies[3], total.z | nan_before(about, model, slot, sample, lane));
    workgroupBarrier();
    if lane < 4u {
        counts[((group.z * slots + slot) * samples + sample) * 4u + lane] = atomicLoad(&tallies[lane]);
    }
}
