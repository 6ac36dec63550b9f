//! The answers of [`crate::reference::verify`] to many inputs at once, by vector code: the text of the scalar codec, of the
//! normals and of the random words.

use multiversion::multiversion;

use crate::cpu::quantize::{NONE, round};
use crate::random::normal::normal;
use crate::random::{Stream, threefry4x32};
use crate::reference::verify::{CHUNK, Question, hashed, mixed, words_of};

pub use crate::cpu::quantize::{Answers, BLOCK, Words};

/// Coordinates whose words come of [`LANES`] counters.
pub const ROW: usize = 4 * LANES;
const LANES: usize = 32;

/// Answers all inputs of a block, each by the three words of [`crate::reference::verify::answer`].
pub fn answers(question: &Question, inputs: &Words) -> Answers {
    let mut found = [[0; BLOCK]; 3];
    match question {
        Question::Codec(op) => {
            let mut words = NONE;
            if op.draws() {
                mix(inputs, &mut words);
            }
            round(op, inputs, &NONE, &words, &mut found);
        }
        Question::Normal => draw_normals(inputs, &mut found[0]),
        Question::Words => draw_words(inputs, &mut found),
    }
    found
}

/// The hash of the answers to a chunk of inputs from `first` on.
pub fn hash(question: &Question, first: u32) -> [u32; 2] {
    (0..CHUNK).step_by(BLOCK).fold([0u32; 2], |[a, b], at| {
        let inputs = consecutive(first.wrapping_add(at));
        let [x, y] = sum(&inputs, &answers(question, &inputs));
        [a.wrapping_add(x), b.wrapping_add(y)]
    })
}

/// The inputs from `first` on.
pub fn consecutive(first: u32) -> Words {
    std::array::from_fn(|k| first.wrapping_add(k as u32))
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn mix(inputs: &Words, words: &mut Words) {
    for k in 0..BLOCK {
        words[k] = mixed(inputs[k]);
    }
}

/// Words of the 128 coordinates of a vector from row `row` on, and of the rows behind it: those of [`Stream::word`].
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
pub fn draw_rows(stream: Stream, row: u32, purpose: u32, words: &mut Words) {
    for (row, words) in (row..).zip(words.as_chunks_mut::<ROW>().0) {
        let (mut a, mut b, mut c, mut d) = ([0; LANES], [0; LANES], [0; LANES], [0; LANES]);
        for l in 0..LANES {
            [a[l], b[l], c[l], d[l]] = threefry4x32(stream.key(), [l as u32, row, purpose, 0]);
        }
        for (run, own) in words.as_chunks_mut::<LANES>().0.iter_mut().zip([a, b, c, d]) {
            *run = own;
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn draw_normals(inputs: &Words, found: &mut Words) {
    for k in 0..BLOCK {
        found[k] = normal(inputs[k]).to_bits();
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn draw_words(inputs: &Words, [xs, ys, zs]: &mut Answers) {
    for k in 0..BLOCK {
        [xs[k], ys[k], zs[k]] = words_of(inputs[k]);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi2", "x86_64+avx2+fma+bmi2"))]
fn sum(inputs: &Words, [xs, ys, zs]: &Answers) -> [u32; 2] {
    let (mut a, mut b) = (0u32, 0u32);
    for k in 0..BLOCK {
        let [x, y] = hashed(inputs[k], [xs[k], ys[k], zs[k]]);
        (a, b) = (a.wrapping_add(x), b.wrapping_add(y));
    }
    [a, b]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::QuantOp;
    use crate::reference::verify::answer;
    use crate::verify::{Level, Subject, cases};

    /// Those of all cases: every class, policy and direction.
    fn questions() -> Vec<Question> {
        let of_subject = |subject| match subject {
            Subject::Codec(quantizer) => Some(Question::Codec(QuantOp::of(&quantizer))),
            Subject::Answers(question) => Some(question),
            _ => None,
        };
        cases(Level::Full).into_iter().filter_map(|case| of_subject(case.subject)).collect()
    }

    #[test]
    fn every_question_has_the_answers_of_the_scalar_code() {
        for (index, question) in questions().iter().enumerate() {
            for block in 0..4 {
                // All signs and exponents, with eleven bits of the significand by the question.
                let step = |k: usize| (4 * k as u32 + block) << 20 | mixed(k as u32 + 977 * index as u32) >> 12;
                let inputs: Words = std::array::from_fn(step);
                let [xs, ys, zs] = answers(question, &inputs);
                for (k, input) in inputs.into_iter().enumerate() {
                    assert_eq!([xs[k], ys[k], zs[k]], answer(question, input), "{question:?} of 0x{input:08x}");
                }
            }
        }
    }

    #[test]
    fn the_hash_of_a_chunk_is_the_sum_of_its_answers() {
        for (question, first) in questions().into_iter().step_by(40).zip((0x3e00_0000..).step_by(0x91_0000)) {
            let must = (0..CHUNK).fold([0u32; 2], |[a, b], k| {
                let [x, y] = hashed(first + k, answer(&question, first + k));
                [a.wrapping_add(x), b.wrapping_add(y)]
            });
            assert_eq!(hash(&question, first), must, "{question:?}");
        }
    }

    #[test]
    fn rows_have_the_words_of_their_coordinates() {
        let (stream, mut words) = (Stream::new(9, 2), [0; BLOCK]);
        draw_rows(stream, 77, 3, &mut words);
        let must: Words = std::array::from_fn(|k| stream.word((k % ROW) as u32, 77 + (k / ROW) as u32, 3));
        assert_eq!(words, must);
    }
}
