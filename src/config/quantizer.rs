//! A number format or a law with its options, as a recipe or the command line names them: a loop over their table.

use super::keys::{Keys, bad, missing};
use crate::error::Result;
use crate::format::{FORMAT_OPTIONS, FORMATS, Kind, OptionRow, Quantizer, Setting, Unset, applying};

/// Reads a format and its options. `fp32` has none.
pub fn quantizer(keys: Keys) -> Result<Quantizer> {
    // `fp32`, until the first option names the format.
    let mut quantizer = Quantizer::new(&FORMATS[0]);
    options(keys, FORMAT_OPTIONS, &mut quantizer)?;
    Ok(quantizer)
}

/// Reads every option that applies, then looks whether each fits the others.
pub(super) fn options<T: Copy>(mut keys: Keys, rows: &[OptionRow<T>], target: &mut T) -> Result<()> {
    let mut read = Vec::new();
    for kind in Kind::READ {
        // Which options there are follows from those of the kinds before.
        let before = *target;
        for row in applying(rows, &[*kind], &before) {
            let value = keys.take(row.name);
            let is_one = value.as_ref().is_none_or(|value| (row.read)(target, value));
            read.push((row, value, is_one));
        }
    }
    for (row, value, is_one) in read {
        let ((fits, allowed), key) = (row.fits(target), keys.path(row.name));
        match value {
            None if row.unset == Unset::Required => return Err(missing(&key, &allowed)),
            Some(value) if !(is_one && fits) => return Err(bad(&key, &value, &allowed)),
            None if !fits => {
                let usual = (row.write)(target).map_or(String::new(), Setting::toml);
                return Err(bad(&key, &usual, &allowed));
            }
            _ => {}
        }
    }
    let names: Vec<&str> = rows.iter().filter(|row| (row.applies)(target)).map(|row| row.name).collect();
    keys.finish(&names)
}
