// Sum of 32 lanes by halving, l + 16, l + 8, l + 4, l + 2, l + 1. Twin of src/reference/tree.rs.
// needs: common

// Lane sums of SUMS vectors, a number that the kernel says, four to an element: one more between vectors keeps lanes
// that sum one each off each other's banks.
const PARTIAL_STRIDE: u32 = LANES / 4u + 1u;
var<workgroup> partials: array<vec4<f32>, SUMS * PARTIAL_STRIDE>;

fn put_partial(at: u32, lane: u32, sum: f32) {
    partials[at + lane / 4u][lane % 4u] = sum;
}

fn tree(at: u32) -> f32 {
    let a0 = opaque4(partials[at] + partials[at + 4u]);
    let a1 = opaque4(partials[at + 1u] + partials[at + 5u]);
    let a2 = opaque4(partials[at + 2u] + partials[at + 6u]);
    let a3 = opaque4(partials[at + 3u] + partials[at + 7u]);
    let b0 = opaque4(a0 + a2);
    let b1 = opaque4(a1 + a3);
    let c = opaque4(b0 + b1);
    let d0 = opaque(c.x + c.z);
    let d1 = opaque(c.y + c.w);
    return opaque(d0 + d1);
}
