// The largest of each block of words, one of an invocation of a subgroup, by subgroupMax and by shuffles, in a loop that
// keeps its words in registers as training does. A driver was found whose subgroupMax is wrong there from the second block
// on. Twin of src/reference/maxima.rs. One workgroup of 128 invocations, whose subgroups all do the same.
// needs: common, bits

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    turns: u32,
    lanes: u32, // invocations of a subgroup
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
// For each turn, block and invocation: its subgroup's largest word, by subgroupMax and by shuffles.
@group(0) @binding(2) var<storage, read_write> result: array<vec2<u32>>;

const THREADS: u32 = 128u;
const WORD_BLOCKS: u32 = 4u;

fn stirred(word: u32) -> u32 {
    return word * 1664525u + 1013904223u;
}

fn shuffled_sum(own: u32) -> u32 {
    var sum = own;
    for (var apart = params.lanes / 2u; apart > 0u; apart /= 2u) {
        sum += subgroupShuffleXor(sum, apart);
    }
    return sum;
}

fn shuffled_max(own: u32) -> u32 {
    var largest = own;
    for (var apart = params.lanes / 2u; apart > 0u; apart /= 2u) {
        largest = max(largest, subgroupShuffleXor(largest, apart));
    }
    return largest;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(subgroup_invocation_id) lane: u32) {
    var own: array<u32, WORD_BLOCKS>;
    for (var block = 0u; block < WORD_BLOCKS; block++) {
        own[block] = stirred(params.lanes * block + lane);
    }
    for (var turn = 0u; turn < params.turns; turn++) {
        // A sum over all words first, as training has one.
        var sum = 0u;
        for (var block = 0u; block < WORD_BLOCKS; block++) {
            sum += own[block];
        }
        sum = shuffled_sum(sum);
        for (var block = 0u; block < WORD_BLOCKS; block++) {
            let word = stirred(own[block] ^ sum);
            let largest = shuffled_max(word & MAGNITUDE);
            result[(turn * WORD_BLOCKS + block) * THREADS + thread] = vec2<u32>(subgroupMax(word & MAGNITUDE), largest);
            own[block] = word - largest;
        }
    }
}
