//! The configs of the repository are shown in a page and accepted, with what their comments and the pages set.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use roundlaw::cli::Cli;
use roundlaw::config::Config;
use roundlaw::plan::Plan;

use super::commands;
use super::page::{FINDINGS, GALLERY, PAPERS, README};

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
            // Covariates come from files that a script writes.
            if path.extension().is_some_and(|extension| extension == "toml") && !text.contains("covariates") {
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
