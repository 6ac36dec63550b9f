//! The commands. Each is a file of its own (a folder, where it takes several) with its arguments, its examples and
//! what it does, and one line in the list below.

pub(crate) mod block_options;
pub(crate) mod format_options;
mod memory_option;
mod run_options;
pub(crate) mod stored;

/// Makes of each line the module, the subcommand that the command line reads, and the call. A module holds `Args`,
/// whose documentation (or `about`) is the help, and `run`, which takes them.
///
/// `cargo fmt` does not look for modules behind a macro: `cargo fmt -- src/commands/*.rs src/commands/*/*.rs` does.
macro_rules! commands {
    ($($module:ident: $name:ident,)*) => {
        $(pub(crate) mod $module;)*

        /// What the command line asks for.
        #[derive(clap::Subcommand, Debug)]
        pub enum Command {
            // Boxed: the arguments of one command are many times those of another.
            $($name(Box<$module::Args>),)*
        }

        impl Command {
            /// Does it; the exit status of a failure is that of the [`crate::error::Error`] in its chain.
            pub fn run(&self) -> anyhow::Result<()> {
                match self {
                    $(Command::$name(args) => $module::run(args),)*
                }
            }
        }
    };
}

commands! {
    devices: Devices,
    formats: Formats,
    quantize: Quantize,
    verify: Verify,
    bench: Bench,
    passport: Passport,
    plan: Plan,
    sweep: Sweep,
    replay: Replay,
    check: Check,
    predict: Predict,
    fit: Fit,
    report: Report,
    status: Status,
    merge: Merge,
    submit: Submit,
}
