//! The keys that the parser knows, asked of the parser itself: it names them when it refuses an unknown one.

use std::path::Path;

use toml::{Table, Value};

/// The smallest config.
pub const PLAIN: &str = "
[problem]
dim = 8
spectrum = { kind = \"power\", exponent = 2.0 }

[train]
model = 4
samples = 64

[[recipe]]
name = \"a\"
";

/// A config, and one of its tables.
pub struct Context {
    /// The table's name in the page.
    pub section: &'static str,
    path: Vec<&'static str>,
    pub config: Table,
}

impl Context {
    /// PLAIN with the table of that path as given.
    fn new(section: &'static str, path: &[&'static str], table: &str) -> Context {
        let mut context = Context { section, path: path.to_vec(), config: PLAIN.parse().unwrap() };
        if table.contains("path = \"matrix.npy\", labels") {
            let problem = context.config["problem"].as_table_mut().unwrap();
            problem.remove("spectrum");
        }
        if !table.is_empty() {
            let value = format!("v = {table}").parse::<Table>().unwrap().remove("v").unwrap();
            let (last, parents) = path.split_last().unwrap();
            let mut at = &mut context.config;
            for name in parents {
                at = child(at, name);
            }
            at.insert(last.to_string(), value);
        }
        context
    }

    /// The table itself, in a config made from this one.
    pub fn at<'a>(&self, config: &'a mut Table) -> &'a mut Table {
        self.path.iter().fold(config, |at, name| child(at, name))
    }

    /// The keys that the parser allows in this table, as `section.key`.
    pub fn known(&self, dir: &Path) -> Vec<String> {
        let mut config = self.config.clone();
        self.at(&mut config).insert("no such key".into(), Value::from(0));
        let message = super::read(dir, &config).expect_err("an unknown key").to_string();
        let (_, allowed) = message.split_once("is no known key: allowed are ").unwrap_or_else(|| panic!("{message}"));
        let site = |key: &str| roundlaw::site::Site::ALL.iter().any(|site| site.name() == key);
        let has_sites = ["recipe", "recipe.then"].contains(&self.section);
        let name = |key: &str| if has_sites && site(key) { "<site>".into() } else { key.to_string() };
        allowed.split(", ").map(|key| format!("{}.{}", self.section, name(key))).collect()
    }

    /// Why the config without a required key of this table is refused; `None` where the key does not apply.
    pub fn refusal_of_missing(&self, dir: &Path, without: &Table, name: &str) -> Option<String> {
        let has = self.at(&mut self.config.clone()).contains_key(name);
        has.then(|| super::read(dir, without).expect_err(name).to_string())
    }
}

/// The table of that name; of `[[recipe]]` its first.
fn child<'a>(table: &'a mut Table, name: &str) -> &'a mut Table {
    match table.entry(name).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(table) => table,
        Value::Array(list) => list[0].as_table_mut().unwrap(),
        other => panic!("{name} = {other}"),
    }
}

/// Every table of a config, in every form that has keys of its own.
pub fn contexts() -> Vec<Context> {
    let mut contexts = vec![
        Context::new("problem", &["problem"], ""),
        Context::new("train", &["train"], ""),
        Context::new("train", &["train"], "{ model = 4, samples = 64, quantized_test = true }"),
        Context::new("recipe", &["recipe"], ""),
        Context::new("recipe.then", &["recipe", "then"], "[{ from = 0.5 }]"),
        Context::new("sweep", &["sweep"], ""),
        Context::new("range", &["train", "model"], "{ from = 2, to = 8, mul = 2 }"),
        Context::new(
            "problem.covariates",
            &["problem", "covariates"],
            "{ path = \"matrix.npy\", labels = \"labels.npy\" }",
        ),
    ];
    for spectrum in [
        "{ kind = \"power\", exponent = 2.0 }",
        "{ kind = \"logarithmic\", exponent = 2.0 }",
        "{ kind = \"exponential\", rate = 0.5 }",
        "{ kind = \"file\", path = \"vector.npy\" }",
    ] {
        contexts.push(Context::new("problem.spectrum", &["problem", "spectrum"], spectrum));
    }
    for target in [
        "{ kind = \"gaussian\" }",
        "{ kind = \"ones\" }",
        "{ kind = \"source\", exponent = 2.0 }",
        "{ kind = \"file\", path = \"vector.npy\" }",
    ] {
        contexts.push(Context::new("problem.target", &["problem", "target"], target));
    }
    for sketch in ["{ kind = \"gaussian\" }", "{ kind = \"file\", path = \"matrix.npy\" }"] {
        contexts.push(Context::new("problem.sketch", &["problem", "sketch"], sketch));
    }
    for sampling in ["{ kind = \"feature\" }", "{ kind = \"head\", coordinates = 4 }"] {
        contexts.push(Context::new("problem.sampling", &["problem", "sampling"], sampling));
    }
    for site in [
        "{ format = \"e4m3\" }",
        "{ format = \"int8\", step = 0.25 }",
        "{ format = \"mxfp4\" }",
        "{ format = \"bfp8\" }",
        "{ format = \"e4m3\", rounding = \"stochastic\" }",
        "{ format = \"e3m4\" }",
        "{ format = \"int8\", step = 0.25, rounding = \"dither\" }",
        "{ format = \"int8\", step = \"absmax\" }",
        "{ format = \"log8\" }",
        "{ format = \"uint8\", step = 0.25 }",
        "{ format = \"nvfp4\" }",
        "{ noise = \"additive\", eps = 0.01 }",
    ] {
        contexts.push(Context::new("recipe.<site>", &["recipe", "label"], site));
    }
    contexts
}
