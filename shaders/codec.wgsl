// The integer codec: rounds f32 bit patterns with u32 and i32 arithmetic only. Twin of src/codec/mod.rs.
// needs: op, scale, product, logarithmic

const SIGN: u32 = 0x80000000u;
const MAGNITUDE: u32 = 0x7fffffffu;
const INFINITY: u32 = 0x7f800000u;
const ONE: u32 = 0x3f800000u;
const QUIET: u32 = 0x7fc00000u;
const LARGEST: u32 = 0x7f7fffffu;
const SMALLEST_NORMAL: u32 = 0x00800000u;
const SMALLEST_POWER: u32 = 0x00400000u; // 2^-127
const NO_CODE: u32 = 0xffffffffu;

const SATURATED: u32 = 1u;
const UNDERFLOWED: u32 = 2u;
const NAN: u32 = 4u;
const INFINITE: u32 = 8u; // with NAN, between encoding and decoding: an infinity

// A code without sign, its sign, and what happened on the way to it.
struct Coded {
    code: u32,
    sign: u32,
    flags: u32,
}

struct Rounded {
    bits: u32,
    code: u32,
    flags: u32,
}

// One element; `largest` is the largest magnitude of its block, as bits.
fn quantize(op: QuantOp, raw: u32, raw_largest: u32, word: u32) -> Rounded {
    let bits = admitted(op, raw);
    let largest = admitted(op, raw_largest);
    if shares(op) && largest >= INFINITY {
        return Rounded(QUIET, 0u, NAN);
    }
    if !EVERY_CLASS {
        return rounded(op, bits, grid_scale(op, largest), word);
    }
    if op.kind == CLASS_NONE {
        return Rounded(bits, bits, 0u);
    }
    // What a class multiplies with goes around the rounding.
    var inner = bits;
    var block = ONE;
    if op.kind == CLASS_STEP {
        inner = multiply(bits, op.factor);
    } else if op.kind == CLASS_TWO_LEVEL {
        block = e4m3_value(tensor_block_scale(largest, op));
        inner = multiply(bits, inverse(multiply(block, op.step)));
    }
    let value = rounded(op, inner, grid_scale(op, largest), word);
    if op.kind == CLASS_STEP || op.kind == CLASS_TWO_LEVEL {
        return rescaled(value, bits, block, op.step);
    }
    return value;
}

// One value to the codes of `op`, scaled by 2^scale, and back.
fn rounded(op: QuantOp, bits: u32, scale: i32, word: u32) -> Rounded {
    let found = encoded(op, bits, scale, word);
    if (found.flags & INFINITE) != 0u {
        return Rounded(found.sign | INFINITY, signed_code(op, found.sign, found.code), NAN);
    }
    if (found.flags & NAN) != 0u {
        return not_a_number(op, found.sign);
    }
    if op.rounding == DITHER && (found.flags & SATURATED) == 0u {
        return without_dither(op, found.sign, found.code, scale, word);
    }
    // Two's complement has one zero.
    let sign = select(found.sign, 0u, found.code == 0u && has(op, INTEGER));
    var magnitude: u32;
    if EVERY_CLASS && op.kind == CLASS_LOGARITHMIC {
        magnitude = decoded_logarithmic(found.code, op);
    } else if EVERY_CLASS && op.kind == CLASS_EXPONENT {
        magnitude = assembled(1u, i32(found.code) - 127);
    } else {
        magnitude = decoded(found.code, op, scale);
    }
    // A scale can take a value beyond f32.
    let flags = found.flags | select(0u, NAN, magnitude >= INFINITY);
    return Rounded(sign | magnitude, signed_code(op, sign, found.code), flags);
}

// The code of one value, scaled by 2^scale; `word` decides a random rounding.
fn encoded(op: QuantOp, bits: u32, scale: i32, word: u32) -> Coded {
    let magnitude = bits & MAGNITUDE;
    let sign = bits & SIGN;
    if magnitude > INFINITY {
        if has(op, SATFINITE) {
            return saturated(op, 0u);
        }
        return Coded(0u, sign, NAN);
    }
    // Of what is negative there is no power of two.
    if op.kind == CLASS_EXPONENT && bits > SIGN {
        return Coded(0u, 0u, NAN);
    }
    if magnitude == INFINITY {
        return beyond(op, sign);
    }
    if EVERY_CLASS && op.kind == CLASS_LOGARITHMIC {
        return encoded_logarithmic(op, bits, word);
    }
    if EVERY_CLASS && op.kind == CLASS_EXPONENT {
        return encoded_power(op, magnitude);
    }
    return encoded_on_grid(op, bits, scale, word);
}

fn grid_scale(op: QuantOp, largest: u32) -> i32 {
    if op.kind == CLASS_BLOCK {
        return block_scale(largest, op);
    }
    return 0;
}

// A rounded value times the scales that were taken off `bits` before.
fn rescaled(rounded: Rounded, bits: u32, block: u32, step: u32) -> Rounded {
    let value = multiply(multiply(rounded.bits, block), step);
    let lost = (rounded.bits & MAGNITUDE) == 0u && (bits & MAGNITUDE) != 0u;
    let huge = (value & MAGNITUDE) >= INFINITY;
    return Rounded(value, rounded.code, rounded.flags | select(0u, UNDERFLOWED, lost) | select(0u, NAN, huge));
}

// Subnormals and, in blocks, NaN and infinities, as the policy reads them.
fn admitted(op: QuantOp, bits: u32) -> u32 {
    let magnitude = bits & MAGNITUDE;
    if magnitude < SMALLEST_NORMAL && has(op, FLUSHES) {
        return bits & SIGN;
    }
    if magnitude >= INFINITY && shares(op) && has(op, SATFINITE) {
        return LARGEST | select(0u, bits & SIGN, magnitude == INFINITY);
    }
    return bits;
}

// The code on a float or fixed grid of a finite value.
fn encoded_on_grid(op: QuantOp, bits: u32, scale: i32, word: u32) -> Coded {
    let magnitude = bits & MAGNITUDE;
    let sign = bits & SIGN;
    if magnitude == 0u && op.rounding != DITHER {
        return Coded(0u, sign, 0u);
    }
    let significand = split_significand(magnitude);
    let exponent = split_exponent(magnitude);
    // value = significand 2^exponent; q counts steps of 2^(exponent + shift).
    let fine = op.lsb_min + scale - exponent;
    let coarse = has(op, ABRUPT) && fine > 23 - op.mantissa;
    let shift = select(max(max(fine, 23 - op.mantissa), 0), fine + op.mantissa, coarse);
    let steps = select(u32(exponent + shift - scale - op.lsb_min), 0u, coarse);
    // Without mantissa bits codes that are even have steps that are.
    let odd = select(0u, steps & 1u, op.mantissa == 0);
    let q = round_whole(significand, u32(shift), sign != 0u, odd, op, word);
    let code = select((steps << u32(op.mantissa)) + q, q << u32(op.mantissa), coarse);
    if code > limit(op, sign) {
        return overflowed(op, sign);
    }
    return Coded(code, sign, select(0u, UNDERFLOWED, code == 0u && op.rounding != DITHER));
}

// magnitude = significand 2^exponent, the significand of 24 bits; 0 for zero.
fn split_significand(magnitude: u32) -> u32 {
    if magnitude >= SMALLEST_NORMAL {
        return (magnitude & 0x7fffffu) | 0x800000u;
    }
    // Zero has 32 leading zeros; shifts are taken modulo 32.
    return magnitude << (countLeadingZeros(magnitude | 1u) - 8u);
}

fn split_exponent(magnitude: u32) -> i32 {
    if magnitude >= SMALLEST_NORMAL {
        return i32(magnitude >> 23u) - 150;
    }
    return select(-149 - i32(countLeadingZeros(magnitude) - 8u), -149, magnitude == 0u);
}

// The bits of q 2^exponent, which f32 holds or which is too large for it: then infinity.
fn assembled(q: u32, exponent: i32) -> u32 {
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
    return (u32(field) << 23u) | (((q << (31u - top)) >> 8u) & 0x7fffffu);
}

// The value of a code without sign, scaled by 2^scale, as bits.
fn decoded(code: u32, op: QuantOp, scale: i32) -> u32 {
    let field = code >> u32(op.mantissa);
    // The codes of a fixed grid are whole numbers.
    if field == 0u || op.mantissa == 23 {
        return assembled(code, op.lsb_min + scale);
    }
    let significand = (code & ((1u << u32(op.mantissa)) - 1u)) | (1u << u32(op.mantissa));
    return assembled(significand, op.lsb_min + scale + i32(field) - 1);
}

// The largest code, without sign, of that sign.
fn limit(op: QuantOp, sign: u32) -> u32 {
    return select(op.max_code, op.min_code, sign != 0u);
}

fn signed_code(op: QuantOp, sign: u32, code: u32) -> u32 {
    let top = 1u << (op.width - 1u);
    if sign == 0u {
        return code;
    }
    return select(top | code, (0u - code) & (top | (top - 1u)), has(op, INTEGER));
}

// The largest value of that sign.
fn saturated(op: QuantOp, sign: u32) -> Coded {
    return Coded(limit(op, sign), sign, SATURATED);
}

// What lies beyond the largest value.
fn beyond(op: QuantOp, sign: u32) -> Coded {
    if !has(op, OVERFLOWS) {
        return saturated(op, sign);
    }
    if op.specials == IEEE {
        return Coded(op.max_code + 1u, sign, NAN | INFINITE);
    }
    return Coded(0u, sign, NAN);
}

// A finite value that rounds beyond the largest one. Directions toward zero stop at it (IEEE 754-2019, 7.4).
fn overflowed(op: QuantOp, sign: u32) -> Coded {
    if op.rounding == TOWARD_ZERO || (op.rounding == UP && sign != 0u) || (op.rounding == DOWN && sign == 0u) {
        return saturated(op, sign);
    }
    return beyond(op, sign);
}

// A quiet NaN, in formats with several NaNs the one whose first mantissa bit is set.
fn not_a_number(op: QuantOp, sign: u32) -> Rounded {
    var code = NO_CODE;
    if op.specials == IEEE && op.mantissa > 0 {
        code = signed_code(op, sign, op.max_code + 1u + (1u << u32(op.mantissa - 1)));
    } else if op.specials == NAN_CODE {
        code = signed_code(op, sign, op.max_code + 1u);
    }
    return Rounded(sign | QUIET, code, NAN);
}

// `significand` / 2^shift as a whole number, by the direction of `op`; `odd` is added where it asks for an even one.
fn round_whole(significand: u32, shift: u32, negative: bool, odd: u32, op: QuantOp, word: u32) -> u32 {
    if shift == 0u {
        return significand;
    }
    let half = min(shift, 25u); // beyond, half a step exceeds every significand
    let places = min(shift, 31u);
    let kept = significand >> places;
    let inexact = select(0u, 1u, (kept << places) != significand);
    switch op.rounding {
        case NEAREST_EVEN: {
            return (significand + (1u << (half - 1u)) - 1u + (((significand >> half) + odd) & 1u)) >> half;
        }
        case NEAREST_AWAY: {
            return (significand + (1u << (half - 1u))) >> half;
        }
        case UP: {
            return kept + select(inexact, 0u, negative);
        }
        case DOWN: {
            return kept + select(0u, inexact, negative);
        }
        case STOCHASTIC, DITHER: {
            return kept + stochastic_carry(significand, shift, op, word);
        }
        default: {
            return kept;
        }
    }
}

// Whether the discarded fraction and the random bits add up to one.
fn stochastic_carry(significand: u32, shift: u32, op: QuantOp, word: u32) -> u32 {
    // The fraction's first 32 bits, and the one behind them.
    var fraction = 0u;
    var behind = 0u;
    if shift < 32u {
        fraction = significand << (32u - shift);
    } else if shift == 32u {
        fraction = significand;
    } else if shift <= 56u {
        fraction = (significand >> 1u) >> (shift - 33u);
        behind = (significand >> (shift - 33u)) & 1u;
    }
    let mask = 0xffffffffu << op.random_shift;
    var first_cut = behind;
    if op.random_shift != 0u {
        first_cut = ((fraction >> (op.random_shift - 1u)) & 1u) << op.random_shift;
    }
    let cut = fraction & mask;
    let sum = cut + (word & mask);
    let late = sum + select(0u, first_cut, has(op, ZERO_MEAN));
    return select(0u, 1u, sum < cut || late < sum);
}

// The value of a fixed grid's code without the random part that was added to it.
fn without_dither(op: QuantOp, sign: u32, code: u32, scale: i32, word: u32) -> Rounded {
    let bits = 32u - op.random_shift;
    let random = word >> op.random_shift;
    let parts = i32(code << (bits + 1u)) + (1 << bits) - i32(2u * random + 1u);
    let turned = select(sign, sign ^ SIGN, parts < 0);
    let magnitude = assembled(u32(abs(parts)), op.lsb_min + scale - i32(bits) - 1);
    return Rounded(turned | magnitude, signed_code(op, sign, code), 0u);
}

// The code c of a power of two 2^(c - 127), of a finite value without sign.
fn encoded_power(op: QuantOp, magnitude: u32) -> Coded {
    if magnitude < SMALLEST_POWER {
        return Coded(0u, 0u, SATURATED);
    }
    let inexact = split_significand(magnitude) != 0x800000u;
    let code = u32(split_exponent(magnitude) + 150) + select(0u, 1u, op.rounding == UP && inexact);
    if code > op.max_code {
        return overflowed(op, 0u);
    }
    return Coded(code, 0u, 0u);
}
