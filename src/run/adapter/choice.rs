//! Which adapter a text names.

use crate::error::{Error, Result};
use crate::gpu::{self, AdapterInfo};

/// What the text may be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice<'a> {
    /// The first hardware GPU, else the CPU: software GPUs are slower than it.
    Auto,
    Cpu,
    /// Position in the list of `devices`.
    Index(usize),
    /// PCI bus id.
    Pci(&'a str),
    /// Part of a name, in any case.
    Name(&'a str),
}

impl Choice<'_> {
    fn of(text: &str) -> Choice<'_> {
        match (text, text.strip_prefix("pci:"), text.parse()) {
            ("auto", _, _) => Choice::Auto,
            ("cpu", _, _) => Choice::Cpu,
            (_, Some(bus), _) => Choice::Pci(bus),
            (_, None, Ok(index)) => Choice::Index(index),
            (_, None, Err(_)) => Choice::Name(text),
        }
    }

    /// Whether it names that GPU.
    fn fits(&self, info: &AdapterInfo) -> bool {
        match self {
            Choice::Auto => gpu::is_hardware(info),
            Choice::Cpu => false,
            Choice::Index(index) => info.index == *index,
            Choice::Pci(bus) => !bus.is_empty() && info.pci.eq_ignore_ascii_case(bus),
            Choice::Name(part) => !part.is_empty() && info.name.to_lowercase().contains(&part.to_lowercase()),
        }
    }
}

/// The position in [`gpu::adapters`] of the GPU that `text` names; `None` is the CPU. It may be `auto`, `cpu`, an index
/// or part of a name as `devices` lists them, or `pci:BUS`.
///
/// [`Error::NoAdapter`] when nothing or more than one GPU fits.
pub fn find(text: &str) -> Result<Option<usize>> {
    match Choice::of(text) {
        // No driver is loaded for nothing.
        Choice::Cpu => Ok(None),
        choice => select(text, choice, &gpu::adapters()),
    }
}

fn select(text: &str, choice: Choice, found: &[AdapterInfo]) -> Result<Option<usize>> {
    let fitting: Vec<&AdapterInfo> = found.iter().filter(|info| choice.fits(info)).collect();
    match (choice, fitting.as_slice()) {
        (Choice::Auto | Choice::Cpu, fitting) => Ok(fitting.first().map(|info| info.index)),
        (_, [one]) => Ok(Some(one.index)),
        (_, []) => Err(Error::NoAdapter(format!(
            "no adapter is called {text:?}: found are {}; \"cpu\" needs no GPU",
            std::iter::once("cpu".to_string()).chain(found.iter().map(describe)).collect::<Vec<_>>().join(", ")
        ))),
        (_, many) => Err(Error::NoAdapter(format!(
            "{text:?} fits {}: name one by its number",
            many.iter().map(|info| describe(info)).collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn describe(info: &AdapterInfo) -> String {
    format!("{} ({}, {})", info.index, info.name, info.backend)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(index: usize, name: &str, device_type: &str, pci: &str) -> AdapterInfo {
        AdapterInfo {
            index,
            name: name.into(),
            backend: "vulkan".into(),
            device_type: device_type.into(),
            driver: String::new(),
            driver_info: String::new(),
            pci: pci.into(),
            limits: Vec::new(),
            features: Vec::new(),
        }
    }

    fn chosen(text: &str, found: &[AdapterInfo]) -> std::result::Result<Option<usize>, String> {
        select(text, Choice::of(text), found).map_err(|error| error.to_string())
    }

    #[test]
    fn a_gpu_is_named_by_number_name_or_bus() {
        let found = [
            gpu(0, "llvmpipe", "cpu", ""),
            gpu(1, "Radeon 7900", "discrete", "0000:03:00.0"),
            gpu(2, "Radeon 780M", "integrated", "0000:0a:00.0"),
        ];
        assert_eq!(chosen("auto", &found), Ok(Some(1)), "the first hardware");
        assert_eq!(chosen("auto", &found[..1]), Ok(None), "software is slower than the CPU");
        assert_eq!(chosen("2", &found), Ok(Some(2)));
        assert_eq!(chosen("LLVM", &found), Ok(Some(0)));
        assert_eq!(chosen("pci:0000:0A:00.0", &found), Ok(Some(2)));
        let several = chosen("radeon", &found).unwrap_err();
        assert!(several.contains("1 (Radeon 7900, vulkan), 2 (Radeon 780M, vulkan)"), "{several}");
        for (text, found) in [
            ("3", &found[..]),
            ("", &found[..1]),
            ("pci:", &found[..1]),
            ("geforce", &found),
            ("pci:0", &found),
            ("0", &[]),
        ] {
            let none = chosen(text, found).unwrap_err();
            assert!(none.contains(&format!("{text:?}")) && none.contains("found are cpu"), "{none}");
        }
    }
}
