//! The risk of the weights of one cohort, whatever measures it.

use super::closed_form::ExactTest;
use super::evaluator::{Evaluator, Risk};
use super::gram::{Gram, PackedGram};
use super::test_set::{Measured, TestSet};
use super::truth::Truth;
use crate::error::{Error, Result};
use crate::plan::{Cohort, Plan, ProblemPoint, SketchDraw, Trajectory};
use crate::random::Stream;
use crate::watch::Watch;

/// Every risk of one weight vector; `None` where it does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Risks {
    pub excess: Option<f64>,
    pub reducible: Option<f64>,
    pub approximation: Option<f64>,
    pub signal: Option<f64>,
    pub overlap: Option<f64>,
    /// The excess on quantized test features, and its standard error over the test samples.
    pub quantized_test: Option<f64>,
    pub quantized_test_se: Option<f64>,
    /// The exact value that `quantized_test` estimates, where the recipe's laws have one.
    pub quantized_test_exact: Option<f64>,
    /// Mean squared error on the held-out rows of a file, and its standard error.
    pub held_out: Option<f64>,
    pub held_out_se: Option<f64>,
}

/// The risk of any weights of one cohort: exact under its own S and w*, and measured on test samples.
///
/// # Examples
/// ```
/// use roundlaw::{CohortRisk, Cohort, Config, Plan, replay};
///
/// let text = r#"
///     problem = { dim = 100, spectrum = { kind = "power", exponent = 2.0 } }
///     train = { model = [4, 8], samples = 256 }
///     recipe = [{ name = "fp32" }]
///     sweep = { seeds = 2 }
/// "#;
/// let plan = Plan::new(Config::parse(text, &[])?)?;
/// let risk = CohortRisk::new(&plan, Cohort { point: 0, seed_index: 1 })?;
/// // Any weights of a model size of the plan: the ones that a run ends with, nothing learned, and the best there are.
/// let run = replay(&plan, plan.run_id(1, 0))?.remove(0);
/// let trained = risk.risk(&run.weights)?.expect("the truth is known");
/// assert_eq!(Some(trained.excess), run.row.excess);
/// let zero = risk.risk(&[0.0; 4])?.expect("the truth is known");
/// let optimum = risk.optimum(4)?.expect("the truth is known");
/// let best = risk.risk(&optimum)?.expect("the truth is known");
/// assert!(best.excess < 1e-12 && best.excess < trained.excess && trained.excess < zero.excess);
/// let error = risk.risk(&[0.0; 5]).unwrap_err();
/// assert_eq!(error.to_string(), "weights of model size 5: allowed are those of the plan, 4, 8");
/// # Ok::<(), roundlaw::Error>(())
/// ```
pub struct CohortRisk<'a> {
    point: &'a ProblemPoint,
    /// The model sizes of the plan, ascending.
    models: Vec<u32>,
    /// Per draw of the sketch, one without a sketch; empty where the truth is not known.
    evaluators: Vec<Evaluator>,
    quantized: Option<(TestSet, ExactTest)>,
    /// Held-out rows of a file.
    held_out: Option<TestSet>,
}

impl CohortRisk<'_> {
    /// Draws the cohort's sketch, target and test samples. Any seed index will do: more seeds only append runs.
    ///
    /// # Errors
    /// [`Error::Input`] for a problem point that the plan lacks.
    pub fn new<'a>(plan: &'a Plan, cohort: Cohort) -> Result<CohortRisk<'a>> {
        CohortRisk::watched(plan, cohort, &Watch::default())
    }

    /// [`CohortRisk::new`], which may take minutes, under a watch.
    #[doc(hidden)]
    pub fn watched<'a>(plan: &'a Plan, cohort: Cohort, watch: &Watch) -> Result<CohortRisk<'a>> {
        CohortRisk::with_grams(plan, cohort, &[], watch)
    }

    /// The same with the sums that an adapter made of every draw of the sketch; if it made none, they are made here.
    #[doc(hidden)]
    pub fn with_grams<'a>(
        plan: &'a Plan,
        cohort: Cohort,
        grams: &[PackedGram],
        watch: &Watch,
    ) -> Result<CohortRisk<'a>> {
        CohortRisk::from_truth(plan, cohort, Truth::of(plan, cohort).as_ref(), grams, watch, |_, _, _| Ok(()))
    }

    /// The same from a truth drawn before. `each` sees every draw of the sketch that is made here, by its number in the
    /// problem point, and its sums, before a risk depends on them: the only moment at which they are held.
    #[doc(hidden)]
    pub fn from_truth<'a>(
        plan: &'a Plan,
        cohort: Cohort,
        truth: Option<&Truth<'a>>,
        grams: &[PackedGram],
        watch: &Watch,
        each: impl FnMut(usize, &[f32], &Gram) -> Result<()>,
    ) -> Result<CohortRisk<'a>> {
        let (points, seed) = (&plan.points, plan.config.sweep.seed);
        let point = points.get(cohort.point).ok_or_else(|| {
            let last = points.len().saturating_sub(1);
            Error::Input(format!(
                "a cohort of problem point {}: allowed are those of the plan, 0 to {last}",
                cohort.point
            ))
        })?;
        let Some(truth) = truth else {
            let held_out = point.problem.covariates().map(|covariates| {
                let (clean, held) = (point.clean(), covariates.held_rows() as u32);
                TestSet::new(seed, &clean, cohort.seed_index, held, watch)
            });
            let held_out = held_out.transpose()?;
            return Ok(CohortRisk { point, models: point.models(), evaluators: Vec::new(), quantized: None, held_out });
        };
        let quantized = plan.config.train.quantized_test.map(|samples| {
            let set = TestSet::new(seed, truth.point, cohort.seed_index, samples, watch)?;
            Ok((set, ExactTest::new(truth)))
        });
        Ok(CohortRisk { quantized: quantized.transpose()?, ..CohortRisk::exact(truth, grams, watch, each)? })
    }

    /// Exact risk of the weights `v` of model size M = `v.len()`; `None` with covariates from a file, whose truth is not
    /// known.
    ///
    /// # Errors
    /// [`Error::Input`] for a model size that the plan lacks.
    pub fn risk(&self, v: &[f64]) -> Result<Option<Risk>> {
        Ok(self.evaluator(v.len())?.map(|evaluator| evaluator.risk(v)))
    }

    /// The minimiser of the risk for model size `model`; `None` with covariates from a file.
    ///
    /// # Errors
    /// [`Error::Input`] for a model size that the plan lacks.
    pub fn optimum(&self, model: usize) -> Result<Option<Vec<f64>>> {
        Ok(self.evaluator(model)?.map(|evaluator| evaluator.optimum(model)))
    }

    /// Mean squared error of the weights `v` on the held-out rows of a file; `None` where there are none.
    ///
    /// # Errors
    /// [`Error::Input`] for a model size that the plan lacks.
    pub fn held_out(&self, v: &[f64]) -> Result<Option<Measured>> {
        // Features of the clean point stand in the order of the model sizes.
        let feature = self.size(v.len())?;
        Ok(self.held_out.as_ref().and_then(|set| set.measure(feature, v)))
    }

    /// The exact risk of seed index 0, without test samples; `None` where the truth is not known.
    #[doc(hidden)]
    pub fn of_optimum<'a>(plan: &'a Plan, point: &'a ProblemPoint, watch: &Watch) -> Option<Result<CohortRisk<'a>>> {
        let truth = Truth::new(point, Stream::new(plan.config.sweep.seed, 0))?;
        Some(CohortRisk::exact(&truth, &[], watch, |_, _, _| Ok(())))
    }

    fn exact<'a>(
        truth: &Truth<'a>,
        grams: &[PackedGram],
        watch: &Watch,
        mut each: impl FnMut(usize, &[f32], &Gram) -> Result<()>,
    ) -> Result<CohortRisk<'a>> {
        let Truth { point, eigenvalues, target, .. } = truth;
        let evaluator =
            |gram: Option<Gram>| Evaluator::new(&point.problem, point.tail, eigenvalues, target, gram, watch);
        let sketched = |(number, draw): (usize, &SketchDraw)| {
            if let Some(made) = grams.get(number) {
                return evaluator(Some(made.unpacked()));
            }
            let sketch = truth.draw(draw);
            let gram = Gram::new(&eigenvalues.lambda, target, &sketch, draw.rows as usize, watch)?;
            each(number, &sketch, &gram)?;
            evaluator(Some(gram))
        };
        let evaluators = match point.problem.is_sketched() {
            true => point.sketches.iter().enumerate().map(sketched).collect::<Result<_>>()?,
            false => vec![evaluator(None)?],
        };
        Ok(CohortRisk { point, models: point.models(), evaluators, quantized: None, held_out: None })
    }

    /// The place of a model size among those of the plan.
    fn size(&self, model: usize) -> Result<usize> {
        self.models.iter().position(|&own| own as usize == model).ok_or_else(|| {
            let models: Vec<String> = self.models.iter().map(u32::to_string).collect();
            let allowed = models.join(", ");
            Error::Input(format!("weights of model size {model}: allowed are those of the plan, {allowed}"))
        })
    }

    fn evaluator(&self, model: usize) -> Result<Option<&Evaluator>> {
        let model = self.models[self.size(model)?];
        // Without a sketch every size, D alone, has the one evaluator.
        let draw = if self.point.problem.is_sketched() { self.point.draw_of(model) } else { Some(0) };
        Ok(draw.and_then(|draw| self.evaluators.get(draw)))
    }

    /// What measures risks on samples: the test samples of `quantized_test` or the held-out rows of a file.
    #[doc(hidden)]
    pub fn test_set(&self) -> Option<&TestSet> {
        let quantized = self.quantized.as_ref().map(|(set, _)| set);
        quantized.or(self.held_out.as_ref())
    }

    /// The closed form of `quantized_test`.
    #[doc(hidden)]
    pub fn exact_test(&self) -> Option<&ExactTest> {
        self.quantized.as_ref().map(|(_, exact)| exact)
    }

    /// Every risk of the weights `v` that a trajectory came to.
    #[doc(hidden)]
    pub fn risks(&self, trajectory: &Trajectory, v: &[f64]) -> Result<Risks> {
        if v.len() != trajectory.model as usize {
            let (found, model) = (v.len(), trajectory.model);
            return Err(Error::Input(format!("weights of model size {found} of a run of model size {model}")));
        }
        let held_out = self.held_out(v)?;
        let mut risks = Risks {
            held_out: held_out.map(|measured| measured.mean),
            held_out_se: held_out.and_then(|measured| measured.error),
            ..Risks::default()
        };
        let Some(risk) = self.risk(v)? else { return Ok(risks) };
        risks.excess = Some(risk.excess);
        risks.reducible = Some(risk.reducible);
        risks.approximation = Some(risk.approximation);
        (risks.signal, risks.overlap) = (Some(risk.signal), Some(risk.overlap));
        if let Some((set, exact)) = &self.quantized {
            let noise = self.point.problem.noise;
            // Weights are used as they were read last.
            let feature = trajectory.last_phase().feature;
            let measured = set.measure(feature, v);
            risks.quantized_test = measured.map(|measured| measured.mean - noise * noise - risk.approximation);
            risks.quantized_test_se = measured.and_then(|measured| measured.error);
            let feature = &self.point.features[feature];
            risks.quantized_test_exact = exact.risk(self.point, feature, v).map(|exact| exact - risk.approximation);
        }
        Ok(risks)
    }
}
