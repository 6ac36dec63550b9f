//! A number format and its options on the command line: those of a recipe's site, by the same table.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use toml::{Table, Value};

use crate::config::keys::Keys;
use crate::config::quantizer::quantizer;
use crate::error::Result;
use crate::format::{FORMAT_OPTIONS, Kind, OptionRow, Quantizer, Rounding, applying};

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

/// ` --NAME VALUE` for the format and each option that is not the default's, but the scale of a tensor.
pub fn command_line(quantizer: &Quantizer) -> String {
    let plain = Quantizer::new(quantizer.format);
    let usual = Quantizer { rounding: Rounding::new(quantizer.rounding.direction), ..plain };
    let told = |row: &&OptionRow<Quantizer>| {
        let default = if row.name == "rounding" { &plain } else { &usual };
        let is_other =
            row.kind == Kind::Name || (row.always)(quantizer) || (row.write)(quantizer) != (row.write)(default);
        row.name != "tensor_scale" && is_other
    };
    let text = |row: &OptionRow<Quantizer>| {
        let value = (row.write)(quantizer)?.toml();
        Some(format!(" --{} {}", row.name.replace('_', "-"), value.trim_matches('"')))
    };
    applying(FORMAT_OPTIONS, Kind::RESOLVED, quantizer).filter(told).filter_map(text).collect()
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
