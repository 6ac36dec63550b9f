// z_j = Qfeature(fl(p_j scale)). Twin of `feature` in src/reference/project.rs.
// One workgroup of 32 lanes per (sample, cohort slot, feature); a block of a format along M is the 32 lanes at
// one k.

// params: 3 stride of a row of p, 4 first sample, 5 samples, 6 slots, 7 first word of the seed indices, 8 first
// word of the features, of 16 words each: pair, M, f32 scale, first word in z, then the operation.
@group(0) @binding(2) var<storage, read> p: array<f32>; // [pair][slot][sample][row]
@group(0) @binding(3) var<storage, read_write> z: array<f32>; // per feature [slot][sample][M]
@group(0) @binding(4) var<storage, read_write> counts: array<u32>; // [feature][slot][sample][3]

var<workgroup> tallies: array<atomic<u32>, 3>;

@compute @workgroup_size(32)
fn feature(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let sample = group.x;
    let slot = group.y;
    let samples = params[5];
    let slots = params[6];
    let seed_index = params[params[7] + slot];
    let about = params[8] + 16u * group.z;
    let model = params[about + 1u];
    let scale = bitcast<f32>(params[about + 2u]);
    let op = load_op(about + 4u);
    let p_at = ((params[about] * slots + slot) * samples + sample) * params[3];
    let z_at = params[about + 3u] + (slot * samples + sample) * model;

    var words = vec4<u32>(0u);
    var total = vec3<u32>(0u);
    for (var k = 0u; k * 32u < model; k++) {
        if k % 4u == 0u && draws(op) {
            words = random_words(seed_index, 8u * k + lane, params[4] + sample, op.purpose);
        }
        let j = 32u * k + lane;
        var bits = 0u;
        if j < model {
            bits = floor48(bitcast<u32>(opaque(p[p_at + j] * scale)));
        }
        var largest = 0u;
        if op.kind == CLASS_BLOCK {
            largest = lane_block_maximum(op, lane, bits & MAGNITUDE);
        }
        if j < model {
            let value = apply_one(op, bits, largest, words[k % 4u]);
            total += tally(value.flags);
            z[z_at + j] = bitcast<f32>(value.bits);
        }
    }
    if any(total != vec3<u32>(0u)) {
        atomicAdd(&tallies[0], total.x);
        atomicAdd(&tallies[1], total.y);
        atomicAdd(&tallies[2], total.z);
    }
    workgroupBarrier();
    if lane < 3u {
        counts[((group.z * slots + slot) * samples + sample) * 3u + lane] = atomicLoad(&tallies[lane]);
    }
}
