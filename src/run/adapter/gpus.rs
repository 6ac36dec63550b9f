//! GPUs as adapters: proved, opened again where they are lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Adapter, Reopened, Several};
use crate::error::{Error, Result};
use crate::gpu::{self, AdapterInfo, Gpu, Tuning};
use crate::plan::{Cohort, Plan, Snapshot};
use crate::risk::CohortStates;
use crate::run::rows::Origin;
use crate::threads;
use crate::watch::Watch;

/// One GPU, or several at once: of those one that cannot be opened is left out, which `tell` is told. The others are as in
/// [`super::open_telling`].
///
/// # Errors
/// [`Error::NoAdapter`] where not one of them can be used; [`Error::Incomplete`] where the watch asks to end.
pub fn open_each(
    gpus: &[AdapterInfo],
    memory: Option<u64>,
    watch: &Watch,
    tell: Arc<gpu::Tell>,
) -> Result<Box<dyn Adapter>> {
    if let [one] = gpus {
        return open(one, memory, watch, tell);
    }
    let open_one = |info: &AdapterInfo| {
        let (tell, name) = (tell.clone(), format!("adapter {} ({})", info.index, info.name));
        open(info, memory, watch, Arc::new(move |line: &str| tell(&format!("{name}: {line}"))))
    };
    // Proving takes seconds, most of them the compiler's.
    let outcomes = threads::side_by_side(gpus, open_one);
    let (mut devices, mut first) = (Vec::new(), None);
    for outcome in outcomes {
        match outcome {
            Ok(device) => devices.push(device),
            Err(Error::NoAdapter(reason) | Error::DeviceLost(reason)) => {
                tell(&format!("{reason}; it is left out"));
                first.get_or_insert(reason);
            }
            Err(other) => return Err(other),
        }
    }
    match (devices.len(), first) {
        (0, reason) => Err(Error::NoAdapter(reason.unwrap_or_else(|| "no GPU is named".into()))),
        (1, _) => Ok(devices.remove(0)),
        _ => Ok(Box::new(Several::new(devices, tell))),
    }
}

fn open(info: &AdapterInfo, memory: Option<u64>, watch: &Watch, tell: Arc<gpu::Tell>) -> Result<Box<dyn Adapter>> {
    let (info, watch, told) = (info.clone(), watch.clone(), tell.clone());
    let open = move || {
        let gone = || Error::NoAdapter(format!("adapter {} ({}) is not there any more", info.index, info.name));
        let index = gpu::find_again(&info).ok_or_else(gone)?;
        Ok(Box::new(OpenGpu::proved(index, memory, &watch, told.clone())?) as Box<dyn Adapter>)
    };
    Ok(Box::new(Reopened::new(open, move |line: &str| tell(line))?))
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
