use std::process::ExitCode;

use clap::Parser;
use roundlaw::{cli::Cli, commands};

fn main() -> ExitCode {
    match commands::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roundlaw: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
