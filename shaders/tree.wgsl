// Sum of 32 lanes by halving, l + 16, l + 8, l + 4, l + 2, l + 1. Twin of src/reference/tree.rs.
// needs: common

// Lane sums of SUMS vectors, a number that the kernel says: four words between vectors keep lanes that sum one each off
// each other's banks. No vectors: a store to a component of one may write all of it.
const PARTIAL_STRIDE: u32 = LANES + 4u;
var<workgroup> partials: array<f32, SUMS * PARTIAL_STRIDE>;

fn put_partial(at: u32, lane: u32, sum: f32) {
    partials[at + lane] = sum;
}

fn four_lanes(at: u32) -> vec4<f32> {
    return vec4<f32>(partials[at], partials[at + 1u], partials[at + 2u], partials[at + 3u]);
}

fn tree(at: u32) -> f32 {
    let a0 = opaque4(four_lanes(at) + four_lanes(at + 16u));
    let a1 = opaque4(four_lanes(at + 4u) + four_lanes(at + 20u));
    let a2 = opaque4(four_lanes(at + 8u) + four_lanes(at + 24u));
    let a3 = opaque4(four_lanes(at + 12u) + four_lanes(at + 28u));
    let b0 = opaque4(a0 + a2);
    let b1 = opaque4(a1 + a3);
    let c = opaque4(b0 + b1);
    let d0 = opaque(c.x + c.z);
    let d1 = opaque(c.y + c.w);
    return opaque(d0 + d1);
}
