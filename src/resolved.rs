//! The resolved config: every default written out, one key a line, parsing back to the same config.

use std::fmt::Write as _;

use crate::config::{Check, Checkpoints, Config, Output, Problem};
use crate::error::Result;
use crate::format::{Layout, Spec};
use crate::plan::Plan;
use crate::row::{STREAM_VERSION, Site};
use crate::store::Settings;

/// The whole config as TOML.
pub fn to_toml(config: &Config) -> String {
    let check = match config.sweep.check {
        Check::Auto => "\"auto\"".into(),
        Check::All => "\"all\"".into(),
        Check::Off => "\"off\"".into(),
        Check::Seeds(n) => n.to_string(),
    };
    let sweep = &config.sweep;
    format!(
        "{}\n[sweep]\nseeds = {}\nseed = {}\ncheck = {check}\ndraws = \"device\"\n",
        body(config),
        sweep.seeds,
        sweep.seed
    )
}

/// What an output directory compares: all but seeds, check and draws.
pub fn settings(plan: &Plan) -> Result<Settings> {
    let config = &plan.config;
    Ok(Settings {
        config_toml: to_toml(config),
        identity: format!("{}\nseed = {}\n", body(config), config.sweep.seed),
        seeds: config.sweep.seeds,
        stream_version: STREAM_VERSION,
    })
}

fn body(config: &Config) -> String {
    let mut text = String::from("[problem]\n");
    let mut key = |name: &str, value: &dyn Fn(&Problem) -> String| {
        let mut values: Vec<String> = Vec::new();
        for problem in &config.problems {
            let value = value(problem);
            if !values.contains(&value) {
                values.push(value);
            }
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name} = [{}]", values.join(", "));
    };
    key("dim", &|p| p.dim.to_string());
    key("spectrum", &|p| format!("{{ kind = \"power\", exponent = {:?} }}", p.exponent));
    key("target", &|p| format!("{{ kind = \"{}\" }}", p.target.name()));
    key("noise", &|p| format!("{:?}", p.noise));
    key("sketch", &|p| format!("{{ kind = \"{}\" }}", p.sketch.name()));
    text += "sampling = \"ambient\"\ntail = \"open\"\n\n[train]\n";
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
        let _ = writeln!(text, "\n[[recipe]]\nname = {}", toml::Value::from(recipe.name.as_str()));
        for site in Site::ALL {
            if let Some(spec) = &recipe.sites[site as usize] {
                let _ = writeln!(text, "{} = {}", site.name(), spec_text(spec));
            }
        }
    }
    text
}

fn spec_text(spec: &Spec) -> String {
    match spec {
        Spec::Additive { eps } => format!("{{ noise = \"additive\", eps = {eps:?}, law = \"gaussian\" }}"),
        Spec::Format { format, scale, rounding } => {
            let option = match format.layout {
                Layout::Integer { .. } => format!(", step = {scale:?}"),
                Layout::Float { .. } => format!(", scale = {scale:?}"),
                _ => String::new(),
            };
            format!("{{ format = \"{}\"{option}, rounding = \"{}\" }}", format.name, rounding.name())
        }
    }
}
