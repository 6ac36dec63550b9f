use std::process::ExitCode;

use roundlaw::cli::Cli;
use roundlaw::error::{Error, exit, exit_code_of};
use roundlaw::os;
use roundlaw::streams::tell;

fn main() -> ExitCode {
    // Before any other thread runs.
    os::look_for_no_windows();
    os::refuse_large_files();
    let Err(error) = run() else { return ExitCode::from(exit::OK) };
    tell(&format!("roundlaw: {error:#}"));
    ExitCode::from(exit_code_of(&error))
}

fn run() -> anyhow::Result<()> {
    #[cfg(unix)]
    os::refuse_closed_output().map_err(Error::io(std::path::Path::new("stdout")))?;
    Cli::read()?.map_or(Ok(()), |cli| cli.command.run())
}
