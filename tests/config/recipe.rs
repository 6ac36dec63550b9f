//! Formats and laws, each with its own options.

use roundlaw::format::WHOLE;

use super::*;

/// Every format, as messages list them.
pub const FORMAT_NAMES: &str = "fp32, tf32, bf16, f16, e5m2, e4m3, e3m2, e2m3, e2m1, int16, int12, int8, int6, int5, \
                                int4, int3, int2, mxfp8, mxfp8-e5m2, mxfp6-e3m2, mxfp6-e2m3, mxfp4, mxint8, bfp16, \
                                bfp12, bfp8, bfp6, bfp4";

const DIRECTIONS: &str = "nearest-even, nearest-away, toward-zero, up, down, stochastic";

/// The keys of float, integer and block formats.
pub const FLOAT_KEYS: &str = "allowed are format, rounding, bits, variant, scale, overflow";
const INTEGER_KEYS: &str = "allowed are format, rounding, bits, variant, step";
const BLOCK_KEYS: &str = "allowed are format, rounding, bits, variant, block, scale_mode";

#[track_caller]
fn values_refused(site: &str, table: &[(&str, &[&str])]) {
    for (value, parts) in table {
        let text = message(&with_recipe(&format!("{site} = {value}")), &[]);
        names(&text, parts);
        names(&text, &["\"a\"", site]);
    }
}

#[track_caller]
fn spec_of(site: Site, value: &str) -> Option<Spec> {
    read(&with_recipe(&format!("{} = {value}", site.name())), &[]).unwrap_or_else(|e| panic!("{e}")).recipes[0].sites
        [site as usize]
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
            ("{ format = \"e4m3\", eps = 0.1 }", &["weight.eps", FLOAT_KEYS]),
            ("{ format = \"e4m3\", block = 16 }", &["weight.block", FLOAT_KEYS]),
            ("{ format = \"e4m3\", scale_mode = \"floor\" }", &["weight.scale_mode", FLOAT_KEYS]),
        ],
    );
}

#[test]
fn integers_have_a_step_and_nothing_of_a_float() {
    for format in ["int16", "int12", "int8", "int6", "int5", "int4", "int3", "int2"] {
        let with = |options: &str| format!("{{ format = \"{format}\"{options} }}");
        values_refused(
            "weight",
            &[
                (&format!("\"{format}\""), &["weight.step", "missing", "power of two"]),
                (&with(", scale = 2"), &["weight.step", "missing", "power of two"]),
                (&with(", step = 0.5, scale = 2"), &["weight.scale", INTEGER_KEYS]),
                (&with(", step = 0.5, overflow = \"ieee\""), &["weight.overflow", INTEGER_KEYS]),
                (&with(", step = 0.5, block = 16"), &["weight.block", INTEGER_KEYS]),
                (&with(", step = 0.1"), &["weight.step = 0.1", "power of two from 2^-48 to 2^48"]),
                (&with(", step = 0"), &["weight.step = 0", "power of two"]),
                (&with(", step = -2.0"), &["weight.step = -2.0", "power of two"]),
                (&with(", step = inf"), &["weight.step = inf", "power of two"]),
                (&with(", step = nan"), &["weight.step = nan", "power of two"]),
                (&with(", step = 1e-15"), &["weight.step", "power of two"]),
                (&with(", step = 1.7763568394002505e-15"), &["weight.step", "2^-48"]),
                (&with(", step = 562949953421312"), &["weight.step = 562949953421312", "2^48"]),
                (&with(", step = \"0.5\""), &["weight.step = \"0.5\"", "power of two"]),
            ],
        );
        for exponent in [-48, 0, 48] {
            let step = 2f64.powi(exponent);
            let spec = spec_of(Site::Weight, &with(&format!(", step = {step:?}")));
            assert!(matches!(spec, Some(Spec::Format { scale, .. }) if scale == step), "{format} {exponent}: {spec:?}");
        }
    }
}

#[test]
fn a_float_scale_keeps_the_largest_value_an_f32() {
    // Largest exponents: tf32 and bf16 have that of f32 itself.
    for (format, most) in
        [("tf32", 0), ("bf16", 0), ("f16", 32), ("e5m2", 32), ("e4m3", 32), ("e3m2", 32), ("e2m3", 32), ("e2m1", 32)]
    {
        let with = |exponent: i32| format!("{{ format = \"{format}\", scale = {:?} }}", 2f64.powi(exponent));
        let range = format!("a power of two from 2^-32 to 2^{most}");
        values_refused(
            "weight",
            &[
                (&with(most + 1), &["weight.scale", &range]),
                (&with(-33), &["weight.scale", &range]),
                (&format!("{{ format = \"{format}\", scale = 3 }}"), &["weight.scale = 3", &range]),
                (&format!("{{ format = \"{format}\", scale = 0.0 }}"), &["weight.scale = 0.0", &range]),
                (&format!("{{ format = \"{format}\", scale = [1] }}"), &["weight.scale = [1]", &range]),
                (&format!("{{ format = \"{format}\", step = 2 }}"), &["weight.step", FLOAT_KEYS]),
            ],
        );
        for exponent in [-32, 0, most] {
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
    ] {
        let plain = spec_of(Site::Label, &format!("\"{format}\""));
        for overflow in ["saturate", "ieee"] {
            let spec = spec_of(Site::Label, &format!("{{ format = \"{format}\", overflow = \"{overflow}\" }}"));
            let Some(Spec::Format { overflow: read, .. }) = spec else { panic!("{spec:?}") };
            assert_eq!(read, if overflow == "ieee" { Overflow::Ieee } else { Overflow::Saturate });
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
            values_refused("feature", &[(&value, &[&format!("feature.{key}"), BLOCK_KEYS])]);
        }
        let spec = spec_of(Site::Feature, &format!("\"{format}\"")).unwrap();
        assert_eq!((spec.canonical(), spec.rounding()), (format.to_string(), Some("nearest-even".to_string())));
    }
}

#[test]
fn blocks_have_a_size_and_a_rule_for_their_scale() {
    let modes = [
        ("floor", ScaleMode::Floor),
        ("rceil", ScaleMode::Rceil),
        ("even", ScaleMode::Even),
        ("ceil", ScaleMode::Ceil),
    ];
    for (format, default) in BLOCKS {
        let plain = spec_of(Site::Data, &format!("\"{format}\"")).unwrap();
        for size in [8, 16, 32, 64, WHOLE] {
            let (text, key) = match size {
                WHOLE => ("vector".to_string(), "\"vector\"".to_string()),
                _ => (size.to_string(), size.to_string()),
            };
            for (name, mode) in modes {
                let value = format!("{{ format = \"{format}\", block = {key}, scale_mode = \"{name}\" }}");
                let spec = spec_of(Site::Data, &value).unwrap();
                let Spec::Format { sharing, .. } = spec else { panic!("{spec:?}") };
                assert_eq!(sharing, Some(Sharing { size, mode }), "{value}");
                // The row tells what is not the default.
                let block = if size == default { String::new() } else { format!(" block={text}") };
                let rule = if name == "floor" { String::new() } else { format!(" scale_mode={name}") };
                assert_eq!(spec.canonical(), format!("{format}{block}{rule}"));
                assert_eq!(spec == plain, size == default && name == "floor", "{value}");
            }
        }
        let with = |option: &str| format!("{{ format = \"{format}\", {option} }}");
        for wrong in ["0", "4", "12", "128", "4294967295", "-8", "16.0", "\"16\"", "\"Vector\"", "true", "[16]"] {
            let message = format!("data.block = {wrong}: allowed is 8, 16, 32, 64, \"vector\"");
            values_refused("data", &[(&with(&format!("block = {wrong}")), &[&message])]);
        }
        for wrong in ["\"round\"", "\"Floor\"", "\"\"", "0", "false"] {
            let message = format!("data.scale_mode = {wrong}: allowed is floor, rceil, even, ceil");
            values_refused("data", &[(&with(&format!("scale_mode = {wrong}")), &[&message])]);
        }
    }
}

/// One format of each kind, with what it needs.
const KINDS: [&str; 4] =
    ["format = \"e4m3\"", "format = \"int8\", step = 0.5", "format = \"mxfp4\"", "format = \"bfp8\""];

#[test]
fn stochastic_rounding_has_a_number_of_bits_and_a_variant() {
    for kind in KINDS {
        let with = |options: &str| format!("{{ {kind}, rounding = \"stochastic\"{options} }}");
        let plain = spec_of(Site::Weight, &with("")).unwrap();
        for bits in [8, 16, 32] {
            for (name, zero_mean) in [("a", false), ("b", true)] {
                let value = with(&format!(", bits = {bits}, variant = \"{name}\""));
                let spec = spec_of(Site::Weight, &value).unwrap();
                let Spec::Format { rounding, .. } = spec else { panic!("{spec:?}") };
                assert_eq!(rounding, Rounding { direction: Direction::Stochastic, bits, zero_mean }, "{value}");
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
fn only_stochastic_rounding_draws_bits() {
    for kind in KINDS {
        for direction in Direction::ALL {
            let rounding = format!(", rounding = \"{}\"", direction.name());
            let spec = spec_of(Site::Weight, &format!("{{ {kind}{rounding} }}")).unwrap();
            assert_eq!(spec.rounding().as_deref(), Some(direction.name()));
            let Spec::Format { rounding: read, .. } = spec else { panic!("{spec:?}") };
            assert_eq!(read, Rounding { direction, ..Rounding::NEAREST_EVEN });
            if direction == Direction::Stochastic {
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
    values_refused("label", &[("{ format = \"e4m3\", shared_batch = true }", &["label.shared_batch", FLOAT_KEYS])]);
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
    assert_eq!(named(200).unwrap().recipes[0].name.chars().count(), 200);
    names(&line(named(201)), &["recipe.name", "at most 200 characters"]);
    let many = |count: usize| (0..count).map(|i| format!("[[recipe]]\nname = \"r{i}\"\n")).collect::<String>();
    assert_eq!(read(&with_recipe(&many(4095)), &[]).unwrap().recipes.len(), 4096);
    names(&message(&with_recipe(&many(4096)), &[]), &["recipe", "4097", "up to 4096"]);
}

#[test]
fn sites_read_as_the_format_or_law_they_name() {
    let text = with_recipe(
        "data = \"fp32\"\nfeature = \"e4m3\"\nfeature_grad = \"bf16\"\nlabel = { format = \"mxfp4\", rounding = \"stochastic\" }\n\
         weight = { format = \"int8\", step = 0.0625 }\ngradient = { noise = \"additive\", eps = 0.25 }",
    );
    let sites = read(&text, &[]).unwrap().recipes[0].sites;
    let spec = |name: &str, scale, direction| {
        let format = format(name).unwrap();
        let sharing = match format.layout {
            Layout::Block { size, .. } => Some(Sharing { size, mode: ScaleMode::Floor }),
            _ => None,
        };
        let rounding = Rounding { direction, ..Rounding::NEAREST_EVEN };
        Some(Spec::Format { format, scale, rounding, overflow: format.overflow, sharing })
    };
    assert_eq!(sites[Site::Data as usize], None, "fp32 leaves the site as it is");
    assert_eq!(sites[Site::Feature as usize], spec("e4m3", 1.0, Direction::NearestEven));
    assert_eq!(sites[Site::FeatureGrad as usize], spec("bf16", 1.0, Direction::NearestEven));
    assert_eq!(sites[Site::Label as usize], spec("mxfp4", 1.0, Direction::Stochastic));
    assert_eq!(sites[Site::Weight as usize], spec("int8", 0.0625, Direction::NearestEven));
    assert_eq!(
        sites[Site::Gradient as usize],
        Some(Spec::Noise { noise: Noise::Additive, eps: 0.25, law: Law::Gaussian, shared: false })
    );
    assert_eq!(sites[Site::Parameter as usize], None);
}
