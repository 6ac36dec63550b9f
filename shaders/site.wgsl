// What a site of a run does to values: formats and laws, the floor, and the counters. Twin of src/codec/site.rs.
// needs: op, codec, common

const FLOOR: u32 = 0x27800000u;
const DIVERGED: u32 = 0x53800000u;
const LAW_TWO_POINT: u32 = 1u;

// The value a run stores, and what happened to it.
struct Stored {
    bits: u32,
    flags: u32,
}

// The deviate of mean 0 and variance 1 that a word gives under the law of `op`.
fn deviate(op: QuantOp, word: u32) -> f32 {
    if op.rounding == LAW_TWO_POINT {
        return bitcast<f32>(ONE | (word & SIGN));
    }
    return normal_draw(word);
}

fn flush48(bits: u32) -> u32 {
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

// The component of `rest` on `significand` bits; what it leaves is exact.
fn component(rest: f32, significand: u32) -> f32 {
    return bitcast<f32>(flush48(round_significand(bitcast<u32>(rest), significand)));
}

// One element and its flags; `largest` is the largest magnitude of its block, as bits.
fn apply_one(op: QuantOp, bits: u32, largest: u32, word: u32) -> Stored {
    switch op.kind {
        case CLASS_NONE: {
            return Stored(flush48(bits), 0u);
        }
        case CLASS_ADDITIVE: {
            let noise = opaque(bitcast<f32>(op.factor) * deviate(op, word));
            let sum = opaque(opaque(bitcast<f32>(bits)) + noise);
            return Stored(flush48(round_significand(bitcast<u32>(sum), op.significand)), 0u);
        }
        case CLASS_RELATIVE: {
            let factor = opaque(1.0 + opaque(bitcast<f32>(op.factor) * deviate(op, word)));
            let product = opaque(opaque(bitcast<f32>(bits)) * factor);
            return Stored(flush48(round_significand(bitcast<u32>(product), op.significand)), 0u);
        }
        default: {
            let rounded = quantize(op, bits, largest, word);
            // What is not a number is counted and becomes +0: the run ends before anything reads it.
            if (rounded.bits & MAGNITUDE) >= INFINITY {
                return Stored(0u, rounded.flags);
            }
            let units = select(bitcast<u32>(op.unit) << 23u, 0u, (rounded.bits & MAGNITUDE) == 0u);
            return Stored(flush48(rounded.bits - units), rounded.flags);
        }
    }
}

// The flags of one element as counts: saturated, underflowed, nan.
fn tally(flags: u32) -> vec3<u32> {
    return min(vec3<u32>(flags) & vec3<u32>(SATURATED, UNDERFLOWED, NAN), vec3<u32>(1u));
}

// Words of a tally, and which of them counts what is not a number. That of a feature vector has one more: whether such
// a value stands behind any z.
const TALLY: u32 = 3u;
const TALLY_NAN: u32 = 2u;
const FEATURE_TALLY: u32 = 4u;
const TALLY_NAN_BEHIND: u32 = 3u;
