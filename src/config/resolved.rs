//! The resolved config: every default written out, one key a line, parsing back to the same config.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::covariates::Order;
use super::inputs::{StoredInput, stored_inputs};
use super::{Check, Checkpoints, Config, Output};
use crate::format::Spec;
use crate::problem::{Covariates, Input, Problem, Sampling, Sketch, Spectrum, Target};
use crate::site::Site;

/// The whole config as TOML.
pub fn to_toml(config: &Config) -> String {
    let check = match config.sweep.check {
        Check::Auto => "\"auto\"".into(),
        Check::All => "\"all\"".into(),
        Check::Off => "\"off\"".into(),
        Check::Seeds(n) => n.to_string(),
    };
    let sweep = &config.sweep;
    let title = config.title.as_deref().map_or(String::new(), |title| format!("title = {}\n", Value::from(title)));
    format!(
        "{}\n[sweep]\nseeds = {}\nseed = {}\ncheck = {check}\ndraws = \"{}\"\n{title}",
        body(config, stored_path),
        sweep.seeds,
        sweep.seed,
        sweep.draws.name()
    )
}

/// What an output directory compares: all but seeds, check, draws, title and the places of files.
pub fn identity(config: &Config) -> String {
    format!("{}\nseed = {}\n", body(config, file_name), config.sweep.seed)
}

/// The identity and the seeds that a stored config says, whose files are not read; `None` for a text that [`to_toml`] did
/// not write.
pub fn stored_identity(config_toml: &str) -> Option<(String, u32)> {
    let table: Table = config_toml.parse().ok()?;
    let sweep = table.get("sweep")?;
    let seeds = sweep.get("seeds")?.as_integer()?.try_into().ok()?;
    let mut body = config_toml.split_once("\n[sweep]\n")?.0.to_owned();
    for StoredInput { path, .. } in stored_inputs(config_toml) {
        let [path, name] =
            [path.as_os_str(), path.file_name()?].map(|text| Value::from(&*text.to_string_lossy()).to_string());
        body = body.replace(&path, &name);
    }
    Some((format!("{body}\nseed = {}\n", sweep.get("seed")?), seeds))
}

/// How a text names a file.
type Name = fn(&Input) -> String;

/// Absolute, so that a stored config finds the file from anywhere.
fn stored_path(input: &Input) -> String {
    input.path.to_string_lossy().into_owned()
}

/// With its hash, what a file counts by: config and data may move together.
fn file_name(input: &Input) -> String {
    input.name()
}

fn body(config: &Config, name: Name) -> String {
    let mut text = String::from("[problem]\n");
    let mut key = |key: &str, value: &dyn Fn(&Problem) -> Option<String>| {
        let mut values: Vec<String> = Vec::new();
        for value in config.problems.iter().filter_map(value) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        if !values.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key} = [{}]", values.join(", "));
        }
    };
    // Covariates from files bring their own spectrum, target and noise.
    let drawn = |p: &Problem, value: String| p.covariates().is_none().then_some(value);
    key("dim", &|p| drawn(p, p.dim.to_string()));
    key("spectrum", &|p| spectrum_text(&p.spectrum, name));
    key("target", &|p| target_text(&p.target, name));
    key("noise", &|p| drawn(p, format!("{:?}", p.noise)));
    key("sketch", &|p| Some(sketch_text(&p.sketch, name)));
    key("sampling", &|p| Some(sampling_text(p.sampling)));
    key("tail", &|p| drawn(p, format!("\"{}\"", p.tail.name())));
    key("covariates", &|p| p.covariates().map(|covariates| covariates_text(covariates, name)));
    text += "\n[train]\n";
    let train = &config.train;
    if !train.models.is_empty() {
        let _ = writeln!(text, "model = {:?}", train.models);
    }
    let checkpoints = match &train.checkpoints {
        Checkpoints::At(points) => format!("{points:?}"),
        Checkpoints::Log2 => "\"log2\"".into(),
    };
    let outputs: Vec<&str> = train.outputs.iter().map(|o: &Output| o.name()).collect();
    let _ = writeln!(
        text,
        "samples = {:?}\nbatch = {:?}\nstep_size = {:?}\nschedule = {:?}\noutput = {outputs:?}\ncheckpoints = {checkpoints}",
        train.samples,
        train.batches,
        train.step_sizes,
        train.schedule.name()
    );
    if let Some(samples) = train.quantized_test {
        let _ = writeln!(text, "quantized_test = true\ntest_samples = {samples}");
    }
    for recipe in &config.recipes {
        let _ = writeln!(text, "\n[[recipe]]\nname = {}", Value::from(recipe.name.as_str()));
        if let Some(bits) = recipe.bits {
            let _ = writeln!(text, "bits = {bits:?}");
        }
        for site in Site::ALL {
            if let Some(spec) = &recipe.sites[site] {
                let _ = writeln!(text, "{} = {}", site.name(), spec.inline_table());
            }
        }
        for (number, phase) in (1..).zip(&recipe.then) {
            let _ = writeln!(text, "\n[[recipe.then]]\nfrom = {}", phase.from.toml());
            for (site, spec) in recipe.changes(number) {
                let _ = writeln!(text, "{} = {}", site.name(), spec.map_or("\"fp32\"".into(), Spec::inline_table));
            }
        }
    }
    text
}

/// `path = "...", hash = "..."`: where the file lies, and what it held.
fn input_text(path: &str, hash: &str, input: &Input, name: Name) -> String {
    format!("{path} = {}, {hash} = \"{}\"", Value::from(name(input)), input.digest())
}

fn table(kind: impl Into<&'static str>, rest: &str) -> String {
    let kind = format!("kind = {:?}", kind.into());
    if rest.is_empty() { format!("{{ {kind} }}") } else { format!("{{ {kind}, {rest} }}") }
}

fn spectrum_text(spectrum: &Spectrum, name: Name) -> Option<String> {
    let rest = match spectrum {
        Spectrum::Power { exponent } | Spectrum::Logarithmic { exponent } => format!("exponent = {exponent:?}"),
        Spectrum::Exponential { rate } => format!("rate = {rate:?}"),
        Spectrum::File(input) => input_text("path", "hash", input, name),
        Spectrum::Covariates(_) => return None,
    };
    Some(table(spectrum.kind()?, &rest))
}

fn target_text(target: &Target, name: Name) -> Option<String> {
    let rest = match target {
        Target::Gaussian | Target::Ones => String::new(),
        Target::Source { exponent } => format!("exponent = {exponent:?}"),
        Target::File(input) => input_text("path", "hash", input, name),
        Target::Labels(_) => return None,
    };
    Some(table(target.kind()?, &rest))
}

fn sketch_text(sketch: &Sketch, name: Name) -> String {
    let rest = match sketch {
        Sketch::Gaussian { nested } => format!("nested = {nested}"),
        Sketch::None => String::new(),
        Sketch::File(input) => input_text("path", "hash", input, name),
    };
    table(sketch.kind(), &rest)
}

fn sampling_text(sampling: Sampling) -> String {
    match sampling {
        Sampling::Head { coordinates } => table(sampling.kind(), &format!("coordinates = {coordinates}")),
        Sampling::Ambient | Sampling::Feature => format!("{:?}", <&str>::from(sampling.kind())),
    }
}

fn covariates_text(covariates: &Covariates, name: Name) -> String {
    format!(
        "{{ {}, {}, order = \"{}\", held_out = {:?}, standardize = {} }}",
        input_text("path", "path_hash", &covariates.x, name),
        input_text("labels", "labels_hash", &covariates.labels, name),
        <&str>::from(if covariates.permuted { Order::Permuted } else { Order::File }),
        covariates.held_out,
        covariates.standardize
    )
}
