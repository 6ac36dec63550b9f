//! Keywords as the command line reads them: `scale_mode="rceil"` is `--scale-mode=rceil`, by the same parser.

use clap::Parser;

use crate::cli::what_is_wrong;
use crate::commands::block_options::BlockOptions;
use crate::commands::format_options::FormatOptions;
use crate::error::{Error, Result};

/// The options of an array in a format.
#[derive(Parser, Debug)]
pub struct ArrayOptions {
    #[command(flatten)]
    pub format: FormatOptions,
    #[command(flatten)]
    pub blocks: BlockOptions,
    /// Key of the random words of a random rounding.
    #[arg(long)]
    pub seed: Option<u64>,
}

/// Reads words as `--scale-mode=rceil`.
///
/// # Errors
/// [`Error::Input`] with the message of the command line.
pub fn read<T: Parser>(words: &[String]) -> Result<T> {
    let all = std::iter::once("roundlaw").chain(words.iter().map(String::as_str));
    T::try_parse_from(all).map_err(|refused| Error::Input(what_is_wrong(&refused.to_string())))
}
