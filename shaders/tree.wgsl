// Sum of 32 lanes by halving, l + 16, l + 8, l + 4, l + 2, l + 1. Twin of src/reference/tree.rs.
// needs: common

// Two sets of lane sums: one may still be read while the other is written.
var<workgroup> partials: array<f32, 2u * LANES>;

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
