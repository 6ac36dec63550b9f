//! What an invocation of a loop that measures a peak ends with. Twin of shaders/peaks.wgsl.

/// Steps of a turn of the loop.
pub const UNROLLED: u32 = 8;
/// Values that a step of floats advances, and operations that a step of integers takes: 8 sums, 8 rotations, 8 XORs.
pub const FLOATS: u32 = 16;
pub const INTEGER_OPERATIONS: u32 = 24;
/// Bytes that a turn reads of workgroup memory.
pub const TURN_BYTES: u32 = 8 * 16;

/// Invocations of a workgroup.
pub const THREADS: u32 = 256;
/// Elements of workgroup memory, those that the reads of a turn start at, and the distance between them.
pub const QUADS: u32 = 512;
pub const QUADS_FIRST: u32 = 128;
pub const QUADS_APART: u32 = 48;
// The last read of a turn is of the tile.
const _: () = assert!(QUADS_FIRST - 1 + 7 * QUADS_APART < QUADS);

/// A loop whose invocations end with something that tells whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// a b + c of f32 whose product is exact: a driver may fuse it, or not.
    MultiplyAdd,
    /// a b + c of f32, each rounded on its own.
    Opaque,
    /// u32: add, rotate, XOR.
    Integer,
    /// Reads of workgroup memory.
    Workgroup,
}

/// The constants of a chain of floats x <- x a + b.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chain {
    pub factor: f32,
    pub addend: f32,
}

impl Loop {
    /// Of its floats. Where nothing may be rounded they are whole numbers, below 2^24 for up to 600,000 turns.
    pub fn chain(self) -> Chain {
        match self {
            // One more than 1: every product is rounded.
            Loop::Opaque => Chain { factor: 1.0 + f32::EPSILON, addend: 0.3 },
            _ => Chain { factor: 1.0, addend: 3.0 },
        }
    }

    /// What an invocation does, in the unit of the loop: operations, or bytes.
    pub fn work(self, turns: u32) -> f64 {
        let of_turn = match self {
            Loop::MultiplyAdd | Loop::Opaque => UNROLLED * FLOATS,
            Loop::Integer => UNROLLED * INTEGER_OPERATIONS,
            Loop::Workgroup => TURN_BYTES,
        };
        f64::from(of_turn) * f64::from(turns)
    }

    /// What invocation `id` ends with.
    pub fn answer(self, id: u32, turns: u32) -> [u32; 4] {
        match self {
            Loop::MultiplyAdd | Loop::Opaque => floats(self.chain(), id, turns),
            Loop::Integer => integers(id, turns),
            Loop::Workgroup => reads(id, turns),
        }
    }
}

/// Four vectors of four, one word for each place.
pub fn fold(words: &[u32; 16]) -> [u32; 4] {
    std::array::from_fn(|j| (0..4).rev().fold(0u32, |sum, k| sum.wrapping_mul(3).wrapping_add(words[4 * k + j])))
}

fn floats(chain: Chain, id: u32, turns: u32) -> [u32; 4] {
    let mut x: [f32; 16] = std::array::from_fn(|k| (id % 64) as f32 + k as f32);
    for _ in 0..turns * UNROLLED {
        for x in &mut x {
            *x = *x * chain.factor + chain.addend;
        }
    }
    fold(&x.map(f32::to_bits))
}

fn integers(id: u32, turns: u32) -> [u32; 4] {
    let mut x: [u32; 16] = std::array::from_fn(|k| {
        let (vector, place) = (k as u32 / 4, k as u32 % 4);
        id.wrapping_add(place).wrapping_mul(2 * vector + 1)
    });
    for _ in 0..turns * UNROLLED {
        for k in [0, 1, 2, 3, 8, 9, 10, 11] {
            x[k] = x[k].wrapping_add(x[k + 4]);
            x[k + 4] = x[k + 4].rotate_left(13) ^ x[k];
        }
    }
    fold(&x)
}

fn reads(id: u32, turns: u32) -> [u32; 4] {
    let element = |at: u32| [1u32, 3, 5, 7].map(|factor| at.wrapping_mul(factor));
    let mut sum = [0u32; 4];
    let mut at = id % THREADS % QUADS_FIRST;
    for _ in 0..turns {
        for pair in 0..4 {
            let (a, b) = (element(at + 2 * pair * QUADS_APART), element(at + (2 * pair + 1) * QUADS_APART));
            for (sum, (a, b)) in sum.iter_mut().zip(a.into_iter().zip(b)) {
                *sum = sum.wrapping_add(a ^ b);
            }
        }
        at = (at + 8) % QUADS_FIRST;
    }
    sum
}
