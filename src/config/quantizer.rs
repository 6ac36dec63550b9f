//! A number format or a law with its options, as a recipe or the command line names them: a loop over their table.

use super::keys::{Keys, bad};
use crate::error::Result;
use crate::format::{FORMAT_OPTIONS, FORMATS, Kind, OptionRow, Quantizer, Unset, applying};

/// Reads a format and its options. `fp32` has none.
pub fn quantizer(keys: Keys) -> Result<Quantizer> {
    // The first option names the format.
    let mut quantizer = Quantizer::new(&FORMATS[0]);
    options(keys, FORMAT_OPTIONS, &mut quantizer)?;
    Ok(quantizer)
}

/// Reads every option that applies, then looks whether each fits the others.
pub(super) fn options<T: Copy>(mut keys: Keys, rows: &[OptionRow<T>], target: &mut T) -> Result<()> {
    let mut given = Vec::new();
    for kind in Kind::READ {
        // Which options there are follows from those of the kinds before.
        let before = *target;
        for row in applying(rows, &[*kind], &before) {
            let value = match row.unset {
                Unset::Required => Some(keys.required(row.name, &row.fits(target).1)?),
                _ => keys.take(row.name),
            };
            let is_one = value.as_ref().is_none_or(|value| (row.read)(target, value));
            given.push((row, value, is_one));
        }
    }
    for (row, value, is_one) in given {
        let (fits, allowed) = row.fits(target);
        if !(is_one && fits) {
            let value =
                value.map_or_else(|| (row.write)(target).map(|set| set.toml()), |value| Some(value.to_string()));
            return Err(bad(&keys.path(row.name), &value.unwrap_or_default(), &allowed));
        }
    }
    let names: Vec<&str> = rows.iter().filter(|row| (row.applies)(target)).map(|row| row.name).collect();
    keys.finish(&names)
}
