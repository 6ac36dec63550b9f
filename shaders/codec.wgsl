// The codec: rounds f32 bit patterns with u32 and i32 arithmetic only. This file only chooses: each class of formats has a
// file, a code and a value. Twin of src/codec/mod.rs.
//
// Here and in those files truths are joined by & and |, which compute both sides, but where one guards a read: && and || are
// branches, and SwiftShader compiled a pipeline of train with one more of them for half as long again.
// needs: op, bits, special, grid, power, logarithmic, posit, scale, product

const SATURATED: u32 = 1u;
const UNDERFLOWED: u32 = 2u;
const NAN: u32 = 4u;
const INFINITE: u32 = 8u; // with NAN, between encoding and decoding: an infinity

// A code without sign, its sign, and what happened on the way to it. Where codes carry their own sign, this one is that of
// the value that was encoded.
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
    if shares(op) & (largest >= INFINITY) {
        return Rounded(QUIET, 0u, NAN);
    }
    if !HAS_SCALED {
        return rounded(op, bits, grid_scale(op, largest), word);
    }
    if op.kind == CLASS_NONE {
        return Rounded(bits, bits, 0u);
    }
    // What a class multiplies with goes around the rounding: (of a block, what comes before).
    var scales = vec2<u32>(ONE, op.factor);
    let is_block = (op.kind == CLASS_TWO_LEVEL) | (op.kind == CLASS_ABSMAX);
    if op.kind == CLASS_TWO_LEVEL {
        scales = two_level(largest, op);
    } else if op.kind == CLASS_ABSMAX {
        scales = absmax(largest, op);
    }
    let multiplies = (op.kind == CLASS_STEP) | is_block;
    var inner = bits;
    if multiplies {
        inner = multiply(bits, scales.y);
    }
    let value = rounded(op, inner, grid_scale(op, largest), word);
    if !multiplies {
        return value;
    }
    let found = rescaled(value, bits, scales.x, op.step);
    // A scale is at most 1/16 too large, so only the largest element of its sign can leave f32, and the next one does
    // not.
    let is_lost = (found.bits & MAGNITUDE) >= INFINITY;
    if is_lost & is_block & has(op, SATFINITE) {
        return rescaled(second_largest(op, value), bits, scales.x, op.step);
    }
    return found;
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
    if (op.rounding == DITHER) & ((found.flags & SATURATED) == 0u) {
        return without_dither(op, found.sign, found.code, scale, word);
    }
    let sign = select(found.sign, 0u, has(op, OWN_SIGN) | ((found.code == 0u) & has(op, ONE_ZERO)));
    let value = decoded(found.code, op, scale);
    let is_lost = (value & MAGNITUDE) >= INFINITY;
    // A scale can take a value beyond f32: to 2^128, since it came from f32.
    if is_lost & shares(op) & has(op, SATFINITE) {
        let code = found.code - 1u;
        return Rounded(sign | decoded(code, op, scale), signed_code(op, sign, code), found.flags | SATURATED);
    }
    return Rounded(sign | value, signed_code(op, sign, found.code), found.flags | select(0u, NAN, is_lost));
}

// The code of one value, scaled by 2^scale; `word` decides a random rounding.
fn encoded(op: QuantOp, bits: u32, scale: i32, word: u32) -> Coded {
    let magnitude = bits & MAGNITUDE;
    if magnitude > INFINITY {
        return encoded_nan(op, bits & SIGN);
    }
    // A condition of its own that is false leaves nothing to compile.
    if HAS_SCALED {
        if op.kind == CLASS_EXPONENT {
            return encoded_power(op, bits);
        }
    }
    if HAS_POSIT {
        if op.kind == CLASS_POSIT {
            return encoded_posit(op, bits, word);
        }
    }
    if magnitude == INFINITY {
        return beyond(op, bits & SIGN);
    }
    if HAS_SCALED {
        if op.kind == CLASS_LOGARITHMIC {
            return encoded_logarithmic(op, bits, word);
        }
    }
    return encoded_grid(op, bits, scale, word);
}

// The bits of a code, scaled by 2^scale: of one without sign, or of one that carries its own.
fn decoded(code: u32, op: QuantOp, scale: i32) -> u32 {
    if HAS_SCALED {
        if op.kind == CLASS_EXPONENT {
            return decoded_power(code);
        }
        if op.kind == CLASS_LOGARITHMIC {
            return decoded_logarithmic(code, op);
        }
    }
    if HAS_POSIT {
        if op.kind == CLASS_POSIT {
            return decoded_posit(code, op);
        }
    }
    return decoded_grid(code, op, scale);
}

fn grid_scale(op: QuantOp, largest: u32) -> i32 {
    if op.kind == CLASS_BLOCK {
        return block_scale(largest, op);
    }
    return 0;
}
