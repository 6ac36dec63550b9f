//! Formats and laws, each with its own options.

use std::sync::LazyLock;

use roundlaw::format::{FORMAT_OPTIONS, WHOLE};

use super::*;

/// Every format, as messages list them.
pub const FORMAT_NAMES: &str = "fp32, tf32, bf16, f16, e5m2, e4m3, e5m2fnuz, e4m3fnuz, e4m3b11fnuz, e3m2, e2m3, e2m1, e8m0, int16, int15, int14, int13, \
                                int12, int11, int10, int9, int8, int7, int6, int5, int4, int3, int2, uint16, uint8, uint4, uint3, uint2, posit16, posit8, log8, log6, log4, \
                                mxfp8, mxfp8-e5m2, mxfp6-e3m2, mxfp6-e2m3, mxfp4, mxint8, nvfp4, bfp16, bfp12, bfp8, \
                                bfp6, bfp4, or any eXmY with X = 1 to 8 exponent bits and Y = 0 to 22 mantissa bits";

const DIRECTIONS: &str = "nearest-even, nearest-away, toward-zero, up, down, stochastic, dither";

/// The end of a message that lists the options of a format.
fn keys_of(name: &str) -> String {
    let quantizer = Quantizer::new(format(name).unwrap());
    let options = FORMAT_OPTIONS.iter().filter(|row| (row.applies)(&quantizer)).map(|row| row.name);
    format!("allowed are {}", options.collect::<Vec<_>>().join(", "))
}

/// Those of float, integer, logarithmic, block and two-level formats.
pub static FLOAT_KEYS: LazyLock<String> = LazyLock::new(|| keys_of("e4m3"));
pub static INTEGER_KEYS: LazyLock<String> = LazyLock::new(|| keys_of("int8"));
pub static LOGARITHMIC_KEYS: LazyLock<String> = LazyLock::new(|| keys_of("log8"));
pub static BLOCK_KEYS: LazyLock<String> = LazyLock::new(|| keys_of("mxfp4"));
pub static TWO_LEVEL_KEYS: LazyLock<String> = LazyLock::new(|| keys_of("nvfp4"));

#[track_caller]
pub fn values_refused(site: &str, table: &[(&str, &[&str])]) {
    for (value, parts) in table {
        let text = message(&with_recipe(&format!("{site} = {value}")), &[]);
        names(&text, parts);
        names(&text, &["\"a\"", site]);
    }
}

#[track_caller]
pub fn spec_of(site: Site, value: &str) -> Option<Spec> {
    read(&with_recipe(&format!("{} = {value}", site.name())), &[]).unwrap_or_else(|e| panic!("{e}")).recipes()[0].sites
        [site]
}

/// The format of that text at `weight`.
#[track_caller]
pub fn quantizer_of(value: &str) -> Quantizer {
    match spec_of(Site::Weight, value) {
        Some(Spec::Format(quantizer)) => quantizer,
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn formats_take_their_own_options() {
    values_refused(
        "weight",
        &[
            ("\"fp4\"", &["weight.format = \"fp4\"", FORMAT_NAMES]),
            ("\"E4M3\"", &["weight.format = \"E4M3\"", FORMAT_NAMES]),
            ("{ scale = 2 }", &["weight.format", "missing", FORMAT_NAMES]),
            ("{ format = \"fp32\", scale = 2 }", &["weight.scale", "allowed are format"]),
            ("{ format = \"fp32\", rounding = \"stochastic\" }", &["weight.rounding", "allowed are format"]),
            ("{ format = \"fp32\", bits = 8 }", &["weight.bits", "allowed are format"]),
            ("{ format = \"fp32\", block = 16 }", &["weight.block", "allowed are format"]),
            ("{ format = \"e4m3\", rounding = \"nearest\" }", &["weight.rounding = \"nearest\"", DIRECTIONS]),
            ("{ format = \"e4m3\", rounding = true }", &["weight.rounding = true", DIRECTIONS]),
            ("{ format = \"e4m3\", eps = 0.1 }", &["weight.eps", &FLOAT_KEYS]),
            ("{ format = \"e4m3\", block = 16 }", &["weight.block", &FLOAT_KEYS]),
            ("{ format = \"e4m3\", scale_mode = \"floor\" }", &["weight.scale_mode", &FLOAT_KEYS]),
        ],
    );
}

/// Block formats with the elements that share a scale unless a config says otherwise.
const BLOCKS: [(&str, u32); 11] = [
    ("mxfp8", 32),
    ("mxfp8-e5m2", 32),
    ("mxfp6-e3m2", 32),
    ("mxfp6-e2m3", 32),
    ("mxfp4", 32),
    ("mxint8", 32),
    ("bfp16", 16),
    ("bfp12", 16),
    ("bfp8", 16),
    ("bfp6", 16),
    ("bfp4", 16),
];

#[test]
fn blocks_have_no_scale_step_or_overflow_of_their_own() {
    for (format, _) in BLOCKS {
        for option in ["scale = 2", "step = 0.5", "overflow = \"ieee\""] {
            let key = option.split(' ').next().unwrap();
            let value = format!("{{ format = \"{format}\", {option} }}");
            values_refused("feature", &[(&value, &[&format!("feature.{key}"), &BLOCK_KEYS])]);
        }
        let spec = spec_of(Site::Feature, &format!("\"{format}\"")).unwrap();
        assert_eq!((spec.canonical(), spec.rounding()), (format.to_string(), Some("nearest-even".to_string())));
    }
}

/// Sizes of a block, as a config has them.
pub const SIZES: [(&str, u32); 5] = [("8", 8), ("16", 16), ("32", 32), ("64", 64), ("\"vector\"", WHOLE)];

#[test]
fn blocks_have_a_size_and_a_rule_for_their_scale() {
    let modes = [
        ("floor", ScaleMode::Floor),
        ("rceil", ScaleMode::Rceil),
        ("even", ScaleMode::Even),
        ("ceil", ScaleMode::Ceil),
        ("nearest", ScaleMode::Nearest),
        ("absmax", ScaleMode::Absmax),
    ];
    for (format, default) in BLOCKS {
        let plain = spec_of(Site::Data, &format!("\"{format}\"")).unwrap();
        for (word, size) in SIZES {
            for (name, mode) in modes {
                let value = format!("{{ format = \"{format}\", block = {word}, scale_mode = \"{name}\" }}");
                let spec = spec_of(Site::Data, &value).unwrap();
                let Spec::Format(quantizer) = spec else { panic!("{spec:?}") };
                assert_eq!(quantizer.sharing, Some(Sharing { size, mode }), "{value}");
                // The row tells what is not the default.
                let block = if size == default { String::new() } else { format!(" block={}", word.trim_matches('"')) };
                let rule = if name == "floor" { String::new() } else { format!(" scale_mode={name}") };
                assert_eq!(spec.canonical(), format!("{format}{block}{rule}"));
                assert_eq!(spec == plain, size == default && name == "floor", "{value}");
            }
        }
        let with = |option: &str| format!("{{ format = \"{format}\", {option} }}");
        for wrong in ["0", "4", "12", "128", "-8", "16.0", "\"16\"", "\"whole\"", "true"] {
            let message = format!("data.block = {wrong}: allowed is 8, 16, 32, 64, \"vector\"");
            values_refused("data", &[(&with(&format!("block = {wrong}")), &[&message])]);
        }
        for wrong in ["\"round\"", "\"Floor\"", "\"\"", "0", "false"] {
            let message = format!("data.scale_mode = {wrong}: allowed is floor, rceil, even, ceil, nearest, absmax");
            values_refused("data", &[(&with(&format!("scale_mode = {wrong}")), &[&message])]);
        }
    }
}

/// One format of each kind, with what it needs.
pub const KINDS: [&str; 8] = [
    "format = \"e4m3\"",
    "format = \"int8\", step = 0.5",
    "format = \"int8\", step = 0.3",
    "format = \"int8\", step = \"absmax\"",
    "format = \"log8\"",
    "format = \"mxfp4\"",
    "format = \"nvfp4\"",
    "format = \"bfp8\"",
];

#[test]
fn stochastic_rounding_has_a_number_of_bits_and_a_variant() {
    for kind in KINDS {
        let with = |options: &str| format!("{{ {kind}, rounding = \"stochastic\"{options} }}");
        let plain = spec_of(Site::Weight, &with("")).unwrap();
        for bits in [8, 16, 32] {
            for (name, zero_mean) in [("a", false), ("b", true)] {
                let value = with(&format!(", bits = {bits}, variant = \"{name}\""));
                let spec = spec_of(Site::Weight, &value).unwrap();
                let Spec::Format(quantizer) = spec else { panic!("{spec:?}") };
                assert_eq!(
                    quantizer.rounding,
                    Rounding { direction: Direction::Stochastic, bits, zero_mean },
                    "{value}"
                );
                // The row tells what is not the default.
                let count = if bits == 32 { String::new() } else { format!(" bits={bits}") };
                let variant = if zero_mean { " variant=b" } else { "" };
                assert_eq!(spec.rounding(), Some(format!("stochastic{count}{variant}")));
                assert_eq!(spec == plain, bits == 32 && !zero_mean, "{value}");
            }
        }
        for wrong in ["0", "1", "12", "24", "64", "-8", "8.0", "\"8\"", "true"] {
            let message = format!("weight.bits = {wrong}: allowed is 8, 16, 32");
            values_refused("weight", &[(&with(&format!(", bits = {wrong}")), &[&message])]);
        }
        for wrong in ["\"c\"", "\"B\"", "\"\"", "1", "true"] {
            let message = format!("weight.variant = {wrong}: allowed is a, b");
            values_refused("weight", &[(&with(&format!(", variant = {wrong}")), &[&message])]);
        }
    }
}

#[test]
fn only_random_roundings_draw_bits() {
    let drawn = [Direction::Stochastic, Direction::Dither];
    for kind in KINDS {
        for direction in Direction::VARIANTS.iter().copied().filter(|direction| *direction != Direction::Dither) {
            let rounding = format!(", rounding = \"{}\"", direction.name());
            let spec = spec_of(Site::Weight, &format!("{{ {kind}{rounding} }}")).unwrap();
            assert_eq!(spec.rounding().as_deref(), Some(direction.name()));
            let Spec::Format(quantizer) = spec else { panic!("{spec:?}") };
            assert_eq!(quantizer.rounding, Rounding { direction, bits: 32, zero_mean: false });
            if drawn.contains(&direction) {
                continue;
            }
            let unset = if direction == Direction::NearestEven { "" } else { &rounding };
            for rounding in [&rounding, unset] {
                for option in ["bits = 32", "variant = \"a\""] {
                    let value = format!("{{ {kind}{rounding}, {option} }}");
                    let parts = [&format!("weight.{option}: allowed is nothing")[..], "rounding = \"stochastic\""];
                    values_refused("weight", &[(&value, &parts)]);
                }
            }
        }
    }
}

#[test]
fn laws_take_a_variance_and_a_distribution() {
    values_refused(
        "weight",
        &[
            ("{ noise = \"drift\", eps = 0.1 }", &["weight.noise = \"drift\"", "additive, relative, multiplicative"]),
            ("{ noise = 0.1 }", &["weight.noise = 0.1", "additive, relative, multiplicative"]),
            ("{ noise = \"additive\" }", &["weight.eps", "missing", "0.01"]),
            ("{ noise = \"relative\", eps = 0 }", &["weight.eps = 0", "number from"]),
            ("{ noise = \"multiplicative\", eps = 1e-30 }", &["weight.eps", "number from"]),
            ("{ noise = \"additive\", eps = 1e7 }", &["weight.eps = 10000000.0", "to 1e6"]),
            ("{ noise = \"additive\", eps = nan }", &["weight.eps = nan", "number from"]),
            ("{ noise = \"additive\", eps = \"0.1\" }", &["weight.eps = \"0.1\"", "number from"]),
            (
                "{ noise = \"relative\", eps = 0.1, law = \"cauchy\" }",
                &["weight.law = \"cauchy\"", "gaussian, two-point"],
            ),
            ("{ noise = \"additive\", eps = 0.1, format = \"e4m3\" }", &["weight.format", "noise, eps, law"]),
            ("{ noise = \"additive\", eps = 0.1, rounding = \"stochastic\" }", &["weight.rounding", "noise, eps, law"]),
            ("{ noise = \"additive\", eps = 0.1, scale = 2 }", &["weight.scale", "noise, eps, law"]),
        ],
    );
    for (noise, kind) in
        [("additive", Noise::Additive), ("relative", Noise::Relative), ("multiplicative", Noise::Multiplicative)]
    {
        for (law, drawn) in [("gaussian", Law::Gaussian), ("two-point", Law::TwoPoint)] {
            for site in Site::ALL {
                let spec = spec_of(site, &format!("{{ noise = \"{noise}\", eps = 0.25, law = \"{law}\" }}")).unwrap();
                assert_eq!(spec, Spec::Noise { noise: kind, eps: 0.25, law: drawn, shared: false });
                assert_eq!((spec.canonical(), spec.rounding()), (format!("{noise} eps=0.25 law={law}"), None));
            }
        }
    }
}

#[test]
fn only_scalar_sites_share_a_draw_over_the_batch() {
    for site in Site::ALL {
        let name = site.name();
        let value = |shared: &str| format!("{{ noise = \"additive\", eps = 0.25, shared_batch = {shared} }}");
        if [Site::Label, Site::Activation, Site::Gradient].contains(&site) {
            for shared in [true, false] {
                let expected = Spec::Noise { noise: Noise::Additive, eps: 0.25, law: Law::Gaussian, shared };
                assert_eq!(spec_of(site, &value(&shared.to_string())), Some(expected));
            }
            values_refused(name, &[(&value("1"), &[&format!("{name}.shared_batch = 1"), "true, false"])]);
        } else {
            values_refused(
                name,
                &[(&value("true"), &[&format!("{name}.shared_batch"), "allowed are noise, eps, law"])],
            );
        }
    }
    values_refused("label", &[("{ format = \"e4m3\", shared_batch = true }", &["label.shared_batch", &FLOAT_KEYS])]);
}

#[test]
fn integer_data_keep_a_step_that_survives_the_sketch() {
    // 2^-48 over sqrt 4 is below the smallest operand.
    let step = |exponent: i32| format!("data = {{ format = \"int8\", step = {:?} }}", 2f64.powi(exponent));
    names(&message(&with_recipe(&step(-47)), &[]), &["\"a\"", "data.step", "train.model = 8", "2^-48", "larger steps"]);
    assert!(read(&with_recipe(&step(-46)), &[]).is_ok());
}

#[test]
fn names_are_short_and_few() {
    let named = |length: usize| read(PLAIN, &[&format!("recipe=[{{name={:?}}}]", "é".repeat(length))]);
    assert_eq!(named(200).unwrap().recipes()[0].name.chars().count(), 200);
    names(&line(named(201)), &["recipe.name", "at most 200 characters"]);
    let many = |count: usize| (0..count).map(|i| format!("[[recipe]]\nname = \"r{i}\"\n")).collect::<String>();
    assert_eq!(read(&with_recipe(&many(4095)), &[]).unwrap().recipes().len(), 4096);
    names(&message(&with_recipe(&many(4096)), &[]), &["recipe", "4097", "up to 4096"]);
}

#[test]
fn sites_read_as_the_format_or_law_they_name() {
    let text = with_recipe(
        "data = \"fp32\"\nfeature = \"e4m3\"\nfeature_grad = \"bf16\"\nlabel = { format = \"mxfp4\", rounding = \"stochastic\" }\n\
         weight = { format = \"int8\", step = 0.0625 }\ngradient = { noise = \"additive\", eps = 0.25 }",
    );
    let sites = read(&text, &[]).unwrap().recipes()[0].sites;
    let spec = |name: &str, scale, direction| {
        let rounding = Rounding { direction, ..Rounding::NEAREST_EVEN };
        Some(Spec::Format(Quantizer { scale, rounding, ..Quantizer::new(format(name).unwrap()) }))
    };
    assert_eq!(sites[Site::Data], None, "fp32 leaves the site as it is");
    assert_eq!(sites[Site::Feature], spec("e4m3", 1.0, Direction::NearestEven));
    assert_eq!(sites[Site::FeatureGrad], spec("bf16", 1.0, Direction::NearestEven));
    assert_eq!(sites[Site::Label], spec("mxfp4", 1.0, Direction::Stochastic));
    assert_eq!(sites[Site::Weight], spec("int8", 0.0625, Direction::NearestEven));
    assert_eq!(
        sites[Site::Gradient],
        Some(Spec::Noise { noise: Noise::Additive, eps: 0.25, law: Law::Gaussian, shared: false })
    );
    assert_eq!(sites[Site::Parameter], None);
}
