//! The resolved config is the same config.

use super::recipe::SIZES;
use super::*;

fn resolves_to_itself(config: &Config, what: &str) {
    let text = resolved::to_toml(config);
    let again = Config::parse(&text, &[]).unwrap_or_else(|e| panic!("{what}: {e}\n{text}"));
    assert_eq!(&again, config, "{what}:\n{text}");
    assert_eq!(resolved::to_toml(&again), text, "{what}");
}

#[test]
fn the_resolved_config_parses_back() {
    for case in 0..300 {
        resolves_to_itself(crate::plans::random(case).config(), &format!("random config {case}"));
    }
    for text in [QUICKSTART, include_str!("../../../configs/smoke.toml"), PLAIN] {
        resolves_to_itself(&read(text, &[]).unwrap(), "config");
    }
    for set in [
        &["problem.noise=[1e-13,1e6,0,3]", "problem.dim=[30,20]", "problem.spectrum.exponent=16"][..],
        &["train.step_size=[1e-12,0.1,0.3333333333333333,1048576]", "train.schedule=constant"],
        &["train.checkpoints=[64,1]", "train.output=[\"average\",\"last\"]", "sweep.check=7"],
        &["train.checkpoints=log2", "sweep.seed=9223372036854775807", "sweep.seeds=2147483647", "sweep.check=off"],
        &["problem.target=[{kind=\"ones\"},{kind=\"gaussian\"}]", "problem.sketch=[{kind=\"gaussian\"}]"],
        &["problem.spectrum=[{kind=\"exponential\",rate=0.1},{kind=\"logarithmic\",exponent=1.5}]", "sweep.draws=host"],
        &["problem.target={kind=\"source\",exponent=1.5}", "problem.tail=[\"closed\",\"open\"]"],
        &["problem.sketch=[{kind=\"gaussian\",nested=false},{kind=\"none\"},{kind=\"gaussian\"}]"],
        &["train.quantized_test=true", "train.test_samples=2"],
    ] {
        resolves_to_itself(&plain(set), &format!("{set:?}"));
    }
    for name in [
        "\"q\\\" \\\\ 'x'\"",
        "\"a\\nb\\r\\n\\tc\"",
        "'''\"\"\"'''",
        "\"\\u0000\\u001b\"",
        "\"résumé 数\"",
        "\" pad \"",
    ] {
        let config = read(PLAIN, &[&format!("recipe=[{{name={name}}}]")]).unwrap();
        resolves_to_itself(&config, name);
    }
    for scale in [-32, 32, 0] {
        let scale = 2f64.powi(scale);
        let lines = format!(
            "data = {{ format = \"e4m3\", scale = {scale:?} }}\nweight = {{ format = \"int8\", step = {scale:?} }}"
        );
        resolves_to_itself(&read(&with_recipe(&lines), &[]).unwrap(), &lines);
    }
}

#[test]
fn every_option_of_a_recipe_parses_back() {
    let mut lines = String::new();
    for (index, value) in [
        "{ format = \"bf16\", overflow = \"saturate\", scale = 0.5 }",
        "{ format = \"f16\", rounding = \"stochastic\", scale = 4294967296.0 }",
        "{ format = \"e5m2\", overflow = \"ieee\" }",
        "{ format = \"e4m3\", overflow = \"ieee\", scale = 2.3283064365386963e-10 }",
        "{ format = \"int4\", step = 281474976710656 }",
        "{ format = \"mxfp8\", rounding = \"stochastic\" }",
        "\"mxfp8-e5m2\"",
        "\"fp32\"",
        "{ format = \"e3m4\", bias = -7, specials = \"none\", gradual_underflow = false, nan = \"satfinite\" }",
        "{ format = \"int5\", step = 0.1, range = \"full\", subnormals = \"flush\" }",
        "{ format = \"int8\", step = 1e-14, rounding = \"dither\", bits = 16 }",
        "{ format = \"int11\", step = \"absmax\", range = \"full\" }",
        "{ format = \"log8\", base_factor = 5, bias = 70, scale = 0.0625 }",
        "{ format = \"nvfp4\", block = 64, tensor_scale = 281474976710656 }",
        "{ format = \"nvfp4\", block = \"vector\", tensor_scale = 0.1 }",
        "{ noise = \"relative\", eps = 0.1, law = \"two-point\" }",
        "{ noise = \"multiplicative\", eps = 1e-28 }",
    ]
    .into_iter()
    .enumerate()
    {
        lines += &format!("[[recipe]]\nname = \"r{index}\"\n");
        Site::ALL.iter().for_each(|site| lines += &format!("{} = {value}\n", site.name()));
    }
    let shared = "{ noise = \"additive\", eps = 0.25, law = \"two-point\", shared_batch = true }";
    lines += &format!("[[recipe]]\nname = \"shared\"\nlabel = {shared}\nactivation = {shared}\ngradient = {shared}\n");
    resolves_to_itself(&read(&with_recipe(&lines), &[]).unwrap(), &lines);
}

/// Every way to round, as the options of a site.
fn roundings() -> Vec<String> {
    let plain = ["nearest-even", "nearest-away", "toward-zero", "up", "down"];
    let mut texts: Vec<String> = plain.map(|direction| format!("rounding = \"{direction}\"")).to_vec();
    for bits in [8, 16, 32] {
        texts.extend(["a", "b"].map(|v| format!("rounding = \"stochastic\", bits = {bits}, variant = \"{v}\"")));
    }
    texts
}

/// Options of a layout, each with another text.
fn every_option(layout: &Layout) -> Vec<String> {
    let mut options: Vec<String> = match layout {
        Layout::Identity => return Vec::new(),
        // These have the policies alone.
        Layout::Coded(_) => {
            return ["nan = \"propagate\"", "nan = \"satfinite\"", "subnormals = \"flush\""].map(String::from).to_vec();
        }
        Layout::Float(float) => {
            let other = |specials: &Specials| *specials != float.specials;
            let mut options = vec![
                "scale = 0.5, overflow = \"ieee\"".into(),
                "scale = 0.5, overflow = \"saturate\"".into(),
                format!("bias = {}", float.bias + 1),
            ];
            // The smallest exponent of e1m6 holds all its numbers.
            if float.exponent > 1 {
                options.push("gradual_underflow = false".into());
            }
            let specials = Specials::VARIANTS.iter().filter(|specials| other(specials));
            options.extend(specials.map(|s| format!("bias = {}, specials = \"{}\"", float.bias + 1, s.name())));
            options
        }
        Layout::Integer { .. } => {
            let steps = ["0.25", "0.5", "0.3", "0.30000000000000004", "\"absmax\"", "\"absmax-f32\""];
            let ranges = |step: &str| ["symmetric", "full"].map(|r| format!("step = {step}, range = \"{r}\""));
            steps.into_iter().flat_map(ranges).collect()
        }
        Layout::Unsigned { bits, .. } => {
            let steps = ["0.25", "0.5", "0.3", "0.30000000000000004"];
            let points = |step: &str| [0, 1, (1 << bits) - 1].map(|z| format!("step = {step}, zero_point = {z}"));
            steps.into_iter().flat_map(points).collect()
        }
        Layout::Logarithmic { base_factor, bias, .. } => {
            let more = |base_factor: u32, bias: i32| format!("base_factor = {base_factor}, bias = {bias}");
            vec![
                more(*base_factor, *bias),
                more(base_factor + 1, *bias),
                more(*base_factor, bias + 1),
                "scale = 0.5".into(),
            ]
        }
        Layout::Block { .. } => {
            let modes = words::<ScaleMode>();
            let sharing = |block: &str| {
                modes.iter().map(move |mode| format!("block = {block}, scale_mode = \"{mode}\"")).collect::<Vec<_>>()
            };
            SIZES.iter().flat_map(|(block, _)| sharing(block)).collect()
        }
        Layout::TwoLevel { .. } => {
            let scales = |block: &str| ["1", "0.5", "0.1"].map(|s| format!("block = {block}, tensor_scale = {s}"));
            let all = SIZES.iter().flat_map(|(block, _)| scales(block));
            all.flat_map(|text| {
                words::<ScaleFormat>().into_iter().map(move |own| format!("{text}, scale_format = \"{own}\""))
            })
            .collect()
        }
    };
    let first = options[0].clone();
    options.extend(["nan = \"satfinite\"", "subnormals = \"flush\""].map(|option| format!("{first}, {option}")));
    options
}

#[test]
fn every_format_with_every_option_parses_back_and_has_its_own_text() {
    let (mut texts, mut count) = (HashSet::new(), 0);
    for format in FORMATS.iter().chain(["e1m6", "e3m4", "e6m9"].map(|name| format(name).unwrap())) {
        if format.layout == Layout::Identity || !format.has_zero() {
            continue;
        }
        let mut lines = String::new();
        for options in every_option(&format.layout) {
            // The full range of int16 leaves no room for 8 random bits, nor does uint16.
            let has_room =
                matches!(format.layout, Layout::Integer { bits: ..=15, .. } | Layout::Unsigned { bits: ..=15, .. });
            let dithers = has_room && !options.contains("absmax");
            let dither = dithers.then(|| "rounding = \"dither\"".to_string());
            // Posits have no rule for ties but their own.
            let knows = |rounding: &String| !matches!(format.layout, Layout::Coded(_)) || !rounding.contains("away");
            for rounding in roundings().into_iter().chain(dither).filter(knows) {
                let site = Site::ALL[count % SITES].name();
                lines += &format!("[[recipe]]\nname = \"r{count}\"\n");
                lines += &format!("{site} = {{ format = \"{}\", {options}, {rounding} }}\n", format.name);
                count += 1;
            }
        }
        let config = read(&with_recipe(&lines), &[]).unwrap_or_else(|e| panic!("{}: {e}", format.name));
        resolves_to_itself(&config, format.name);
        let specs =
            config.recipes().iter().flat_map(|recipe| recipe.sites.iter().filter_map(|(_, spec)| spec.as_ref()));
        texts.extend(specs.map(|spec| (spec.canonical(), spec.rounding())));
    }
    assert_eq!(texts.len(), count);
}

/// A config that names every kind of file, with the places of the files.
fn with_files(place: &Place) -> [String; 3] {
    place.file("lambda.npy", &[100], |i| 1.0 / (1.0 + i as f32));
    place.file("w.npy", &[100], |i| i as f32 - 50.0);
    place.file("s.npy", &[8, 100], |i| (i % 7) as f32);
    ["spectrum=lambda", "target=w", "sketch=s"].map(|pair| {
        let (key, name) = pair.split_once('=').unwrap();
        format!("problem.{key}={{kind=\"file\",path=\"{name}.npy\"}}")
    })
}

#[test]
fn files_are_stored_by_absolute_path_and_hash() {
    let place = Place::new();
    let set = with_files(&place);
    let config = place.accepted(PLAIN, &set.each_ref().map(String::as_str));
    resolves_to_itself(&config, "files");
    let text = resolved::to_toml(&config);
    for name in ["lambda.npy", "w.npy", "s.npy"] {
        let hash = roundlaw::hash::fnv1a64(fs::read(place.path(name)).unwrap());
        names(&text, &[&format!("path = \"{}\", hash = \"{hash:016x}\"", place.path(name).display())]);
    }
    // Every one of them is refused once it has changed, and where it is gone.
    for (key, name) in [("spectrum", "lambda.npy"), ("target", "w.npy"), ("sketch", "s.npy")] {
        let bytes = fs::read(place.path(name)).unwrap();
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        fs::write(place.path(name), changed).unwrap();
        let key = format!("problem.{key}.path");
        names(&message(&text, &[]), &[&key, name, "has changed", "hash"]);
        fs::remove_file(place.path(name)).unwrap();
        names(&message(&text, &[]), &[&key, name, "No such file", "back", "correct the path"]);
        fs::write(place.path(name), bytes).unwrap();
    }
    resolves_to_itself(&config, "files again");
}

#[test]
fn covariates_are_stored_with_both_hashes() {
    let place = Place::new();
    place.file("x \"1\".npy", &[40, 5], |i| i as f32);
    place.file("y.npy", &[40], |i| i as f32);
    let text = "[problem]\ncovariates = { path = 'x \"1\".npy', labels = \"y.npy\", order = \"permuted\", held_out = 0.25 }\n\
                [train]\nmodel = [2]\nsamples = [16]\n[[recipe]]\nname = \"a\"\n";
    let config = place.accepted(text, &["problem.covariates.standardize=true"]);
    resolves_to_itself(&config, "covariates");
    let stored = resolved::to_toml(&config);
    for (key, name) in [("path", "x \"1\".npy"), ("labels", "y.npy")] {
        let bytes = fs::read(place.path(name)).unwrap();
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        fs::write(place.path(name), changed).unwrap();
        names(
            &message(&stored, &[]),
            &[&format!("problem.covariates.{key}"), name, "has changed", &format!("{key}_hash")],
        );
        fs::write(place.path(name), bytes).unwrap();
    }
}

#[test]
fn the_identity_is_the_content_of_files_not_their_place() {
    let identity = |place: &Place| {
        let set = with_files(place);
        let config = place.accepted(PLAIN, &set.each_ref().map(String::as_str));
        resolved::identity(&config)
    };
    let (here, there) = (Place::new(), Place::new());
    assert_eq!(identity(&here), identity(&there));
    assert!(!identity(&here).contains(here.0.path().to_str().unwrap()));
    names(&identity(&here), &["lambda.npy", "w.npy", "s.npy"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 400, failure_persistence: None, ..proptest::prelude::ProptestConfig::default()
    })]

    #[test]
    fn random_configs_parse_back(case in 300u64..1_000_000) {
        let text = crate::plans::random_config(case);
        match read(&text, &[]) {
            Ok(config) => resolves_to_itself(&config, &format!("random config {case}")),
            // A source target on a steep spectrum may leave the range.
            Err(error) => names(&error.to_string(), &["problem.target.exponent", "2^20"]),
        }
    }
}
