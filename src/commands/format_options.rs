//! A number format and its options on the command line: those of a recipe's site, by the same table.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use toml::{Table, Value};

use crate::config::keys::Keys;
use crate::config::quantizer::quantizer;
use crate::error::Result;
use crate::format::{FORMAT_OPTIONS, Quantizer};

/// The options that were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FormatOptions(Table);

impl FormatOptions {
    /// Whether an option of that name was given.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// With another one, as if it had been given.
    pub fn with(mut self, name: &str, word: &str) -> FormatOptions {
        self.0.insert(name.to_string(), value(word));
        self
    }

    /// Whether any option was given.
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// The format that they name.
    pub fn quantizer(&self) -> Result<Quantizer> {
        quantizer(Keys::options(self.0.clone()))
    }
}

impl Args for FormatOptions {
    fn augment_args(command: Command) -> Command {
        command.args(FORMAT_OPTIONS.iter().map(|row| {
            let argument = Arg::new(row.name).long(row.name.replace('_', "-"));
            argument.value_name(row.name.to_uppercase()).help(row.help()).allow_negative_numbers(true)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FormatOptions {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let mut options = FormatOptions::default();
        options.update_from_arg_matches(matches)?;
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        for row in FORMAT_OPTIONS {
            if let Some(word) = matches.get_one::<String>(row.name) {
                self.0.insert(row.name.to_string(), value(word));
            }
        }
        Ok(())
    }
}

/// A word as a config would have it without quotes: a number or a truth value, else text. `nan` and `inf` are text.
fn value(word: &str) -> Value {
    let decimal = || word.parse::<f64>().ok().filter(|_| word.contains(|c: char| c.is_ascii_digit()));
    if let Ok(whole) = word.parse::<i64>() {
        Value::from(whole)
    } else if let Some(number) = decimal() {
        Value::from(number)
    } else {
        word.parse::<bool>().map_or_else(|_| Value::from(word), Value::from)
    }
}
