//! Sums of 32 lanes. Twin of shaders/tree.wgsl.

/// Sum of 32 lanes by halving: l + 16, l + 8, l + 4, l + 2, l + 1.
pub fn tree(mut lanes: [f32; 32]) -> f32 {
    for half in [16, 8, 4, 2, 1] {
        for l in 0..half {
            lanes[l] += lanes[l + half];
        }
    }
    lanes[0]
}
