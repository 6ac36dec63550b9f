// Between the two scales of each block of a tensor: a thread per element, of which the first of a block chooses. That the
// scale to 4 is better stands in the sign of the block's largest magnitude. Twin of `chosen` in src/codec/choice.rs.
// needs: common, op, codec, choice

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    elements: u32, // of this dispatch, which has whole blocks
    first: u32, // its index in the tensor
    columns: u32, // extent of the last axis
    block: u32, // elements that share a scale
    row_blocks: u32,
    measures: u32,
    is_random: u32, // words are given
    op: QuantOp,
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read> random: array<u32>;
@group(0) @binding(4) var<storage, read_write> maxima: array<u32>; // of the blocks of the whole tensor

const THREADS: u32 = 64u;

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let k = id.y * groups.x * THREADS + id.x;
    if k >= params.elements {
        return;
    }
    let element = params.first + k;
    let column = element % params.columns;
    if column % params.block != 0u {
        return;
    }
    let block = element / params.columns * params.row_blocks + column / params.block;
    let largest = maxima[block];
    var six = vec3<u32>(0u);
    var four = vec3<u32>(0u);
    // Each element by either scale, in turn: compilers inline the codec, so that it is called in one place.
    for (var turn = 0u; turn < 2u * min(params.block, params.columns - column); turn++) {
        let bits = input[k + turn / 2u];
        let is_four = (turn & 1u) != 0u;
        var op = params.op;
        if is_four {
            op = to_four(op);
        }
        var word = 0u;
        if params.is_random != 0u {
            word = random[k + turn / 2u];
        }
        let error = distance_of(op, bits, largest, quantize(op, bits, largest, word).bits);
        let sum = added(select(six, four, is_four), error);
        six = select(sum, six, is_four);
        four = select(four, sum, is_four);
    }
    if is_less(four, six) {
        maxima[block] = largest | SIGN;
    }
}
