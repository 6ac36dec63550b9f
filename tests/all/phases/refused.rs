//! Phases that no run has, and what messages say of them.

use roundlaw::config::Config;
use roundlaw::exit;

/// The message of a config whose recipe has these phases.
fn message(train: &str, then: &str) -> String {
    let text = format!(
        "[problem]\ndim = 8\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = 4\n{train}\n[[recipe]]\n\
         name = \"a\"\nfeature = \"e4m3\"\n{then}\n"
    );
    let error = Config::parse(&text, &[]).expect_err(then);
    assert_eq!(error.exit_code(), exit::INPUT);
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn what_no_run_has_is_refused() {
    let one = "samples = 64";
    for (train, then, parts) in [
        (one, "then = [{ from = 1.0 }]", &["config, line 10: recipe \"a\", phase 1.from = 1.0", "between 0 and 1"][..]),
        (one, "then = [{ from = 0.0 }]", &["phase 1.from = 0.0", "a fraction of N between 0 and 1, as 0.5"]),
        (one, "then = [{ from = -0.5 }]", &["phase 1.from = -0.5", "between 0 and 1"]),
        (one, "then = [{ from = nan }]", &["phase 1.from = nan", "between 0 and 1"]),
        (one, "then = [{ from = 0 }]", &["phase 1.from = 0", "an integer from 1 to 2147483647, a number of samples"]),
        (one, "then = [{ from = 2147483648 }]", &["phase 1.from = 2147483648", "an integer from 1 to 2147483647"]),
        (one, "then = [{ from = \"half\" }]", &["phase 1.from = \"half\"", "allowed is a fraction"]),
        (one, "then = [{ feature = \"bf16\" }]", &["phase 1.from is missing", "a fraction of N, as 0.5"]),
        (one, "then = [{ from = 64 }]", &["phase 1.from = 64", "train.samples = 64", "before the end of every run"]),
        (
            "samples = [256, 64]",
            "then = [{ from = 100 }]",
            &[
                "line 10: recipe \"a\", phase 1.from = 100",
                "train.samples = 64",
                "behind sample 100",
                "end of every run, up to 63",
            ],
        ),
        ("samples = 64\nbatch = [1, 16]", "then = [{ from = 49 }]", &["train.batch = 16", "every run, up to 48"]),
        (
            "samples = [256, 64]\nbatch = [1, 64]",
            "then = [{ from = 0.5 }]",
            &["phase 1.from = 0.5", "train.samples = 64 and train.batch = 64", "behind sample 64"],
        ),
        (
            one,
            "[[recipe.then]]\nfrom = 0.5\n[[recipe.then]]\nfrom = 32",
            &["line 13: recipe \"a\", phase 2.from = 32", "behind the phase before it", "sample 32"],
        ),
        (
            "samples = 64\nbatch = 16",
            "then = [{ from = 0.3 }, { from = 0.4 }]",
            &["phase 2.from = 0.4", "behind the phase before it, which begins behind sample 32"],
        ),
        (
            one,
            "then = [{ from = 0.5, sketch = \"e4m3\" }]",
            &[
                "line 10: recipe \"a\", phase 1.sketch",
                "the sketch is rounded once a run",
                "allowed are from, data, feature",
            ],
        ),
        (
            one,
            "then = [{ from = 0.5, wieght = \"e4m3\" }]",
            &["phase 1.wieght is no known key", "did you mean weight?"],
        ),
        (one, "then = [{ from = 0.5, name = \"b\" }]", &["phase 1.name is no known key", "allowed are from, data"]),
        (
            one,
            "then = [{ from = 0.5, weight = { format = \"int8\" } }]",
            &["line 10: recipe \"a\", phase 1, weight.step is missing"],
        ),
        (one, "then = { from = 0.5 }", &["recipe.then = { from = 0.5 }", "[[recipe.then]]"]),
        (one, "then = [0.5]", &["phase 1 = 0.5", "a table"]),
        (one, "then = [{ from = [0.5, 0.5] }]", &["phase 1.from holds 0.5 twice"]),
        (one, "then = [{ from = [0.5, 2.0] }]", &["recipe \"a phase1.from=2\", phase 1.from = 2.0", "between 0 and 1"]),
    ] {
        let message = message(train, then);
        for part in parts {
            assert!(message.contains(part), "{message:?} does not name {part:?}");
        }
    }
}

#[test]
fn phases_are_few() {
    let then = |count: usize| {
        let phase = |k: usize| format!("{{ from = {k} }}");
        format!("then = [{}]", (1..=count).map(phase).collect::<Vec<_>>().join(", "))
    };
    let message = message("samples = 100", &then(65));
    assert!(message.contains("recipe.then holds 65 phases: allowed are up to 64"), "{message}");
    let text = format!(
        "[problem]\ndim = 8\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = 4\nsamples = 100\n\
         [[recipe]]\nname = \"a\"\n{}\n",
        then(64)
    );
    assert_eq!(Config::parse(&text, &[]).unwrap().recipes()[0].then.len(), 64);
    // An override sets all of them.
    let set = "recipe.'a'.then=[{from=0.5,weight='bf16'}]".to_owned();
    let config = Config::parse(&text, &[set]).unwrap();
    assert_eq!(config.recipes()[0].phases_text().unwrap(), "[{ from = 0.5, weight = \"bf16\" }]");
    let set = "recipe.'a'.then=[{from=50},{from=50}]".to_owned();
    let message = Config::parse(&text, &[set]).unwrap_err().to_string();
    assert!(message.starts_with("--set recipe \"a\", phase 2.from = 50: with train.samples = 100"), "{message}");
}

#[test]
fn an_override_finds_a_phase_by_its_number() {
    let text = "[problem]\ndim = 8\nspectrum = { kind = \"power\", exponent = 1.0 }\n[train]\nmodel = 4\nsamples = 64\n\
        [[recipe]]\nname = \"a\"\n[[recipe.then]]\nfrom = 0.25\nweight = \"e4m3\"\n[[recipe.then]]\nfrom = 0.5\n\
        data = \"bf16\"\n[[recipe]]\nname = \"b\"\n";
    let of = |set: &str| Config::parse(text, &[set.into()]);
    for (set, phases) in [
        ("then.1.from=0.125", "[{ from = 0.125, weight = \"e4m3\" }, { from = 0.5, data = \"bf16\" }]"),
        ("then.1.weight=bf16", "[{ from = 0.25, weight = \"bf16\" }, { from = 0.5, data = \"bf16\" }]"),
        (
            "then.2.data.rounding=stochastic",
            "[{ from = 0.25, weight = \"e4m3\" }, { from = 0.5, data = { format = \"bf16\", rounding = \"stochastic\" } }]",
        ),
    ] {
        let config = of(&format!("recipe.'a'.{set}")).unwrap();
        assert_eq!(config.recipes()[0].phases_text().as_deref(), Some(phases), "{set}");
    }
    for (set, said) in [
        ("recipe.\"a\".then.from=0.25", "then.from is no key of a phase: allowed is then.K.KEY, K from 1 to 2"),
        ("recipe.a.then.weight.format=bf16", "then.weight is no key of a phase: allowed is then.K.KEY, K from 1 to 2"),
        ("recipe.a.then.0.from=0.25", "then.0 is no key of a phase"),
        ("recipe.a.then.3.from=0.25", "then.3 is no key of a phase"),
        ("recipe.a.then.1=0.25", "then.1 is no key of a phase"),
        ("recipe.b.then.1.from=0.25", "there is no [[recipe.then]]: allowed is then.K.KEY"),
        ("recipe.a.then.1.from=2.5", "--set recipe \"a\", phase 1.from = 2.5: allowed is a fraction"),
        ("recipe.a.then.2.wieght=bf16", "--set recipe \"a\", phase 2.wieght is no known key"),
    ] {
        let message = of(set).unwrap_err().to_string();
        assert!(message.contains(said) && message.starts_with("--set ") && message.lines().count() == 1, "{message}");
    }
}

/// Where features are drawn no phase may round what they are drawn without.
#[test]
fn drawn_features_have_no_data_to_round_in_any_phase() {
    let text = "[problem]\ndim = 8\nspectrum = { kind = \"power\", exponent = 1.0 }\nsampling = \"feature\"\n[train]\n\
        model = 4\nsamples = 64\n[[recipe]]\nname = \"a\"\nthen = [{ from = 0.5, data = \"e4m3\" }]\n";
    let message = Config::parse(text, &[]).unwrap_err().to_string();
    assert!(
        message
            .contains("problem.sampling = \"feature\" draws no coordinates of x, which recipe \"a\", phase 1 rounds"),
        "{message}"
    );
}
