// Covariates, labels and quantized data of one panel of columns. Twin of src/reference/draw.rs.
// One workgroup of 32 lanes per (sample, cohort slot); lane c owns the coordinates 32 j + c of a slice of 128.

// params: 3 columns, 4 first column, 5 columns of the panel (a multiple of 128), 6 first sample, 7 samples,
// 8 slots, 9 operations, 10 first word of the operations, 11 first word of the seed indices, 12 this panel is
// the first, 13 the last, 14 f32 deviation of the label's noise, 15 index of the first operation, 16 components of w*
// whose labels this dispatch also makes, or 0, 17 index of the first operation's first component, 18 x is in `uploaded`,
// 19 first word of the largest magnitudes in `counts`, 20 this dispatch only takes them: blocks of the whole vector
// need those of all panels before the first is quantized.
// An operation has two words more: components of x, and significant bits of each.
@group(0) @binding(2) var<storage, read> scales: array<f32>; // s_i, then the components of w* of each slot
@group(0) @binding(3) var<storage, read> uploaded: array<f32>; // [slot][sample][column of the panel]
@group(0) @binding(4) var<storage, read_write> x_out: array<f32>; // [component][slot][sample][column of the panel]
@group(0) @binding(5) var<storage, read_write> lane_sums: array<f32>; // [slot][sample][component of w*][32]
@group(0) @binding(6) var<storage, read_write> labels: array<f32>; // [slot][sample]
// [op][slot][sample][3], then largest magnitudes: [slot][sample].
@group(0) @binding(7) var<storage, read_write> counts: array<u32>;

const DATA_OP_WORDS: u32 = OP_WORDS + 2u;
const GROUPS: u32 = 128u / SMALLEST_BLOCK;

var<workgroup> tallies: array<atomic<u32>, 96>;

fn covariate(scale: f32, word: u32) -> u32 {
    return flush48(round_significand(bitcast<u32>(opaque(scale * normal_draw(word))), 16u));
}

@compute @workgroup_size(32)
fn draw(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sample = group.x;
    let slot = group.y;
    let dim = params[3];
    let panel = params[5];
    let samples = params[7];
    let slots = params[8];
    let seed_index = params[params[11] + slot];
    let absolute = params[6] + sample;
    let cell = slot * samples + sample;
    let components = params[16];
    let target_at = dim + slot * components * dim;
    let whole = counts[params[19] + cell];

    var largest_x = 0u;
    var sums = array<f32, 3>(0.0, 0.0, 0.0);
    if params[12] == 0u {
        for (var k = 0u; k < components; k++) {
            sums[k] = lane_sums[(cell * components + k) * 32u + lane];
        }
    }
    for (var at = 0u; at < panel; at += 128u) {
        let first = params[4] + at;
        var words = vec4<u32>(0u);
        if params[18] == 0u {
            words = random_words(seed_index, first / 4u + lane, absolute, 0u);
        }
        var x: array<u32, 4>;
        for (var j = 0u; j < 4u; j++) {
            let within = 32u * j + lane;
            let i = first + within;
            x[j] = 0u;
            if i < dim {
                if params[18] == 0u {
                    x[j] = covariate(scales[i], words[j]);
                } else {
                    x[j] = bitcast<u32>(uploaded[cell * panel + at + within]);
                }
                largest_x = max(largest_x, x[j] & MAGNITUDE);
                for (var k = 0u; k < components; k++) {
                    sums[k] = guarded(sums[k] + guarded(bitcast<f32>(x[j]) * scales[target_at + k * dim + i]));
                }
            }
        }
        var out = params[17];
        for (var q = 0u; q < params[9]; q++) {
            let op_at = params[10] + q * DATA_OP_WORDS;
            let op = load_op(op_at);
            if is_within_slice(op) {
                for (var j = 0u; j < 4u; j++) {
                    offer((32u * j + lane) / op.block, x[j] & MAGNITUDE);
                }
                settle(lane, groups_of(op, 128u));
            }
            var bits = vec4<u32>(0u);
            if draws(op) {
                bits = random_words(seed_index, first / 4u + lane, absolute, op.purpose);
            }
            var total = vec3<u32>(0u);
            for (var j = 0u; j < 4u; j++) {
                let within = 32u * j + lane;
                var value = Stored(0u, 0u);
                if first + within < dim {
                    var largest = whole;
                    if is_within_slice(op) {
                        largest = largest_of(within / op.block);
                    }
                    value = apply_one(op, x[j], largest, bits[j]);
                }
                total += tally(value.flags);
                var rest = bitcast<f32>(value.bits);
                for (var k = 0u; k < params[op_at + OP_WORDS]; k++) {
                    let part = component(rest, params[op_at + OP_WORDS + 1u]);
                    rest = opaque(rest - part);
                    x_out[(((out + k) * slots + slot) * samples + sample) * panel + at + within] = part;
                }
            }
            out += params[op_at + OP_WORDS];
            if any(total != vec3<u32>(0u)) {
                atomicAdd(&tallies[3u * q], total.x);
                atomicAdd(&tallies[3u * q + 1u], total.y);
                atomicAdd(&tallies[3u * q + 2u], total.z);
            }
        }
    }
    if params[20] != 0u {
        offer(0u, max(largest_x, select(whole, 0u, params[12] != 0u)));
        settle(lane, 1u);
        if lane == 0u {
            counts[params[19] + cell] = largest_of(0u);
        }
        return;
    }
    workgroupBarrier();
    for (var k = lane; k < 3u * params[9]; k += 32u) {
        let at = (((params[15] + k / 3u) * slots + slot) * samples + sample) * 3u + k % 3u;
        var before = 0u;
        if params[12] == 0u {
            before = counts[at];
        }
        counts[at] = before + atomicLoad(&tallies[k]);
    }
    if components == 0u {
        return;
    }
    if params[13] == 0u {
        for (var k = 0u; k < components; k++) {
            lane_sums[(cell * components + k) * 32u + lane] = sums[k];
        }
        return;
    }
    // The products with the components of w*, the smallest total first.
    var y = 0.0;
    for (var k = 0u; k < components; k++) {
        let at = 32u * (k % 2u);
        partials[at + lane] = sums[components - 1u - k];
        workgroupBarrier();
        let total = tree(at);
        if k == 0u {
            y = total;
        } else {
            y = opaque(opaque(y) + total);
        }
    }
    if lane == 0u {
        let word = random_words(seed_index, 0u, absolute, 1u).x;
        let noise = opaque(bitcast<f32>(params[14]) * normal_draw(word));
        labels[cell] = bitcast<f32>(flush48(bitcast<u32>(opaque(opaque(y) + noise))));
    }
}
