//! roundlaw: scaling laws for low-precision training, every bit confirmed on the CPU.
//!
//! It runs very many small SGD trainings of sketched high-dimensional linear regression in emulated low
//! precision, on any GPU or on the CPU, checks the results bit for bit against a scalar reference, and keeps and
//! plots the exact risks. The pipeline reads like the modules: [`config`] -> [`plan`] -> [`runner`] (an adapter
//! draws, projects and trains) -> [`check`] -> [`store`] -> [`report`].

pub mod adapter;
pub mod check;
pub mod cli;
pub mod codec;
pub mod commands;
pub mod config;
pub mod covariates;
pub mod cpu;
pub mod error;
pub mod estimate;
mod exact_test;
pub mod format;
pub mod gpu;
pub mod hash;
pub mod input;
mod keys;
mod measured;
pub mod normal;
pub mod npy;
pub mod plan;
pub mod problem;
mod progress;
mod provenance;
pub mod quantize;
pub mod random;
pub mod reference;
pub mod report;
pub mod resolved;
pub mod results;
pub mod risk;
pub mod row;
pub mod runner;
pub mod store;
pub mod test_set;
pub mod verify;
pub mod warnings;
