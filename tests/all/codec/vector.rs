//! The vector code of the CPU adapter against the scalar codec, on a stride of all values that a run can hold.

use roundlaw::codec::{self, FLOOR, MAGNITUDE};
use roundlaw::cpu::draw::quantize_row;
use roundlaw::format::QuantOp;
use roundlaw::random::Stream;
use roundlaw::site::{Counts, Grids, Site};
use roundlaw::{Config, Plan};

/// Elements of a vector: whole slices, and some more.
const LENGTH: usize = 1000;

/// What a recipe's text asks for at a site.
fn operation(text: &str, site: Site) -> QuantOp {
    let name = site.name();
    let config = format!(
        "problem = {{ dim = 8, spectrum = {{ kind = \"power\", exponent = 2.0 }} }}\ntrain = {{ model = 4, samples = 8 }}\n\
         recipe = [{{ name = \"a\", {name} = {{ {text} }} }}]\nsweep = {{ seeds = 1 }}\n"
    );
    let plan = Plan::new(Config::parse(&config, &[]).unwrap()).unwrap();
    QuantOp::new(plan.config().recipes()[0].sites[site].as_ref(), site, Grids { data: 16, sketch: 8 })
}

/// Values of every exponent, what is halfway between steps and beside it, and what is no number.
fn values() -> Vec<f32> {
    let all = (0..=u32::MAX).step_by(500_009).map(f32::from_bits);
    let mut values: Vec<f32> = all.filter(|v| v.to_bits() & MAGNITUDE >= FLOOR || *v == 0.0).collect();
    for step in [0.03125f32, 0.25, 1.0, 96.0] {
        for bits in (0..40).map(|k| (step * (k as f32 + 0.5)).to_bits()) {
            values.extend([bits - 1, bits, bits + 1, bits | 1 << 31, (bits + 1) | 1 << 31].map(f32::from_bits));
        }
    }
    values.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::NAN, -f32::NAN]);
    values
}

/// Blocks of like magnitudes, which shared scales leave something of.
fn blocks() -> Vec<f32> {
    let values = values();
    let like = |k: usize| {
        let exponent = (k / 32) as u32 * 7 % 170 + 80;
        f32::from_bits(values[k].to_bits() & 0x807f_ffff | exponent.saturating_sub(k as u32 % 6) << 23)
    };
    (0..values.len()).map(|k| if k % 97 == 5 { 0.0 } else { like(k) }).collect()
}

#[test]
fn every_class_direction_and_width_gives_the_bits_and_counts_of_the_scalar_codec() {
    let stream = Stream::new(11, 3);
    let formats = [
        "format = \"e4m3\"",
        "format = \"e5m2\", overflow = \"ieee\"",
        "format = \"e2m1\", scale = 0.0078125",
        "format = \"f16\", overflow = \"ieee\"",
        "format = \"bf16\", overflow = \"ieee\"",
        "format = \"tf32\"",
        "format = \"e4m3\", scale = 3.0517578125e-5",
        "format = \"e4m3\", gradual_underflow = false",
        "format = \"e4m3\", nan = \"satfinite\"",
        "format = \"e5m0\"",
        "format = \"int8\", step = 0.03125",
        "format = \"int8\", step = 0.03",
        "format = \"int4\", step = \"absmax\"",
        "format = \"int8\", step = \"absmax-f32\", nan = \"satfinite\"",
        "format = \"mxfp8\", scale_mode = \"absmax\"",
        "format = \"mxfp4\", scale_mode = \"absmax\", nan = \"satfinite\"",
        "format = \"bfp4\", scale_mode = \"nearest\"",
        "format = \"nvfp4\", scale_format = \"ue5m3\"",
        "format = \"int8\", step = 0.03125, range = \"full\"",
        "format = \"mxfp4\"",
        "format = \"mxfp8\"",
        "format = \"mxint8\"",
        "format = \"bfp8\"",
        "format = \"nvfp4\"",
        "format = \"uint8\", step = 0.03125, zero_point = 77",
        "format = \"uint8\", step = 0.03, zero_point = 77",
        "format = \"uint4\", step = 0.03125",
        "format = \"uint4\", step = 0.03, zero_point = 15",
        "format = \"posit8\"",
        "format = \"posit16\", nan = \"satfinite\"",
        "format = \"posit16\", overflow = \"saturate\"",
    ];
    let directions = ["nearest-even", "nearest-away", "toward-zero", "up", "down", "stochastic"];
    let mut roundings: Vec<String> = directions.map(|name| format!("\"{name}\"")).to_vec();
    roundings.extend(["8", "16, variant = \"b\""].map(|bits| format!("\"stochastic\", bits = {bits}")));
    let inputs = [values(), blocks()];
    let mut compared = 0;
    let all = formats.iter().flat_map(|format| roundings.iter().map(move |rounding| (format, rounding)));
    // Posits have no rule for ties but their own.
    for (format, rounding) in all.filter(|(format, rounding)| !format.contains("posit") || !rounding.contains("away")) {
        for site in [Site::Weight, Site::Data] {
            let op = operation(&format!("{format}, rounding = {rounding}"), site);
            for (row, chunk) in (0..).zip(inputs.iter().flat_map(|values| values.chunks(LENGTH))) {
                let (mut own, mut expected) = (chunk.to_vec(), chunk.to_vec());
                own.resize(chunk.len().next_multiple_of(128), 0.0);
                let mut counts = Counts::default();
                quantize_row(&op, &mut own, chunk.len(), stream.key(), row, &mut counts);
                let wanted = codec::apply(&op, &mut expected, |k| stream.word(k as u32, row, op.purpose));
                let differs = (0..chunk.len()).find(|&k| own[k].to_bits() != expected[k].to_bits());
                let shown = differs.map(|k| (chunk[k], own[k], expected[k]));
                assert_eq!((shown, counts), (None, wanted), "{format}, {rounding}, {}", site.name());
                assert!(own[chunk.len()..].iter().all(|value| value.to_bits() == 0));
                compared += chunk.len();
            }
        }
    }
    assert!(compared > 1_000_000, "{compared}");
}
