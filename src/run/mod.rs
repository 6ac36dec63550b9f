//! Running a plan: adapters, sweeps, their rows, the check, and what a user is told meanwhile.

pub mod adapter;
pub mod check;
pub mod cohorts;
pub mod estimate;
pub mod export;
pub mod fit;
pub mod launches;
pub mod limits;
pub mod merge;
pub mod outline;
pub mod predict;
pub mod progress;
pub mod provenance;
pub mod recheck;
pub mod replay;
pub mod report;
pub mod rows;
mod settings;
pub mod spectra;
pub mod status;
pub mod stored;
pub mod sweep;
pub mod warnings;
pub mod whole;
