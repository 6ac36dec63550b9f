//! The option `--memory` of commands that may run on a GPU.

/// What the known answers take, and a little more.
const LEAST: f64 = 0.0625;
const GIB: f64 = (1u64 << 30) as f64;

/// The bytes of a number of GiB.
pub fn bytes(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(gib) if (LEAST..=1024.0).contains(&gib) => Ok((gib * GIB) as u64),
        _ => Err(format!("allowed are {LEAST} to 1024 GiB")),
    }
}

/// The number of GiB that gives so many bytes.
pub fn gib(bytes: u64) -> f64 {
    bytes as f64 / GIB
}
