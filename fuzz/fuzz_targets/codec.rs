//! A format with its options, as a config's site has it, and after the line's end values as f32 words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roundlaw::{QuantizeOptions, quantize};
use roundlaw_fuzz::is_refusal;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (Ok(format), words) = (std::str::from_utf8(&input[..end]), &input[end..]) else { return };
    let value = |bytes: &[u8]| f32::from_bits(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let values: Vec<f32> = words.get(1..).unwrap_or_default().chunks_exact(4).map(value).collect();
    let mut options = QuantizeOptions::default();
    options.columns = Some(values.len().max(1));
    let done = match quantize(&values, format, &options) {
        Ok(done) => done,
        Err(error) => return is_refusal(&error),
    };
    let n = values.len() as u64;
    assert!(done.values.len() == values.len() && done.codes.len() == values.len(), "{format}");
    assert!(done.counts.saturated <= n && done.counts.underflowed <= n && done.counts.nan <= n, "{format}");
    // Nothing depends on when it is done, nor on whether the words are given.
    assert!(quantize(&values, format, &options).is_ok_and(|again| again.codes == done.codes), "{format}");
});
