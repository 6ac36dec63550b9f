//! What becomes of faults of a real device.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use roundlaw::error::{Error, Result, exit};
use roundlaw::gpu::{Fault, Gpu, adapters};
use roundlaw::plan::{Cohort, Plan, Shard, Snapshot};
use roundlaw::run::adapter::{Adapter, Cpu, Reopened, Several};
use roundlaw::run::rows::Origin;
use roundlaw::run::sweep;
use roundlaw::store;
use roundlaw::watch::Watch;

use super::plan;

const CONFIG: &str = r#"
[problem]
dim = 100
spectrum = { kind = "power", exponent = 1.5 }
[train]
model = [8]
samples = [64]
[[recipe]]
name = "a"
feature = "e4m3"
[sweep]
seeds = 6
check = "all"
"#;

/// A device that meets a fault in each of the executions that are numbered so, over all devices that are opened.
struct Faulty {
    gpu: Gpu,
    fault: Fault,
    at: &'static [usize],
    executions: Arc<AtomicUsize>,
}

impl Adapter for Faulty {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        if self.at.contains(&self.executions.fetch_add(1, Ordering::Relaxed)) {
            self.gpu.meet(self.fault);
        }
        self.gpu.execute(plan, cohorts, watch)
    }

    /// One at a time, so that some are finished when others fail.
    fn cohorts_at_once(&self, _: &Plan) -> Result<usize> {
        Ok(1)
    }

    fn executions_at_once(&self) -> usize {
        1
    }

    fn origin(&self) -> Origin {
        Origin { adapter: self.gpu.info.name.clone(), ..Origin::default() }
    }
}

/// A real device.
fn faulty(index: usize, fault: Fault, at: &'static [usize], executions: &Arc<AtomicUsize>) -> Result<Box<dyn Adapter>> {
    Ok(Box::new(Faulty { gpu: Gpu::open(index)?, fault, at, executions: executions.clone() }))
}

/// The digest of a sweep into `dir` whose device meets faults, and what was told of them.
fn swept(dir: &Path, index: usize, fault: Fault, at: &'static [usize]) -> (Result<String>, Vec<String>) {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (lines, executions) = (told.clone(), Arc::default());
    let open = move || faulty(index, fault, at, &executions);
    let adapter = Reopened::new(open, move |line: &str| lines.lock().unwrap().push(line.to_owned())).unwrap();
    let plan = plan(CONFIG, 1 << 14);
    let outcome = sweep::sweep(&plan, dir, Shard::WHOLE, &adapter, &Watch::default());
    let told = told.lock().unwrap().clone();
    (outcome.and_then(|_| digest(dir)), told)
}

fn digest(dir: &Path) -> Result<String> {
    store::digest_of(roundlaw::rows(dir)?)
}

#[test]
fn a_device_that_is_lost_or_reports_an_error_is_opened_again_and_after_three_times_the_rest_is_kept() {
    let whole = tempfile::tempdir().unwrap();
    sweep::sweep(&plan(CONFIG, 1 << 14), whole.path(), Shard::WHOLE, &Cpu, &Watch::default()).unwrap();
    let whole = digest(whole.path()).unwrap();
    for (index, fault) in adapters().iter().flat_map(|info| [Fault::Lost, Fault::Shader].map(|f| (info.index, f))) {
        let dir = tempfile::tempdir().unwrap();
        let (found, told) = swept(dir.path(), index, fault, &[2, 3, 6]);
        assert_eq!(found.unwrap(), whole, "{fault:?}");
        assert_eq!(told.len(), 3, "{told:?}");
        // Of a device that is gone a driver may first report that a buffer is not valid.
        let says = |line: &str| line.contains("lost") || line.contains("the adapter reports: ");
        assert!(told.iter().all(|line| says(line) && line.contains("opening the device again")), "{told:?}");

        let dir = tempfile::tempdir().unwrap();
        let (failed, told) = swept(dir.path(), index, fault, &[3, 4, 5]);
        let error = failed.unwrap_err();
        assert!(error.exit_code() == exit::DEVICE_LOST && says(&error.to_string()), "{error}");
        assert_eq!(told.len(), 2, "{told:?}");
        let kept = roundlaw::rows(dir.path()).unwrap().collect::<Result<Vec<_>>>().unwrap();
        assert_eq!(kept.iter().map(|row| row.seed_index).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(swept(dir.path(), index, fault, &[]).0.unwrap(), whole);
    }
}

#[test]
fn a_kernel_that_exceeds_its_time_is_a_lost_device() {
    let whole = tempfile::tempdir().unwrap();
    sweep::sweep(&plan(CONFIG, 1 << 14), whole.path(), Shard::WHOLE, &Cpu, &Watch::default()).unwrap();
    let whole = digest(whole.path()).unwrap();
    // Under GL a software driver executes where it is submitted: nobody waits.
    for info in adapters().iter().filter(|info| info.backend != "gl") {
        let dir = tempfile::tempdir().unwrap();
        let (found, told) = swept(dir.path(), info.index, Fault::Hang { seconds: 1 }, &[2]);
        assert_eq!(found.unwrap(), whole);
        let [line] = told.as_slice() else { panic!("{told:?}") };
        assert!(line.contains("it has not answered for 1 s") && line.contains("opening the device again"), "{line}");
    }
}

#[test]
fn one_of_several_devices_that_is_lost_for_good_costs_its_share() {
    let whole = tempfile::tempdir().unwrap();
    sweep::sweep(&plan(CONFIG, 1 << 14), whole.path(), Shard::WHOLE, &Cpu, &Watch::default()).unwrap();
    for info in adapters() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let device = |at: &'static [usize], executions: Arc<AtomicUsize>| {
            let lines = told.clone();
            let open = move || faulty(info.index, Fault::Lost, at, &executions);
            let tell = move |line: &str| lines.lock().unwrap().push(line.to_owned());
            Box::new(Reopened::new(open, tell).unwrap()) as Box<dyn Adapter>
        };
        let lines = told.clone();
        let tell = Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()));
        let of_second: Arc<AtomicUsize> = Arc::default();
        let both = Several::new(vec![device(&[], Arc::default()), device(&[0, 1, 2], of_second.clone())], tell);
        let dir = tempfile::tempdir().unwrap();
        sweep::sweep(&plan(CONFIG, 1 << 14), dir.path(), Shard::WHOLE, &both, &Watch::default()).unwrap();
        assert_eq!(digest(dir.path()).unwrap(), digest(whole.path()).unwrap());
        let told = told.lock().unwrap();
        // On a busy machine the first may have taken all cohorts before the second begins.
        if of_second.load(Ordering::Relaxed) > 0 {
            assert!(told.len() == 3 && told[2].contains("is left out, 1 of 2 devices go on"), "{told:?}");
        }
    }
}

#[test]
fn a_device_without_memory_goes_on_with_half_of_it_and_says_so() {
    let plan = plan(CONFIG, 1 << 14);
    let cohorts = plan.cohorts(Shard::WHOLE);
    for info in adapters() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = told.clone();
        let tell = move |line: &str| lines.lock().unwrap().push(line.to_owned());
        let gpu = Gpu::open(info.index).unwrap().telling(Arc::new(tell));
        let execute = || gpu.execute(&plan, &cohorts, &Watch::default());
        let expected = execute().unwrap();
        for times in 1..=2 {
            gpu.meet(Fault::Memory);
            assert!(execute().unwrap() == expected);
            let told = told.lock().unwrap();
            assert!(told.len() == times && told[times - 1].contains("going on with"), "{told:?}");
        }
        // What one cohort needs and does not get is an error of the device.
        let one = |cohort: &Cohort| gpu.execute(&plan, &[*cohort], &Watch::default());
        gpu.meet(Fault::Memory);
        let error = one(&cohorts[0]).unwrap_err();
        assert!(matches!(error, Error::DeviceLost(_)) && error.to_string().contains("Out of Memory"), "{error}");
    }
}
