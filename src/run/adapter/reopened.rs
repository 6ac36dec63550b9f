//! What a sweep does about a device that is lost, or reports an error.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Adapter;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, Snapshot};
use crate::risk::CohortStates;
use crate::run::rows::Origin;
use crate::watch::Watch;

/// Times a lost device is opened again for one execution, or while it is opened.
const REOPENINGS: u32 = 2;

/// An adapter whose device is opened again when it is lost; what it was executing is executed anew.
pub struct Reopened<Open, Tell> {
    open: Open,
    tell: Tell,
    current: Mutex<Arc<dyn Adapter>>,
}

impl<Open, Tell> Reopened<Open, Tell>
where
    Open: Fn() -> Result<Box<dyn Adapter>> + Send + Sync,
    Tell: Fn(&str) + Send + Sync,
{
    /// Opens the device for the first time. Of every loss `tell` gets a line.
    pub fn new(open: Open, tell: Tell) -> Result<Reopened<Open, Tell>> {
        let current = Mutex::new(opened(&open, &tell)?.into());
        Ok(Reopened { open, tell, current })
    }

    /// The lock is held for opening, never while a plan is executed.
    fn held(&self) -> MutexGuard<'_, Arc<dyn Adapter>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Arc<dyn Adapter> {
        self.held().clone()
    }

    /// Opens the device in place of the lost one, unless another thread has done so.
    fn replace(&self, lost: &Arc<dyn Adapter>) -> Result<()> {
        let mut held = self.held();
        if Arc::ptr_eq(&held, lost) {
            *held = opened(&self.open, &self.tell)?.into();
        }
        Ok(())
    }

    /// Executes anew where the device was lost.
    fn again<T>(&self, execute: impl Fn(&dyn Adapter) -> Result<T>) -> Result<T> {
        for _ in 0..REOPENINGS {
            let adapter = self.current();
            match execute(adapter.as_ref()) {
                Err(Error::DeviceLost(reason)) => {
                    (self.tell)(&format!("{reason}; opening the device again"));
                    self.replace(&adapter)?;
                }
                done => return done,
            }
        }
        execute(self.current().as_ref())
    }
}

/// Opens a device, which may be lost while it is proved.
fn opened(open: impl Fn() -> Result<Box<dyn Adapter>>, tell: impl Fn(&str)) -> Result<Box<dyn Adapter>> {
    for _ in 0..REOPENINGS {
        match open() {
            Err(Error::DeviceLost(reason)) => tell(&format!("{reason}; opening the device again")),
            done => return done,
        }
    }
    open()
}

impl<Open, Tell> Adapter for Reopened<Open, Tell>
where
    Open: Fn() -> Result<Box<dyn Adapter>> + Send + Sync,
    Tell: Fn(&str) + Send + Sync,
{
    fn execute(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<Vec<Snapshot>>> {
        self.again(|adapter| adapter.execute(plan, cohorts, watch))
    }

    fn execute_with_grams(&self, plan: &Plan, cohorts: &[Cohort], watch: &Watch) -> Result<Vec<CohortStates>> {
        self.again(|adapter| adapter.execute_with_grams(plan, cohorts, watch))
    }

    fn cohorts_at_once(&self, plan: &Plan) -> Result<usize> {
        self.current().cohorts_at_once(plan)
    }

    fn executions_at_once(&self) -> usize {
        self.current().executions_at_once()
    }

    fn origin(&self) -> Origin {
        self.current().origin()
    }
}
