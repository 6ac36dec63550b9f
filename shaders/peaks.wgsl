// The most a device does of one thing, by loops of nothing else, and what it takes to begin a dispatch. Twin of
// src/reference/peaks.rs.
// needs: common

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    peak: u32, // what is measured
    turns: u32, // of the loop, UNROLLED steps each
    factor: f32,
    addend: f32,
    elements: u32, // to copy
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> source: array<vec4<u32>>;
// An element per invocation, or the copy.
@group(0) @binding(3) var<storage, read_write> result: array<vec4<u32>>;

const PEAK_MULTIPLY_ADD: u32 = 0u;
const PEAK_OPAQUE: u32 = 1u;
const PEAK_INTEGER: u32 = 2u;
const PEAK_WORKGROUP: u32 = 3u;
const PEAK_COPY: u32 = 4u;
const PEAK_DISPATCH: u32 = 5u;
const THREADS: u32 = 256u;
const QUADS: u32 = 512u;
// Elements between the reads of a turn, of which each thread starts among the first QUADS_FIRST.
const QUADS_FIRST: u32 = 128u;
const QUADS_APART: u32 = 48u;

var<workgroup> tile: array<vec4<u32>, QUADS>;

// Values that do not depend on each other: enough of them to fill a pipeline.
struct Floats {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

struct Integers {
    a: vec4<u32>,
    b: vec4<u32>,
    c: vec4<u32>,
    d: vec4<u32>,
}

fn fold(a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32>) -> vec4<u32> {
    return a + 3u * (b + 3u * (c + 3u * d));
}

fn floats(id: u32) -> Floats {
    let first = vec4<f32>(f32(id & 63u)) + vec4<f32>(0.0, 1.0, 2.0, 3.0);
    return Floats(first, first + 4.0, first + 8.0, first + 12.0);
}

fn bits(x: Floats) -> vec4<u32> {
    return fold(bitcast<vec4<u32>>(x.a), bitcast<vec4<u32>>(x.b), bitcast<vec4<u32>>(x.c), bitcast<vec4<u32>>(x.d));
}

// Products and sums are whole numbers of few bits: fused, separate and in any order they are the same.
fn multiply_add(x: Floats, by: f32, plus: f32) -> Floats {
    return Floats(x.a * by + plus, x.b * by + plus, x.c * by + plus, x.d * by + plus);
}

fn multiply_adds(id: u32) -> vec4<u32> {
    let by = params.factor;
    let plus = params.addend;
    var x = floats(id);
    for (var turn = 0u; turn < params.turns; turn++) {
        x = multiply_add(multiply_add(multiply_add(multiply_add(x, by, plus), by, plus), by, plus), by, plus);
        x = multiply_add(multiply_add(multiply_add(multiply_add(x, by, plus), by, plus), by, plus), by, plus);
    }
    return bits(x);
}

// Each product and each sum is rounded on its own.
fn opaque_add(x: Floats, by: f32, plus: f32) -> Floats {
    return Floats(
        opaque4(opaque4(x.a * by) + plus),
        opaque4(opaque4(x.b * by) + plus),
        opaque4(opaque4(x.c * by) + plus),
        opaque4(opaque4(x.d * by) + plus),
    );
}

fn opaque_adds(id: u32) -> vec4<u32> {
    let by = params.factor;
    let plus = params.addend;
    var x = floats(id);
    for (var turn = 0u; turn < params.turns; turn++) {
        x = opaque_add(opaque_add(opaque_add(opaque_add(x, by, plus), by, plus), by, plus), by, plus);
        x = opaque_add(opaque_add(opaque_add(opaque_add(x, by, plus), by, plus), by, plus), by, plus);
    }
    return bits(x);
}

fn turned(x: vec4<u32>) -> vec4<u32> {
    return (x << vec4<u32>(13u)) | (x >> vec4<u32>(19u));
}

// As in a round of Threefry: a sum, a rotation and an XOR.
fn mix(x: Integers) -> Integers {
    let a = x.a + x.b;
    let c = x.c + x.d;
    return Integers(a, turned(x.b) ^ a, c, turned(x.d) ^ c);
}

fn mixes(id: u32) -> vec4<u32> {
    let first = vec4<u32>(id) + vec4<u32>(0u, 1u, 2u, 3u);
    var x = Integers(first, first * 3u, first * 5u, first * 7u);
    for (var turn = 0u; turn < params.turns; turn++) {
        x = mix(mix(mix(mix(x))));
        x = mix(mix(mix(mix(x))));
    }
    return fold(x.a, x.b, x.c, x.d);
}

fn fill(thread: u32) {
    for (var k = thread; k < QUADS; k += THREADS) {
        tile[k] = vec4<u32>(k) * vec4<u32>(1u, 3u, 5u, 7u) + params.zero;
    }
}

fn reads(thread: u32) -> vec4<u32> {
    var sum = vec4<u32>(0u);
    var at = thread % QUADS_FIRST;
    for (var turn = 0u; turn < params.turns; turn++) {
        sum += tile[at] ^ tile[at + QUADS_APART];
        sum += tile[at + 2u * QUADS_APART] ^ tile[at + 3u * QUADS_APART];
        sum += tile[at + 4u * QUADS_APART] ^ tile[at + 5u * QUADS_APART];
        sum += tile[at + 6u * QUADS_APART] ^ tile[at + 7u * QUADS_APART];
        at = (at + 8u) % QUADS_FIRST;
    }
    return sum;
}

fn copy(id: u32, stride: u32) {
    for (var k = id; k < params.elements; k += stride) {
        result[k] = source[k];
    }
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let id = THREADS * group.x + thread;
    if params.peak == PEAK_WORKGROUP {
        fill(thread);
        workgroupBarrier();
    }
    switch params.peak {
        case PEAK_MULTIPLY_ADD: {
            result[id] = multiply_adds(id);
        }
        case PEAK_OPAQUE: {
            result[id] = opaque_adds(id);
        }
        case PEAK_INTEGER: {
            result[id] = mixes(id);
        }
        case PEAK_WORKGROUP: {
            result[id] = reads(thread);
        }
        case PEAK_COPY: {
            copy(id, THREADS * groups.x);
        }
        case PEAK_DISPATCH, default: {
            result[id] += vec4<u32>(1u, 2u, 3u, 4u);
        }
    }
}
