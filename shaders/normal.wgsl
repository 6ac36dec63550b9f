// Standard normal draws in integer arithmetic, one word each. Twin of src/random/normal.rs; the caller
// loads the entry at normal_index(word) from its own binding of the table.

// The bits of a word that are its tail probability; the other one is the sign.
const TAIL_BITS: u32 = 0x7fffffffu;
// log2 of the number of segments per octave.
const SEGMENT_BITS: u32 = 5u;
const SLOPE_BITS: u32 = 14u;
// The unit of normal_units, 2^-19.
const UNIT: f32 = 1.0 / 524288.0;

// u + 32 with its leading one shifted to bit 31, and the number of places it moved.
fn normalized(word: u32) -> vec2<u32> {
    let v = (word & TAIL_BITS) + (1u << SEGMENT_BITS);
    let zeros = countLeadingZeros(v);
    return vec2<u32>(v << zeros, zeros);
}

// Index in the table of the segment of a word, at most 832.
fn normal_index(word: u32) -> u32 {
    let n = normalized(word);
    let octave = 31u - SEGMENT_BITS - n.y;
    return (octave << SEGMENT_BITS) + ((n.x << 1u) >> (32u - SEGMENT_BITS));
}

// The draw of a word in units of 2^-19; magnitude below 2^22, so it is exact in f32.
fn normal_units(word: u32, entry: u32) -> i32 {
    let base = entry >> SLOPE_BITS;
    let slope = entry & ((1u << SLOPE_BITS) - 1u);
    let n = normalized(word);
    let fraction = (n.x >> (15u - SEGMENT_BITS)) & 0xffffu;
    let magnitude = i32((base << (SEGMENT_BITS - 1u)) - ((slope * fraction + 0x8000u) >> 16u));
    let sign = bitcast<i32>(word) >> 31u;
    return (magnitude ^ sign) - sign;
}

// The draw of a word, exactly normal_units times 2^-19; a zero is +0 whatever the sign bit.
fn normal(word: u32, entry: u32) -> f32 {
    return f32(normal_units(word, entry)) * UNIT;
}
