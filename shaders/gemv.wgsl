// out = Z v for values that a format has rounded: each row's dot product in 32 lanes and a tree. Twin of
// src/reference/gemv.rs. One workgroup of 32 lanes per row.
// needs: common, tree

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    columns: u32,
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

const SUMS: u32 = 1u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let columns = params.columns;
    var sum = 0.0;
    for (var j = lane; j < columns; j += LANES) {
        sum = opaque(sum + opaque(z[group.x * columns + j] * v[j]));
    }
    put_partial(0u, lane, sum);
    workgroupBarrier();
    let total = tree(0u);
    if lane == 0u {
        result[group.x] = total;
    }
}
