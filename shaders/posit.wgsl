// Posits with two exponent bits (Posit Standard 2022): behind the sign a regime, a run of equal bits that another one ends,
// says the exponent's multiple of 4; what it leaves of the code has the exponent's rest, then the fraction. Twin of
// src/codec/posit.rs.
// needs: gap

// The bits of a code's magnitude.
fn decoded_posit(code: u32, op: QuantOp) -> u32 {
    if code == 0u {
        return 0u;
    }
    let word = code << (33u - op.width);
    let ones = (word >> 31u) != 0u;
    let run = countLeadingZeros(select(word, ~word, ones));
    let regime = select(-i32(run), i32(run) - 1, ones);
    // Behind the run and the bit that ends it; bits that the code has no room for are 0.
    let tail = (word << run) << 1u;
    return (u32(4 * regime + 127) << 23u) + (tail >> 7u);
}

// The code of a value that is not NaN. The standard defines the rounding to nearest, which goes by codes: halfway between
// two of them lies the code of one bit more. It makes no number zero. The other directions go by the line of numbers.
fn encoded_posit(op: QuantOp, bits: u32, word: u32) -> Coded {
    let magnitude = bits & MAGNITUDE;
    let sign = bits & SIGN;
    if magnitude == INFINITY {
        return beyond(op, sign);
    }
    if magnitude == 0u {
        return Coded(0u, 0u, 0u);
    }
    let significand = unpack_significand(magnitude);
    let octave = unpack_exponent(magnitude) + 23;
    let outermost = 4 * (i32(op.width) - 2);
    if octave >= outermost {
        let is_largest = (octave == outermost) & (significand == IMPLICIT);
        return Coded(limit(op, sign), sign, select(SATURATED, 0u, is_largest));
    }
    let is_least = octave < -outermost;
    let regime = select(octave >> 2u, 0, is_least);
    // Bits of the run and of the one that ends it, and places behind them, of which the tail has 25.
    let field = select(1u, (4u << u32(max(regime, 0))) - 2u, regime >= 0);
    let length = select(1 - regime, regime + 2, regime >= 0);
    let places = op.width - 1u - u32(length);
    let tail = (u32(octave & 3) << 23u) | (significand & FRACTION);
    let cut = 25u - places;
    let rest = tail & ((1u << cut) - 1u);
    let code = select((field << places) + (tail >> cut), 0u, is_least);
    if op.rounding == NEAREST_EVEN {
        let up = is_least | (rest + (code & 1u) > (1u << (cut - 1u)));
        return Coded(code + select(0u, 1u, up), sign, select(0u, SATURATED, is_least));
    }
    // Where bits of the exponent are cut, the numbers around are powers of two, 4 or 2 octaves apart.
    let lost = u32(octave & 3) & (3u >> min(places, 2u));
    var distance = rest;
    var gap = 1u << cut;
    var down = 0u;
    if is_least {
        distance = significand;
        gap = IMPLICIT;
        down = u32(-outermost - octave);
    } else if places < 2u {
        distance = (significand << lost) - IMPLICIT;
        gap = ((1u << (4u >> places)) - 1u) << 23u;
    }
    let up = goes_up(op, sign, distance, gap, down, code, word);
    return Coded(code + up, sign, select(0u, select(SATURATED, UNDERFLOWED, up == 0u), is_least));
}
