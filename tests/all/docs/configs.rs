//! The configs of the repository are shown in a page and accepted, with what their comments and the pages set; exact
//! numbers in them are those of `predict`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use roundlaw::cli::Cli;
use roundlaw::config::Config;
use roundlaw::plan::Plan;
use serde_json::Value;

use super::commands;
use super::page::{FINDINGS, GALLERY, PAPERS, README, table};

/// Each folder of configs, with the pages that show them.
const FOLDERS: [(&str, &[&str]); 3] = [
    ("configs", &[README, GALLERY, include_str!("../../../docs/adapters.md")]),
    ("configs/papers", &[PAPERS]),
    ("configs/findings", &[FINDINGS]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Paths of the files of a folder, arrays left out.
fn files(folder: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file() && path.extension().is_none_or(|extension| extension != "npy")).collect()
}

fn name(path: &Path) -> &str {
    path.strip_prefix(root()).unwrap().to_str().unwrap()
}

#[track_caller]
fn accepted(name: &str, set: &[String]) {
    let plan = Config::load(&root().join(name), set).and_then(Plan::new);
    plan.unwrap_or_else(|e| panic!("{name} {set:?}: {e}"));
}

#[test]
fn every_config_is_shown_and_accepted() {
    for (folder, pages) in FOLDERS {
        for path in files(folder).iter().filter(|path| path.file_name().unwrap() != "README.md") {
            // A page of the same folder links by the name alone.
            let file = path.file_name().unwrap().to_str().unwrap();
            assert!(
                pages.iter().any(|page| page.contains(name(path)) || page.contains(&format!("]({file})"))),
                "{file}"
            );
            let text = fs::read_to_string(path).unwrap();
            // Those that read covariates from files need a script first.
            if path.extension().is_some_and(|extension| extension == "toml") && !text.contains("\ncovariates =") {
                accepted(name(path), &[]);
            }
        }
    }
}

/// The command lines in the comments of a config, each behind three blanks.
fn of_comments(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    commands(&format!("```sh\n{}\n```", lines.join("\n")))
}

#[test]
fn the_commands_of_papers_and_findings_are_accepted_with_what_they_set() {
    let mut lines = [FINDINGS, PAPERS].map(commands).concat();
    for path in ["configs/papers", "configs/findings"].into_iter().flat_map(files) {
        if path.extension().is_some_and(|extension| extension == "toml") {
            let own = of_comments(&fs::read_to_string(&path).unwrap());
            assert!(own.iter().any(|words| words[1] == name(&path)), "{}: how is it run?", name(&path));
            lines.extend(own);
        }
    }
    for words in lines {
        let line = std::iter::once("roundlaw").chain(words.iter().map(String::as_str));
        Cli::try_parse_from(line).unwrap_or_else(|e| panic!("{words:?}: {e}"));
        if words[1].starts_with("configs/") {
            let set = words.windows(2).filter(|pair| pair[0] == "--set").map(|pair| pair[1].clone());
            accepted(&words[1], &set.collect::<Vec<_>>());
        }
    }
}

/// Expected excess and risk on quantized test features at the end of the runs of a config that sets no target by seed.
fn expected(config: &str, set: &[&str]) -> Vec<Value> {
    let path = root().join(config);
    let set = set.iter().flat_map(|pair| ["--set", *pair]);
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_roundlaw"))
        .args(["predict", path.to_str().unwrap(), "--json", "--set", "sweep.seeds=1"])
        .args(set)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let cells: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    cells.into_iter().filter(|cell| cell["seen"] == cell["samples"]).collect()
}

/// `text` is `value` to the decimals that it shows.
#[track_caller]
fn rounded(text: &str, value: f64) {
    let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
    let shown: f64 = text.parse().unwrap();
    assert!((shown - value).abs() <= 0.501 * 10f64.powi(-decimals), "{text} stands for {value}");
}

#[test]
fn the_risks_in_the_comment_of_p2_are_the_expected_ones() {
    let config = "configs/papers/p2_q2.toml";
    let cells = expected(config, &["train.step_size=0.1"]);
    let text = fs::read_to_string(root().join(config)).unwrap();
    for recipe in ["fp32", "x additive", "x multiplicative"] {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("#   {recipe}  "))).unwrap();
        let clean: Vec<&str> = line.split_whitespace().filter(|word| !word.starts_with('(')).collect();
        let quantized: Vec<&str> = line.split_whitespace().filter_map(|word| word.strip_prefix('(')).collect();
        let of_recipe: Vec<&Value> = cells.iter().filter(|cell| cell["recipe"] == recipe).collect();
        assert_eq!((clean.len(), of_recipe.len()), (4, 4), "{recipe}");
        for (dim, cell) in [50, 100, 200, 400].into_iter().zip(&of_recipe) {
            assert_eq!(cell["dim"], dim);
        }
        clean.iter().zip(&of_recipe).for_each(|(text, cell)| rounded(text, cell["excess"].as_f64().unwrap()));
        for (text, cell) in quantized.iter().zip(&of_recipe) {
            rounded(text.trim_end_matches(')'), cell["quantized_test"].as_f64().unwrap());
        }
    }
}

#[test]
fn what_noise_adds_to_a_batch_is_what_the_findings_say() {
    let cells = expected("configs/findings/batch.toml", &[]);
    let excess = |recipe: &str, batch: &str| {
        let cell = cells.iter().find(|cell| cell["recipe"] == recipe && cell["batch"].as_u64() == batch.parse().ok());
        cell.unwrap_or_else(|| panic!("{recipe}, B = {batch}"))["excess"].as_f64().unwrap()
    };
    for row in table(FINDINGS, "noise in a batch") {
        for (batch, text) in ["1", "4", "16", "64", "256"].into_iter().zip(&row[1..]) {
            rounded(text, excess(&row[0], batch) - excess("fp32", batch));
        }
    }
}
