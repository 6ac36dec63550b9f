//! Where a sweep runs: a GPU through wgpu, or the CPU.

mod choice;
mod reopened;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use choice::find;
pub use reopened::Reopened;

use crate::cpu;
use crate::error::{Error, Result};
use crate::gpu::{self, Gpu, Tuning};
use crate::plan::{Cohort, Plan, Snapshot};
use crate::risk::CohortStates;
use crate::run::rows::Origin;
use crate::watch::Watch;

/// What executes cohorts. Whatever implements it gives the bits of [`crate::reference`], or the check of the sweep
/// finds where it does not.
pub trait Adapter: Send + Sync {
    /// The rows of each cohort, in the order of `cohorts`, each by (trajectory, seen). The watch is asked at least every
    /// few seconds, and told the shares of this execution that are done.
    ///
    /// [`crate::error::Error::DeviceLost`] where the device went away meanwhile, [`crate::error::Error::Incomplete`] where
    /// the watch asks to end.
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>>;

    /// [`Adapter::execute`], and where the adapter makes them the sums that each cohort's exact risks need, with the host's
    /// bits.
    #[doc(hidden)]
    fn execute_with_grams(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<CohortStates>> {
        Ok(self.execute(plan, cohorts, watch)?.into_iter().map(CohortStates::from).collect())
    }

    /// Cohorts worth handing over at once, at least one. [`crate::error::Error::Input`] when not even one fits.
    fn cohorts_at_once(&self, plan: &Plan) -> Result<usize>;

    /// Executions that may go on at the same time: 1 where they would only wait for each other.
    fn executions_at_once(&self) -> usize;

    /// What the rows say of who computed them.
    fn origin(&self) -> Origin;
}

/// The adapter that `choice` names, see [`find`], ready to run. A GPU has given the known answers, and is opened again
/// when it is lost ([`open_telling`] says so); the CPU is proved by the check of the sweep itself.
///
/// # Errors
/// [`crate::error::Error::NoAdapter`] when nothing or more than one thing fits, or the GPU's bits are wrong.
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
pub fn open(choice: &str) -> Result<Box<dyn Adapter>> {
    open_telling(choice, None, &Watch::default(), |_| ())
}

/// [`open`] of a GPU that uses at most `memory` bytes of its memory, by default 4 GiB if it is a discrete one, 1 GiB if it
/// is integrated, and else 512 MiB; and where `tell` gets a line each time that the device is lost and opened again, or has
/// less memory than that, possibly from another thread. The watch is asked while a GPU is proved.
///
/// # Errors
/// Those of [`open`], [`crate::error::Error::Input`] for memory of the CPU, which takes what a sweep needs, and
/// [`crate::error::Error::Incomplete`] where the watch asks to end.
pub fn open_telling(
    choice: &str,
    memory: Option<u64>,
    watch: &Watch,
    tell: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Box<dyn Adapter>> {
    let (watch, tell): (_, Arc<gpu::Tell>) = (watch.clone(), Arc::new(tell));
    match (find(choice)?, memory) {
        (None, None) => Ok(Box::new(Cpu)),
        (None, Some(_)) => Err(Error::Input("--memory is that of a GPU, and the adapter is cpu: leave it out".into())),
        (Some(index), _) => {
            let told = tell.clone();
            let open = move || Ok(Box::new(OpenGpu::proved(index, memory, &watch, told.clone())?) as Box<dyn Adapter>);
            Ok(Box::new(Reopened::new(open, move |line: &str| tell(line))?))
        }
    }
}

/// The fast code for the CPU, on all threads of the pool.
pub struct Cpu;

impl Adapter for Cpu {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        cpu::execute(plan, cohorts, watch)
    }

    fn execute_with_grams(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<CohortStates>> {
        cpu::execute_with_grams(plan, cohorts, watch)
    }

    fn cohorts_at_once(&self, _: &Plan) -> Result<usize> {
        Ok(1)
    }

    fn executions_at_once(&self) -> usize {
        rayon::current_num_threads()
    }

    fn origin(&self) -> Origin {
        Origin {
            adapter: "cpu".into(),
            driver: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
            pci: String::new(),
            fingerprint: "rne,separate,subnormals-kept".into(),
        }
    }
}

/// A GPU that gave the known answers.
struct OpenGpu {
    gpu: Gpu,
    /// Held while it executes: one plan may take all of its memory.
    turn: Mutex<()>,
}

impl OpenGpu {
    fn proved(index: usize, memory: Option<u64>, watch: &Watch, tell: Arc<gpu::Tell>) -> Result<OpenGpu> {
        let gpu = Gpu::open(index)?.telling(tell);
        let gpu = if let Some(bytes) = memory { gpu.with_memory(bytes) } else { gpu };
        gpu.self_test(watch)?;
        Ok(OpenGpu { gpu, turn: Mutex::default() })
    }

    /// A thread that panicked in its turn leaves the device usable: every execution starts anew.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Adapter for OpenGpu {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        let _turn = self.turn();
        self.gpu.execute(plan, cohorts, watch)
    }

    fn execute_with_grams(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<CohortStates>> {
        let _turn = self.turn();
        self.gpu.execute_with_grams(plan, cohorts, Tuning::default(), watch)
    }

    fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        let fits = self.gpu.cohorts_at_once(plan)?;
        // A GPU played by the CPU gains nothing from more cohorts than cores.
        Ok(if gpu::is_hardware(&self.gpu.info) { fits } else { fits.min(rayon::current_num_threads()) })
    }

    fn executions_at_once(&self) -> usize {
        1
    }

    fn origin(&self) -> Origin {
        let info = &self.gpu.info;
        Origin {
            adapter: format!("{} ({})", info.name, info.backend),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            pci: info.pci.clone(),
            fingerprint: self.gpu.fingerprint().to_string(),
        }
    }
}
