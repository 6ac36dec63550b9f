// How this adapter rounds, contracts and re-associates: one float operation pattern per result. Twin of
// src/gpu/probe.rs, which knows what each must be.
// needs: common

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    one: f32,
    half_ulp: f32,
    odd: f32, // 1 and one unit in the last place
    minus_square: f32, // of `odd`, rounded
    above_half_ulp: f32,
    factor: f32,
    smallest: f32, // normal number
    half: f32,
    subnormal: f32,
    four: f32,
    three_halves: f32,
    three_ulps: f32, // and 1
    signalling: u32,
    quiet: u32,
    bytes: u32,
    other_bytes: u32,
    whole: u32, // first of the whole numbers that become floats
    wholes: u32,
    turns: u32,
    words: array<u32>,
}

// What came out, as bits.
struct Found {
    tie_down: u32,
    above_tie: u32,
    square: u32,
    product: u32,
    contracted: u32,
    opaque_contracted: u32,
    associated: u32,
    opaque_associated: u32,
    subnormal_result: u32,
    subnormal_operand: u32,
    tie_up: u32,
    product_tie: u32,
    other_product_tie: u32,
    bytes: u32,
    converted: u32,
    turns: u32,
    turned: u32,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read_write> found: Found;
@group(0) @binding(3) var<storage, read_write> carried: array<f32>;

// How many turns of a long loop are made.
fn turn_around() {
    // Each turn depends on the one before, so that no compiler does without the loop.
    var state = params.zero + 1u;
    var turns = 0u;
    for (var k = 0u; k < params.turns; k++) {
        state = state * 1664525u + 1013904223u;
        turns += 1u + (state & params.zero);
    }
    found.turns = turns;
    found.turned = state;
}

// Some devices convert large words otherwise, about one in twelve of them.
fn convert() {
    var word = params.whole;
    var converted = 0u;
    for (var k = 0u; k < params.wholes; k++) {
        converted = converted * 31u + bitcast<u32>(f32(word));
        word = word * 1664525u + 1013904223u;
    }
    found.converted = converted;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    if lane != 0u {
        return;
    }
    // A workgroup of its own: some drivers count the turns of all loops together.
    if group.x == 1u {
        turn_around();
        return;
    }
    let a = params.one;
    let b = params.half_ulp;
    let c = params.odd;
    let d = params.minus_square;
    found.tie_down = bitcast<u32>(a + b);
    found.above_tie = bitcast<u32>(a + params.above_half_ulp);
    found.square = bitcast<u32>(c * c);
    found.product = bitcast<u32>(c * params.factor);
    found.contracted = bitcast<u32>(c * c + d);
    found.opaque_contracted = bitcast<u32>(opaque(c * c) + d);
    found.associated = bitcast<u32>((a + b) - a);
    found.opaque_associated = bitcast<u32>(opaque(a + b) - a);
    found.subnormal_result = bitcast<u32>(params.smallest * params.half);
    found.subnormal_operand = bitcast<u32>(params.subnormal * params.four);
    found.tie_up = bitcast<u32>(c + b);
    found.product_tie = bitcast<u32>(c * params.three_halves);
    found.other_product_tie = bitcast<u32>(params.three_ulps * params.three_halves);
    // A float that is only carried: signalling and quiet NaNs with a payload.
    carried[0] = bitcast<f32>(params.signalling);
    carried[1] = bitcast<f32>(params.quiet);
    found.bytes = bitcast<u32>(dot4I8Packed(params.bytes, params.other_bytes));
    convert();
}
