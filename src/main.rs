use std::process::ExitCode;

use roundlaw::cli::Cli;
use roundlaw::error::{Error, exit};
use roundlaw::streams::tell;
use roundlaw::threads;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    look_for_no_windows();
    let Err(error) = run() else { return ExitCode::from(exit::OK) };
    tell(&format!("roundlaw: {error:#}"));
    let known = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    ExitCode::from(known.map_or(exit::OTHER, Error::exit_code))
}

/// Has no window system asked for by Vulkan drivers, who complain on stderr where they do not know where to ask: the
/// layer that Mesa puts in front of them looks for Wayland in any case.
#[cfg(target_os = "linux")]
fn look_for_no_windows() {
    const DIRECTORY: &str = "XDG_RUNTIME_DIR";
    if !std::env::var_os(DIRECTORY).is_some_and(|dir| std::path::Path::new(&dir).is_absolute()) {
        // SAFETY: no other thread runs yet that could read the environment meanwhile. src/signals.rs has the
        // other `unsafe` of the program.
        unsafe { std::env::set_var(DIRECTORY, "/nonexistent") };
    }
}

fn run() -> anyhow::Result<()> {
    match Cli::read()? {
        Some(cli) => {
            threads::start()?;
            cli.command.run()
        }
        None => Ok(()),
    }
}
