// Random words by address: Threefry4x32 with 13 rounds (Salmon et al., SC 2011). Twin of
// src/random/mod.rs; the vector operations are its macros.

// What words are drawn for: the third word of the counter.
const PURPOSE_COVARIATE: u32 = 0u;
const PURPOSE_LABEL_NOISE: u32 = 1u;
const PURPOSE_SKETCH: u32 = 2u;
const PURPOSE_TAIL: u32 = 6u;
const PURPOSE_ELEMENT: u32 = 7u;

const PARITY: u32 = 0x1BD11BDAu;

fn rotate_left(x: vec2<u32>, left: u32, right: u32) -> vec2<u32> {
    let by = vec2<u32>(left, right);
    return (x << by) | (x >> (vec2<u32>(32u) - by));
}

// One even round: pairs (x0, x1) and (x2, x3). An odd round is the same on x0, x3, x2, x1.
fn mix_even(x: vec4<u32>, left: u32, right: u32) -> vec4<u32> {
    let sum = x.xz + x.yw;
    let turned = rotate_left(x.yw, left, right) ^ sum;
    return vec4<u32>(sum.x, turned.x, sum.y, turned.y);
}

fn mix_odd(x: vec4<u32>, left: u32, right: u32) -> vec4<u32> {
    return mix_even(x.xwzy, left, right).xwzy;
}

fn threefry(key: vec4<u32>, counter: vec4<u32>) -> vec4<u32> {
    let last = PARITY ^ key.x ^ key.y ^ key.z ^ key.w;
    var x = counter + key;
    x = mix_even(x, 10u, 26u);
    x = mix_odd(x, 11u, 21u);
    x = mix_even(x, 13u, 27u);
    x = mix_odd(x, 23u, 5u);
    x += vec4<u32>(key.y, key.z, key.w, last + 1u);
    x = mix_even(x, 6u, 20u);
    x = mix_odd(x, 17u, 11u);
    x = mix_even(x, 25u, 10u);
    x = mix_odd(x, 18u, 20u);
    x += vec4<u32>(key.z, key.w, last, key.x + 2u);
    x = mix_even(x, 10u, 26u);
    x = mix_odd(x, 11u, 21u);
    x = mix_even(x, 13u, 27u);
    x = mix_odd(x, 23u, 5u);
    x += vec4<u32>(key.w, last, key.x, key.y + 3u);
    return mix_even(x, 6u, 20u);
}
