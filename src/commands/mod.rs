//! One small file per command.

mod devices;
pub mod format_options;
mod formats;
mod plan;
mod quantize;
mod replay;
mod report;
mod status;
mod sweep;
mod verify;

use crate::cli::{Cli, Command};
use crate::error::Result;

/// Runs the command.
pub fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Devices(args) => devices::run(args),
        Command::Formats(args) => formats::run(args),
        Command::Quantize(args) => quantize::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Sweep(args) => sweep::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Report(args) => report::run(args),
        Command::Status(args) => status::run(args),
    }
}

/// Prints data to stdout; a closed pipe is no error.
fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}
