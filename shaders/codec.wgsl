// The integer codec: rounds f32 bit patterns with u32 and i32 arithmetic only. Twin of src/codec.rs.

const FLOOR: u32 = 0x27800000u;
const DIVERGED: u32 = 0x53800000u;
const MAGNITUDE: u32 = 0x7fffffffu;

const SATURATED: u32 = 1u;
const UNDERFLOWED: u32 = 2u;
const NAN: u32 = 4u;

const CLASS_NONE: u32 = 0u;
const CLASS_SCALAR: u32 = 1u;
const CLASS_BLOCK: u32 = 2u;
const CLASS_ADDITIVE: u32 = 3u;
const CLASS_RELATIVE: u32 = 4u;

const LAW_TWO_POINT: u32 = 1u;

const OP_WORDS: u32 = 16u;

const NEAREST_EVEN: u32 = 0u;
const STOCHASTIC: u32 = 1u;
const NEAREST_AWAY: u32 = 2u;
const UP: u32 = 4u;
const DOWN: u32 = 5u;

struct Op {
    kind: u32,
    rounding: u32,
    mantissa: i32,
    lsb_min: i32,
    max_bits: u32,
    emax: i32,
    block: u32,
    noise: u32,
    significand: u32,
    unit: i32,
    purpose: u32,
    overflows: u32,
    one_draw: u32, // `shared` of the Rust twin, a reserved word here
    random_shift: u32,
    zero_mean: u32,
    scale_add: u32,
}

struct Rounded {
    bits: u32,
    flags: u32,
}

fn load_op(at: u32) -> Op {
    return Op(
        params[at], params[at + 1u], i32(params[at + 2u]), bitcast<i32>(params[at + 3u]), params[at + 4u],
        bitcast<i32>(params[at + 5u]), params[at + 6u], params[at + 7u], params[at + 8u],
        bitcast<i32>(params[at + 9u]), params[at + 10u], params[at + 11u], params[at + 12u],
        params[at + 13u], params[at + 14u], params[at + 15u],
    );
}

// Whether elements need random words.
fn draws(op: Op) -> bool {
    return op.kind >= CLASS_ADDITIVE || (op.kind != CLASS_NONE && op.rounding == STOCHASTIC);
}

// The deviate of mean 0 and variance 1 that a word gives under the law of `op`.
fn deviate(op: Op, word: u32) -> f32 {
    if op.rounding == LAW_TWO_POINT {
        return bitcast<f32>(0x3f800000u | (word & 0x80000000u));
    }
    return normal_draw(word);
}

fn floor48(bits: u32) -> u32 {
    return select(bits, 0u, (bits & MAGNITUDE) < FLOOR);
}

fn round_significand(bits: u32, p: u32) -> u32 {
    let shift = 24u - p;
    if shift == 0u {
        return bits;
    }
    let half = (1u << (shift - 1u)) - 1u + ((bits >> shift) & 1u);
    return ((bits + half) >> shift) << shift;
}

// The piece of `rest` on `significand` bits; what it leaves is exact.
fn piece(rest: f32, significand: u32) -> f32 {
    return bitcast<f32>(floor48(round_significand(bitcast<u32>(rest), significand)));
}

// `significand` / 2^shift as a whole number, by the direction of `op`.
fn round_whole(significand: u32, shift: u32, negative: bool, op: Op, word: u32) -> u32 {
    if shift == 0u {
        return significand;
    }
    let half = min(shift, 25u); // beyond, half a step exceeds every significand
    let places = min(shift, 31u);
    let kept = significand >> places;
    let inexact = select(0u, 1u, (kept << places) != significand);
    switch op.rounding {
        case NEAREST_EVEN: {
            return (significand + (1u << (half - 1u)) - 1u + ((significand >> half) & 1u)) >> half;
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
        case STOCHASTIC: {
            return kept + stochastic_carry(significand, shift, op, word);
        }
        default: {
            return kept;
        }
    }
}

// Whether the discarded fraction and the random bits add up to one.
fn stochastic_carry(significand: u32, shift: u32, op: Op, word: u32) -> u32 {
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
    let late = sum + first_cut * op.zero_mean;
    return select(0u, 1u, sum < cut || late < sum);
}

fn round_value(bits: u32, op: Op, scale: i32, word: u32) -> Rounded {
    let magnitude = bits & MAGNITUDE;
    let sign = bits & 0x80000000u;
    if magnitude > 0x7f800000u {
        return Rounded(0u, NAN);
    }
    if magnitude == 0u {
        return Rounded(0u, 0u);
    }
    var exponent = i32(magnitude >> 23u);
    var significand = magnitude & 0x7fffffu;
    if exponent == 0 {
        let up = countLeadingZeros(significand) - 8u;
        significand <<= up;
        exponent = 1 - i32(up);
    } else {
        significand |= 0x800000u;
    }
    // value = significand 2^(exponent - 150); q counts steps of 2^(exponent - 150 + shift).
    let shift = u32(max(max(23 - op.mantissa, op.lsb_min + scale + 150 - exponent), 0));
    let q = round_whole(significand, shift, sign != 0u, op, word);
    if q == 0u {
        return Rounded(0u, UNDERFLOWED);
    }
    let top = 31u - countLeadingZeros(q);
    let rounded_exponent = exponent - 23 + i32(shift) + i32(top);
    let rounded = (u32(rounded_exponent) << 23u) | (((q << (31u - top)) >> 8u) & 0x7fffffu);
    let largest = op.max_bits + (bitcast<u32>(scale) << 23u);
    if rounded > largest {
        if op.overflows != 0u {
            return Rounded(0u, NAN);
        }
        return Rounded(sign | largest, SATURATED);
    }
    return Rounded(sign | rounded, 0u);
}

fn block_scale(largest: u32, op: Op) -> i32 {
    return clamp(i32((largest + op.scale_add) >> 23u) - 127 - op.emax, -127, 127);
}

// One element; `largest` is the largest magnitude of its block, as bits.
fn apply_one(op: Op, bits: u32, largest: u32, word: u32) -> Rounded {
    var result = Rounded(bits, 0u);
    if op.kind == CLASS_SCALAR {
        result = round_value(bits, op, 0, word);
    } else if op.kind == CLASS_BLOCK {
        if largest == 0u {
            result = Rounded(0u, 0u);
        } else if largest >= 0x7f800000u {
            result = Rounded(0u, NAN);
        } else {
            result = round_value(bits, op, block_scale(largest, op), word);
        }
    } else if op.kind == CLASS_ADDITIVE {
        let noise = opaque(bitcast<f32>(op.noise) * deviate(op, word));
        let sum = opaque(opaque(bitcast<f32>(bits)) + noise);
        result.bits = round_significand(bitcast<u32>(sum), op.significand);
    } else if op.kind == CLASS_RELATIVE {
        let factor = opaque(1.0 + opaque(bitcast<f32>(op.noise) * deviate(op, word)));
        let product = opaque(opaque(bitcast<f32>(bits)) * factor);
        result.bits = round_significand(bitcast<u32>(product), op.significand);
    }
    let units = select(bitcast<u32>(op.unit) << 23u, 0u, (result.bits & MAGNITUDE) == 0u);
    return Rounded(floor48(result.bits - units), result.flags);
}

// The flags of one element as counts: saturated, underflowed, nan.
fn tally(flags: u32) -> vec3<u32> {
    return vec3<u32>(flags & 1u, (flags >> 1u) & 1u, (flags >> 2u) & 1u);
}
