//! The steps of a run.

use crate::plan::Trajectory;

/// gamma_t of the updates t = 0, 1, .. of a trajectory, as its runs take them: gamma 2^-floor(t / stage). As many as its
/// longest run has; a run of N samples takes the first N/B.
pub fn steps(trajectory: &Trajectory) -> impl ExactSizeIterator<Item = f64> {
    let (batch, step) = (f64::from(trajectory.batch), trajectory.step);
    // A run scales the sum over its batch by gamma_t / B, rounded to f32.
    let updates = (trajectory.samples / u64::from(trajectory.batch)) as u32;
    (0..updates).map(move |update| batch * f64::from(step.at(update)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Plan};

    /// Two updates are the shortest schedule that halves, and a step of 2^-48 the least that a plan allows.
    #[test]
    fn steps_end_with_the_run_at_or_above_the_least_step() {
        let plan = |step: &str, samples: u32| {
            let text = format!(
                "[problem]\ndim = 4\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [2]\nbatch = [2]\n\
                 samples = [{samples}]\nstep_size = [{step}]\n[[recipe]]\nname = \"a\"\n"
            );
            Plan::new(Config::parse(&text, &[]).unwrap())
        };
        let of = |plan: &Plan| steps(&plan.points[0].trajectories[0]).collect::<Vec<f64>>();
        // 32 updates, stage ceil(32 / log2 32) = 7: halved before updates 7, 14, 21 and 28.
        let found = of(&plan("0.5", 64).unwrap());
        assert_eq!(found, (0..32).map(|t| 0.5 / f64::from(1 << (t / 7))).collect::<Vec<f64>>());
        // Over the batch of 2 the last of four halvings of 2^-40 leaves 2^-45; 2^18 updates halve it 17 times.
        assert_eq!(of(&plan("9.094947017729282e-13", 64).unwrap()).last(), Some(&libm::ldexp(1.0, -44)));
        let refused = plan("9.094947017729282e-13", 1 << 19).unwrap_err().to_string();
        assert!(refused.contains("train.step_size") && refused.contains("below 2^-48"), "{refused}");
    }
}
