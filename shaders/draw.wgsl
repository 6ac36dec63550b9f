// Covariates, labels and quantized data of one panel of columns. Twin of src/reference/draw.rs.
// One workgroup of 32 lanes per (sample, cohort slot).
// needs: common, tree, slice

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    panel: Panel,
    first_sample: u32,
    is_last: u32, // panel of the vector
    deviation: f32, // of the label's noise
    target_components: u32, // of w* whose labels this dispatch also makes, or 0
    uploads: u32, // x is in `uploaded`
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> scales: array<f32>; // s_i, then the components of w* of each slot
@group(0) @binding(3) var<storage, read> uploaded: array<f32>; // [slot][sample][column of the panel]
@group(0) @binding(4) var<storage, read_write> components: array<f32>; // of x: [component][slot][sample][column of the panel]
@group(0) @binding(5) var<storage, read_write> lane_sums: array<f32>; // [slot][sample][component of w*][LANES]
@group(0) @binding(6) var<storage, read_write> labels: array<f32>; // [slot][sample], of all model sizes
@group(0) @binding(7) var<storage, read_write> counts: array<u32>;

const TARGET_COMPONENTS: u32 = 3u; // at most
const SUMS: u32 = 2u;

fn covariate(scale: f32, word: u32) -> u32 {
    return flush48(round_significand(bitcast<u32>(opaque(scale * normal_draw(word))), 16u));
}

// This lane's covariates of the slice that starts `at` columns into the panel.
fn covariates(vector: Vector, at: u32, lane: u32) -> vec4<u32> {
    let first = params.panel.first + at;
    var words = vec4<u32>(0u);
    if params.uploads == 0u {
        words = random_words(vector.seed_index, counter_of(first + lane), vector.second, PURPOSE_COVARIATE);
    }
    var x = vec4<u32>(0u);
    for (var j = 0u; j < 4u; j++) {
        let within = LANES * j + lane;
        if first + within < params.panel.dim {
            if params.uploads == 0u {
                x[j] = covariate(scales[first + within], words[j]);
            } else {
                x[j] = bitcast<u32>(uploaded[cell_of(vector) * params.panel.columns + at + within]);
            }
        }
    }
    return x;
}

// Adds a slice's products with component k of w* to this lane's sum.
fn add_products(sum: f32, vector: Vector, k: u32, first: u32, x: vec4<u32>, lane: u32) -> f32 {
    let dim = params.panel.dim;
    let target_at = dim * (1u + vector.slot * params.target_components + k);
    var added = sum;
    for (var j = 0u; j < 4u; j++) {
        let i = first + LANES * j + lane;
        if i < dim {
            added = guarded(added + guarded(bitcast<f32>(x[j]) * scales[target_at + i]));
        }
    }
    return added;
}

// y from the lanes' products with each component of w*, the smallest total first; uniform control flow only.
fn label(vector: Vector, sums: array<f32, TARGET_COMPONENTS>, lane: u32) {
    var lanes = sums;
    var y = 0.0;
    for (var k = 0u; k < params.target_components; k++) {
        // One may still be read while the other is written.
        let at = PARTIAL_STRIDE * (k % 2u);
        put_partial(at, lane, lanes[params.target_components - 1u - k]);
        workgroupBarrier();
        let total = tree(at);
        if k == 0u {
            y = total;
        } else {
            y = opaque(opaque(y) + total);
        }
    }
    if lane == 0u {
        let word = random_words(vector.seed_index, 0u, vector.second, PURPOSE_LABEL_NOISE).x;
        let noise = opaque(params.deviation * normal_draw(word));
        labels[cell_of(vector)] = bitcast<f32>(flush48(bitcast<u32>(opaque(opaque(y) + noise))));
    }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let seed_index = params.words[params.panel.seeds_at + group.y];
    let vector = Vector(group.x, group.y, seed_index, params.first_sample + group.x);
    let whole = counts[params.panel.maxima_at + cell_of(vector)];
    let sums_at = cell_of(vector) * params.target_components * LANES + lane;
    start_slices(lane);

    var largest = 0u;
    var sums = array<f32, TARGET_COMPONENTS>();
    if params.panel.is_first == 0u {
        for (var k = 0u; k < params.target_components; k++) {
            sums[k] = lane_sums[sums_at + k * LANES];
        }
    }
    for (var at = 0u; at < params.panel.columns; at += SLICE) {
        let x = covariates(vector, at, lane);
        for (var j = 0u; j < 4u; j++) {
            largest = max(largest, rounded_magnitude(params.panel.first + at + LANES * j + lane, x[j]));
        }
        for (var k = 0u; k < params.target_components; k++) {
            sums[k] = add_products(sums[k], vector, k, params.panel.first + at, x, lane);
        }
        quantize_slice(vector, at, x, whole, lane);
    }
    if params.panel.measures != 0u {
        measure(vector, largest, whole, lane);
        return;
    }
    add_tallies(vector, lane);
    if params.target_components == 0u {
        return;
    }
    if params.is_last == 0u {
        for (var k = 0u; k < params.target_components; k++) {
            lane_sums[sums_at + k * LANES] = sums[k];
        }
        return;
    }
    label(vector, sums, lane);
}
