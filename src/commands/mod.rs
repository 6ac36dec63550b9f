//! One small file per command.

mod devices;
mod plan;
mod replay;
mod report;
mod status;
mod sweep;

use std::path::Path;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::error::{Error, Result};

/// Runs the command.
pub fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Devices(args) => devices::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Report(args) => report::run(args),
        Command::Status(args) => status::run(args),
    }
}

fn read_config(path: &Path, overrides: &[String]) -> Result<Config> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::Input(format!("config {} cannot be read: {e}", path.display())))?;
    Config::parse(&text, overrides)
}

/// Prints data to stdout; a closed pipe is no error.
fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}
