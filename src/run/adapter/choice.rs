//! Which adapter a text names.

use crate::error::{Error, Result};
use crate::gpu::{self, AdapterInfo};
use crate::scheduler;

/// What the text may be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice<'a> {
    /// The hardware GPU that is this process's, else the CPU: software GPUs are slower than it.
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
/// or part of a name as `devices` lists them, or `pci:BUS`. Of several hardware GPUs `auto` is the one that Slurm gave to
/// this process, else the first, by PCI bus ids.
///
/// [`Error::NoAdapter`] when nothing or more than one GPU fits, or the one that Slurm gave is not there.
pub fn find(text: &str) -> Result<Option<usize>> {
    match Choice::of(text) {
        // No driver is loaded for nothing.
        Choice::Cpu => Ok(None),
        choice => select(text, choice, &gpu::adapters(), scheduler::variable),
    }
}

fn select(
    text: &str,
    choice: Choice,
    found: &[AdapterInfo],
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<usize>> {
    let mut fitting: Vec<&AdapterInfo> = found.iter().filter(|info| choice.fits(info)).collect();
    if choice == Choice::Auto {
        // Drivers list them in any order; those without a bus come last.
        fitting.sort_by_key(|info| (info.pci.is_empty(), info.pci.to_lowercase()));
        return Ok(scheduler::gpu(fitting.len(), get)?.map(|place| fitting[place].index));
    }
    match (choice, fitting.as_slice()) {
        (Choice::Auto | Choice::Cpu, _) => Ok(None),
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
        select(text, Choice::of(text), found, |_| None).map_err(|error| error.to_string())
    }

    #[test]
    fn auto_is_the_gpu_that_slurm_gave_in_the_order_of_buses() {
        let found = [
            gpu(0, "llvmpipe", "cpu", ""),
            gpu(1, "H100", "discrete", "0000:C4:00.0"),
            gpu(2, "H100", "discrete", "0000:0a:00.0"),
            gpu(3, "H100", "discrete", "0000:8b:00.0"),
        ];
        let auto = |gpus: Option<&str>| {
            let get = |name: &str| gpus.filter(|_| name == "SLURM_JOB_GPUS").map(String::from);
            select("auto", Choice::Auto, &found, get).map_err(|error| error.to_string())
        };
        for (gpus, index) in [(None, 2), (Some("0"), 2), (Some("1"), 3), (Some("2"), 1), (Some("1,2"), 3)] {
            assert_eq!(auto(gpus), Ok(Some(index)), "{gpus:?}");
        }
        let error = auto(Some("3")).unwrap_err();
        assert!(error.contains("SLURM_JOB_GPUS=3") && error.contains("pci:BUS"), "{error}");
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
