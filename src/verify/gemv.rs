//! Products Z v of rounded values by the kernel.

use super::gemm::rounded;
use super::{Device, Verdict};
use crate::codec::SIGN;
use crate::codec::bits::FRACTION;
use crate::cpu;
use crate::error::Result;
use crate::format::Quantizer;
use crate::reference::gemv::product;
use crate::reference::verify::mixed;

const ROWS: usize = 37;

/// Runs the case of one format.
pub fn run(quantizer: &Option<Quantizer>, device: &Device) -> Result<Verdict> {
    let mut count = 0;
    for columns in [1, 31, 200, 1025] {
        let number = |k: usize, tag: u32| {
            let word = mixed(k as u32 ^ tag);
            word & (SIGN | FRACTION) | (120 + (word >> 23) % 8) << 23
        };
        let z: Vec<u32> = (0..ROWS * columns).map(|k| number(k, 0)).collect();
        let v: Vec<u32> = (0..columns).map(|k| number(k, 0x5bd1)).collect();
        let (z, v) = (rounded(quantizer.as_ref(), false, &z, columns), rounded(quantizer.as_ref(), false, &v, columns));
        let must = product(&z, columns, &v);
        let found = match device {
            Device::Gpu(gpu) => gpu.gemv(&z, columns, &v)?,
            Device::Cpu => cpu::passes::gemv(&z, columns, &v),
        };
        if let Some(row) = (0..ROWS).find(|&row| found[row] != must[row]) {
            let show = |bits: u32| format!("{:?} 0x{bits:08x}", f32::from_bits(bits));
            return Ok(Verdict::Fail(vec![
                format!("row {row} of {ROWS} x {columns}"),
                format!("device: {}", show(found[row])),
                format!("must be: {}", show(must[row])),
            ]));
        }
        count += ROWS as u64;
    }
    Ok(Verdict::Pass(count))
}
