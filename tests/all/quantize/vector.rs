//! Tensors by vector code: the bits of the scalar codec.

use roundlaw::codec::Rounded;
use roundlaw::cpu::quantize::{Rounding, counts};
use roundlaw::format::{FORMATS, Layout, Quantizer};
use roundlaw::reference::quantize::Job;
use roundlaw::reference::verify::mixed;
use roundlaw::tensor::blocks::{Batch, Blocks};

/// Rows of every sign, exponent and kind, NaN and infinities in some: by the scalar codec and by vector code.
#[test]
fn every_format_has_the_bits_codes_scales_and_counts_of_the_scalar_code() {
    const COLUMNS: usize = 1100;
    let input: Vec<u32> = (0..8 * COLUMNS as u32)
        .map(|k| match k / COLUMNS as u32 {
            // A row of one octave, of few, of all.
            0 => mixed(k) & 0x807f_ffff | 127 << 23,
            1..5 => mixed(k) & 0x807f_ffff | (120 + mixed(k ^ 99) % 14) << 23,
            5 => mixed(k) & 0x80ff_ffff,
            _ => mixed(k),
        })
        .collect();
    for format in FORMATS.iter().filter(|format| format.layout != Layout::Identity) {
        let job = Job::new(&Quantizer::new(format), false, &input, COLUMNS).unwrap();
        let must = job.run();
        let blocks = Blocks::along(&[8, COLUMNS], false, 1, job.op.block as usize);
        let batches: Vec<Batch> = blocks.batches().collect();
        let [batch] = batches[..] else { panic!("{} batches", batches.len()) };
        let mut found = Rounding::default();
        found.round(&job.op, &batch, &input, &[]);
        for (k, element) in must.elements.iter().enumerate() {
            let own = Rounded { bits: found.values[k], code: found.codes[k], flags: found.flags[k].into() };
            assert_eq!(own, *element, "{} of 0x{:08x}", format.name, input[k]);
        }
        assert!(found.scales == must.scales, "{}", format.name);
        assert_eq!(counts(&found.flags), must.counts(), "{}", format.name);
    }
}
