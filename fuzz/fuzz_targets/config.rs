//! A config, and after a NUL each one more `--set`: read to what it says in full, or refused in a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roundlaw::config::resolved::{identity, to_toml};
use roundlaw::{Config, Plan};
use roundlaw_fuzz::is_refusal;

/// More take the fuzzer's time and show nothing new.
const CELLS: usize = 10_000;

fuzz_target!(|text: &str| {
    let mut texts = text.split('\0').map(String::from);
    let text = texts.next().unwrap_or_default();
    let config = match Config::parse(&text, &texts.collect::<Vec<_>>()) {
        Ok(config) => config,
        Err(error) => return is_refusal(&error),
    };
    let resolved = to_toml(&config);
    let again = Config::parse(&resolved, &[]).unwrap_or_else(|error| panic!("{error}\n{resolved}"));
    assert!(again == config && to_toml(&again) == resolved && identity(&again) == identity(&config), "{resolved}");
    let train = config.train();
    let lists = [train.models.len().max(1), train.samples.len(), train.batches.len(), train.step_sizes.len()];
    if lists.iter().product::<usize>() * config.recipes().len() * config.problems().len() <= CELLS
        && let Err(error) = Plan::new(config)
    {
        is_refusal(&error);
    }
});
