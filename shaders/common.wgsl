// Arithmetic and draws that every kernel shares. A kernel declares its own `params`: they start with `zero`, a 0 that no
// compiler can know, and the words of the seed, and end with `words`, a tail of lists whose starts are members.
// needs: random, normal

@group(0) @binding(1) var<storage, read> tables: array<u32>; // of the normals, then of the roots of two

const NORMALS: u32 = 0u;
// Invocations that share the elements of a vector: element j belongs to lane j mod LANES.
const LANES: u32 = 32u;
// Four elements of each lane: one counter per lane gives the words of a slice, and the projection's sums are slice by
// slice.
const SLICE: u32 = 128u;

// WGSL lets a compiler fuse a*b + c and re-associate sums. A value that went through this XOR is one it knows
// nothing about, so the operation before it is rounded on its own.
fn opaque(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ params.zero);
}

fn opaque4(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4<u32>(params.zero));
}

// Accumulators of exact products: they need to be opaque only where the driver re-associates.
fn guarded(x: f32) -> f32 {
    if STRICT {
        return opaque(x);
    }
    return x;
}

fn guarded4(x: vec4<f32>) -> vec4<f32> {
    if STRICT {
        return opaque4(x);
    }
    return x;
}

// Counter of an element's random word, which is component `element % SLICE / LANES` of its four: neighbouring lanes
// have neighbouring counters.
fn counter_of(element: u32) -> u32 {
    return LANES * (element / SLICE) + element % LANES;
}

fn random_words(seed_index: u32, counter: u32, second: u32, purpose: u32) -> vec4<u32> {
    return words_of_pass(seed_index, counter, second, purpose, 0u);
}

fn words_of_pass(seed_index: u32, counter: u32, second: u32, purpose: u32, pass_word: u32) -> vec4<u32> {
    return threefry(vec4<u32>(params.seed_low, params.seed_high, seed_index, 0u), vec4<u32>(counter, second, purpose, pass_word));
}

fn normal_draw(word: u32) -> f32 {
    return normal(word, tables[NORMALS + normal_index(word)]);
}
