//! The risk of a weight vector: exact under the cohort's own sketch and target, and measured on test samples.
//!
//! [`Truth`] is what a cohort draws, [`JointLaw`] what its features and labels may be drawn from; [`Evaluator`] and [`ExactTest`] are closed forms, [`TestSet`] measures;
//! [`CohortRisk`] puts them together.

mod cholesky;
mod closed_form;
mod cohort;
mod evaluator;
mod gram;
mod joint;
mod test_set;
mod tile;
mod truth;

pub use closed_form::ExactTest;
pub use cohort::{CohortRisk, Risks};
pub use evaluator::{Evaluator, Risk};
pub use gram::{CohortStates, Gram, PackedGram};
pub use joint::JointLaw;
pub use test_set::{Measured, TestSet};
pub use truth::Truth;
