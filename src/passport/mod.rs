//! The program's known answers as data: what any WebGPU host has to ask a device, and the words that must come back.
//!
//! A [`Recorder`] runs cases of [`crate::verify`] on an adapter that is opened with no more than a browser has. A case whose
//! bits are the reference's is kept as what it asked of the device and what came back; [`Bundle`] is all of them with
//! their shaders, [`page`] the bundle in a page that opens anywhere.

mod bundle;
pub mod page;
mod record;

pub use bundle::{Bundle, Case};
pub use record::{Recorder, Work, works};
