// f32 bit patterns taken apart and put together. Twin of src/codec/bits.rs.

const SIGN: u32 = 0x80000000u;
const MAGNITUDE: u32 = 0x7fffffffu;
const FRACTION: u32 = 0x007fffffu;
const IMPLICIT: u32 = 0x00800000u;
const ONE: u32 = 0x3f800000u;
const SIX_OVER_FOUR: u32 = 0x3fc00000u;
const INFINITY: u32 = 0x7f800000u;
const QUIET: u32 = 0x7fc00000u;
const LARGEST: u32 = 0x7f7fffffu;
const SMALLEST_NORMAL: u32 = 0x00800000u;
const SMALLEST_POWER: u32 = 0x00400000u; // 2^-127

// magnitude = significand 2^exponent, the significand of 24 bits; 0 for zero.
fn unpack_significand(magnitude: u32) -> u32 {
    if magnitude >= SMALLEST_NORMAL {
        return (magnitude & FRACTION) | IMPLICIT;
    }
    // Zero has 32 leading zeros; shifts are taken modulo 32.
    return magnitude << (countLeadingZeros(magnitude | 1u) - 8u);
}

fn unpack_exponent(magnitude: u32) -> i32 {
    if magnitude >= SMALLEST_NORMAL {
        return i32(magnitude >> 23u) - 150;
    }
    return select(-149 - i32(countLeadingZeros(magnitude) - 8u), -149, magnitude == 0u);
}

// The bits of q 2^exponent, which f32 holds or which is too large for it: then infinity.
fn pack(q: u32, exponent: i32) -> u32 {
    if q == 0u {
        return 0u;
    }
    let top = 31u - countLeadingZeros(q);
    let field = exponent + i32(top) + 127;
    if field <= 0 {
        return q << u32(exponent + 149);
    }
    if field >= 255 {
        return INFINITY;
    }
    return (u32(field) << 23u) | (((q << (31u - top)) >> 8u) & FRACTION);
}
