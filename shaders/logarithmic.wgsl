// Grids of the roots of two: code c stands for 2^((c - b) / n), with the f32 nearest it. Twin of
// src/codec/logarithmic.rs.
// needs: gap

// Words of the table before the roots.
const ROOTS: u32 = 1024u;

// Significand of 2^(j/n), and of 2 for j = n.
fn root(j: u32, n: u32) -> u32 {
    if j == n {
        return 1u << 24u;
    }
    return tables[ROOTS + n * (n - 1u) / 2u + j];
}

// The bits of a code's magnitude.
fn decoded_logarithmic(code: u32, op: QuantOp) -> u32 {
    if code == 0u {
        return 0u;
    }
    let place = i32(code) - op.lsb_min;
    // Toward minus infinity: a multiple of n that makes the place positive goes first.
    let octave = (place + 256 * op.mantissa) / op.mantissa - 256;
    let j = u32(place - octave * op.mantissa);
    return (u32(octave + 127) << 23u) | (root(j, u32(op.mantissa)) & FRACTION);
}

// The code of a finite value; a random rounding goes up with the probability of the distance on the line of numbers.
fn encoded_logarithmic(op: QuantOp, bits: u32, word: u32) -> Coded {
    let magnitude = bits & MAGNITUDE;
    let sign = bits & SIGN;
    let n = u32(op.mantissa);
    if magnitude == 0u {
        return Coded(0u, sign, 0u);
    }
    let significand = unpack_significand(magnitude);
    var j = 0u;
    if 8u < n && root(8u, n) <= significand { j = 8u; }
    if j + 4u < n && root(j + 4u, n) <= significand { j += 4u; }
    if j + 2u < n && root(j + 2u, n) <= significand { j += 2u; }
    if j + 1u < n && root(j + 1u, n) <= significand { j += 1u; }
    let octave = unpack_exponent(magnitude) + 23;
    let low = octave * op.mantissa + i32(j) + op.lsb_min;
    var code = 0u;
    if low >= 1 {
        let distance = significand - root(j, n);
        code = u32(low) + goes_up(op, sign, distance, root(j + 1u, n) - root(j, n), 0u, u32(low), word);
    } else {
        // Between zero and the smallest number, `down` octaves above.
        let smallest = decoded_logarithmic(1u, op);
        let down = u32(i32(smallest >> 23u) - 127 - octave);
        code = goes_up(op, sign, significand, (smallest & FRACTION) | IMPLICIT, down, 0u, word);
    }
    if code > op.max_code {
        return overflowed(op, sign);
    }
    return Coded(code, sign, select(0u, UNDERFLOWED, code == 0u));
}
