//! `verify --codec`: somebody else's codec, by what it stored for given values.

pub(crate) mod input;
mod random_text;
mod repeat;
pub(crate) mod text;

use std::path::Path;

use serde_json::Value;

use super::Args;
use crate::error::{Error, Result};
use crate::format::QuantOp;
use crate::format::direction::DITHER;
use crate::streams::print;
use crate::verify::foreign::random::{self, FALSE_ALARMS, RandomComparison};
use crate::verify::foreign::{self, CodecComparison};
use input::Files;
use text::{Asked, Told};

pub fn run(args: &Args, path: &Path) -> anyhow::Result<()> {
    let quantizer = args.options.quantizer()?;
    let op = QuantOp::of(&quantizer);
    args.blocks.fit(&op, args.options.has("block"))?;
    admit(&op, args.again.is_some())?;
    let files = input::read(args, quantizer, path)?;
    let asked = Asked {
        has_codes: args.codes.is_some(),
        is_table: args.codes.is_none() && args.values.is_none(),
        nibbles: args.blocks.nibbles,
        has_tensor_scale: args.options.has("tensor_scale"),
    };
    let told = Told { asked, path, case: &files.case };
    let found = Comparison::of(&files);
    print(&if args.json { found.document(&told).to_string() } else { found.lines(&told).join("\n") })?;
    match found.wrong(&told) {
        None => Ok(()),
        Some(wrong) => Err(Error::Mismatch(format!("{}: {wrong}", path.display())).into()),
    }
}

/// Refuses roundings that nothing can be said of.
pub(crate) fn admit(op: &QuantOp, has_again: bool) -> Result<()> {
    if op.rounding == DITHER && op.draws() {
        return Err(Error::Input(
            "--codec: allowed are roundings without dither, whose values follow from its random words".into(),
        ));
    }
    match has_again && !op.draws() {
        true => Err(Error::Input("--again: allowed with --rounding stochastic".into())),
        false => Ok(()),
    }
}

/// What came of a comparison: bit by bit, or of a random rounding by statistics.
pub(crate) enum Comparison {
    Exact(CodecComparison),
    Random(RandomComparison),
}

impl Comparison {
    pub fn of(files: &Files) -> Comparison {
        match files.case.op.draws() {
            true => Comparison::Random(random::judge(&files.case, files.again.as_ref(), FALSE_ALARMS)),
            false => Comparison::Exact(foreign::check(&files.case)),
        }
    }

    pub fn document(&self, told: &Told) -> Value {
        match self {
            Comparison::Exact(found) => told.document(found),
            Comparison::Random(found) => told.random_document(found),
        }
    }

    fn lines(&self, told: &Told) -> Vec<String> {
        match self {
            Comparison::Exact(found) => told.lines(found),
            Comparison::Random(found) => told.random_lines(found),
        }
    }

    /// How many are wrong, if any.
    fn wrong(&self, told: &Told) -> Option<String> {
        match self {
            Comparison::Exact(found) => (found.different > 0)
                .then(|| format!("{} of {} {} differ", found.different, found.elements, told.noun())),
            Comparison::Random(found) => {
                let caught = found.tests.iter().filter(|test| test.is_caught()).count();
                match (found.different, caught) {
                    (0, 0) => None,
                    (0, _) => Some(format!("{caught} of {} tests failed", found.tests.len())),
                    (count, _) => {
                        Some(format!("{count} of {} {} are none of their two values", found.elements, told.noun()))
                    }
                }
            }
        }
    }
}
