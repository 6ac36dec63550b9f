//! `verify --codec`: somebody else's codec, as a CSV of f32 bits and codes.

use std::path::Path;

use serde_json::{Value, json};

use super::Args;
use crate::codec::NO_CODE;
use crate::error::{Error, Result};
use crate::format::Quantizer;
use crate::streams::print;
use crate::verify::foreign::{self, CodeDifference, CodecComparison};

pub fn run(args: &Args, path: &Path) -> anyhow::Result<()> {
    let quantizer = args.options.quantizer()?;
    let found = compare(&quantizer, path)?;
    print(&if args.json { document(&quantizer, &found).to_string() } else { lines(&quantizer, &found).join("\n") })?;
    match found.different {
        0 => Ok(()),
        count => Err(Error::Mismatch(format!("{}: {count} of {} codes differ", path.display(), found.rows)).into()),
    }
}

fn compare(quantizer: &Quantizer, path: &Path) -> Result<CodecComparison> {
    if quantizer.sharing.is_some() || quantizer.rounding.direction.is_random() {
        return Err(Error::Input(
            "--codec: allowed are formats of single values and roundings without random bits".into(),
        ));
    }
    let name = format!("--codec {}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| Error::Input(format!("{name}: {error}")))?;
    Ok(foreign::check(quantizer, &foreign::rows(&name, &text, quantizer)?))
}

fn document(quantizer: &Quantizer, found: &CodecComparison) -> Value {
    let difference = |CodeDifference { row, theirs, ours }: &CodeDifference| {
        json!({
            "row": row,
            "input": format!("{:?}", f32::from_bits(theirs.input)),
            "input_bits": format!("0x{:08x}", theirs.input),
            "code": format!("0x{:x}", theirs.code),
            "fields": quantizer.layout.fields(theirs.code),
            "must_be": (ours.code != NO_CODE).then(|| code_text(ours.code)),
            "must_be_fields": quantizer.layout.fields(ours.code),
        })
    };
    let causes = found
        .causes
        .iter()
        .map(|cause| json!({ "cause": cause.name, "explains": cause.explains, "contradicts": cause.contradicts }));
    json!({
        "rows": found.rows,
        "different": found.different,
        "other_nans": found.other_nans,
        "first": found.first.iter().map(difference).collect::<Vec<_>>(),
        "causes": causes.collect::<Vec<_>>(),
    })
}

fn lines(quantizer: &Quantizer, found: &CodecComparison) -> Vec<String> {
    let nans = match found.other_nans {
        0 => String::new(),
        count => format!(", {count} have another of the format's NaN codes"),
    };
    let mut lines = vec![format!("{} rows, {} differ{nans}", found.rows, found.different)];
    lines.extend(found.first.iter().map(|CodeDifference { row, theirs, ours }| {
        let fields = |code| quantizer.layout.fields(code);
        format!(
            "row {row}: input {:?} 0x{:08x}: code 0x{:x} ({}), must be {} ({})",
            f32::from_bits(theirs.input),
            theirs.input,
            theirs.code,
            fields(theirs.code),
            code_text(ours.code),
            fields(ours.code)
        )
    }));
    lines.extend(found.causes.iter().map(|cause| {
        let also = match cause.contradicts {
            0 => "and no row speaks against it".to_string(),
            count => format!("{count} rows speak against it"),
        };
        format!("likely cause: {}: explains {} of {}, {also}", cause.name, cause.explains, found.different)
    }));
    lines
}

fn code_text(code: u32) -> String {
    if code == NO_CODE { "no code".into() } else { format!("0x{code:x}") }
}
