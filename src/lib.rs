//! roundlaw: scaling laws for low-precision training, every bit confirmed on the CPU.
//!
//! It runs very many small SGD trainings of sketched high-dimensional linear regression in emulated low
//! precision, on any GPU or on the CPU, checks the results bit for bit against a scalar reference, and keeps and
//! plots the exact risks. The pipeline reads like the modules: [`config`] -> [`plan`] -> [`runner`] (an adapter
//! draws, projects and trains) -> [`check`] -> [`store`] -> [`report`].


pub mod codec;
pub mod config;

pub mod error;
pub mod estimate;
pub mod format;
pub mod gpu;
pub mod hash;
mod keys;
pub mod normal;
pub mod plan;
pub mod problem;
pub mod random;
pub mod reference;
pub mod row;
pub mod store;
