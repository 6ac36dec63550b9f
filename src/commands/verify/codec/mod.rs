//! `verify --codec`: somebody else's codec, by what it stored for given values.

mod input;
mod random_text;
mod repeat;
mod text;

use std::path::Path;

use serde_json::Value;

use super::Args;
use crate::error::Error;
use crate::format::QuantOp;
use crate::format::direction::DITHER;
use crate::streams::print;
use crate::verify::foreign;
use crate::verify::foreign::random::{self, FALSE_ALARMS};
use text::Told;

pub fn run(args: &Args, path: &Path) -> anyhow::Result<()> {
    let quantizer = args.options.quantizer()?;
    let op = QuantOp::of(&quantizer);
    args.blocks.fit(&op, args.options.has("block"))?;
    if op.rounding == DITHER && op.draws() {
        return Err(Error::Input(
            "--codec: allowed are roundings without dither, whose values follow from its random words".into(),
        )
        .into());
    }
    if args.again.is_some() && !op.draws() {
        return Err(Error::Input("--again: allowed with --rounding stochastic".into()).into());
    }
    let files = input::read(args, quantizer, path)?;
    let told = Told { args, path, case: &files.case };
    let show = |document: &dyn Fn() -> Value, lines: &dyn Fn() -> Vec<String>| {
        print(&if args.json { document().to_string() } else { lines().join("\n") })
    };
    let wrong = match op.draws() {
        true => {
            let found = random::judge(&files.case, files.again.as_ref(), FALSE_ALARMS);
            show(&|| told.random_document(&found), &|| told.random_lines(&found))?;
            let caught = found.tests.iter().filter(|test| test.is_caught()).count();
            match (found.different, caught) {
                (0, 0) => None,
                (0, _) => Some(format!("{caught} of {} tests failed", found.tests.len())),
                (count, _) => {
                    Some(format!("{count} of {} {} are none of their two values", found.elements, told.noun()))
                }
            }
        }
        false => {
            let found = foreign::check(&files.case);
            show(&|| told.document(&found), &|| told.lines(&found))?;
            (found.different > 0).then(|| format!("{} of {} {} differ", found.different, found.elements, told.noun()))
        }
    };
    match wrong {
        None => Ok(()),
        Some(wrong) => Err(Error::Mismatch(format!("{}: {wrong}", path.display())).into()),
    }
}
