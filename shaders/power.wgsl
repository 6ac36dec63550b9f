// Powers of two, neither zero nor sign: code c stands for 2^(c - 127). Twin of src/codec/power.rs.

// The bits of a code.
fn decoded_power(code: u32) -> u32 {
    return pack(1u, i32(code) - 127);
}

// The code of a value that is not NaN. Of what is negative there is no power of two.
fn encoded_power(op: QuantOp, bits: u32) -> Coded {
    let magnitude = bits & MAGNITUDE;
    if bits > SIGN {
        return Coded(0u, 0u, NAN);
    }
    if magnitude == INFINITY {
        return beyond(op, 0u);
    }
    if magnitude < SMALLEST_POWER {
        return Coded(0u, 0u, SATURATED);
    }
    let significand = unpack_significand(magnitude);
    let below = u32(unpack_exponent(magnitude) + 150);
    let halfway = IMPLICIT + (IMPLICIT >> 1u);
    var up = false;
    switch op.rounding {
        case UP: {
            up = significand > IMPLICIT;
        }
        case NEAREST_EVEN: {
            up = significand + (below & 1u) > halfway;
        }
        case NEAREST_AWAY: {
            up = significand >= halfway;
        }
        default: {}
    }
    let code = below + select(0u, 1u, up);
    if code > op.max_code {
        return overflowed(op, 0u);
    }
    return Coded(code, 0u, 0u);
}
