//! The GPU that repeats what the CPU did.

use anyhow::Context as _;

use super::Args;
use crate::codec::Rounded;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::reference::quantize::Job;
use crate::run::adapter;

/// The GPU that gave the same bits.
pub struct Proof {
    pub adapter: String,
    pub fingerprint: String,
}

impl Proof {
    pub fn of(gpu: &Gpu) -> Proof {
        Proof { adapter: gpu.info.name.clone(), fingerprint: gpu.fingerprint().to_string() }
    }
}

/// The GPU that is asked for.
pub fn open(args: &Args) -> anyhow::Result<Option<Gpu>> {
    let index = adapter::find(&args.adapter).with_context(|| format!("--adapter {}", args.adapter))?;
    Ok(index.map(Gpu::open).transpose()?)
}

/// Has the GPU do the same, and compares every bit with the CPU's, which gives element k and the scales.
pub fn prove(gpu: &Gpu, job: &Job, cpu: impl Fn(usize) -> Rounded, scales: impl Iterator<Item = u32>) -> Result<()> {
    let device = gpu.quantize(job)?;
    let text = |r: Rounded| format!("value 0x{:08x}, code 0x{:x}, flags {}", r.bits, r.code, r.flags);
    let place = match (0..job.input.len()).find(|&k| device.elements[k] != cpu(k)) {
        Some(k) => {
            let (found, must) = (text(device.elements[k]), text(cpu(k)));
            format!("element {k}, input 0x{:08x}: {found}; the CPU has {must}", job.input[k])
        }
        None if device.scales.iter().copied().eq(scales) => return Ok(()),
        None => "a block's scale".to_string(),
    };
    let name = &gpu.info.name;
    Err(Error::Mismatch(format!("{name} differs from the CPU first at {place}; `roundlaw verify` finds out why")))
}
