//! Adapters with something wrong: what the check of a sweep and the retries are there for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use roundlaw::error::{Error, Result};
use roundlaw::plan::{Cohort, Plan, SketchDraw, Snapshot};
use roundlaw::risk::{CohortStates, Gram, PackedGram, Truth};
use roundlaw::run::adapter::{Adapter, Cpu};
use roundlaw::run::rows::Origin;
use roundlaw::watch::Watch;

/// Changes what is executed.
type Alter = dyn Fn(&mut Plan) + Send + Sync;
/// Changes the rows of a cohort that come back from a plan.
type Damage = dyn Fn(&Plan, Cohort, &mut Vec<Snapshot>) + Send + Sync;

/// An adapter around another one.
pub struct Faulty {
    inner: Box<dyn Adapter>,
    alter: Box<Alter>,
    damage: Box<Damage>,
    /// Executions that are still wrong.
    left: AtomicU32,
}

impl Faulty {
    /// Computes something else than it was asked for, always.
    pub fn altered(alter: impl Fn(&mut Plan) + Send + Sync + 'static) -> Faulty {
        let (inner, left) = (Box::new(Cpu), AtomicU32::new(u32::MAX));
        Faulty { inner, alter: Box::new(alter), damage: Box::new(|_, _, _| ()), left }
    }

    /// Damages what came out, always.
    pub fn damaged(damage: impl Fn(&Plan, Cohort, &mut Vec<Snapshot>) + Send + Sync + 'static) -> Faulty {
        Faulty { damage: Box::new(damage), ..Faulty::altered(|_| ()) }
    }

    /// The fault passes: only the first execution is wrong.
    pub fn once(self) -> Faulty {
        Faulty { left: AtomicU32::new(1), ..self }
    }
}

impl Adapter for Faulty {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        if !take(&self.left) {
            return self.inner.execute(plan, cohorts, watch);
        }
        let mut altered = plan.clone();
        (self.alter)(&mut altered);
        let mut rows = self.inner.execute(&altered, cohorts, watch)?;
        cohorts.iter().zip(&mut rows).for_each(|(cohort, rows)| (self.damage)(plan, *cohort, rows));
        Ok(rows)
    }

    fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        self.inner.cohorts_at_once(plan)
    }

    fn executions_at_once(&self) -> usize {
        self.inner.executions_at_once()
    }

    fn origin(&self) -> Origin {
        self.inner.origin()
    }
}

/// The CPU as an adapter that makes the sums for the risks, as a GPU with f64 does, and damages them.
pub struct Summing<Damage>(pub Damage);

impl<Damage: Fn(Cohort, &mut [f64]) + Send + Sync> Adapter for Summing<Damage> {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        Cpu.execute(plan, cohorts, watch)
    }

    fn execute_with_grams(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<CohortStates>> {
        let summed = |(states, cohort): (Vec<Snapshot>, &Cohort)| {
            let (truth, point) = (Truth::of(plan, *cohort).unwrap(), &plan.points[cohort.point]);
            let sums = |draw: &SketchDraw| {
                let model = draw.rows as usize;
                let gram = Gram::new(&truth.eigenvalues.lambda, &truth.target, &truth.draw(draw), model, watch)?;
                let triangle = (0..model).flat_map(|j| gram.lower[j * model..=j * model + j].iter());
                let mut values: Vec<f64> = triangle.chain(&gram.b).copied().collect();
                (self.0)(*cohort, &mut values);
                Ok(PackedGram::new(Arc::new(values), 0, model))
            };
            Ok(CohortStates { states, grams: point.sketches.iter().map(sums).collect::<Result<_>>()? })
        };
        self.execute(plan, cohorts, watch)?.into_iter().zip(cohorts).map(summed).collect()
    }

    fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        Cpu.cohorts_at_once(plan)
    }

    fn executions_at_once(&self) -> usize {
        1
    }

    fn origin(&self) -> Origin {
        Cpu.origin()
    }
}

/// What happens to a device that is opened again and again.
#[derive(Default)]
pub struct Device {
    pub opened: AtomicU32,
    /// Executions until then.
    pub sound: AtomicU32,
    /// Times it is to be lost after that.
    pub losses: AtomicU32,
    /// Cohorts that it has executed.
    pub cohorts: AtomicU32,
    /// Where its first execution waits for those of others.
    pub meets: Option<Meeting>,
    pub pci: String,
}

/// So many executions that must go on at the same time.
#[derive(Clone)]
pub struct Meeting {
    pub arrived: Arc<AtomicU32>,
    pub of: u32,
}

impl Meeting {
    fn wait(&self) {
        let begun = Instant::now();
        self.arrived.fetch_add(1, Ordering::Relaxed);
        while self.arrived.load(Ordering::Relaxed) < self.of {
            assert!(begun.elapsed() < Duration::from_secs(60), "devices do not execute at the same time");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Takes one of what is left, if something is.
fn take(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

/// The CPU as an adapter that is lost as often as its [`Device`] says.
pub struct Fragile(Arc<Device>);

impl Fragile {
    pub fn open(device: &Arc<Device>) -> Result<Box<dyn Adapter>> {
        device.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Fragile(device.clone())))
    }
}

impl Adapter for Fragile {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        let Device { sound, losses, meets, .. } = &*self.0;
        if !take(sound) && take(losses) {
            return Err(Error::DeviceLost("the device was lost (in a test)".into()));
        }
        if let (0, Some(meeting)) = (self.0.cohorts.fetch_add(cohorts.len() as u32, Ordering::Relaxed), meets) {
            meeting.wait();
        }
        Cpu.execute(plan, cohorts, watch)
    }

    fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        Cpu.cohorts_at_once(plan)
    }

    /// As a GPU: an execution that is lost is tried again before the next one begins.
    fn executions_at_once(&self) -> usize {
        1
    }

    fn origin(&self) -> Origin {
        Origin { pci: self.0.pci.clone(), ..Cpu.origin() }
    }
}
