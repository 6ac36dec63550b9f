//! Where a sweep runs: a GPU through wgpu, or the CPU.

use crate::cpu::{self, Fault};
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan};
use crate::reference::RawRow;
use crate::results::Origin;

/// An adapter that is ready to run.
pub enum Adapter {
    /// `fault` flips one bit, so that a test can see the check find it.
    Cpu { fault: Option<Fault> },
}

impl Adapter {
    /// `auto`, `cpu`, an index or part of a name as `devices` lists them, or `pci:BUS`. `auto` takes the first
    /// hardware GPU, else the CPU: software GPUs are slower than it.
    pub fn open(choice: &str) -> Result<Adapter> {
        match choice {
            "cpu" | "auto" => Ok(Adapter::Cpu { fault: None }),
            _ => Err(Error::NoAdapter(format!("no adapter {choice:?}: see roundlaw devices, or use --adapter cpu"))),
        }
    }

    /// Proves the adapter on a known answer before a sweep; the CPU is proved by the check of the sweep itself.
    pub fn self_test(&mut self) -> Result<()> {
        match self {
            Adapter::Cpu { .. } => Ok(()),
        }
    }

    /// Rows of every cohort, each by (trajectory, seen).
    pub fn execute(&self, plan: &Plan, cohorts: &[Cohort]) -> Result<Vec<Vec<RawRow>>> {
        match self {
            Adapter::Cpu { fault } => Ok(cpu::execute(plan, cohorts, *fault)),
        }
    }

    /// Cohorts that run at once.
    pub fn wave(&self, _plan: &Plan) -> Result<usize> {
        match self {
            Adapter::Cpu { .. } => Ok(rayon::current_num_threads()),
        }
    }

    pub fn origin(&self) -> Origin {
        match self {
            Adapter::Cpu { .. } => Origin {
                adapter: "cpu".into(),
                driver: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
                fingerprint: "rne,separate,subnormals-kept".into(),
            },
        }
    }
}
