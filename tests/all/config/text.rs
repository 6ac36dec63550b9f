//! The text of a config and its overrides, well-formed or not.

use super::*;

#[test]
fn syntax_errors_name_the_line() {
    for (text, line) in [
        ("dim = = 3", 1),
        ("[problem]\ndim = 3\nspectrum = {\n", 3),
        ("[problem]\n\ndim = 3\ndim = 4\n", 4),
        ("[problem\n", 1),
        ("# text\n[problem]\nname = \"open\n", 3),
    ] {
        let message = message(text, &[]);
        // An unclosed bracket may be seen at the end of its line or at the end of the text.
        assert!((line..=line + 1).any(|line| message.contains(&format!("line {line}:"))), "{text:?}: {message}");
    }
    let broken = QUICKSTART.replace("batch = [1]", "batch = 1]");
    let line = 1 + broken[..broken.find("batch = 1]").unwrap()].matches('\n').count();
    names(&message(&broken, &[]), &[&format!("line {line}:"), "`batch = 1]`"]);
    let long = format!("[problem]\ndim = {}\u{7}\n", "x".repeat(200));
    names(&message(&long, &[]), &[&format!(": `dim = {}`", "x".repeat(54))]);
}

/// Values in several lines, an inline table, a table of its own for the sweep.
const LINES: &str = r#"# line 1
[problem]
dim = [
  100,
  200,
]
spectrum = { kind = "power", exponent = 2.0 }

[train]
model = [4, 8]
samples = [64, 128]
batch = [1, 2]
step_size = 0.5

[[recipe]]
name = "a"
[[recipe]]
name = "b"
weight = "e4m3"
data = { format = "int8", step = 1.0 }
[recipe.feature]
format = "int4"
step = 0.25

[sweep]
seeds = 3
"#;

#[test]
fn every_error_names_the_line_of_its_key() {
    read(LINES, &[]).unwrap();
    for (from, to, line, rest) in [
        ("  200,", "  0,", 5, "problem.dim = 0: allowed is an integer"),
        ("  200,", "  100,", 5, "problem.dim holds 100 twice"),
        ("\"power\"", "\"powr\"", 7, "problem.spectrum.kind = \"powr\": allowed is power"),
        (
            "exponent = 2.0",
            "exponent = 2e300",
            7,
            "problem.spectrum.exponent = 2e300: allowed is a number from 0 to 16",
        ),
        ("batch = [1, 2]", "batch = [1, 3]", 11, "train.samples = 64 is no multiple of train.batch = 3"),
        ("batch = [1, 2]", "batch = [1, 129]", 12, "train.batch = 129: allowed are 1 to the smallest"),
        (
            "step_size = 0.5",
            "step_size = 1e-13",
            13,
            "train.step_size = 1e-13: allowed is a number from 2^-40 to 2^20, or a list of such",
        ),
        (
            "samples = [64, 128]\nbatch = [1, 2]\nstep_size = 0.5",
            "samples = [64, 8192]\nbatch = [1, 64]\nstep_size = 1e-12",
            13,
            "train.step_size = 1e-12: with batch 1 and 8192 samples",
        ),
        ("step_size", "stepsize", 13, "train.stepsize is no known key"),
        ("name = \"b\"", "name = \"a\"", 18, "recipe.name = \"a\" stands twice"),
        ("\"e4m3\"", "\"e4m3x\"", 19, "recipe \"b\", weight.format = \"e4m3x\": allowed is"),
        ("step = 1.0", "step = 1e-15", 20, "recipe \"b\", data.step = 1e-15: allowed is"),
        ("step = 1.0", "step = 3.552713678800501e-15", 20, "recipe \"b\", data.step = "),
        ("step = 0.25", "steps = 0.25", 23, "recipe \"b\", feature.steps is no known key"),
        ("seeds = 3", "seeds = 0", 26, "sweep.seeds = 0: allowed is"),
        ("seeds = 3", "seeds = ", 26, ""),
        // What is missing has no line of its own: that of its table, where it has one.
        ("samples = [64, 128]", "", 9, "train.samples is missing"),
        ("name = \"b\"", "", 17, "recipe.name is missing"),
    ] {
        assert!(LINES.contains(from), "{from}");
        let message = message(&LINES.replacen(from, to, 1), &[]);
        let start = format!("config, line {line}: {rest}");
        assert!(message.starts_with(&start), "{message:?} does not start with {start:?}");
    }
    assert!(message(&LINES[..LINES.find("[train]").unwrap()], &[]).starts_with("config: recipe is missing"));

    let place = Place::new();
    let message = line(place.load(&LINES.replace("model = [4, 8]", "model = 0"), &[]));
    let file = place.path("config.toml").display().to_string();
    assert!(message.starts_with(&format!("{file}, line 10: train.model = 0: ")), "{message}");
    // What a --set says stands in no line, the rest of the table does.
    for (set, start) in [
        ("train.model=0", "--set train.model = 0: "),
        ("train.model=[8,0]", "--set train.model = 0: "),
        ("problem.spectrum.exponent=99", "--set problem.spectrum.exponent = 99: "),
        ("problem.spectrum.kind=exponential", &format!("{file}, line 7: problem.spectrum.rate is missing")),
        ("train.batch=3", &format!("{file}, line 11: train.samples = 64 is no multiple of train.batch = 3")),
        ("train.stepsize=3", "--set train.stepsize is no known key"),
    ] {
        let message = line(place.load(LINES, &[set]));
        assert!(message.starts_with(start), "{message:?} does not start with {start:?}");
    }
}

#[test]
fn a_misspelled_word_asks_for_the_one_that_was_meant() {
    let with = |from: &str, to: &str| message(&LINES.replacen(from, to, 1), &[]);
    for (from, to, meant) in [
        ("dim = [", "dims = [", "dim"),
        ("dim = [", "Dim = [", "dim"),
        ("[train]", "[trian]", "train"),
        ("[[recipe]]", "[[recipes]]", "recipe"),
        ("exponent =", "exponnent =", "exponent"),
        ("kind =", "knid =", "kind"),
        ("samples =", "sample =", "samples"),
        ("step_size =", "stepsize =", "step_size"),
        ("weight =", "weights =", "weight"),
        ("format = \"int8\"", "fromat = \"int8\"", "format"),
        ("step = 0.25", "step = 0.25\nroundng = \"stochastic\"", "rounding"),
        ("step = 0.25", "step = 0.25\nrounding = \"stochastik\"", "stochastic"),
        ("\"power\"", "\"powr\"", "power"),
        ("\"e4m3\"", "\"mxfp-8\"", "mxfp8"),
        ("\"e4m3\"", "\"mxpf4\"", "mxfp4"),
        ("weight = \"e4m3\"", "weight = { noise = \"aditive\", eps = 0.1 }", "additive"),
        ("seeds = 3", "sedes = 3", "seeds"),
        ("seeds = 3", "draws = \"hst\"", "host"),
    ] {
        let message = with(from, to);
        assert!(message.ends_with(&format!("; did you mean {meant}?")), "{to}: {message}");
    }
    // Where nothing is alike, nothing is asked; and where the word is right, what else is wrong is said.
    for (from, to) in [("seeds = 3", "colour = 3"), ("\"e4m3\"", "\"decimal\""), ("\"power\"", "7")] {
        assert!(!with(from, to).contains("did you mean"), "{}", with(from, to));
    }
}

#[test]
fn malformed_overrides_are_refused() {
    refused(&[
        (&["sweep.seeds"], &["--set sweep.seeds", "KEY=VALUE"]),
        (&[""], &["--set", "KEY=VALUE"]),
        (&["=3"], &["--set =3", "KEY=VALUE"]),
        (&[".seeds=3"], &["--set .seeds=3", "KEY=VALUE"]),
        (&["sweep.=3"], &["--set sweep.=3", "KEY=VALUE"]),
        (&["sweep..seeds=3"], &["--set sweep..seeds=3", "KEY=VALUE"]),
        (&["problem.dim.x=3"], &["--set problem.dim.x=3", "dim", "no table"]),
        (&["recipe.name=b"], &["--set recipe.name=b", "recipe", "no table"]),
        (&["sweep.seeds="], &["sweep.seeds = \"\"", "integer"]),
        (&["train.model=[4,"], &["train.model = \"[4,\"", "integer"]),
    ]);
}

#[test]
fn messages_with_quoted_line_breaks_stay_one_line() {
    // `message` holds each of them to one line.
    message(PLAIN, &["problem.tail=\"a\\nb\""]);
    message(PLAIN, &["problem.tail=a\nb"]);
    message(PLAIN, &["sweep\nseeds"]);
    message(&format!("\"a\\nb\" = 1\n{PLAIN}"), &[]);
    message(&with_recipe("weight = \"e4m3\\r\\n\""), &[]);
    message("[problem]\ndim = \"\"\"\na\nb\nc\"\"\"\nspectrum = 1", &[]);
}

#[test]
fn overrides_replace_and_add() {
    let config = plain(&[
        "sweep.seeds=8",
        "sweep.check=off",
        "train.schedule=constant",
        "train.output=[\"average\", \"last\"]",
        "problem.spectrum.exponent = 1.5",
        "train.model=[16]",
        "sweep.seeds=9",
    ]);
    assert_eq!(config.sweep().seeds, 9, "the last one wins");
    assert_eq!(config.sweep().check, Check::Off);
    assert_eq!(config.train().schedule, Schedule::Constant);
    assert_eq!(config.train().outputs, [Output::Average, Output::Last]);
    assert_eq!(config.problems()[0].spectrum, Spectrum::Power { exponent: 1.5 });
    assert_eq!(config.train().models, [16]);
    assert_eq!(plain(&["sweep.check=3"]).sweep().check, Check::Seeds(3));
    assert_eq!(plain(&["sweep.check=all"]).sweep().check, Check::All);
    assert_eq!(plain(&["recipe=[{name=\"b\"}]"]).recipes()[0].name, "b");
    assert_eq!(plain(&["train.checkpoints=[32,8]"]).train().checkpoints, Checkpoints::At(vec![8, 32]));
}

#[test]
fn an_override_is_one_value_of_a_key_that_can_be() {
    refused(&[
        (&["sweep.seeds=8\nother=1"], &["sweep.seeds", "8\\nother=1", "integer"]),
        (&[&format!("{}=1", vec!["a"; 20_000].join("."))], &["--set a.a.a", "KEY=VALUE"]),
        (&[&format!("sweep.seeds={}", "[".repeat(20_000))], &["sweep.seeds = \"[[[", "integer"]),
        (&["train.samples.from.x=1"], &["--set train.samples.from.x=1", "samples is no table"]),
    ]);
}

#[test]
fn long_values_are_cut_in_the_middle_of_the_message() {
    let long = "x".repeat(1_000_000);
    for (set, parts) in [
        (format!("problem.dim=\"{long}\""), ["problem.dim = \"xxx", "integer from 1 to 16777216"]),
        (format!("recipe=[{{name=\"{long}\"}}]"), ["recipe.name = \"xxx", "at most 200 characters"]),
        (format!("problem.sketch={{kind=\"{long}\"}}"), ["problem.sketch.kind = \"xxx", "gaussian, none, file"]),
        (format!("problem.target={{kind=\"file\",path=\"{long}\"}}"), ["problem.target.path", "allowed is"]),
        (format!("{long}=1"), ["xxx", "allowed are problem, train, recipe, sweep"]),
        (format!("sweep.check=\"{long}\""), ["sweep.check = \"xxx", "auto, all, off or a number"]),
        (long.clone(), ["--set xxx", "sweep.seeds=8"]),
    ] {
        let message = message(PLAIN, &[&set]);
        assert!(message.chars().count() < 1300, "{} characters", message.chars().count());
        names(&message, &parts);
    }
}

#[test]
fn deep_nesting_is_refused() {
    for depth in [100, 1000, 100_000] {
        for (open, close) in [("[", "]"), ("{a=", "}")] {
            let text = format!("{PLAIN}[sweep]\nseeds = {}1{}\n", open.repeat(depth), close.repeat(depth));
            message(&text, &[]);
        }
        for text in [format!("{} = 1", vec!["a"; depth].join(".")), format!("[{}]\nb = 1", vec!["a"; depth].join("."))]
        {
            message(&format!("{PLAIN}\n{text}\n"), &[]);
            message(&format!("{text}\n"), &[]);
        }
    }
}

#[test]
fn line_ends_and_byte_order_marks_mean_nothing() {
    let config = plain(&[]);
    assert_eq!(read(&PLAIN.replace('\n', "\r\n"), &[]).unwrap(), config);
    assert_eq!(read(&format!("\u{feff}{PLAIN}"), &[]).unwrap(), config);
    let place = Place::new();
    assert_eq!(place.load(&format!("\u{feff}{}", PLAIN.replace('\n', "\r\n")), &[]).unwrap(), config);
    // A lone carriage return and other control characters are no text of TOML.
    for c in ["\r", "\0", "\u{1b}", "\u{7f}"] {
        names(&message(&PLAIN.replacen("dim", &format!("{c}dim"), 1), &[]), &["line 3:"]);
        message(&PLAIN.replace("name = \"a\"", &format!("name = \"a{c}b\"")), &[]);
    }
}

#[test]
fn files_that_are_no_config_are_refused() {
    let place = Place::new();
    let refused = |name: &str, parts: &[&str]| {
        let message = line(load(&place.path(name), &[]));
        names(&message, &[&[name, "cannot be read"], parts].concat());
    };
    refused("missing.toml", &["No such file"]);
    fs::create_dir(place.path("dir.toml")).unwrap();
    refused("dir.toml", &["directory"]);
    fs::write(place.path("bytes.toml"), b"[problem]\ndim = \xff").unwrap();
    refused("bytes.toml", &["UTF-8"]);
    fs::write(place.path("utf16.toml"), [0xff, 0xfe, b'[', 0]).unwrap();
    refused("utf16.toml", &["UTF-8"]);
    fs::write(place.path("long.toml"), vec![b' '; (1 << 24) + 1]).unwrap();
    refused("long.toml", &["longer than the 16777216 bytes allowed"]);
    let message = line(load(&place.path("two\nlines.toml"), &[]));
    names(&message, &["two\\nlines.toml"]);
    #[cfg(unix)]
    names(&line(load(Path::new("/dev/zero"), &[])), &["/dev/zero", "longer than"]);
}
