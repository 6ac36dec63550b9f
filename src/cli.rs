//! The command line.

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use crate::commands::Command;
use crate::error::{Error, Result};
use crate::format::{Direction, Law, Noise, names};
use crate::site::Site;
use crate::streams::written;
use crate::words::listed;

/// Examples, what a recipe can hold, and the exit codes.
fn after() -> String {
    format!(
        "\
Examples:
  roundlaw plan configs/quickstart.toml
  roundlaw sweep configs/quickstart.toml --out out/quickstart
  roundlaw sweep big.toml --out out/big --set sweep.seeds=64 --check all --shard 0/4
  roundlaw replay out/quickstart --run 17
  roundlaw check out/quickstart --all
  echo 464 | roundlaw quantize --format e4m3

A recipe of a config sets any site to a format or a law:
  sites    {}
  formats  {}
  rounding {}
  laws     {}; law {}
Every key with its default: docs/config.md.

Exit codes: 0 ok, 1 unexpected, 2 usage, config or input, 3 bits differ, 4 no suitable adapter,
5 incomplete (interrupted; the same command continues), 6 device lost, 7 corrupt or foreign results.
stdout is data, stderr is progress and messages. NO_COLOR is honoured.",
        listed::<Site>(),
        names(),
        listed::<Direction>(),
        listed::<Noise>(),
        listed::<Law>(),
    )
}

/// Scaling laws for low-precision training, every bit confirmed on the CPU.
#[derive(Parser, Debug)]
#[command(version, after_help = after())]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The command line of this process, or `None` if it asked for help or for the version, which are then printed.
    ///
    /// What it cannot mean is an [`Error::Input`] of one line.
    pub fn read() -> Result<Option<Cli>> {
        let refused =
            match with_numbers(Cli::command()).try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
                Ok(cli) => return Ok(Some(cli)),
                Err(refused) => refused,
            };
        match refused.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => written(refused.print()).map(|()| None),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let names: Vec<String> = Cli::command().get_subcommands().map(|c| c.get_name().to_string()).collect();
                let names = names.join(", ");
                Err(Error::Input(format!("no command is given: allowed are {names}; see `roundlaw --help`")))
            }
            _ => Err(Error::Input(one_line(&refused.to_string()))),
        }
    }
}

/// A negative number is a value that an option refuses with its range, not an option of that name.
fn with_numbers(command: clap::Command) -> clap::Command {
    command.allow_negative_numbers(true).mut_subcommands(with_numbers)
}

/// The parser's message of several paragraphs as one line: what is wrong, its tip, and the help of that command.
fn one_line(message: &str) -> String {
    let asked = std::env::args_os().nth(1).filter(|word| Cli::command().find_subcommand(word).is_some());
    let command = asked.map(|word| format!(" {}", word.display())).unwrap_or_default();
    format!("{}; see `roundlaw{command} --help`", what_is_wrong(message))
}

/// What is wrong, and its tip.
pub(crate) fn what_is_wrong(message: &str) -> String {
    let paragraphs = message.trim_start_matches("error: ").split("\n\n");
    let telling =
        paragraphs.take_while(|text| !text.starts_with("Usage: ") && !text.starts_with("For more information"));
    // No value of an option begins with two dashes.
    let lines = telling.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.starts_with("tip: to pass '--")).collect::<Vec<_>>().join("; ")
}
