// Scales that elements share: powers of two, and E4M3. Twin of src/codec/scale.rs.

fn block_scale(largest: u32, op: QuantOp) -> i32 {
    let carry = i32((unpack_significand(largest) + op.scale_add) >> 24u);
    return clamp(unpack_exponent(largest) + 23 + carry - op.emax, -127, 127);
}

// The byte of a block's shared scale: E8M0, or E4M3 of a two-level format.
fn scale_byte(raw_largest: u32, op: QuantOp) -> u32 {
    let largest = admitted(op, raw_largest);
    let two_level = op.kind == CLASS_TWO_LEVEL;
    if largest >= INFINITY {
        return select(0xffu, 0x7fu, two_level);
    }
    if two_level {
        return tensor_block_scale(largest, op);
    }
    return select(u32(block_scale(largest, op) + 127), 0u, largest == 0u);
}

// E4M3 code nearest f32 bits without sign, ties to even, saturating.
fn e4m3_code(bits: u32) -> u32 {
    let significand = unpack_significand(bits);
    let exponent = unpack_exponent(bits);
    let shift = max(-9 - exponent, 20);
    let half = u32(min(shift, 25)); // beyond, half a step exceeds every significand
    let q = (significand + (1u << (half - 1u)) - 1u + ((significand >> half) & 1u)) >> half;
    return min((u32(exponent + shift + 9) << 3u) + q, 126u);
}

// The value of an E4M3 code without sign, as bits.
fn e4m3_value(code: u32) -> u32 {
    if code < 8u {
        return pack(code, -9);
    }
    return pack((code & 7u) | 8u, i32(code >> 3u) - 10);
}

fn tensor_block_scale(largest: u32, op: QuantOp) -> u32 {
    return e4m3_code(multiply(largest, op.factor));
}

// The scale c of a block in a two-level format, and fl(1/fl(c g)) for the scale g of the tensor.
fn two_level(largest: u32, op: QuantOp) -> vec2<u32> {
    let block = e4m3_value(tensor_block_scale(largest, op));
    return vec2<u32>(block, inverse(multiply(block, op.step)));
}
