use std::process::ExitCode;

use clap::Parser as _;
use roundlaw::cli::Cli;
use roundlaw::error::{Error, exit};

fn main() -> ExitCode {
    let Err(error) = Cli::parse().command.run() else { return ExitCode::from(exit::OK) };
    eprintln!("roundlaw: {error:#}");
    let known = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    ExitCode::from(known.map_or(exit::OTHER, Error::exit_code))
}
