// How this adapter rounds, contracts and re-associates: one float operation pattern per result word.
// params: 3 first of the operands, as f32 bits.
@group(0) @binding(2) var<storage, read_write> result: array<u32>;
@group(0) @binding(3) var<storage, read_write> carried: array<f32>;

fn operand(k: u32) -> f32 {
    return bitcast<f32>(params[3u + k]);
}

// How many turns of a long loop are made.
fn turn_around() {
    // Each turn depends on the one before, so that no compiler does without the loop.
    var state = params[0] + 1u;
    var turns = 0u;
    for (var k = 0u; k < params[21]; k++) {
        state = state * 1664525u + 1013904223u;
        turns += 1u + (state & params[0]);
    }
    result[12] = turns;
    result[13] = state;
}

@compute @workgroup_size(32)
fn probe(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    if lane != 0u {
        return;
    }
    // A workgroup of its own: some drivers count the turns of all loops together.
    if group.x == 1u {
        turn_around();
        return;
    }
    let a = operand(0u);
    let b = operand(1u);
    let c = operand(2u);
    let d = operand(3u);
    result[0] = bitcast<u32>(a + b);
    result[1] = bitcast<u32>(a + operand(4u));
    result[2] = bitcast<u32>(c * c);
    result[3] = bitcast<u32>(c * operand(5u));
    result[4] = bitcast<u32>(c * c + d);
    result[5] = bitcast<u32>(opaque(c * c) + d);
    result[6] = bitcast<u32>((a + b) - a);
    result[7] = bitcast<u32>(opaque(a + b) - a);
    result[8] = bitcast<u32>(operand(6u) * operand(7u));
    result[9] = bitcast<u32>(operand(8u) * operand(9u));
    result[14] = bitcast<u32>(c + b);
    result[15] = bitcast<u32>(c * operand(10u));
    result[16] = bitcast<u32>(operand(11u) * operand(10u));
    // A float that is only carried: signalling and quiet NaNs with a payload.
    carried[0] = bitcast<f32>(params[15]);
    carried[1] = bitcast<f32>(params[16]);
    result[10] = bitcast<u32>(dot4I8Packed(params[17], params[18]));
    // Some devices convert large words otherwise, about one in twelve of them.
    var word = params[19];
    var converted = 0u;
    for (var k = 0u; k < params[20]; k++) {
        converted = converted * 31u + bitcast<u32>(f32(word));
        word = word * 1664525u + 1013904223u;
    }
    result[11] = converted;
}
