//! Float, logarithmic, two-level and scale formats, and what every format may do with NaN and subnormals.

use super::recipe::{
    BLOCK_KEYS, FLOAT_KEYS, KINDS, LOGARITHMIC_KEYS, SIZES, TWO_LEVEL_KEYS, quantizer_of, spec_of, values_refused,
};
use super::*;

#[test]
fn a_float_scale_keeps_every_value_an_f32() {
    // tf32 and bf16 have the exponents of f32 itself; their smallest steps are 2^-136 and 2^-133, that of f32 2^-149.
    for (format, least, most) in [
        ("tf32", -13, 0),
        ("bf16", -16, 0),
        ("e8m22", -1, 0),
        ("e7m3", -32, 32),
        ("f16", -32, 32),
        ("e5m2", -32, 32),
        ("e4m3", -32, 32),
        ("e3m2", -32, 32),
        ("e2m3", -32, 32),
        ("e2m1", -32, 32),
        ("e1m0\", specials = \"none", -32, 32),
    ] {
        let with = |exponent: i32| format!("{{ format = \"{format}\", scale = {:?} }}", 2f64.powi(exponent));
        let range = format!("a power of two from 2^{least} to 2^{most}");
        values_refused(
            "weight",
            &[
                (&with(most + 1), &["weight.scale", &range]),
                (&with(least - 1), &["weight.scale", &range]),
                (&format!("{{ format = \"{format}\", scale = 3 }}"), &["weight.scale = 3", &range]),
                (&format!("{{ format = \"{format}\", scale = 0.0 }}"), &["weight.scale = 0.0", &range]),
                (&format!("{{ format = \"{format}\", step = 2 }}"), &["weight.step", &FLOAT_KEYS]),
            ],
        );
        for exponent in [least, 0, most] {
            let range = spec_of(Site::Weight, &with(exponent)).unwrap().range().unwrap();
            assert!(range.max <= f64::from(f32::MAX), "{format} times 2^{exponent}: {range:?}");
        }
    }
}

#[test]
fn floats_saturate_or_overflow_each_with_its_default() {
    for (format, default) in [
        ("tf32", "ieee"),
        ("bf16", "ieee"),
        ("f16", "ieee"),
        ("e5m2", "saturate"),
        ("e4m3", "saturate"),
        ("e3m2", "saturate"),
        ("e2m3", "saturate"),
        ("e2m1", "saturate"),
        ("e5m10", "ieee"),
        ("e3m4", "ieee"),
        ("e1m6", "ieee"),
    ] {
        let plain = spec_of(Site::Label, &format!("\"{format}\""));
        for overflow in ["saturate", "ieee"] {
            let spec = spec_of(Site::Label, &format!("{{ format = \"{format}\", overflow = \"{overflow}\" }}"));
            let Some(Spec::Format(quantizer)) = spec else { panic!("{spec:?}") };
            assert_eq!(quantizer.overflow, if overflow == "ieee" { Overflow::Ieee } else { Overflow::Saturate });
            assert_eq!(spec == plain, overflow == default, "{format} {overflow}");
            // The row tells what is not the default.
            let option = if overflow == default { String::new() } else { format!(" overflow={overflow}") };
            assert_eq!(spec.unwrap().canonical(), format!("{format}{option}"));
        }
        for wrong in ["\"wrap\"", "true", "\"\""] {
            let value = format!("{{ format = \"{format}\", overflow = {wrong} }}");
            let parts = [&format!("label.overflow = {wrong}")[..], "saturate, ieee"];
            values_refused("label", &[(&value, &parts)]);
        }
    }
}

/// The float format of that name, X exponent bits, Y mantissa bits, and the largest field E that holds numbers.
const FLOATS: [(&str, &str, i32, i32, i32); 9] = [
    ("e4m3", "nan", 4, 3, 15),
    ("e4m3", "ieee", 4, 3, 14),
    ("e5m2", "ieee", 5, 2, 30),
    ("e2m1", "none", 2, 1, 3),
    ("e3m0", "ieee", 3, 0, 6),
    ("e3m0", "nan", 3, 0, 6),
    ("e1m0", "none", 1, 0, 1),
    ("e8m7", "ieee", 8, 7, 254),
    ("e8m22", "none", 8, 22, 255),
];

#[test]
fn a_bias_keeps_every_value_an_f32() {
    for (name, specials, _, mantissa, field) in FLOATS {
        // The largest power of two is 2^(field - bias), the smallest step 2^(1 - bias - mantissa).
        let fits = |bias: i32| (-126..=127).contains(&(field - bias)) && 1 - bias - mantissa >= -149;
        let (low, high) = ((-200..400).find(|b| fits(*b)).unwrap(), (-200..400).rev().find(|b| fits(*b)).unwrap());
        let with = |bias: &str| format!("{{ format = \"{name}\", specials = \"{specials}\", bias = {bias} }}");
        let range = format!("a whole number from {low} to {high}");
        for wrong in [(low - 1).to_string(), (high + 1).to_string(), "1.0".into(), "\"7\"".into(), i64::MIN.to_string()]
        {
            values_refused("weight", &[(&with(&wrong), &[&format!("weight.bias = {wrong}"), &range])]);
        }
        for bias in [low, high] {
            let quantizer = quantizer_of(&with(&bias.to_string()));
            let Layout::Float(float) = quantizer.layout else { panic!("{quantizer:?}") };
            assert_eq!((float.bias, float.specials.name()), (bias, specials));
            let max = float.max();
            assert!(f64::from(max as f32) == max && max < f64::INFINITY, "{name} {bias}: {max}");
            assert_eq!(f64::from(f32::from_bits(QuantOp::of(&quantizer).max_bits)), max, "{name} {bias}");
        }
    }
    // The usual bias may lie outside.
    let value = "{ format = \"e8m22\", specials = \"none\" }";
    values_refused("weight", &[(value, &["weight.bias = 127", "128 to 128, so that every value is an f32"])]);
}

#[test]
fn any_number_of_exponent_and_mantissa_bits_is_a_format() {
    for exponent in 1..=8u32 {
        for mantissa in 0..=22u32 {
            let name = format!("e{exponent}m{mantissa}");
            if format(&name).is_some_and(|format| !format.has_zero()) || exponent == 1 && mantissa == 0 {
                continue;
            }
            let quantizer = quantizer_of(&format!("\"{name}\""));
            let Layout::Float(Float { exponent: x, mantissa: y, bias, gradual, specials }) = quantizer.layout else {
                panic!("{quantizer:?}")
            };
            assert_eq!((x, y, bias, gradual), (exponent, mantissa, (1 << (exponent - 1)) - 1, true));
            if !FORMATS.iter().any(|format| format.name == name) {
                assert_eq!((specials, quantizer.overflow), (Specials::Ieee, Overflow::Ieee));
            }
            assert_eq!(Spec::Format(quantizer).canonical(), name);
        }
    }
    for wrong in ["e0m3", "e9m3", "e4m23", "e4", "m3", "e4m", "e04m3", "e4m03", "e4m3 ", "E4M3", "e-1m2"] {
        let value = format!("\"{wrong}\"");
        values_refused("weight", &[(&value, &[&format!("weight.format = \"{wrong}\""), "any eXmY"])]);
    }
}

#[test]
fn a_float_has_special_codes_and_subnormals_or_not() {
    for &specials in Specials::VARIANTS {
        for gradual in [true, false] {
            let quantizer = quantizer_of(&format!(
                "{{ format = \"e4m3\", specials = \"{}\", gradual_underflow = {gradual} }}",
                specials.name()
            ));
            let Layout::Float(float) = quantizer.layout else { panic!("{quantizer:?}") };
            assert_eq!((float.specials, float.gradual, float.bias), (specials, gradual, 7));
            let specials = if specials == Specials::Nan { "".into() } else { format!(" specials={}", specials.name()) };
            let gradual = if gradual { "" } else { " gradual_underflow=false" };
            assert_eq!(Spec::Format(quantizer).canonical(), format!("e4m3{specials}{gradual}"));
        }
    }
    let with = |options: &str| format!("{{ format = \"e4m3\", {options} }}");
    values_refused(
        "weight",
        &[
            (&with("specials = \"inf\""), &["weight.specials = \"inf\"", "none, nan, ieee, fnuz"]),
            (&with("specials = false"), &["weight.specials = false", "none, nan, ieee, fnuz"]),
            (&with("gradual_underflow = 1"), &["weight.gradual_underflow = 1", "true, false"]),
            (&with("base_factor = 2"), &["weight.base_factor", &FLOAT_KEYS]),
            (&with("range = \"full\""), &["weight.range", &FLOAT_KEYS]),
            (&with("tensor_scale = 2"), &["weight.tensor_scale", &FLOAT_KEYS]),
        ],
    );
    // Of two codes without sign, infinity or NaN takes one, and zero the other.
    for specials in ["nan", "ieee"] {
        let value = format!("{{ format = \"e1m0\", specials = \"{specials}\" }}");
        values_refused("weight", &[(&value, &["weight.format = \"e1m0\"", "specials = \"none\"", "no number but 0"])]);
    }
    values_refused("weight", &[("\"e1m0\"", &["weight.format = \"e1m0\"", "specials = \"none\""])]);
    // With ieee the numbers of e1m6 are all subnormal.
    let value = "{ format = \"e1m6\", gradual_underflow = false }";
    values_refused("weight", &[(value, &["weight.gradual_underflow = false", "no number but 0"])]);
    quantizer_of("{ format = \"e1m6\", gradual_underflow = false, specials = \"nan\" }");
}

#[test]
fn logarithmic_formats_have_a_base_factor_and_a_bias() {
    for (name, bits, usual) in [("log8", 8, 8), ("log6", 6, 4), ("log4", 4, 1)] {
        let largest = (1 << (bits - 1)) - 1;
        let plain = quantizer_of(&format!("\"{name}\""));
        assert_eq!(plain.layout, Layout::Logarithmic { bits, base_factor: usual, bias: 1 << (bits - 2) });
        assert_eq!(Spec::Format(plain).canonical(), name);
        for base_factor in 1..=16 {
            for scale in [-32, 0, 32] {
                let with = |bias: i32| {
                    format!(
                        "{{ format = \"{name}\", base_factor = {base_factor}, scale = {:?}, bias = {bias} }}",
                        2f64.powi(scale)
                    )
                };
                // Codes 1 and the largest, scaled, lie from 2^-126 to below 2^128.
                let fits = |bias: i32| {
                    let octaves = |code: i32| f64::from(code - bias) / f64::from(base_factor) + f64::from(scale);
                    octaves(1) >= -126.0 && octaves(largest) < 128.0
                };
                let (low, high) =
                    ((-4000..4000).find(|b| fits(*b)).unwrap(), (-4000..4000).rev().find(|b| fits(*b)).unwrap());
                let range = format!("a whole number from {low} to {high}");
                values_refused("weight", &[(&with(low - 1), &["weight.bias", &range])]);
                values_refused("weight", &[(&with(high + 1), &["weight.bias", &range])]);
                for bias in [low, high] {
                    let quantizer = quantizer_of(&with(bias));
                    assert_eq!(quantizer.layout, Layout::Logarithmic { bits, base_factor, bias });
                    let scale = if scale == 0 { String::new() } else { format!(" scale={}", 2f64.powi(scale)) };
                    assert_eq!(
                        Spec::Format(quantizer).canonical(),
                        format!("{name} base_factor={base_factor} bias={bias}{scale}")
                    );
                }
            }
        }
        let with = |options: &str| format!("{{ format = \"{name}\", {options} }}");
        values_refused(
            "weight",
            &[
                (&with("base_factor = 0"), &["weight.base_factor = 0", "a whole number from 1 to 16"]),
                (&with("base_factor = 17"), &["weight.base_factor = 17", "a whole number from 1 to 16"]),
                (&with("base_factor = 2.0"), &["weight.base_factor = 2.0", "a whole number from 1 to 16"]),
                (&with("scale = 3"), &["weight.scale = 3", "a power of two from 2^-32 to 2^32"]),
                (&with("overflow = \"ieee\""), &["weight.overflow", &LOGARITHMIC_KEYS]),
                (&with("specials = \"nan\""), &["weight.specials", &LOGARITHMIC_KEYS]),
                (&with("step = 1"), &["weight.step", &LOGARITHMIC_KEYS]),
                (&with("block = 16"), &["weight.block", &LOGARITHMIC_KEYS]),
            ],
        );
    }
}

#[test]
fn two_level_blocks_have_a_size_and_a_scale_of_the_tensor() {
    let with = |options: &str| format!("{{ format = \"nvfp4\", {options} }}");
    for (word, size) in SIZES {
        let quantizer = quantizer_of(&with(&format!("block = {word}")));
        assert_eq!(quantizer.sharing.map(|sharing| sharing.size), Some(size));
        let block = if size == 16 { String::new() } else { format!(" block={}", word.trim_matches('"')) };
        assert_eq!(Spec::Format(quantizer).canonical(), format!("nvfp4{block}"));
    }
    for (text, scale) in [("1", 1.0), ("0.5", 0.5), ("0.1", 0.1f32), ("281474976710656", 2f32.powi(48))] {
        let quantizer = quantizer_of(&with(&format!("tensor_scale = {text}")));
        assert_eq!(quantizer.tensor_scale, scale);
        let option = if scale == 1.0 { String::new() } else { format!(" tensor_scale={scale}") };
        assert_eq!(Spec::Format(quantizer).canonical(), format!("nvfp4{option}"));
    }
    for word in ["e4m3", "ue5m3"] {
        let quantizer = quantizer_of(&with(&format!("scale_format = \"{word}\"")));
        let option = if word == "e4m3" { "" } else { " scale_format=ue5m3" };
        assert_eq!(Spec::Format(quantizer).canonical(), format!("nvfp4{option}"));
    }
    assert_eq!(quantizer_of(&with("four_over_six = false")), quantizer_of("\"nvfp4\""));
    let twice = ["four_over_six = true", "allowed at a site is false", "roundlaw quantize"];
    values_refused(
        "weight",
        &[(&with("four_over_six = true"), &twice), (&with("four_over_six = 1"), &["true, false"])],
    );
    let range = "a number from 2^-48 to 2^48";
    values_refused(
        "weight",
        &[
            (&with("tensor_scale = 0"), &["weight.tensor_scale = 0", range]),
            (&with("tensor_scale = -1.0"), &["weight.tensor_scale = -1.0", range]),
            (&with("tensor_scale = 1e-15"), &["weight.tensor_scale = 1e-15", range]),
            (&with("tensor_scale = 1e18"), &["weight.tensor_scale = 1e18", range]),
            (&with("tensor_scale = nan"), &["weight.tensor_scale = nan", range]),
            (&with("tensor_scale = \"amax\""), &["weight.tensor_scale = \"amax\"", range]),
            (&with("block = 4"), &["weight.block = 4", "8, 16, 32, 64, \"vector\""]),
            (&with("scale_format = \"e8m0\""), &["weight.scale_format = \"e8m0\"", "e4m3, ue5m3"]),
            ("{ format = \"mxfp4\", scale_format = \"ue5m3\" }", &["weight.scale_format", &BLOCK_KEYS]),
            (&with("scale_mode = \"floor\""), &["weight.scale_mode", &TWO_LEVEL_KEYS]),
            (&with("scale = 2"), &["weight.scale", &TWO_LEVEL_KEYS]),
            (&with("overflow = \"ieee\""), &["weight.overflow", &TWO_LEVEL_KEYS]),
        ],
    );
}

#[test]
fn every_kind_of_format_says_what_becomes_of_nan_and_subnormals() {
    for kind in KINDS {
        let plain = quantizer_of(&format!("{{ {kind} }}"));
        assert_eq!((plain.nan, plain.subnormals), (Nan::Propagate, Subnormals::Honour));
        let text = Spec::Format(plain).canonical();
        for (key, default, other, allowed) in [
            ("nan", "propagate", "satfinite", "propagate, satfinite"),
            ("subnormals", "honour", "flush", "honour, flush"),
        ] {
            assert_eq!(quantizer_of(&format!("{{ {kind}, {key} = \"{default}\" }}")), plain);
            let quantizer = quantizer_of(&format!("{{ {kind}, {key} = \"{other}\" }}"));
            assert_eq!(Spec::Format(quantizer).canonical(), format!("{text} {key}={other}"));
            for wrong in ["true", "\"\"", "\"keep\""] {
                let value = format!("{{ {kind}, {key} = {wrong} }}");
                values_refused("weight", &[(&value, &[&format!("weight.{key} = {wrong}"), allowed])]);
            }
        }
    }
    for option in ["nan = \"satfinite\"", "subnormals = \"flush\"", "step = 0.5", "overflow = \"ieee\""] {
        let (key, value) = (option.split(' ').next().unwrap(), format!("{{ format = \"fp32\", {option} }}"));
        values_refused("weight", &[(&value, &[&format!("weight.{key}"), "allowed are format"])]);
    }
}

#[test]
fn a_format_without_a_zero_stands_at_no_site() {
    for site in Site::ALL {
        for value in ["\"e8m0\"", "{ format = \"e8m0\", rounding = \"up\" }"] {
            values_refused(
                site.name(),
                &[(value, &[&format!("{}.format = \"e8m0\"", site.name()), "with a zero", "roundlaw quantize"])],
            );
        }
    }
    values_refused(
        "weight",
        &[
            (
                "{ format = \"e8m0\", rounding = \"stochastic\" }",
                &["weight.rounding = \"stochastic\"", "nearest-even, nearest-away, toward-zero, up, down"],
            ),
            ("{ format = \"e8m0\", scale = 2 }", &["weight.scale", "format, rounding, overflow, nan, subnormals"]),
        ],
    );
}
