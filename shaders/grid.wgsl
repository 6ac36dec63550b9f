// Float and fixed grids: the rounding of whole numbers of steps. Twin of src/codec/grid.rs.

// The code of a finite value, scaled by 2^scale.
fn encoded_grid(op: QuantOp, bits: u32, scale: i32, word: u32) -> Coded {
    let magnitude = bits & MAGNITUDE;
    let sign = bits & SIGN;
    if (magnitude == 0u) & (op.rounding != DITHER) {
        return Coded(0u, sign, 0u);
    }
    let significand = unpack_significand(magnitude);
    let exponent = unpack_exponent(magnitude);
    // value = significand 2^exponent; q counts steps of 2^(exponent + shift).
    let fine = op.lsb_min + scale - exponent;
    let coarse = has(op, ABRUPT) & (fine > 23 - op.mantissa);
    let shift = select(max(max(fine, 23 - op.mantissa), 0), fine + op.mantissa, coarse);
    let steps = select(u32(exponent + shift - scale - op.lsb_min), 0u, coarse);
    // Without mantissa bits codes that are even have steps that are.
    let odd = select(0u, steps & 1u, op.mantissa == 0);
    let q = round_whole(significand, u32(shift), sign != 0u, odd, op, word);
    let code = select((steps << u32(op.mantissa)) + q, q << u32(op.mantissa), coarse);
    if code > limit(op, sign) {
        return overflowed(op, sign);
    }
    return Coded(code, sign, select(0u, UNDERFLOWED, (code == 0u) & (op.rounding != DITHER)));
}

// The value of a code without sign, scaled by 2^scale, as bits.
fn decoded_grid(code: u32, op: QuantOp, scale: i32) -> u32 {
    let field = code >> u32(op.mantissa);
    // The codes of a fixed grid are whole numbers.
    if (field == 0u) | (op.mantissa == 23) {
        return pack(code, op.lsb_min + scale);
    }
    let significand = (code & ((1u << u32(op.mantissa)) - 1u)) | (1u << u32(op.mantissa));
    return pack(significand, op.lsb_min + scale + i32(field) - 1);
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
    return select(0u, 1u, (sum < cut) | (late < sum));
}

// The value of a fixed grid's code without the random part that was added to it.
fn without_dither(op: QuantOp, sign: u32, code: u32, scale: i32, word: u32) -> Rounded {
    let bits = 32u - op.random_shift;
    let random = word >> op.random_shift;
    let parts = i32(code << (bits + 1u)) + (1 << bits) - i32(2u * random + 1u);
    let turned = select(sign, sign ^ SIGN, parts < 0);
    let magnitude = pack(u32(abs(parts)), op.lsb_min + scale - i32(bits) - 1);
    return Rounded(turned | magnitude, signed_code(op, sign, code), 0u);
}
