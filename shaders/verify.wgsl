// Answers of the codec, the normals and the random words for many inputs: one by one, or a hash of 65,536 of them.
// Twin of src/reference/verify.rs. One workgroup of 256 threads per 65,536 inputs.
// needs: common, op, codec

struct Params {
    zero: u32,
    seed_low: u32,
    seed_high: u32,
    first: u32, // input
    question: u32,
    each: u32, // answers are wanted one by one
    op: QuantOp,
    words: array<u32>,
}

@group(0) @binding(0) var<storage, read> params: Params;
// Hashes: two words per workgroup. Answers: three words per input, of workgroup 0 alone.
@group(0) @binding(2) var<storage, read_write> result: array<u32>;

const ASK_CODEC: u32 = 0u;
const ASK_NORMAL: u32 = 1u;
const ASK_WORDS: u32 = 2u;
const CHUNK: u32 = 65536u; // inputs of a workgroup
const THREADS: u32 = 256u;

var<workgroup> sums: array<atomic<u32>, 2>;

// A bijection of u32 whose output bits depend on all input bits (Appleby, MurmurHash3).
fn mixed(x: u32) -> u32 {
    let a = (x ^ (x >> 16u)) * 0x85ebca6bu;
    let b = (a ^ (a >> 13u)) * 0xc2b2ae35u;
    return b ^ (b >> 16u);
}

fn answer(input: u32) -> vec3<u32> {
    switch params.question {
        case ASK_CODEC: {
            let rounded = quantize(params.op, input, 0u, mixed(input));
            return vec3<u32>(rounded.bits, rounded.code, rounded.flags);
        }
        case ASK_NORMAL: {
            return vec3<u32>(bitcast<u32>(normal_draw(input)), 0u, 0u);
        }
        case ASK_WORDS, default: {
            let words = random_words(mixed(input), input, ~input, PURPOSE_ELEMENT);
            return vec3<u32>(words.x, words.y, words.z ^ words.w);
        }
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first = params.first + CHUNK * group.x;
    if thread < 2u {
        atomicStore(&sums[thread], 0u);
    }
    workgroupBarrier();
    var own = vec2<u32>(0u);
    for (var k = thread; k < CHUNK; k += THREADS) {
        let found = answer(first + k);
        if params.each != 0u {
            result[3u * k] = found.x;
            result[3u * k + 1u] = found.y;
            result[3u * k + 2u] = found.z;
        }
        let one = mixed(found.x + mixed(found.y + mixed(found.z + mixed(first + k))));
        own += vec2<u32>(one, mixed(one ^ 0x9e3779b9u));
    }
    atomicAdd(&sums[0], own.x);
    atomicAdd(&sums[1], own.y);
    workgroupBarrier();
    if params.each == 0u && thread < 2u {
        result[2u * group.x + thread] = atomicLoad(&sums[thread]);
    }
}
