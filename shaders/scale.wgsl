// Scales that elements share: powers of two, the E4M3 or UE5M3 of two-level formats, and f32. Twin of src/codec/scale.rs.

fn block_scale(largest: u32, op: QuantOp) -> i32 {
    let smaller = unpack_exponent(largest) + 23 - op.emax;
    let odd = select(0u, u32(smaller + 127) & 1u, has(op, EVEN_SCALE));
    let carry = i32((unpack_significand(largest) + op.scale_add + odd) >> 24u);
    return clamp(smaller + carry, -127, 127);
}

// What is stored of a block's shared scale: its byte in E8M0 or that of a two-level format, or the bits of an f32.
fn stored_scale(raw_largest: u32, op: QuantOp) -> u32 {
    let largest = admitted(op, raw_largest);
    if op.kind == CLASS_ABSMAX {
        return select(multiply(largest, op.factor), QUIET, largest >= INFINITY);
    }
    let two_level = op.kind == CLASS_TWO_LEVEL;
    if largest >= INFINITY {
        return select(0xffu, op.scale_add + 1u, two_level);
    }
    if two_level {
        return tensor_block_scale(largest, op);
    }
    return select(u32(block_scale(largest, op) + 127), 0u, largest == 0u);
}

// The code of a number of three mantissa bits nearest f32 bits without sign, ties to even, saturating.
fn scale_code(bits: u32, op: QuantOp) -> u32 {
    let significand = unpack_significand(bits);
    let exponent = unpack_exponent(bits);
    let shift = max(op.emax - exponent, 20);
    let half = u32(min(shift, 25)); // beyond, half a step exceeds every significand
    let q = (significand + (1u << (half - 1u)) - 1u + ((significand >> half) & 1u)) >> half;
    return min((u32(exponent + shift - op.emax) << 3u) + q, op.scale_add);
}

// The value of such a code, as bits.
fn scale_value(code: u32, op: QuantOp) -> u32 {
    if code < 8u {
        return pack(code, op.emax);
    }
    return pack((code & 7u) | 8u, op.emax + i32(code >> 3u) - 1);
}

fn tensor_block_scale(largest: u32, op: QuantOp) -> u32 {
    let scale = multiply(largest, op.factor);
    if has(op, TO_FOUR) {
        return scale_code(multiply(scale, SIX_OVER_FOUR), op);
    }
    return scale_code(scale, op);
}

// The scale s of a block whose largest magnitude it takes to the largest element, and fl(1/s).
fn absmax(largest: u32, op: QuantOp) -> vec2<u32> {
    let scale = multiply(largest, op.factor);
    return vec2<u32>(scale, inverse(scale));
}

// The scale c of a block in a two-level format, and fl(1/fl(c g)) for the scale g of the tensor.
fn two_level(largest: u32, op: QuantOp) -> vec2<u32> {
    let block = scale_value(tensor_block_scale(largest, op), op);
    return vec2<u32>(block, inverse(multiply(block, op.step)));
}
