// z_j = Qfeature(fl(fl(fl(p_j f) scale) + fl(tail n_j))). Twin of src/reference/feature.rs.
// One workgroup of 32 lanes per (sample, cohort slot, feature); lane l owns the elements j = l mod 32.
// needs: common, op, site, block

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    stride: u32, // of a row of p
    first_sample: u32,
    samples: u32,
    slots: u32,
    seeds_at: u32,
    features_at: u32,
    sketch_rows: u32, // of a slot's counts
    words: array<u32>,
}

struct Feature {
    product: u32, // the first one
    products: u32,
    model: u32,
    scale: f32,
    tail: f32, // deviation of the closed tail
    z_at: u32,
    data_op: u32, // 1 + number of the operation on x whose counts may hold a nan, or 0
    sketch_op: u32, // the same on G
    factor: QuantOp,
    op: QuantOp,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> p: array<f32>; // [product][slot][sample][row]
@group(0) @binding(3) var<storage, read> data_counts: array<u32>; // [op][slot][sample][TALLY]
@group(0) @binding(4) var<storage, read> sketch_counts: array<u32>; // [op][slot][row][TALLY]
@group(0) @binding(5) var<storage, read_write> z: array<f32>; // per feature [slot][sample][M]
@group(0) @binding(6) var<storage, read_write> counts: array<u32>; // [feature][slot][sample][FEATURE_TALLY]

const GROUPS: u32 = MODEL / SMALLEST_BLOCK;

var<workgroup> tallies: array<atomic<u32>, FEATURE_TALLY>;

// The products of the components of row j, the smallest total first; `first` is the word of the first product.
fn projection(first: u32, products: u32, step: u32) -> u32 {
    var sum = p[first + (products - 1u) * step];
    for (var product = products - 1u; product > 0u; product--) {
        sum = opaque(opaque(sum) + opaque(p[first + (product - 1u) * step]));
    }
    return flush48(bitcast<u32>(sum));
}

// What x or G made infinite or NaN.
fn nan_before(about: Feature, slot: u32, sample: u32, lane: u32) -> u32 {
    var found = 0u;
    if about.data_op != 0u {
        let cell = ((about.data_op - 1u) * params.slots + slot) * params.samples + sample;
        found = data_counts[cell * TALLY + TALLY_NAN];
    }
    if about.sketch_op != 0u {
        let first = ((about.sketch_op - 1u) * params.slots + slot) * params.sketch_rows;
        for (var row = lane; row < about.model; row += LANES) {
            found |= sketch_counts[(first + row) * TALLY + TALLY_NAN];
        }
    }
    return found;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sample = group.x;
    let slot = group.y;
    let cells = params.slots * params.samples;
    let cell = slot * params.samples + sample;
    let absolute = params.first_sample + sample;
    let seed_index = params.words[params.seeds_at + slot];
    let about = load_feature(params.features_at + FEATURE_WORDS * group.z);
    let model = about.model;
    let factor = about.factor;
    let op = about.op;
    let p_step = cells * params.stride;
    let p_at = about.product * p_step + cell * params.stride;
    let z_at = about.z_at + cell * model;

    var factor_word = 0u;
    if factor.kind != CLASS_NONE {
        factor_word = random_words(seed_index, 0u, absolute, factor.purpose).x;
    }
    if lane < FEATURE_TALLY {
        atomicStore(&tallies[lane], 0u);
    }
    if shares(op) {
        clear_maxima(lane);
    }
    workgroupBarrier();
    var words = vec4<u32>(0u);
    for (var k = 0u; k * LANES + lane < model; k++) {
        let j = LANES * k + lane;
        var bits = projection(p_at + j, about.products, p_step);
        if factor.kind != CLASS_NONE {
            bits = apply_one(factor, bits, 0u, factor_word).bits;
        }
        bits = flush48(bitcast<u32>(opaque(bitcast<f32>(bits) * about.scale)));
        if about.tail != 0.0 {
            if k % 4u == 0u {
                words = random_words(seed_index, counter_of(j), absolute, PURPOSE_TAIL);
            }
            let noise = opaque(about.tail * normal_draw(words[k % 4u]));
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
        for (var k = 0u; k * LANES + lane < model; k++) {
            let j = LANES * k + lane;
            if k % 4u == 0u {
                words = vector_words(op, seed_index, counter_of(j), absolute);
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
    atomicOr(&tallies[TALLY_NAN_BEHIND], total.z | nan_before(about, slot, sample, lane));
    workgroupBarrier();
    if lane < FEATURE_TALLY {
        counts[(group.z * cells + cell) * FEATURE_TALLY + lane] = atomicLoad(&tallies[lane]);
    }
}
