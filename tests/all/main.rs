//! Everything but the GPU kernels, whose tests are a binary of their own (tests/gpu).

mod bad_input;
mod bench;
mod check;
mod codec;
mod config;
mod covariates;
mod cpu;
mod decimals;
mod device_lost;
mod digests;
mod docs;
mod draws;
mod faulty;
mod fit;
mod laws;
mod library;
mod montecarlo;
mod normal_table;
mod npy;
mod npy_file;
mod outputs;
mod part_file;
mod passport;
mod phases;
mod plans;
mod predict;
mod problems;
mod program;
mod quantize;
mod quantized_test;
mod recursion;
mod report;
mod risk;
mod sampling;
mod several;
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "shared with another test binary")]
#[path = "../faults/shim.rs"]
mod shim;
mod statistics;
mod store;
mod streams;
mod sweep;
mod verify;
