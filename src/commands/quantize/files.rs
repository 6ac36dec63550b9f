//! The arrays that `quantize` writes, piece by piece.

use std::io::{self, Write as _};
use std::path::Path;

use super::Args;
use crate::error::{Error, Result};
use crate::files::{Begun, are_one_file, begun, is_stdout};
use crate::npy::header_of;
use crate::streams::taken;
use crate::tensor::{Element, file_of};

/// What stands for stdin and stdout.
const DASH: &str = "-";

/// Where an output goes.
fn destination(path: &Path) -> &Path {
    if path == Path::new(DASH) { Path::new("/dev/stdout") } else { path }
}

/// The files that are read, and those that are written, each with what the command line calls it.
fn named(args: &Args) -> [Vec<(&'static str, &Path)>; 2] {
    let (read, written) = if args.decode { (args.scales.as_deref(), None) } else { (None, args.scales.as_deref()) };
    let inputs = [("IN", args.input.as_deref()), ("--random", args.random.as_deref()), ("--scales", read)];
    let outputs = [
        ("OUT.npy", args.output.as_deref()),
        ("--codes", args.codes.as_deref()),
        ("--scales", written),
        ("--stats", args.rows()),
    ];
    [
        inputs.into_iter().filter_map(|(name, path)| Some((name, file_of(path?)))).collect(),
        outputs.into_iter().filter_map(|(name, path)| Some((name, destination(path?)))).collect(),
    ]
}

/// Whether an output goes to stdout, which then holds nothing else.
pub fn take_stdout(args: &Args) -> bool {
    named(args)[1].iter().any(|(_, path)| is_stdout(path))
}

/// Refuses a file that is to be written twice, or read and written, and a stdin that is to be read twice.
pub fn refuse_twice(args: &Args) -> Result<()> {
    let [mut known, outputs] = named(args);
    if let [(a, _), (b, _)] = known.iter().filter(|(_, path)| *path == Path::new(DASH)).collect::<Vec<_>>()[..] {
        return Err(Error::Input(format!("{a} and {b} are both stdin: one of them must be a file")));
    }
    for (name, path) in outputs {
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

/// A file that is being written.
pub struct Output<'a> {
    /// What the command line calls it.
    label: &'static str,
    path: &'a Path,
    file: Begun,
    /// Who read this pipe has seen enough, which is no error: the rest is dropped.
    is_gone: bool,
}

impl<'a> Output<'a> {
    /// Begins a file.
    pub fn begin(label: &'static str, path: &'a Path) -> Result<Output<'a>> {
        let path = destination(path);
        Ok(Output { label, path, file: begun(path, "npy")?, is_gone: false })
    }

    /// Begins an array.
    pub fn array(
        label: &'static str,
        path: &'a Path,
        element: Element,
        shape: &[usize],
        is_fortran: bool,
    ) -> Result<Output<'a>> {
        let mut output = Output::begin(label, path)?;
        output.write(&header_of(element, shape, is_fortran))?;
        Ok(output)
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.is_gone {
            return Ok(());
        }
        let outcome = self.file.file().write_all(bytes);
        self.is_gone = outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        let outcome = outcome.map_err(Error::io(self.path));
        if matches!(self.file, Begun::Stdout(_)) { taken(outcome) } else { outcome }
    }

    /// Writes words of f32.
    pub fn write_words(&mut self, words: &mut [u32]) -> Result<()> {
        words.iter_mut().for_each(|word| *word = word.to_le());
        self.write(bytemuck::cast_slice(words))
    }
}

/// Gives all files their names.
pub fn finish(outputs: Vec<Output>) -> Result<()> {
    let mut finished: Vec<(&str, &Path)> = Vec::new();
    for Output { label, path, file, .. } in outputs {
        // New names that differ, as z.npy and Z.npy, may be one to the file system, which shows when the first is there.
        if let Some(other) = finished.iter().find(|(_, known)| are_one_file(known, path)) {
            return Err(are_one(*other, (label, path)));
        }
        file.filled().finish()?;
        finished.push((label, path));
    }
    Ok(())
}
