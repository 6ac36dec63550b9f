//! A number format and its options on the command line: those of a recipe's site.

use serde::Serialize;
use toml::{Table, Value};

use crate::config::keys::Keys;
use crate::config::quantizer::quantizer;
use crate::error::Result;
use crate::format::Quantizer;

/// A number format and its options, those of a recipe's site.
#[derive(clap::Args, Debug, Default, PartialEq, Serialize)]
pub struct FormatOptions {
    /// A format of `roundlaw formats`, or any eXmY.
    #[arg(long)]
    format: Option<String>,
    /// nearest-even, nearest-away, toward-zero, up, down, stochastic, dither.
    #[arg(long)]
    rounding: Option<String>,
    /// Random bits of stochastic and dither: 8, 16, 32.
    #[arg(long)]
    bits: Option<u32>,
    /// Of stochastic: a, or b whose mean error is 0.
    #[arg(long)]
    variant: Option<String>,
    /// Of integers: a number or absmax; if it is no power of two, values are multiplied by its f32 reciprocal.
    #[arg(long)]
    step: Option<String>,
    /// Of integers: symmetric, full.
    #[arg(long)]
    range: Option<String>,
    /// Power of two that float and logarithmic formats are multiplied by.
    #[arg(long)]
    scale: Option<f64>,
    /// Elements that share a scale: 8, 16, 32, 64, vector.
    #[arg(long)]
    block: Option<String>,
    /// Of block formats: floor, rceil, even, ceil.
    #[arg(long)]
    scale_mode: Option<String>,
    /// Of nvfp4: the tensor's scale; without it, it follows from the largest magnitude.
    #[arg(long)]
    tensor_scale: Option<f64>,
    /// Beyond the largest value: saturate, ieee (infinity, or NaN where there is none).
    #[arg(long)]
    overflow: Option<String>,
    /// NaN, and NaN or infinity in a block: propagate, satfinite.
    #[arg(long)]
    nan: Option<String>,
    /// f32 inputs below 2^-126: honour, flush.
    #[arg(long)]
    subnormals: Option<String>,
    /// Exponent bias of a float format; of a logarithmic one the code of 1.
    #[arg(long, allow_hyphen_values = true)]
    bias: Option<i32>,
    /// What the top codes of a float format are: none, nan, ieee.
    #[arg(long)]
    specials: Option<String>,
    /// Whether a float format has subnormal numbers: true, false.
    #[arg(long)]
    gradual_underflow: Option<bool>,
    /// Of logarithmic formats: values per octave, 1 to 16.
    #[arg(long)]
    roots: Option<u32>,
}

impl FormatOptions {
    /// Whether an option of that name was given.
    pub fn has(&self, name: &str) -> bool {
        self.table().contains_key(name)
    }

    /// Whether any option was given.
    pub fn any(&self) -> bool {
        *self != FormatOptions::default()
    }

    /// The format that they name.
    pub fn quantizer(&self) -> Result<Quantizer> {
        let mut table = self.table();
        // Numbers where a word may stand too.
        for key in ["step", "block"] {
            let text = table.get(key).and_then(|value| value.as_str()).map(str::to_string);
            let number = text.as_deref().and_then(|text| match text.parse::<i64>() {
                Ok(whole) => Some(Value::from(whole)),
                Err(_) => text.parse::<f64>().ok().map(Value::from),
            });
            if let Some(number) = number {
                table.insert(key.to_string(), number);
            }
        }
        quantizer(Keys::options(table))
    }

    /// The options that were given.
    fn table(&self) -> Table {
        Table::try_from(self).expect("options are numbers, words and truth values")
    }
}
