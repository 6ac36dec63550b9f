//! Several devices of one machine, each with cohorts of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Adapter;
use crate::error::{Error, Result};
use crate::gpu::Tell;
use crate::plan::{Cohort, Plan, Snapshot};
use crate::risk::CohortStates;
use crate::run::rows::Origin;
use crate::threads;
use crate::watch::Watch;

/// Devices that work side by side. One that is lost for good costs its share of them: its place executes on another one
/// from then on, in turn with that one's own.
pub struct Several {
    places: Vec<Box<dyn Adapter>>,
}

impl Several {
    /// Of one device at least. Of every loss `tell` gets a line.
    pub fn new(devices: Vec<Box<dyn Adapter>>, tell: Arc<Tell>) -> Several {
        let devices: Arc<[Device]> =
            devices.into_iter().map(|adapter| Device { adapter, is_lost: AtomicBool::new(false) }).collect();
        let place = |at| {
            let (devices, tell) = (devices.clone(), tell.clone());
            Box::new(Place { devices, at: AtomicUsize::new(at), tell }) as Box<dyn Adapter>
        };
        Several { places: (0..devices.len()).map(place).collect() }
    }
}

struct Device {
    adapter: Box<dyn Adapter>,
    is_lost: AtomicBool,
}

/// Where one of them stood at first.
struct Place {
    devices: Arc<[Device]>,
    /// Of the device that it executes on.
    at: AtomicUsize,
    tell: Arc<Tell>,
}

impl Place {
    fn device(&self) -> &Device {
        &self.devices[self.at.load(Ordering::Relaxed)]
    }

    /// Executes on the place's device, or on those after it where it is lost, or gives wrong bits.
    fn on_one<T>(&self, execute: impl Fn(&dyn Adapter) -> Result<T>) -> Result<T> {
        loop {
            let device = self.device();
            match execute(device.adapter.as_ref()) {
                Err(Error::DeviceLost(reason) | Error::NoAdapter(reason)) if self.leave(device, &reason) => (),
                done => return done,
            }
        }
    }

    /// Goes on to the next device that is not lost; `false` where there is none. It is told once of each.
    fn leave(&self, lost: &Device, reason: &str) -> bool {
        let is_new = !lost.is_lost.swap(true, Ordering::Relaxed);
        let (at, all) = (self.at.load(Ordering::Relaxed), self.devices.len());
        let others = (1..all).map(|step| (at + step) % all);
        let left: Vec<usize> = others.filter(|&other| !self.devices[other].is_lost.load(Ordering::Relaxed)).collect();
        let Some(&next) = left.first() else { return false };
        self.at.store(next, Ordering::Relaxed);
        if is_new {
            let name = lost.adapter.origin().name();
            (self.tell)(&format!("{reason}; {name} is left out, {} of {all} devices go on", left.len()));
        }
        true
    }
}

impl Adapter for Place {
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        self.on_one(|adapter| adapter.execute(plan, cohorts, watch))
    }

    fn execute_with_grams(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<CohortStates>> {
        self.on_one(|adapter| adapter.execute_with_grams(plan, cohorts, watch))
    }

    fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        self.device().adapter.cohorts_at_once(plan)
    }

    fn executions_at_once(&self) -> usize {
        1
    }

    fn origin(&self) -> Origin {
        self.device().adapter.origin()
    }
}

impl Adapter for Several {
    /// Shares the cohorts out evenly.
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        let each = cohorts.len().div_ceil(self.places.len()).max(1);
        let run = |(place, own): (&dyn Adapter, &[Cohort])| {
            place.execute(plan, own, &watch.share(own.len() as f64 / cohorts.len() as f64))
        };
        let done = threads::side_by_side(self.places.iter().map(Box::as_ref).zip(cohorts.chunks(each)), run);
        Ok(done.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        let each = self.places.iter().map(|place| place.cohorts_at_once(plan)).collect::<Result<Vec<_>>>()?;
        Ok(each.into_iter().min().unwrap_or(1) * self.places.len())
    }

    fn executions_at_once(&self) -> usize {
        self.places.len()
    }

    /// All of them.
    fn origin(&self) -> Origin {
        let all: Vec<Origin> = self.places.iter().map(|place| place.origin()).collect();
        let joined =
            |of: fn(&Origin) -> &String| all.iter().map(|one| of(one).as_str()).collect::<Vec<_>>().join(" + ");
        Origin {
            adapter: joined(|one| &one.adapter),
            driver: joined(|one| &one.driver),
            pci: joined(|one| &one.pci),
            fingerprint: joined(|one| &one.fingerprint),
        }
    }

    fn devices(&self) -> &[Box<dyn Adapter>] {
        &self.places
    }
}
