//! The command, with what `predict` and `fit` leave in the directory, and what it refuses.

use super::*;
use crate::program::{command, succeeds};

const CONFIG: &str = r#"
[problem]
dim = 32
spectrum = { kind = "power", exponent = 1.5 }
noise = 0.5
tail = "closed"
[train]
model = [4, 8, 16]
samples = [64, 256, 1024]
step_size = 0.1
[[recipe]]
name = "fp32"
[[recipe]]
name = "sums"
feature = { noise = "additive", eps = [0.01, 0.1] }
[[recipe]]
name = "format"
feature = "e2m1"
[sweep]
seeds = 8
check = "off"
"#;

/// What it prints.
#[track_caller]
fn printed(args: &[&str]) -> String {
    String::from_utf8(succeeds(args).stdout).unwrap()
}

#[track_caller]
fn refused(args: &[&str], code: i32, words: &[&str]) {
    let output = command(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    assert!(text.lines().count() == 1 && words.iter().all(|word| text.contains(word)), "{args:?}: {text}");
}

/// A directory of a sweep in `place`.
fn swept(place: &Path, name: &str, set: &[&str]) -> String {
    let (config, out) = (place.join("config.toml"), place.join(name));
    fs::write(&config, CONFIG).unwrap();
    let (config, out) = (config.display().to_string(), out.display().to_string());
    let set = set.iter().flat_map(|set| ["--set", set]);
    let args: Vec<&str> = ["sweep", &config, "--out", &out, "--adapter", "cpu"].into_iter().chain(set).collect();
    succeeds(&args);
    out
}

#[test]
fn expectations_and_fits_join_the_page_when_they_are_of_its_rows() {
    let place = tempfile::tempdir().unwrap();
    let dir = swept(place.path(), "out", &[]);
    let page = || read(&Path::new(&dir).join("report.html"));
    for what in ["There is no predict.parquet: `roundlaw predict ", "There is no fit.json: `roundlaw fit "] {
        assert!(page().contains(what), "{what}");
    }
    succeeds(&["predict", &dir]);
    succeeds(&["fit", &dir, "--resamples", "100"]);
    succeeds(&["report", &dir]);
    let html = page();
    assert!(!html.contains("There is no") && html.contains("thin line: exact expectation"));
    assert!(html.contains("dashes: expectation of laws like the formats"));
    for heading in
        ["Simulation against exact expectation", "Collapse with effective sizes", "z-scores", "Spectra of the features"]
    {
        assert!(html.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    for figure in ["features-1.svg", "z-1.svg"] {
        let svg = read(&Path::new(&dir).join("figures").join(figure));
        assert!(["D = ", "tail "].iter().all(|setting| svg.contains(setting)), "{figure} says its settings");
    }
    // Of 27 cells 18 have an exact expectation of full precision or sums; those of the format are of a law.
    let cells = read(&Path::new(&dir).join("figures/cells.csv"));
    let is = column(&cells, "expected_is");
    let count = |what: &str| is.iter().filter(|is| *is == what).count();
    assert_eq!((is.len(), count("exact"), count("matched")), (36, 27, 9));
    // More seeds: both are of other rows then.
    swept(place.path(), "out", &["sweep.seeds=9"]);
    let html = page();
    assert!(html.contains("predict.parquet is of other rows: `roundlaw predict "));
    assert!(html.contains("fit.json is of other rows: `roundlaw fit "));
    assert!(!html.contains("thin line"));
    fs::write(Path::new(&dir).join("fit.json"), "{").unwrap();
    refused(&["report", &dir], 7, &["fit.json", "`roundlaw fit DIR` writes it again"]);
}

#[test]
fn views_are_named_and_several_directories_join() {
    let place = tempfile::tempdir().unwrap();
    let (a, b) = (swept(place.path(), "a", &[]), swept(place.path(), "b", &["problem.dim=64"]));
    let text = printed(&["report", &a, "--x", "eps", "--y", "difference", "--format", "pdf"]);
    let lines: Vec<&str> = text.lines().collect();
    // At each of three M and N a figure.
    assert_eq!(lines.len(), 18);
    assert!(
        lines[0].ends_with("figures/view-difference-eps-by-family-1.pdf")
            && lines[1].ends_with("view-difference-eps-by-family-1.csv")
    );
    let both = place.path().join("both").display().to_string();
    let args = ["report", &a, &b, "--x", "dim", "--series", "recipe", "--panel", "model,samples", "--out", &both];
    let text = printed(&args);
    assert_eq!(text.lines().count(), 18);
    let csv = read(&Path::new(&both).join("figures/view-reducible-dim-by-recipe-1.csv"));
    // Four recipes at both D; the directory follows from D and splits nothing.
    assert_eq!((column(&csv, "x").len(), column(&csv, "x")[..2].to_vec()), (8, vec!["32".to_owned(), "64".to_owned()]));

    refused(&["report", &a, &b], 2, &["--out DIR is required for several directories"]);
    refused(&["report", &a, &a, "--out", &both], 2, &["named twice"]);
    refused(&["report", &a, "--x", "tau"], 2, &["--x", "tau", "allowed is one of dim,"]);
    refused(&["report", &a, "--y", "loss"], 2, &["--y", "loss", "allowed is one of reducible,"]);
    refused(&["report", &a, "--series", "x"], 2, &["--series", "allowed is one of directory,"]);
    refused(&["report", &a, "--baseline", "f"], 2, &["--baseline f", "allowed is one of `fp32`"]);
    refused(&["report", &a, "--recipe", "f"], 2, &["--recipe f", "`sums feature.eps=0.01`"]);
    refused(&["report", &a, "--x", "m_gc"], 2, &["--x m_gc --y reducible: no cell has both"]);
    refused(&["report", &a, "--only", "model"], 2, &["--only", "VARIABLE=VALUE"]);
    refused(&["report", &a, "--only", "model=7"], 2, &["--only model=7: no cell has all of it; model has 4, 8, 16"]);
    let text = printed(&["report", &a, "--x", "model", "--only", "samples=64", "--recipe", "fp32"]);
    let csv = read(Path::new(text.lines().nth(1).unwrap()));
    assert_eq!((column(&csv, "samples"), text.lines().count()), (vec!["64".to_owned(); 3], 2));
    refused(&["report", &a, "--format", "png"], 2, &["png", "svg, pdf"]);
}
