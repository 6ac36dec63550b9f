//! Where a sweep runs: a GPU through wgpu, or the CPU.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cpu::{self, Fault};
use crate::error::{Error, Result};
use crate::gpu::{self, AdapterInfo, Gpu};
use crate::plan::Snapshot;
use crate::plan::{Cohort, Plan};
use crate::run::rows::Origin;

/// An adapter that is ready to run.
pub enum Adapter {
    /// `fault` flips one bit, so that a test can see the check find it.
    Cpu { fault: Option<Fault> },
    /// Replaced by a newly opened device when the device is lost.
    Gpu(Mutex<Box<Gpu>>),
}

/// Times a lost device is opened again before a sweep gives up.
const RETRIES: u32 = 2;

impl Adapter {
    /// `auto`, `cpu`, an index or part of a name as `devices` lists them, or `pci:BUS`. `auto` takes the first
    /// hardware GPU, else the CPU: software GPUs are slower than it. A GPU is proved on known answers before it
    /// is handed out; the CPU is proved by the check of the sweep itself.
    ///
    /// [`Error::NoAdapter`] when nothing or more than one thing fits, or the GPU's bits are wrong.
    pub fn open(choice: &str) -> Result<Adapter> {
        Ok(match find(choice)? {
            None => Adapter::Cpu { fault: None },
            Some(index) => Adapter::Gpu(Mutex::new(proved(index)?)),
        })
    }

    /// Rows of every cohort, each by (trajectory, seen).
    pub fn execute(&self, plan: &Plan, cohorts: &[Cohort]) -> Result<Vec<Vec<Snapshot>>> {
        match self {
            Adapter::Cpu { fault } => Ok(cpu::execute(plan, cohorts, *fault)),
            Adapter::Gpu(gpu) => {
                let mut gpu = held(gpu);
                for _ in 0..RETRIES {
                    match gpu.execute(plan, cohorts) {
                        Err(Error::DeviceLost(reason)) => {
                            eprintln!("warning: {reason}; opening the device again");
                            *gpu = proved(gpu.info.index)?;
                        }
                        done => return done,
                    }
                }
                gpu.execute(plan, cohorts)
            }
        }
    }

    /// Cohorts that run at once.
    pub fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        match self {
            Adapter::Cpu { .. } => Ok(rayon::current_num_threads()),
            Adapter::Gpu(gpu) => {
                let gpu = held(gpu);
                let fits = gpu.cohorts_at_once(plan)?;
                // A GPU played by the CPU gains nothing from more cohorts than cores.
                Ok(if gpu::is_hardware(&gpu.info) { fits } else { fits.min(rayon::current_num_threads()) })
            }
        }
    }

    pub fn origin(&self) -> Origin {
        match self {
            Adapter::Cpu { .. } => Origin {
                adapter: "cpu".into(),
                driver: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
                pci: String::new(),
                fingerprint: "rne,separate,subnormals-kept".into(),
            },
            Adapter::Gpu(gpu) => {
                let gpu = held(gpu);
                Origin {
                    adapter: format!("{} ({})", gpu.info.name, gpu.info.backend),
                    driver: format!("{} {}", gpu.info.driver, gpu.info.driver_info).trim().to_string(),
                    pci: gpu.info.pci.clone(),
                    fingerprint: gpu.fingerprint().to_string(),
                }
            }
        }
    }
}

/// [`Adapter::open`], boxed.
///
/// # Examples
/// ```
/// let cpu = roundlaw::open_adapter("cpu")?;
/// assert_eq!(cpu.origin().adapter, "cpu");
/// // What does not fit is refused with the adapters there are.
/// let error = roundlaw::open_adapter("no such adapter").err().expect("an error");
/// assert_eq!(error.exit_code(), roundlaw::exit::NO_ADAPTER);
/// # Ok::<(), roundlaw::Error>(())
/// ```
pub fn open(choice: &str) -> Result<Box<Adapter>> {
    Adapter::open(choice).map(Box::new)
}

/// The index of the GPU that `choice` names, as [`Adapter::open`] reads it; `None` is the CPU.
pub fn find(choice: &str) -> Result<Option<usize>> {
    if choice == "cpu" {
        return Ok(None);
    }
    let found = gpu::adapters();
    match choice {
        "auto" => Ok(found.iter().find(|info| gpu::is_hardware(info)).map(|info| info.index)),
        _ => select(choice, &found).map(Some),
    }
}

/// An open device that gave the known answers.
fn proved(index: usize) -> Result<Box<Gpu>> {
    let gpu = Box::new(Gpu::open(index)?);
    gpu.self_test()?;
    Ok(gpu)
}

/// A thread that panicked while it held the device leaves it usable: every execution starts anew.
fn held(gpu: &Mutex<Box<Gpu>>) -> MutexGuard<'_, Box<Gpu>> {
    gpu.lock().unwrap_or_else(PoisonError::into_inner)
}

fn select(choice: &str, found: &[AdapterInfo]) -> Result<usize> {
    let describe = |info: &AdapterInfo| format!("{} ({}, {})", info.index, info.name, info.backend);
    let list = |infos: &[&AdapterInfo]| infos.iter().map(|info| describe(info)).collect::<Vec<_>>().join(", ");
    let fits = |info: &&AdapterInfo| match (choice.strip_prefix("pci:"), choice.parse::<usize>()) {
        (Some(bus), _) => info.pci.eq_ignore_ascii_case(bus),
        (None, Ok(index)) => info.index == index,
        (None, Err(_)) => info.name.to_lowercase().contains(&choice.to_lowercase()),
    };
    let matching: Vec<&AdapterInfo> = found.iter().filter(fits).collect();
    match matching.as_slice() {
        [one] => Ok(one.index),
        [] => Err(Error::NoAdapter(format!(
            "--adapter {choice}: no such adapter, found: cpu{}{}; `--adapter cpu` needs no GPU",
            if found.is_empty() { "" } else { ", " },
            list(&found.iter().collect::<Vec<_>>())
        ))),
        many => Err(Error::NoAdapter(format!("--adapter {choice} fits {}: name one by its number", list(many)))),
    }
}
