//! Theory in numbers: what is expected of the runs, without running them.
//!
//! Everything here is exact in f64 up to rounding and a function of plain numbers. A sketched problem comes to a
//! [`regression`], in its eigenbasis a [`basis`]; a recipe to its [`laws`], a format to the law that is [`matched`] to
//! it. Their moments under noise are in [`diagonal`] and [`features`], and the expected risk after any number of updates
//! follows by [`recursion`] on M numbers, or by [`dense`] on M x M. [`schedule`] are the steps a run takes,
//! [`stability`] which of them it survives, [`limit`] where it settles, [`measured`] the spectrum that data of a file
//! have, and [`baselines`] what models on them have to beat. Drawing a cohort's problem is not theory's: [`crate::run::predict`] joins the two.

pub mod baselines;
pub mod basis;
pub mod dense;
pub mod diagonal;
pub mod features;
pub mod laws;
pub mod limit;
pub mod matched;
pub mod measured;
pub mod recursion;
pub mod regression;
pub mod schedule;
pub mod stability;
