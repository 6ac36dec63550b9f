//! Which adapter a text names.

use crate::error::{Error, Result};
use crate::gpu::{self, AdapterInfo};
use crate::scheduler;

/// The word for every hardware GPU.
const ALL_HARDWARE: &str = "all-hardware";

/// What the text may be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice<'a> {
    /// The hardware GPU that is this process's, else the CPU: software GPUs are slower than it.
    Auto,
    /// All hardware GPUs that are the job's.
    AllHardware,
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
            (ALL_HARDWARE, _, _) => Choice::AllHardware,
            ("cpu", _, _) => Choice::Cpu,
            (_, Some(bus), _) => Choice::Pci(bus),
            (_, None, Ok(index)) => Choice::Index(index),
            (_, None, Err(_)) => Choice::Name(text),
        }
    }

    /// Whether it names that GPU.
    fn fits(&self, info: &AdapterInfo) -> bool {
        match self {
            Choice::Auto | Choice::AllHardware => gpu::is_hardware(info),
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
/// [`Error::NoAdapter`] when nothing or more than one GPU fits, or the one that Slurm gave is not there; [`Error::Input`]
/// for `all-hardware`.
pub fn find(text: &str) -> Result<Option<usize>> {
    match Choice::of(text) {
        Choice::AllHardware => Err(Error::Input(format!(
            "{ALL_HARDWARE} is for sweep, submit, plan and check: here one adapter is needed, as `roundlaw devices` lists them"
        ))),
        _ => Ok(find_all(text)?.first().map(|info| info.index)),
    }
}

/// Those that `text` names, where it may be `all-hardware` too: every hardware GPU, by PCI bus ids, or of a job of Slurm
/// those that were given to it. None is the CPU.
///
/// [`Error::NoAdapter`] as of [`find`], and when there is no hardware GPU of all.
pub fn find_all(text: &str) -> Result<Vec<AdapterInfo>> {
    match Choice::of(text) {
        // No driver is loaded for nothing.
        Choice::Cpu => Ok(Vec::new()),
        choice => select(text, choice, &gpu::adapters(), scheduler::variable),
    }
}

fn select(
    text: &str,
    choice: Choice,
    found: &[AdapterInfo],
    get: impl Fn(&str) -> Option<String>,
) -> Result<Vec<AdapterInfo>> {
    let fitting: Vec<&AdapterInfo> = found.iter().filter(|info| choice.fits(info)).collect();
    let cloned = |infos: &[&AdapterInfo]| infos.iter().map(|&info| info.clone()).collect();
    match (choice, fitting.as_slice()) {
        (Choice::Cpu, _) => Ok(Vec::new()),
        (Choice::Auto, _) => {
            let hardware = by_bus(fitting);
            Ok(cloned(scheduler::gpu(hardware.len(), get)?.map(|place| hardware[place]).as_slice()))
        }
        (Choice::AllHardware, [_, ..]) => {
            let hardware = by_bus(fitting);
            Ok(scheduler::gpus(hardware.len(), get)?.iter().map(|&place| hardware[place].clone()).collect())
        }
        (_, [one]) => Ok(cloned(&[one])),
        (_, []) => {
            let what = match choice {
                Choice::AllHardware => "no hardware GPU is there".to_owned(),
                _ => format!("no adapter is called {text:?}"),
            };
            let found: Vec<String> = std::iter::once("cpu".to_owned()).chain(found.iter().map(describe)).collect();
            Err(Error::NoAdapter(format!("{what}: found are {}; \"cpu\" needs no GPU", found.join(", "))))
        }
        (_, many) => Err(Error::NoAdapter(format!(
            "{text:?} fits {}: name one by its number",
            many.iter().map(|info| describe(info)).collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// Each GPU once, in the order of the buses, those without one last: drivers list them in any order, and two drivers or
/// backends may list the same.
fn by_bus(mut infos: Vec<&AdapterInfo>) -> Vec<&AdapterInfo> {
    infos.sort_by_key(|info| (info.pci.is_empty(), info.pci.to_lowercase(), info.index));
    infos.dedup_by(|later, first| !later.pci.is_empty() && later.pci.eq_ignore_ascii_case(&first.pci));
    let backend = infos.first().map(|info| info.backend.clone());
    infos.retain(|info| Some(&info.backend) == backend.as_ref());
    infos
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

    fn all_of(text: &str, found: &[AdapterInfo], gpus: Option<&str>) -> std::result::Result<Vec<usize>, String> {
        let get = |name: &str| gpus.filter(|_| name == "SLURM_JOB_GPUS").map(String::from);
        let chosen = select(text, Choice::of(text), found, get).map_err(|error| error.to_string());
        chosen.map(|infos| infos.iter().map(|info| info.index).collect())
    }

    /// At most one.
    fn chosen(text: &str, found: &[AdapterInfo]) -> std::result::Result<Option<usize>, String> {
        all_of(text, found, None).map(|all| {
            assert!(all.len() < 2, "{all:?}");
            all.first().copied()
        })
    }

    #[test]
    fn auto_is_the_gpu_that_slurm_gave_in_the_order_of_buses() {
        let found = [
            gpu(0, "llvmpipe", "cpu", ""),
            gpu(1, "H100", "discrete", "0000:C4:00.0"),
            gpu(2, "H100", "discrete", "0000:0a:00.0"),
            gpu(3, "H100", "discrete", "0000:8b:00.0"),
        ];
        for (gpus, index) in [(None, 2), (Some("0"), 2), (Some("1"), 3), (Some("2"), 1), (Some("1,2"), 3)] {
            assert_eq!(all_of("auto", &found, gpus), Ok(vec![index]), "{gpus:?}");
        }
        for (gpus, indices) in
            [(None, &[2, 3, 1][..]), (Some("1"), &[3]), (Some("1,2"), &[3, 1]), (Some("4-6"), &[2, 3, 1])]
        {
            assert_eq!(all_of("all-hardware", &found, gpus).as_deref(), Ok(indices), "{gpus:?}");
        }
        for text in ["auto", "all-hardware"] {
            let error = all_of(text, &found, Some("3")).unwrap_err();
            assert!(error.contains("SLURM_JOB_GPUS=3") && error.contains("pci:BUS"), "{error}");
        }
        let error = all_of("all-hardware", &found[..1], None).unwrap_err();
        assert!(error.contains("no hardware GPU") && error.contains("found are cpu, 0 (llvmpipe"), "{error}");
    }

    #[test]
    fn a_gpu_that_two_drivers_list_is_taken_once() {
        let mut found = [
            gpu(0, "Radeon 7900 (RADV)", "discrete", "0000:03:00.0"),
            gpu(1, "Radeon 7900", "discrete", "0000:03:00.0"),
            gpu(2, "Radeon 6800", "discrete", "0000:0a:00.0"),
            gpu(3, "Radeon 7900", "discrete", ""),
        ];
        found[3].backend = "dx12".into();
        assert_eq!(all_of("all-hardware", &found, None), Ok(vec![0, 2]));
        assert_eq!(all_of("auto", &found, Some("1")), Ok(vec![2]), "the second of the machine");
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
