//! The arrays that `quantize` writes.

use std::path::Path;

use super::Args;
use crate::codec::NO_CODE;
use crate::error::{Error, Result};
use crate::files::{Filled, are_one_file, is_stdout};
use crate::format::QuantOp;
use crate::npy::{self, Element};
use crate::reference::quantize::Quantized;

/// The files that are asked for, each with what the command line calls it.
fn outputs(args: &Args) -> impl Iterator<Item = (&'static str, &Path)> {
    let named = [("OUT.npy", &args.output), ("--codes", &args.codes), ("--scales", &args.scales)];
    named.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)))
}

/// Whether one of them goes to stdout, which then holds nothing else.
pub fn take_stdout(args: &Args) -> bool {
    outputs(args).any(|(_, path)| is_stdout(path))
}

/// Refuses a file that is to be written twice, or read and written.
pub fn refuse_twice(args: &Args) -> Result<()> {
    let inputs = [("IN.npy", &args.input), ("--random", &args.random)];
    let mut known: Vec<(&str, &Path)> =
        inputs.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?))).collect();
    for (name, path) in outputs(args) {
        if let Some(other) = known.iter().find(|(_, known)| are_one_file(known, path)) {
            return Err(are_one(*other, (name, path)));
        }
        known.push((name, path));
    }
    Ok(())
}

fn are_one((a, path_a): (&str, &Path), (b, path_b): (&str, &Path)) -> Error {
    let (path_a, path_b) = (path_a.display(), path_b.display());
    Error::Input(format!("{a} {path_a} and {b} {path_b} are one file: they must differ"))
}

/// Writes OUT.npy and, where they are wanted, codes and scales; nothing where one of them cannot be.
pub fn write(args: &Args, output: &Path, op: &QuantOp, shape: &[usize], done: &Quantized) -> Result<()> {
    let values: Vec<u8> = done.elements.iter().flat_map(|element| element.bits.to_le_bytes()).collect();
    // Refused before anything is written.
    if args.scales.is_some() && !op.shares() {
        return Err(Error::Input("--scales: allowed with formats whose blocks share a scale".into()));
    }
    let mut files: Vec<((&str, &Path), Filled)> = Vec::new();
    if let Some(path) = &args.codes {
        if let Some(k) = done.elements.iter().position(|element| element.code == NO_CODE) {
            let hint =
                "allowed are values the format has a code for; --nan satfinite and --overflow saturate make them";
            return Err(Error::Input(format!("--codes: element {k} has no code in this format: {hint}")));
        }
        let (element, bytes) = match op.width {
            ..=8 => (Element::U8, 1),
            9..=16 => (Element::U16, 2),
            _ => (Element::U32, 4),
        };
        let codes = done.elements.iter().flat_map(|element| element.code.to_le_bytes().into_iter().take(bytes));
        files.push((("--codes", path), npy::filled_with(path, element, shape, &codes.collect::<Vec<u8>>())?));
    }
    if let Some(path) = &args.scales {
        let columns = shape.last().copied().unwrap_or(1);
        let blocks = columns.div_ceil((op.block as usize).min(columns));
        let mut shape = shape.to_vec();
        shape.pop();
        shape.push(blocks);
        let bytes: Vec<u8> = done.scales.iter().map(|scale| *scale as u8).collect();
        files.push((("--scales", path), npy::filled_with(path, Element::U8, &shape, &bytes)?));
    }
    files.push((("OUT.npy", output), npy::filled_with(output, Element::F32, shape, &values)?));
    let mut finished: Vec<(&str, &Path)> = Vec::new();
    for (named, file) in files {
        // New names that differ, as z.npy and Z.npy, may be one to the file system, which shows when the first is there.
        if let Some(other) = finished.iter().find(|(_, path)| are_one_file(path, named.1)) {
            return Err(are_one(*other, named));
        }
        file.finish()?;
        finished.push(named);
    }
    Ok(())
}
