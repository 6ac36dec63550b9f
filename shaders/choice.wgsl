// The choice between two scales of a block, which take its largest magnitude to 6 and to 4 (Cook et al., "Four Over Six:
// More Accurate NVFP4 Quantization with Adaptive Block Scaling", arXiv 2512.02010). All in whole numbers, so that sums are
// exact and their order is free. Twin of src/codec/choice.rs.
// needs: codec

// A magnitude in units of 2^unit, cut to a whole number.
fn in_units(magnitude: u32, unit: i32) -> u32 {
    let significand = unpack_significand(magnitude);
    let up = unpack_exponent(magnitude) - unit;
    // No value is twice the largest magnitude.
    if up >= 0 {
        return significand << u32(min(up, 7));
    }
    return significand >> u32(min(-up, 31));
}

// The error of an element's `value` in units of the last of 24 bits of its block's largest magnitude. Both have one sign.
fn distance_of(op: QuantOp, bits: u32, largest: u32, value: u32) -> u32 {
    let unit = unpack_exponent(admitted(op, largest));
    let a = in_units(admitted(op, bits) & MAGNITUDE, unit);
    let b = in_units(value & MAGNITUDE, unit);
    return max(a, b) - min(a, b);
}

// A sum of squares with another one, in three words, the highest first.
fn added(sum: vec3<u32>, distance: u32) -> vec3<u32> {
    let square = wide_product(distance, distance);
    let low = sum.z + square.y;
    let middle = sum.y + square.x;
    let next = middle + select(0u, 1u, low < square.y);
    let high = sum.x + select(0u, 1u, middle < square.x) + select(0u, 1u, next < middle);
    return vec3<u32>(high, next, low);
}

fn is_less(a: vec3<u32>, b: vec3<u32>) -> bool {
    if a.x != b.x {
        return a.x < b.x;
    }
    if a.y != b.y {
        return a.y < b.y;
    }
    return a.z < b.z;
}

// An operation with the scales that take the largest magnitudes of two-level blocks to 4, not to 6.
fn to_four(op: QuantOp) -> QuantOp {
    var other = op;
    other.policy |= TO_FOUR;
    return other;
}
