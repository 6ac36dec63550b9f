//! Theory in numbers: what is expected of the runs, without running them.
//!
//! Everything here is exact in f64 up to rounding and a function of plain numbers: [`recursion`] the expected risk of
//! full precision SGD after any number of updates, [`schedule`] the steps it takes, [`stability`] which steps it
//! survives, [`measured`] the spectrum that data of a file have. Expected risks of quantized runs, whose noise enters
//! the same second moments, belong here too. Drawing a cohort's problem is not theory's: [`crate::risk::Truth`] does
//! it, and a command that predicts joins the two.

pub mod measured;
pub mod recursion;
pub mod schedule;
pub mod stability;
