// What is not a number, what lies beyond the largest one, and the signs of codes. Twin of src/codec/special.rs.

const NO_CODE: u32 = 0xffffffffu;
// A code says by itself which sign its number has.
const OWN_SIGN: u32 = 64u;

// Subnormals and, in blocks, NaN and infinities, as the policy reads them.
fn admitted(op: QuantOp, bits: u32) -> u32 {
    let magnitude = bits & MAGNITUDE;
    if (magnitude < SMALLEST_NORMAL) & has(op, FLUSHES) {
        return bits & SIGN;
    }
    if (magnitude >= INFINITY) & shares(op) & has(op, SATFINITE) {
        return LARGEST | select(0u, bits & SIGN, magnitude == INFINITY);
    }
    return bits;
}

// The code of a NaN: it stays one, or becomes the largest value.
fn encoded_nan(op: QuantOp, sign: u32) -> Coded {
    if has(op, SATFINITE) {
        return saturated(op, 0u);
    }
    return Coded(0u, sign, NAN);
}

// The largest code of that sign.
fn limit(op: QuantOp, sign: u32) -> u32 {
    return select(op.max_code, op.min_code, sign != 0u);
}

// A code with its sign.
fn signed_code(op: QuantOp, sign: u32, code: u32) -> u32 {
    let top = 1u << (op.width - 1u);
    let zero = select(0u, op.min_code, has(op, OFFSET));
    if (sign == 0u) | has(op, OWN_SIGN) | ((code == 0u) & has(op, ONE_ZERO)) {
        return zero + code;
    }
    return select(top | code, (zero - code) & (top | (top - 1u)), has(op, INTEGER));
}

// The largest value of that sign.
fn saturated(op: QuantOp, sign: u32) -> Coded {
    return Coded(limit(op, sign), sign, SATURATED);
}

// The float before `largest`, which is the largest of its format.
fn second_largest(op: QuantOp, largest: Rounded) -> Rounded {
    let sign = largest.bits & SIGN;
    let code = limit(op, sign) - 1u;
    return Rounded(sign | decoded(code, op, 0), signed_code(op, sign, code), largest.flags | SATURATED);
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
    let is_up = op.rounding == UP;
    let is_down = op.rounding == DOWN;
    if (op.rounding == TOWARD_ZERO) | (is_up & (sign != 0u)) | (is_down & (sign == 0u)) {
        return saturated(op, sign);
    }
    return beyond(op, sign);
}

// A quiet NaN, in formats with several NaNs the one whose first mantissa bit is set; where zero has no sign, in place of -0.
fn not_a_number(op: QuantOp, sign: u32) -> Rounded {
    var code = NO_CODE;
    if (op.specials == IEEE) & (op.mantissa > 0) {
        code = signed_code(op, sign, op.max_code + 1u + (1u << u32(op.mantissa - 1)));
    } else if op.specials == NAN_CODE {
        code = signed_code(op, sign, op.max_code + 1u);
    } else if op.specials == FNUZ {
        code = 1u << (op.width - 1u);
    }
    return Rounded(sign | QUIET, code, NAN);
}
