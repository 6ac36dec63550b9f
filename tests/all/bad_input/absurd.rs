//! Well-formed configs that nobody can run: `plan` answers in seconds and little memory.

use super::*;

/// `plan` under a limit of 3 GB of address space and 30 s of processor time, which other work on the machine does not
/// use up: its exit code and output.
#[track_caller]
fn plan(place: &Place, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_roundlaw");
    let mut command = match cfg!(target_os = "linux") {
        true => {
            let mut shell = assert_cmd::Command::new("sh");
            shell.args(["-c", "ulimit -v 3000000 && ulimit -t 30 && exec \"$0\" \"$@\"", program]);
            shell
        }
        false => assert_cmd::Command::new(program),
    };
    command.env("RAYON_NUM_THREADS", "2").current_dir(place.0.path()).timeout(Duration::from_secs(100));
    let output = command.args(["plan", "config.toml"]).args(args).output().unwrap();
    assert!([Some(0), Some(2)].contains(&output.status.code()), "{:?}: {}", output.status, stderr(&output));
    output
}

fn list(count: u32, value: impl Fn(u32) -> String) -> String {
    format!("[{}]", (1..=count).map(value).collect::<Vec<_>>().join(","))
}

#[test]
fn huge_problems_are_planned_or_refused_in_seconds() {
    let place = Place::new();
    fs::write(place.path("config.toml"), PLAIN).unwrap();
    let huge = "problem.dim=16777216";
    for (set, accepted) in [
        (&[huge, "train.model=4096"][..], false),
        (&[huge, "train.model=1"], true),
        (&[huge, "train.model=[1,2]", "problem.spectrum={kind=\"exponential\",rate=0.001}"], true),
        (&[huge, "train.model=1", "problem.spectrum={kind=\"logarithmic\",exponent=1.5}", "problem.tail=closed"], true),
        (&[huge, "train.model=1", "problem.target={kind=\"source\",exponent=1.5}"], true),
        (&["train.samples=2147483647"], true),
        (
            &[
                "train.samples=2147482624",
                "train.batch=1024",
                "train.checkpoints=log2",
                "train.output=[\"last\",\"average\"]",
            ],
            true,
        ),
        (&["train.samples=[16,2147483647]", "train.schedule=constant"], true),
        (&["sweep.seeds=10000000"], true),
        (&["sweep.seeds=2147483647", "sweep.check=all"], false),
        (&["problem.dim=4096", "train.model={from=1,to=4096,mul=2}", "train.samples=2147483647"], true),
    ] {
        let args: Vec<&str> = set.iter().flat_map(|item| ["--set", item]).collect();
        for recipe in [
            "{name=\"a\"}",
            "{name=\"a\",data=\"e4m3\",sketch=\"mxfp4\",feature=\"e4m3\",weight=\"e4m3\",label=\"e4m3\"}",
        ] {
            let recipe = format!("recipe=[{recipe}]");
            let output = plan(&place, &[&args[..], &["--set", &recipe]].concat());
            let code = if accepted { 0 } else { 2 };
            assert_eq!(output.status.code(), Some(code), "{set:?}: {}", stderr(&output));
            match accepted {
                true => assert!(output.stdout.starts_with(b"cells ")),
                false => assert!(stderr(&output).contains("allowed are smaller"), "{}", stderr(&output)),
            }
        }
    }
}

#[test]
fn lists_of_thousands_are_planned_or_refused_in_seconds() {
    let place = Place::new();
    let integers = |count| list(count, |i| (16 * i).to_string());
    let steps = |count| list(count, |i| format!("{:e}", 1e-5 * f64::from(i)));
    let noises = |count| list(count, |i| format!("{i}.5"));
    let targets =
        |count| list(count, |i| format!("{{ kind = \"source\", exponent = {:?} }}", 1.0 + f64::from(i) / 1e5));
    let recipes =
        |count| (1..=count).map(|i| format!("[[recipe]]\nname = \"r{i}\"\nfeature = \"e4m3\"\n")).collect::<String>();
    let set = |from: &str, to: String| PLAIN.replacen(from, &to, 1);
    for (what, text, accepted) in [
        ("samples", set("samples = [16]", format!("samples = {}", integers(10_000))), true),
        (
            "constant samples",
            set("samples = [16]", format!("schedule = \"constant\"\nsamples = {}", integers(10_000))),
            true,
        ),
        ("steps", set("[train]", format!("[train]\nstep_size = {}", steps(10_000))), true),
        (
            "models",
            set("model = [2, 3]", format!("model = {}", list(512, |i| i.to_string()))).replace("dim = 12", "dim = 512"),
            true,
        ),
        (
            "own sketches",
            set("model = [2, 3]", format!("model = {}\nquantized_test = true", list(200, |i| i.to_string())))
                .replace("dim = 12", "dim = 300\nsketch = { kind = \"gaussian\", nested = false }"),
            true,
        ),
        ("noises", set("dim = 12", format!("dim = 12\nnoise = {}", noises(4096))), true),
        (
            "noises of a closed tail",
            set("{ kind = \"power\", exponent = 1.5 }", "{ kind = \"logarithmic\", exponent = 1.5 }".into())
                .replace("dim = 12", &format!("dim = 12\ntail = \"closed\"\nnoise = {}", noises(4096))),
            true,
        ),
        ("more noises", set("dim = 12", format!("dim = 12\nnoise = {}", noises(10_000))), false),
        ("targets", set("dim = 12", format!("dim = 16777216\ntarget = {}", targets(4000))), true),
        ("checkpoints", set("samples = [16]", format!("samples = [160000]\ncheckpoints = {}", integers(10_000))), true),
        ("recipes", format!("{}{}", PLAIN, recipes(4095)), true),
        ("more recipes", format!("{}{}", PLAIN, recipes(10_000)), false),
        (
            "samples times steps",
            set("samples = [16]", format!("samples = {}\nstep_size = {}", integers(10_000), steps(10_000))),
            false,
        ),
        ("dims", set("dim = 12", format!("dim = {}", list(4096, |i| (i + 16_000_000).to_string()))), true),
    ] {
        fs::write(place.path("config.toml"), text).unwrap();
        let output = plan(&place, &[]);
        let code = if accepted { 0 } else { 2 };
        assert_eq!(output.status.code(), Some(code), "{what}: {}", stderr(&output));
        if !accepted {
            refused(&output, &["allowed are up to"]);
        }
        assert!(output.stdout.len() < 100_000, "{what}: {} bytes of output", output.stdout.len());
    }
}

#[test]
fn strange_texts_are_refused_in_one_line() {
    let place = Place::new();
    let deep = |open: &str, close: &str| format!("{PLAIN}deep = {}1{}\n", open.repeat(200_000), close.repeat(200_000));
    for (text, parts) in [
        (deep("[", "]").into_bytes(), &["config.toml, line"][..]),
        (deep("{ a = ", " }").into_bytes(), &["config.toml, line"]),
        (format!("{PLAIN}{} = 1\n", vec!["a"; 200_000].join(".")).into_bytes(), &[]),
        (format!("{PLAIN}[{}]\n", vec!["a"; 200_000].join(".")).into_bytes(), &[]),
        (
            PLAIN.replace("\"a\"", &format!("\"{}\"", "n".repeat(1_000_000))).into_bytes(),
            &["recipe.name", "at most 200"],
        ),
        (
            PLAIN.replace("dim", &"d".repeat(1_000_000)).into_bytes(),
            &["line 3: problem.ddd", "no known key: allowed are dim"],
        ),
        (PLAIN.replace("dim", "d\0im").into_bytes(), &["config.toml, line 3"]),
        (PLAIN.replace("dim", "\u{1}dim").into_bytes(), &["config.toml, line 3"]),
        (b"\xff\xfe[\0p\0".to_vec(), &["config.toml", "UTF-8"]),
        ([PLAIN.as_bytes(), b"# \xc3\x28\n"].concat(), &["config.toml", "UTF-8"]),
        (vec![0; 1000], &["config.toml, line 1"]),
        (vec![b'['; 1_000_000], &["config.toml, line 1"]),
        (Vec::new(), &["missing"]),
    ] {
        fs::write(place.path("config.toml"), text).unwrap();
        refused(&plan(&place, &[]), parts);
    }
    fs::write(place.path("config.toml"), format!("\u{feff}{}", PLAIN.replace('\n', "\r\n"))).unwrap();
    assert_eq!(plan(&place, &[]).status.code(), Some(0));
}
