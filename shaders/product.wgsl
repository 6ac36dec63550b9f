// Products and reciprocals of f32 in whole numbers: rounded to nearest-even, subnormals kept, whatever the device does
// with floats. Twin of src/codec/product.rs.

// a b as (high word, low word).
fn wide_product(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let first = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let second = (a & 0xffffu) * (b >> 16u) + (first & 0xffffu);
    return vec2<u32>((a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u), (second << 16u) | (low & 0xffffu));
}

// `significand` 2^exponent to nearest-even; `rest`: something smaller than its last bit is left out. The significand
// has its leading one in bit 31.
fn rounded_f32(significand: u32, rest: bool, exponent: i32) -> u32 {
    // Eight bits fall, and more where the result is subnormal.
    let field = exponent + 158;
    let shift = u32(clamp(8 + max(1 - field, 0), 8, 33));
    if shift > 32u {
        return 0u;
    }
    let kept = (significand >> 1u) >> (shift - 1u);
    let half = 1u << (shift - 1u);
    let below = significand & (half - 1u);
    let up = ((significand & half) != 0u) & (rest | (below != 0u) | ((kept & 1u) != 0u));
    let base = u32(max(field, 1) - 1) << 23u;
    return min(base + kept + select(0u, 1u, up), INFINITY);
}

// fl(a b) for b >= 0; zeros, infinities and NaNs a stay as they are.
fn multiply(a: u32, b: u32) -> u32 {
    let magnitude = a & MAGNITUDE;
    if (magnitude == 0u) | (magnitude >= INFINITY) {
        return a;
    }
    if b == 0u {
        return a & SIGN;
    }
    // Significands of 24 bits, moved up so that the product fills 63 or 64 bits.
    let product = wide_product(unpack_significand(magnitude) << 8u, unpack_significand(b) << 8u);
    let up = countLeadingZeros(product.x);
    let high = select(product.x, (product.x << 1u) | (product.y >> 31u), up == 1u);
    let exponent = unpack_exponent(magnitude) + unpack_exponent(b) + 16 - i32(up);
    return (a & SIGN) | rounded_f32(high, (product.y << up) != 0u, exponent);
}

// fl(1/a), at most the largest f32, and 0 for 0.
fn inverse(a: u32) -> u32 {
    if a == 0u {
        return 0u;
    }
    let divisor = unpack_significand(a);
    if divisor == IMPLICIT {
        return min(rounded_f32(SIGN, false, -54 - unpack_exponent(a)), LARGEST);
    }
    // floor(2^55 / divisor), at least 2^31 and below 2^32.
    // Divided by hand, eight bits at a time; a loop would count towards the limits of some drivers.
    let left = IMPLICIT << 8u;
    let second = (left % divisor) << 8u;
    let third = (second % divisor) << 8u;
    let fourth = (third % divisor) << 8u;
    let upper = ((left / divisor) << 24u) | ((second / divisor) << 16u);
    let quotient = upper | ((third / divisor) << 8u) | (fourth / divisor);
    return min(rounded_f32(quotient, fourth % divisor != 0u, -55 - unpack_exponent(a)), LARGEST);
}

// A rounded value times the scales that were taken off `bits` before.
fn rescaled(rounded: Rounded, bits: u32, block: u32, step: u32) -> Rounded {
    let value = multiply(multiply(rounded.bits, block), step);
    // What is clipped at zero is not lost below the step.
    let is_clipped = (rounded.flags & SATURATED) != 0u;
    let lost = ((rounded.bits & MAGNITUDE) == 0u) & ((bits & MAGNITUDE) != 0u) & !is_clipped;
    let huge = (value & MAGNITUDE) >= INFINITY;
    return Rounded(value, rounded.code, rounded.flags | select(0u, UNDERFLOWED, lost) | select(0u, NAN, huge));
}
