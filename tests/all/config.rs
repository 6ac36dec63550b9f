//! A config says what it means or is refused: by key, by value, and with what is allowed.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use roundlaw::config::resolved;
use roundlaw::config::{Check, Checkpoints, Config, Draws, Output, Schedule};
use roundlaw::error::{Error, exit};
use roundlaw::format::{
    Direction, FORMATS, Float, Law, Layout, Nan, Noise, Overflow, QuantOp, Quantizer, Rounding, ScaleFormat, ScaleMode,
    Sharing, Spec, Specials, Subnormals, WHOLE, format,
};
use roundlaw::plan::Plan;
use roundlaw::problem::{Problem, Sampling, Sketch, Spectrum, Tail, Target};
use roundlaw::site::{PerSite, SITES, Site};
use roundlaw::words::words;
use strum::VariantArray as _;

mod covariates;
mod damaged;
mod files;
mod formats;
mod integers;
mod keys;
mod lists;
mod problem;
mod recipe;
#[path = "config/resolved.rs"]
mod resolved_config;
mod text;
mod train;
use crate::npy_file::f32_file;

const PLAIN: &str = r#"
[problem]
dim = 100
spectrum = { kind = "power", exponent = 2.0 }

[train]
model = [4, 8]
samples = [64]

[[recipe]]
name = "a"
"#;

const QUICKSTART: &str = include_str!("../../configs/quickstart.toml");

fn read(text: &str, set: &[&str]) -> Result<Config, Error> {
    let set: Vec<String> = set.iter().map(|item| item.to_string()).collect();
    Ok(Plan::new(Config::parse(text, &set)?)?.config().clone())
}

fn plain(set: &[&str]) -> Config {
    read(PLAIN, set).unwrap_or_else(|e| panic!("{set:?}: {e}"))
}

/// The message of a refusal, which is one line and ends the program with the status of bad input.
#[track_caller]
fn message(text: &str, set: &[&str]) -> String {
    line(read(text, set))
}

#[track_caller]
fn line(result: Result<Config, Error>) -> String {
    let error = match result {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(error) => error,
    };
    assert_eq!(error.exit_code(), exit::INPUT, "{error}");
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
    message
}

#[track_caller]
fn names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not name {part:?}");
    }
}

/// Every override of the plain config is refused, and the message holds all of the parts.
#[track_caller]
fn refused(table: &[(&[&str], &[&str])]) {
    for (set, parts) in table {
        names(&message(PLAIN, set), parts);
    }
}

/// The plain config with more lines, which belong to its recipe.
fn with_recipe(lines: &str) -> String {
    format!("{PLAIN}{lines}\n")
}

/// A directory with a config and the files it names.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a float32 file of that shape, whose values are a function of their place.
    fn file(&self, name: &str, shape: &[usize], value: impl Fn(usize) -> f32) {
        let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
        fs::write(self.path(name), f32_file(1, shape, &values)).unwrap();
    }

    fn load(&self, text: &str, set: &[&str]) -> Result<Config, Error> {
        fs::write(self.path("config.toml"), text).unwrap();
        load(&self.path("config.toml"), set)
    }

    #[track_caller]
    fn accepted(&self, text: &str, set: &[&str]) -> Config {
        self.load(text, set).unwrap_or_else(|e| panic!("{set:?}: {e}"))
    }
}

fn load(path: &Path, set: &[&str]) -> Result<Config, Error> {
    let set: Vec<String> = set.iter().map(|item| item.to_string()).collect();
    Ok(Plan::new(Config::load(path, &set)?)?.config().clone())
}
