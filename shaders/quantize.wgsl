// A tensor through the codec: a thread per element. Twin of src/reference/quantize.rs.

// params: 3 elements of this dispatch, 4 index of the first, 5 extent of the last axis, 6 elements that share a scale,
// 7 blocks of a row, 8 measure the blocks' largest magnitudes, 9 words are given, 10 operation.
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read> words: array<u32>;
@group(0) @binding(4) var<storage, read_write> maxima: array<atomic<u32>>; // of the blocks of the whole tensor
@group(0) @binding(5) var<storage, read_write> result: array<u32>; // [element]: bits, code, flags
@group(0) @binding(6) var<storage, read_write> scales: array<u32>; // of the blocks of the whole tensor

@compute @workgroup_size(64)
fn quantize_tensor(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let k = id.y * groups.x * 64u + id.x;
    if k >= params[3] {
        return;
    }
    let element = params[4] + k;
    let row = element / params[5];
    let column = element % params[5];
    let block = row * params[7] + column / params[6];
    if params[8] != 0u {
        atomicMax(&maxima[block], input[k] & MAGNITUDE);
        return;
    }
    let op = load_op(10u);
    var largest = 0u;
    if shares(op) {
        largest = atomicLoad(&maxima[block]);
        if column % params[6] == 0u {
            scales[block] = scale_byte(largest, op);
        }
    }
    var word = 0u;
    if params[9] != 0u {
        word = words[k];
    }
    let rounded = quantize(op, input[k], largest, word);
    result[3u * k] = rounded.bits;
    result[3u * k + 1u] = rounded.code;
    result[3u * k + 2u] = rounded.flags;
}
