//! How fast an adapter is, on work whose bits are compared first: peaks, kernels, whole sweeps.

mod cpu_kernels;
mod cpu_peaks;
mod gpu_kernels;
mod gpu_peaks;
pub mod head;
mod kernels;
pub mod recorded;
mod repeat;
mod roofline;
mod sweeps;

use crate::error::Result;
use crate::run::adapter::Adapter;
use crate::streams::tell;
use crate::verify::Device;
use crate::watch::Watch;
use repeat::Timing;
use roofline::{Bound, Peaks};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Suite {
    /// What the adapter can do at most.
    Peaks,
    /// The kernels of a sweep, one by one, and what share of the peaks they reach.
    Kernels,
    /// Whole sweeps into a directory.
    Sweeps,
}

impl Suite {
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Seconds of a measurement with all its repeats, where the user says none.
    fn seconds(self) -> f64 {
        match self {
            Suite::Peaks | Suite::Kernels => 1.0,
            Suite::Sweeps => 20.0,
        }
    }
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub suite: Suite,
    pub name: String,
    /// The problem, then behind `; ` how much of it ran.
    pub size: String,
    /// Of numbers, where the work has one.
    pub format: Option<String>,
    pub value: f64,
    /// Of the value: something a second, or seconds.
    pub unit: &'static str,
    /// What the peaks allow at most, and the peak that does.
    pub bound: Option<Bound>,
    /// Whether the bits of the work were those of the reference.
    pub verified: bool,
    /// Of the repeats, in seconds.
    pub timing: Timing,
}

impl Row {
    /// The value's share of what the peaks allow.
    pub fn share(&self) -> Option<f64> {
        self.bound.as_ref().map(|bound| self.value / bound.rate)
    }
}

/// What is under test, and how.
pub struct Bench<'a> {
    pub device: Device<'a>,
    /// For sweeps.
    pub adapter: &'a dyn Adapter,
    /// Of a measurement with all its repeats; by default as the suite has it.
    pub seconds: Option<f64>,
    pub watch: &'a Watch,
    /// Told what is measured next.
    pub begins: &'a mut dyn FnMut(&str),
    /// Gets each row when it is measured.
    pub row: &'a mut dyn FnMut(Row) -> Result<()>,
}

impl Bench<'_> {
    /// Measures these suites. A wrong bit makes a row unverified; what keeps the adapter from working is an error.
    pub fn run(&mut self, suites: &[Suite]) -> Result<()> {
        let wanted = |suite| suites.contains(&suite);
        // Kernels are measured by the peaks, whoever sees those.
        if wanted(Suite::Peaks) || wanted(Suite::Kernels) {
            let (peaks, rows) = self.peaks()?;
            if wanted(Suite::Peaks) {
                rows.into_iter().try_for_each(|row| self.finish(row))?;
            }
            if wanted(Suite::Kernels) {
                kernels::measure(self, &peaks)?;
            }
        }
        if wanted(Suite::Sweeps) {
            sweeps::measure(self)?;
        }
        Ok(())
    }

    fn peaks(&mut self) -> Result<(Peaks, Vec<Row>)> {
        let seconds = self.seconds(Suite::Peaks);
        match self.device {
            Device::Cpu => cpu_peaks::measure(self, seconds),
            Device::Gpu(gpu) => gpu_peaks::measure(self, gpu, seconds),
        }
    }

    fn seconds(&self, suite: Suite) -> f64 {
        self.seconds.unwrap_or(suite.seconds())
    }

    fn begin(&mut self, name: &str) -> Result<()> {
        self.watch.ask()?;
        (self.begins)(name);
        Ok(())
    }

    fn finish(&mut self, row: Row) -> Result<()> {
        if let Some(drift) = row.timing.drift.filter(|drift| drift.abs() > repeat::DRIFT) {
            tell(&format!(
                "warning: {}/{} ({}): the second half of {} repeats took {:+.0} % of the first: the machine is not at rest",
                row.suite.name(),
                row.name,
                row.size,
                row.timing.repeats,
                100.0 * drift
            ));
        }
        (self.row)(row)
    }
}

/// A rate as a row of a suite: so much work in each repeat.
fn rate(suite: Suite, name: &str, size: String, unit: &'static str, work: f64, timing: Timing, verified: bool) -> Row {
    let value = work / timing.median.max(repeat::SHORTEST);
    Row { suite, name: name.into(), size, format: None, value, unit, bound: None, verified, timing }
}
