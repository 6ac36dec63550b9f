//! The risk of a weight vector: exact under the cohort's own sketch and target, and measured on test samples.

mod closed_form;
mod cohort;
mod evaluator;
mod test_set;

pub use closed_form::ExactTest;
pub use cohort::{CohortRisk, Risks};
pub use evaluator::{Evaluator, Risk};
pub use test_set::{Difference, Measured, TestSet};
