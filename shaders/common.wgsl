// Bindings and arithmetic that every kernel shares. params[0] is 0, which no compiler can know; [1] and [2] are
// the low and high word of the seed.

@group(0) @binding(0) var<storage, read> params: array<u32>;
@group(0) @binding(1) var<storage, read> tables: array<u32>;

// WGSL lets a compiler fuse a*b + c and re-associate sums. A value that went through this XOR is one it knows
// nothing about, so the operation before it is rounded on its own.
fn opaque(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ params[0]);
}

fn opaque4(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4<u32>(params[0]));
}

// Accumulators of exact products: they need the barrier only where the driver re-associates.
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

fn random_words(seed_index: u32, counter: u32, second: u32, purpose: u32) -> vec4<u32> {
    return words_of_pass(seed_index, counter, second, purpose, 0u);
}

fn words_of_pass(seed_index: u32, counter: u32, second: u32, purpose: u32, pass_word: u32) -> vec4<u32> {
    return threefry(vec4<u32>(params[1], params[2], seed_index, 0u), vec4<u32>(counter, second, purpose, pass_word));
}

fn normal_draw(word: u32) -> f32 {
    return normal(word, tables[normal_index(word)]);
}
