//! Where a sweep runs: a GPU through wgpu, or the CPU.

mod choice;
mod gpus;
mod reopened;
mod several;

use std::sync::Arc;

pub use choice::{find, find_all};
pub use gpus::open_each;
pub use reopened::Reopened;
pub use several::Several;

use crate::cpu;
use crate::error::{Error, Result};
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

    /// Where it is several devices, each of them: whose cohorts they are, the rows say by its own origin.
    #[doc(hidden)]
    fn devices(&self) -> &[Box<dyn Adapter>] {
        &[]
    }
}

/// The devices of an adapter: itself, where it is one.
pub fn devices(adapter: &dyn Adapter) -> Vec<&dyn Adapter> {
    match adapter.devices() {
        [] => vec![adapter],
        several => several.iter().map(Box::as_ref).collect(),
    }
}

/// The adapter that `choice` names, see [`find_all`], ready to run. A GPU has given the known answers, and is opened again
/// when it is lost ([`open_telling`] says so); the CPU is proved by the check of the sweep itself. Of several GPUs each
/// executes cohorts of its own, and one that is lost for good leaves them to the others.
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
    match (find_all(choice)?.as_slice(), memory) {
        ([], _) => refuse_memory(memory).map(|()| Box::new(Cpu) as Box<dyn Adapter>),
        (gpus, _) => open_each(gpus, memory, watch, Arc::new(tell)),
    }
}

/// [`Error::Input`] where memory is set for the CPU.
pub fn refuse_memory(memory: Option<u64>) -> Result<()> {
    match memory {
        None => Ok(()),
        Some(_) => Err(Error::Input("--memory is that of a GPU, and the adapter is cpu: leave it out".into())),
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
