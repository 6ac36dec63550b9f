//! roundlaw: scaling laws for low-precision training, every bit confirmed on the CPU.
//!
//! It runs very many small SGD trainings of sketched high-dimensional linear regression in emulated low
//! precision, on any GPU or on the CPU, checks the results bit for bit against a scalar reference, and keeps and
//! plots the exact risks. The pipeline reads like the modules: [`config`] -> [`plan`] -> [`run`] (an adapter
//! draws, projects and trains; the reference checks) -> [`store`] -> [`report`].

pub mod cli;
pub mod codec;
pub mod commands;
pub mod config;
pub mod cpu;
pub mod error;
pub mod format;
pub mod gpu;
pub mod hash;
pub mod npy;
pub mod plan;
pub mod problem;
pub mod random;
pub mod reference;
pub mod report;
pub mod risk;
pub mod run;
pub mod site;
pub mod store;
pub mod theory;
mod twin;
pub mod verify;
