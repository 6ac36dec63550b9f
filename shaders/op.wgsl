// A site's operation, as words of the parameters. Twin of src/format/op.rs.
//
// Of a struct that stands in `words`, here and in other files, src/gpu/loaders.rs adds the number of words and what
// reads one: of QuantOp `const QUANT_OP_WORDS: u32` and `fn load_quant_op(at: u32) -> QuantOp`.
// needs: common

const CLASS_NONE: u32 = 0u;
const CLASS_SCALAR: u32 = 1u;
const CLASS_BLOCK: u32 = 2u;
const CLASS_STEP: u32 = 3u;
const CLASS_LOGARITHMIC: u32 = 4u;
const CLASS_TWO_LEVEL: u32 = 5u;
const CLASS_EXPONENT: u32 = 6u;
const CLASS_ADDITIVE: u32 = 7u;
const CLASS_RELATIVE: u32 = 8u;
const CLASS_ABSMAX: u32 = 9u;
const CLASS_POSIT: u32 = 10u;

const OVERFLOWS: u32 = 1u;
const SATFINITE: u32 = 2u;
const FLUSHES: u32 = 4u;
const ZERO_MEAN: u32 = 8u;
const INTEGER: u32 = 16u;
const ABRUPT: u32 = 32u;
const ONE_ZERO: u32 = 128u;
const OFFSET: u32 = 256u;
const EVEN_SCALE: u32 = 512u;
const FOUR_OVER_SIX: u32 = 1024u;
const TO_FOUR: u32 = 2048u;

const NEAREST_EVEN: u32 = 0u;
const STOCHASTIC: u32 = 1u;
const NEAREST_AWAY: u32 = 2u;
const TOWARD_ZERO: u32 = 3u;
const UP: u32 = 4u;
const DOWN: u32 = 5u;
const DITHER: u32 = 6u;

const NAN_CODE: u32 = 1u;
const IEEE: u32 = 2u;
const FNUZ: u32 = 3u;

struct QuantOp {
    kind: u32, // one of CLASS_...
    rounding: u32,
    mantissa: i32,
    lsb_min: i32,
    max_bits: u32,
    max_code: u32,
    min_code: u32,
    width: u32,
    specials: u32,
    policy: u32,
    emax: i32,
    block: u32,
    scale_add: u32,
    factor: u32,
    step: u32,
    significand: u32,
    unit: i32,
    purpose: u32,
    one_draw: u32, // serves the whole vector, or the whole batch
    random_shift: u32,
}

fn has(op: QuantOp, bit: u32) -> bool {
    return (op.policy & bit) != 0u;
}

// Whether elements share a scale along the vector.
fn shares(op: QuantOp) -> bool {
    return (op.kind == CLASS_BLOCK) | (op.kind == CLASS_TWO_LEVEL) | (op.kind == CLASS_ABSMAX);
}

// Whether elements need random words.
fn draws(op: QuantOp) -> bool {
    let random = (op.rounding == STOCHASTIC) | (op.rounding == DITHER);
    return (op.kind == CLASS_ADDITIVE) | (op.kind == CLASS_RELATIVE) | ((op.kind != CLASS_NONE) & random);
}

// Four words of a vector's elements, those of one counter; one word four times where a draw serves the whole vector.
fn vector_words(op: QuantOp, seed_index: u32, counter: u32, second: u32) -> vec4<u32> {
    if op.one_draw != 0u {
        return vec4<u32>(random_words(seed_index, 0u, second, op.purpose).x);
    }
    if draws(op) {
        return random_words(seed_index, counter, second, op.purpose);
    }
    return vec4<u32>(0u);
}
