//! The steps of a run.

use crate::plan::Trajectory;

/// gamma_t of the updates t = 0, 1, .. of a trajectory, as its runs take them: gamma 2^-floor(t / stage). Without end;
/// a run of N samples takes the first N/B.
pub fn steps(trajectory: &Trajectory) -> impl Iterator<Item = f64> {
    let (batch, step) = (f64::from(trajectory.batch), trajectory.step);
    // A run scales the sum over its batch by gamma_t / B, rounded to f32.
    (0u32..).map(move |update| batch * f64::from(step.at(update)))
}
