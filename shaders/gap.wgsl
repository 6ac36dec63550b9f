// Values in the gap between two numbers of a list: which of the two they become. Twin of src/codec/gap.rs.
// needs: bits, product

// 1 where a value rounds up that lies `distance` / 2^down of the `gap` above `code`.
fn goes_up(op: QuantOp, sign: u32, distance: u32, gap: u32, down: u32, code: u32, word: u32) -> u32 {
    // Twice the distance stays below 2^25 where `down` is not 0, so seven places decide every comparison.
    let double = 2u * distance;
    let scaled = gap << min(down, 7u);
    var up = false;
    switch op.rounding {
        case NEAREST_EVEN: {
            up = (double > scaled) | ((double == scaled) & (code % 2u == 1u));
        }
        case NEAREST_AWAY: {
            up = double >= scaled;
        }
        case UP: {
            up = (sign == 0u) & (distance > 0u);
        }
        case DOWN: {
            up = (sign != 0u) & (distance > 0u);
        }
        case STOCHASTIC: {
            up = reaches(op, distance, gap, down, word);
        }
        default: {}
    }
    return select(0u, 1u, up);
}

// x 2^places as (high word, low word), for places from -63 to 33.
fn shifted(x: u32, places: i32) -> vec2<u32> {
    if places >= 32 {
        return vec2<u32>(x << u32(places - 32), 0u);
    }
    if places > 0 {
        return vec2<u32>(x >> u32(32 - places), x << u32(places));
    }
    return vec2<u32>(0u, select(x >> u32(-places), 0u, places <= -32));
}

// Whether floor(f 2^n) + R >= 2^n for f = distance / (2^down gap), or floor(f 2^(n+1)) + 2 R + 1 >= 2^(n+1) where the
// rounding is zero-mean: multiplied out, since whole numbers leave nothing to be rounded.
fn reaches(op: QuantOp, distance: u32, gap: u32, down: u32, word: u32) -> bool {
    let zero_mean = has(op, ZERO_MEAN);
    let places = i32(32u - op.random_shift) + select(0, 1, zero_mean);
    let reached = shifted(distance, places - i32(min(down, 63u)));
    // gap times 2^n - R, or times 2^(n+1) - 2 R - 1.
    var wanted = wide_product(gap, ~word >> op.random_shift);
    if zero_mean {
        wanted = vec2<u32>((wanted.x << 1u) | (wanted.y >> 31u), wanted.y << 1u);
    }
    let low = wanted.y + gap;
    let high = wanted.x + select(0u, 1u, low < gap);
    return (reached.x > high) | ((reached.x == high) & (reached.y >= low));
}
