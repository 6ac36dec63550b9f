//! Theory in numbers: stability of the step, and measured spectra.

pub mod measured;
