//! A number format or a law with its options, as a recipe or the command line names them: a loop over their table.

use super::in_one_line;
use super::item::Item;
use super::keys::Keys;
use crate::error::{Error, Result};
use crate::format::{Allowed, FORMAT_OPTIONS, FORMATS, Kind, OptionRow, Quantizer, Setting, Unset, applying};
use crate::words::{nearest, question};

/// Reads a format and its options. `fp32` has none.
pub fn quantizer(keys: Keys) -> Result<Quantizer> {
    // `fp32`, until the first option names the format.
    let mut quantizer = Quantizer::new(&FORMATS[0]);
    options(keys, FORMAT_OPTIONS, &mut quantizer).map_err(in_one_line)?;
    Ok(quantizer)
}

/// Reads every option that applies, then looks whether each fits the others.
pub(super) fn options<T: Copy>(mut keys: Keys, rows: &[OptionRow<T>], target: &mut T) -> Result<()> {
    let mut read = Vec::new();
    for kind in Kind::READ {
        // Which options there are follows from those of the kinds before.
        let before = *target;
        for row in applying(rows, &[*kind], &before) {
            let item = keys.take(row.name);
            let is_one = item.as_ref().is_none_or(|item| (row.read)(target, &item.value()));
            read.push((row, item, is_one));
        }
    }
    for (row, item, is_one) in read {
        let (fits, allowed) = row.fits(target);
        match item {
            None if row.unset == Unset::Required => {
                keys.know(&rows.iter().map(|row| row.name).collect::<Vec<_>>())?;
                return Err(keys.missing(row.name, &allowed));
            }
            Some(item) if !(is_one && fits) => return Err(item.bad_unless(&allowed, &meant(row, &item))),
            None if !fits => {
                let usual = (row.write)(target).map_or(String::new(), Setting::toml);
                return Err(Error::Input(format!("{} = {usual}: allowed is {allowed}", keys.key(row.name))));
            }
            _ => {}
        }
    }
    let names: Vec<&str> = rows.iter().filter(|row| (row.applies)(target)).map(|row| row.name).collect();
    keys.finish(&names)
}

/// The question whether another word was meant, where there is one like it.
fn meant<T>(row: &OptionRow<T>, item: &Item) -> String {
    let words = match row.allowed {
        Allowed::Words(words) => words(),
        Allowed::Text(_) if row.kind == Kind::Name => FORMATS.iter().map(|format| format.name).collect(),
        Allowed::Text(_) => Vec::new(),
    };
    let nearest = item.as_str().and_then(|word| nearest(word, &words));
    // A word that is one of them is refused for what else the recipe says.
    question(nearest.filter(|nearest| item.as_str() != Some(nearest)))
}
