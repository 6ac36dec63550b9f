// Qsketch(G) of one panel of columns, split into components. Twin of src/reference/sketch.rs.
// One workgroup of 32 lanes per (row, cohort slot).
// needs: common, slice

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    panel: Panel,
    pass_word: u32,
    uploads: u32, // G, or what stands for it, is in `uploaded`
    uploaded_at: u32, // first word of the draw
    uploaded_step: u32, // words of a slot, or 0 where all have the same
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> uploaded: array<f32>; // [slot][draw][row][column]
@group(0) @binding(3) var<storage, read_write> components: array<f32>; // of G: [component][slot][row][column]
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;

// This lane's entries of the slice that starts at column `first`.
fn entries(vector: Vector, first: u32, lane: u32) -> vec4<u32> {
    let row = vector.second;
    var words = vec4<u32>(0u);
    if params.uploads == 0u {
        words = words_of_pass(vector.seed_index, counter_of(first + lane), row, PURPOSE_SKETCH, params.pass_word);
    }
    var g = vec4<u32>(0u);
    for (var j = 0u; j < 4u; j++) {
        let i = first + LANES * j + lane;
        if i < params.panel.dim {
            if params.uploads == 0u {
                g[j] = flush48(round_significand(bitcast<u32>(normal_draw(words[j])), 8u));
            } else {
                let at = params.uploaded_at + vector.slot * params.uploaded_step;
                g[j] = flush48(bitcast<u32>(uploaded[at + row * params.panel.dim + i]));
            }
        }
    }
    return g;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let vector = Vector(group.x, group.y, params.words[params.panel.seeds_at + group.y], group.x);
    let whole = counts[params.panel.maxima_at + cell_of(vector)];
    start_slices(lane);
    var largest = 0u;
    for (var at = 0u; at < params.panel.columns; at += SLICE) {
        let g = entries(vector, params.panel.first + at, lane);
        for (var j = 0u; j < 4u; j++) {
            largest = max(largest, g[j] & MAGNITUDE);
        }
        quantize_slice(vector, at, g, whole, lane);
    }
    if params.panel.measures != 0u {
        measure(vector, largest, whole, lane);
        return;
    }
    add_tallies(vector, lane);
}
