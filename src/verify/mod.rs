//! Kernels and codecs against the reference, case by case; not sweeps.

mod answers;
mod blocks;
mod cases;
mod codec;
pub mod everywhere;
pub mod foreign;
pub mod gemm;
mod gemv;
mod kernels;
mod maxima;

pub use cases::{Case, Subject, cases};
pub use codec::on_inputs as codec_on;
pub use kernels::{KernelCase, plan_on};

use crate::error::Result;
use crate::gpu::Gpu;
use crate::watch::Watch;

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Level {
    /// Every value of a format (2^16 of those that have more), the points between, their neighbours, the edges, and
    /// random bits.
    Quick,
    /// Besides, all 2^32 inputs of every element format and rounding, of the normals and of the random words, and every pipeline.
    Full,
}

/// What is under test.
#[derive(Clone, Copy)]
pub enum Device<'a> {
    /// The fast CPU code.
    Cpu,
    Gpu(&'a Gpu),
}

/// What came of a case; [`Outcome`] is the same in a word.
#[derive(Clone, Debug, PartialEq, Eq, strum::EnumDiscriminants)]
#[strum_discriminants(name(Outcome), derive(strum::IntoStaticStr), strum(serialize_all = "lowercase"))]
#[strum_discriminants(doc = "What came of a case, without the details.")]
pub enum Verdict {
    /// As many comparisons held.
    Pass(u64),
    /// The first difference, in lines.
    Fail(Vec<String>),
    /// A difference, in lines, that is its driver's and concerns nothing the program computes.
    Fault(Vec<String>),
    /// Why the device cannot run it.
    Unsupported(String),
}

impl Level {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Outcome {
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Verdict {
    pub fn outcome(&self) -> Outcome {
        self.into()
    }
}

/// Runs one case, and tells `watch` how much of it is done where that takes long.
///
/// # Errors
/// [`Error::Incomplete`](crate::Error::Incomplete) where the watch is stopped, those of the device, and
/// [`Error::Mismatch`](crate::Error::Mismatch) where the reference's own vector code is wrong.
pub fn run(case: &Case, device: &Device, level: Level, watch: &Watch) -> Result<Verdict> {
    match &case.subject {
        Subject::Codec(quantizer) => codec::run(quantizer, device, level, watch),
        Subject::Block(quantizer) => blocks::run(quantizer, device),
        Subject::Answers(question) => match device {
            Device::Gpu(gpu) => everywhere::every_chunk(gpu, question, None, level, watch),
            Device::Cpu => Ok(Verdict::Unsupported("the CPU has one implementation of this: the reference".into())),
        },
        Subject::Gemv(quantizer) => gemv::run(quantizer, device),
        Subject::Maxima => maxima::run(device),
        Subject::Kernel(case) => kernels::run(case, device, watch),
    }
}
