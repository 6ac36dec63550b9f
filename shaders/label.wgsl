// Labels where each model size has its own: y = fl(<x, u> + fl(e n)) over the coordinates x that the features of that size
// are made of. Twin of src/reference/draw.rs; draw.wgsl makes the label that all sizes share.
// One workgroup of 32 lanes per (sample, cohort slot, label); lane l owns the coordinates i = l mod 32.
// needs: common, site, tree

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    first_sample: u32,
    samples: u32,
    slots: u32,
    seeds_at: u32,
    labels_at: u32,
    columns: u32, // of the scales, and of a component of u
    slot_words: u32, // of a slot in `laws`
    words: array<u32>,
}

struct Label {
    coordinates: u32, // that it reads
    components_at: u32, // of u, in those of a slot
    deviation_at: u32, // e, in the words of a slot
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> laws: array<f32>; // the scales, then of each slot the components of u and e
@group(0) @binding(3) var<storage, read_write> labels: array<f32>; // [label][slot][sample]

const TARGET_COMPONENTS: u32 = 3u; // of u
const SUMS: u32 = 2u;

fn covariate(i: u32, word: u32) -> f32 {
    let x = opaque(laws[i] * normal_draw(word));
    return bitcast<f32>(flush48(round_significand(bitcast<u32>(x), 16u)));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let slot = group.y;
    let absolute = params.first_sample + group.x;
    let seed_index = params.words[params.seeds_at + slot];
    let about = load_label(params.labels_at + LABEL_WORDS * group.z);
    let law_at = params.columns + slot * params.slot_words;

    var sums = array<f32, TARGET_COMPONENTS>();
    var words = vec4<u32>(0u);
    for (var k = 0u; k * LANES < about.coordinates; k++) {
        let i = LANES * k + lane;
        if k % 4u == 0u {
            words = random_words(seed_index, counter_of(i), absolute, PURPOSE_COVARIATE);
        }
        if i < about.coordinates {
            let x = covariate(i, words[k % 4u]);
            for (var c = 0u; c < TARGET_COMPONENTS; c++) {
                let u = laws[law_at + about.components_at + c * params.columns + i];
                sums[c] = guarded(sums[c] + guarded(x * u));
            }
        }
    }
    // The smallest total first.
    var y = 0.0;
    for (var c = 0u; c < TARGET_COMPONENTS; c++) {
        // One may still be read while the other is written.
        let at = PARTIAL_STRIDE * (c % 2u);
        put_partial(at, lane, sums[TARGET_COMPONENTS - 1u - c]);
        workgroupBarrier();
        y = opaque(opaque(y) + tree(at));
    }
    if lane == 0u {
        let word = random_words(seed_index, 0u, absolute, PURPOSE_LABEL_NOISE).x;
        let noise = opaque(laws[law_at + about.deviation_at] * normal_draw(word));
        let cell = (group.z * params.slots + slot) * params.samples + group.x;
        labels[cell] = bitcast<f32>(flush48(bitcast<u32>(opaque(opaque(y) + noise))));
    }
}
