//! The most a core does of one thing, by loops of nothing else: the vector code for what [`crate::reference::peaks`] has
//! number by number.

use multiversion::{multiversion, target::target_cfg_f};

use crate::reference::peaks::{Chain, Loop, UNROLLED, fold};

/// Invocations side by side: vectors enough to hide the latency of a multiply-add, few enough for the registers.
pub const SIDE_BY_SIDE: usize = 6;

const ROW: usize = 16;
const ROWS: usize = SIDE_BY_SIDE * 8 / ROW;

/// What [`Loop::answer`] gives for that many invocations from `first` on; a loop of workgroup memory has no counterpart
/// here and gives `None`.
pub fn answers(of: Loop, first: u32, turns: u32) -> Option<[[u32; 4]; SIDE_BY_SIDE]> {
    match of {
        Loop::MultiplyAdd => Some(floats(of.chain(), first, turns)),
        Loop::Integer => Some(integers(first, turns)),
        Loop::Opaque | Loop::Workgroup => None,
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn floats(chain: Chain, first: u32, turns: u32) -> [[u32; 4]; SIDE_BY_SIDE] {
    let mut x: [[f32; 16]; SIDE_BY_SIDE] =
        std::array::from_fn(|k| std::array::from_fn(|l| (first.wrapping_add(k as u32) % 64) as f32 + l as f32));
    let Chain { factor, addend } = chain;
    for _ in 0..turns * UNROLLED {
        for x in &mut x {
            for x in x {
                // Products are exact: see Loop::MultiplyAdd.
                *x = match target_cfg_f!(target_feature = "fma") {
                    true => x.mul_add(factor, addend),
                    false => *x * factor + addend,
                };
            }
        }
    }
    x.map(|x| fold(&x.map(f32::to_bits)))
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn integers(first: u32, turns: u32) -> [[u32; 4]; SIDE_BY_SIDE] {
    // Of each invocation eight pairs, which are mixed: vectors of a and c, of b and d. In rows of 16 all of it stays in
    // registers of either width; shorter rows the compiler takes apart.
    let part = |vector: u32| {
        std::array::from_fn::<[u32; ROW], ROWS, _>(|row| {
            std::array::from_fn(|l| {
                let (k, l) = ((row * ROW + l) as u32 / 8, l as u32 % 8);
                first.wrapping_add(k).wrapping_add(l % 4).wrapping_mul(2 * (vector + 2 * (l / 4)) + 1)
            })
        })
    };
    let (mut sums, mut turned) = (part(0), part(1));
    for _ in 0..turns * UNROLLED {
        for (sums, turned) in sums.iter_mut().zip(&mut turned) {
            for l in 0..ROW {
                sums[l] = sums[l].wrapping_add(turned[l]);
                turned[l] = turned[l].rotate_left(13) ^ sums[l];
            }
        }
    }
    let (sums, turned) = (sums.as_flattened(), turned.as_flattened());
    std::array::from_fn(|k| {
        // a, b, c and d in turn.
        fold(&std::array::from_fn(|l| {
            let at = 8 * k + l / 8 * 4 + l % 4;
            if l / 4 % 2 == 0 { sums[at] } else { turned[at] }
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_code_ends_with_what_the_reference_has() {
        for of in [Loop::MultiplyAdd, Loop::Integer] {
            for (first, turns) in [(0, 0), (61, 3), (u32::MAX - 9, 200)] {
                let must = (0..SIDE_BY_SIDE as u32).map(|k| of.answer(first.wrapping_add(k), turns));
                assert_eq!(answers(of, first, turns).map(Vec::from), Some(must.collect()), "{of:?}");
            }
        }
        assert_eq!(answers(Loop::Workgroup, 0, 1), None);
    }

    #[test]
    fn each_turn_changes_what_a_loop_ends_with() {
        for of in [Loop::MultiplyAdd, Loop::Opaque, Loop::Integer, Loop::Workgroup] {
            let ends: std::collections::BTreeSet<_> = (0..100).map(|turns| of.answer(7, turns)).collect();
            assert_eq!(ends.len(), 100, "{of:?}");
        }
    }
}
