// Qsketch(G) of one panel of columns, split into components. Twin of `sketch` in src/reference/draw.rs.
// One workgroup of 32 lanes per (row, cohort slot).

// params: 3 columns, 4 first column, 5 columns of the panel (a multiple of 128), 6 stride of a row, 7 rows of the
// buffers, 8 slots, 9 operations, 10 first word of the operations, 11 first word of the seed indices, 12 this panel
// is the first, 13 pass word, 14 G is in `uploaded`, 15 index of the first operation, 16 of its first component, 17 first
// word of the largest magnitudes in `counts`, 18 this dispatch only takes them, see draw.wgsl.
// An operation has two words more: components of G, and significant bits of each.
@group(0) @binding(2) var<storage, read> uploaded: array<f32>; // [row][column]
@group(0) @binding(3) var<storage, read_write> g_out: array<f32>; // [component][slot][row][column]
// [op][slot][row][3], then largest magnitudes: [slot][row].
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;

const SKETCH_OP_WORDS: u32 = OP_WORDS + 2u;
const GROUPS: u32 = 128u / SMALLEST_BLOCK;

var<workgroup> tallies: array<atomic<u32>, 96>;

@compute @workgroup_size(32)
fn sketch(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.x;
    let slot = group.y;
    let dim = params[3];
    let rows = params[7];
    let slots = params[8];
    let seed_index = params[params[11] + slot];
    let whole_at = params[17] + slot * rows + row;
    let whole = counts[whole_at];
    var largest_g = 0u;
    for (var at = 0u; at < params[5]; at += 128u) {
        let first = params[4] + at;
        var words = vec4<u32>(0u);
        if params[14] == 0u {
            words = words_of_pass(seed_index, first / 4u + lane, row, 2u, params[13]);
        }
        var g: array<u32, 4>;
        for (var j = 0u; j < 4u; j++) {
            let i = first + 32u * j + lane;
            g[j] = 0u;
            if i < dim {
                if params[14] == 0u {
                    g[j] = flush48(round_significand(bitcast<u32>(normal_draw(words[j])), 8u));
                } else {
                    g[j] = flush48(bitcast<u32>(uploaded[row * dim + i]));
                }
                largest_g = max(largest_g, g[j] & MAGNITUDE);
            }
        }
        var out = params[16];
        for (var q = 0u; q < params[9]; q++) {
            let op_at = params[10] + q * SKETCH_OP_WORDS;
            let op = load_op(op_at);
            if is_within_slice(op) {
                for (var j = 0u; j < 4u; j++) {
                    offer((32u * j + lane) / op.block, g[j] & MAGNITUDE);
                }
                settle(lane, groups_of(op, 128u));
            }
            var bits = vec4<u32>(0u);
            if op.one_draw != 0u {
                bits = vec4<u32>(random_words(seed_index, 0u, 0u, op.purpose).x);
            } else if draws(op) {
                bits = random_words(seed_index, first / 4u + lane, row, op.purpose);
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
                    value = apply_one(op, g[j], largest, bits[j]);
                }
                total += tally(value.flags);
                var rest = bitcast<f32>(value.bits);
                for (var k = 0u; k < params[op_at + OP_WORDS]; k++) {
                    let part = component(rest, params[op_at + OP_WORDS + 1u]);
                    rest = opaque(rest - part);
                    g_out[(((out + k) * slots + slot) * rows + row) * params[6] + first + within] = part;
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
    if params[18] != 0u {
        offer(0u, max(largest_g, select(whole, 0u, params[12] != 0u)));
        settle(lane, 1u);
        if lane == 0u {
            counts[whole_at] = largest_of(0u);
        }
        return;
    }
    workgroupBarrier();
    for (var k = lane; k < 3u * params[9]; k += 32u) {
        let at = (((params[15] + k / 3u) * slots + slot) * rows + row) * 3u + k % 3u;
        var before = 0u;
        if params[12] == 0u {
            before = counts[at];
        }
        counts[at] = before + atomicLoad(&tallies[k]);
    }
}
