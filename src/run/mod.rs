//! Running a plan: adapters, sweeps, their rows, the check, and what a user is told meanwhile.

pub mod adapter;
pub mod check;
mod progress;
mod provenance;
pub mod rows;
pub mod spectra;
pub mod sweep;
pub mod warnings;
