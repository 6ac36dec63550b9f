//! What a measurement is of: adapter, machine, version, and the digest of a small sweep that the reference redid.

use serde_json::{Map, Value, json};

use crate::config::{Check, Config};
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::plan::Plan;
use crate::run::adapter::Adapter;
use crate::run::cohorts::{SweepOptions, sweep};
use crate::run::rows::Origin;
use crate::store::digest;
use crate::streams::tell;
use crate::watch::Watch;

/// Many kinds of quantizers, in less than a second.
const SWEEP: &str = include_str!("../../configs/smoke.toml");

/// What stands before the rows. What is not known is null in JSON.
#[derive(Clone, Debug)]
pub struct Head {
    pub origin: Origin,
    pub machine: Machine,
    /// Of whose times the kernels' are: `timestamps` of the device, or `wall` clock of the host.
    pub clock: &'static str,
    /// As `roundlaw status` has it; `None` where bits differ.
    pub digest: Option<String>,
}

impl Head {
    /// Its members as JSON.
    pub fn document(&self) -> Map<String, Value> {
        let known = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        let Origin { adapter, driver, pci, fingerprint } = &self.origin;
        let Machine { processor, cores, memory } = &self.machine;
        let members = [
            ("adapter", json!(adapter)),
            ("processor", json!(processor)),
            ("cores", json!(cores)),
            ("memory", json!(memory)),
            ("driver", known(driver)),
            ("pci", known(pci)),
            ("fingerprint", known(fingerprint)),
            ("version", json!(env!("CARGO_PKG_VERSION"))),
            ("clock", json!(self.clock)),
            ("digest", json!(self.digest)),
        ];
        members.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    /// The same in lines.
    pub fn lines(&self) -> String {
        let unknown = || "unknown".to_string();
        let Machine { processor, cores, memory } = &self.machine;
        format!(
            "{}, driver {}\n    host {}, {} cores, {} of memory\n    fingerprint {}\n    digest {}, times by {}",
            self.origin.adapter,
            self.origin.driver,
            processor.clone().unwrap_or_else(unknown),
            cores.map_or_else(unknown, |cores| cores.to_string()),
            memory.map_or_else(unknown, |bytes| format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)),
            self.origin.fingerprint,
            self.digest.clone().unwrap_or_else(|| "none, bits differ".into()),
            self.clock,
        )
    }
}

/// The digest of the small sweep, every run of which the reference redoes; `None` where it finds other bits.
pub fn verified_digest(adapter: &dyn Adapter, watch: &Watch) -> Result<Option<String>> {
    let mut config = Config::parse(SWEEP, &[])?;
    config.sweep.check = Check::All;
    let plan = Plan::new(config)?;
    let options = SweepOptions { watch: watch.share(0.0), ..SweepOptions::default() };
    let mut rows = Vec::new();
    match sweep(&plan, adapter, &options, |cohort| {
        rows.extend(cohort.rows);
        Ok(())
    }) {
        Ok(_) => Ok(Some(digest(&rows))),
        Err(Error::Mismatch(reason)) => {
            tell(&format!("warning: {reason}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
