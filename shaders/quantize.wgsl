// A tensor through the codec: a thread per element. Twin of src/reference/quantize.rs.
// needs: common, op, codec, choice

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    elements: u32, // of this dispatch
    first: u32, // its index in the tensor
    columns: u32, // extent of the last axis
    block: u32, // elements that share a scale
    row_blocks: u32,
    measures: u32, // the blocks' largest magnitudes only
    is_random: u32, // words are given
    op: QuantOp,
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read> random: array<u32>;
@group(0) @binding(4) var<storage, read_write> maxima: array<atomic<u32>>; // of the blocks of the whole tensor
@group(0) @binding(5) var<storage, read_write> result: array<u32>; // [element]: bits, code, flags
@group(0) @binding(6) var<storage, read_write> scales: array<u32>; // of the blocks of the whole tensor

const THREADS: u32 = 64u;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let k = id.y * groups.x * THREADS + id.x;
    if k >= params.elements {
        return;
    }
    let element = params.first + k;
    let row = element / params.columns;
    let column = element % params.columns;
    let block = row * params.row_blocks + column / params.block;
    if params.measures != 0u {
        atomicMax(&maxima[block], input[k] & MAGNITUDE);
        return;
    }
    var op = params.op;
    var largest = 0u;
    if shares(op) {
        // The sign is what choose.wgsl leaves.
        let measured = atomicLoad(&maxima[block]);
        largest = measured & MAGNITUDE;
        if (measured & SIGN) != 0u {
            op = to_four(op);
        }
        if column % params.block == 0u {
            scales[block] = stored_scale(largest, op);
        }
    }
    var word = 0u;
    if params.is_random != 0u {
        word = random[k];
    }
    let rounded = quantize(op, input[k], largest, word);
    result[3u * k] = rounded.bits;
    result[3u * k + 1u] = rounded.code;
    result[3u * k + 2u] = rounded.flags;
}
