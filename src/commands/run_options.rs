//! The options that say how the runs of a config are computed: of `sweep`, and of `submit`, which hands them on.

use super::memory_option;
use crate::config::{Check, Config};
use crate::error::Result;

#[derive(clap::Args, Debug)]
pub struct RunOptions {
    /// auto, cpu, an index or name from `roundlaw devices`, pci:BUS, or all-hardware for every GPU at once.
    #[arg(long, default_value = "auto")]
    pub adapter: String,
    /// Memory of a GPU to use, at most, in GiB; by default 4 on a discrete one, 1 on an integrated one.
    #[arg(long, value_name = "GIB", value_parser = memory_option::bytes)]
    pub memory: Option<u64>,
    /// Cohorts redone by the reference: auto, all, off, or a number of seeds.
    #[arg(long)]
    pub check: Option<String>,
    /// Override a config key, as sweep.seeds=8 or 'recipe."NAME".feature.eps=0.1' (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl RunOptions {
    /// The config as these options change it.
    pub fn config(&self, path: &std::path::Path) -> Result<Config> {
        let mut config = Config::load(path, &self.set)?;
        if let Some(check) = &self.check {
            config.sweep.check = Check::parse("--check", check)?;
        }
        Ok(config)
    }

    /// The words of a command line that say the same.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
        add("--adapter", &self.adapter);
        if let Some(bytes) = self.memory {
            add("--memory", &memory_option::gib(bytes).to_string());
        }
        if let Some(check) = &self.check {
            add("--check", check);
        }
        self.set.iter().for_each(|set| add("--set", set));
        words
    }
}
