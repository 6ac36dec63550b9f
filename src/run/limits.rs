//! Where recipes settle as N grows, of each seed's own sketch and target, in closed form.

use rayon::prelude::*;

use super::predict::{inputs, named, shared_seconds};
use crate::config::Recipe;
use crate::error::{Error, Result};
use crate::plan::{Plan, ProblemPoint};
use crate::problem::sketch_norm;
use crate::random::Stream;
use crate::risk::Truth;
use crate::theory::basis::Basis;
use crate::theory::laws::Laws;
use crate::theory::limit::limit;
use crate::theory::regression::{Inputs, Needs, Regression};
use crate::watch::Watch;

/// Excess and overlap that runs of one recipe and model size come to.
#[derive(Clone, Debug)]
pub struct Settled {
    pub problem: usize,
    pub recipe: usize,
    pub model: u32,
    /// By place among the seeds that were asked for.
    pub limits: Vec<[f64; 2]>,
}

/// The recipes of a problem point that have limits.
struct Wanted {
    point: usize,
    recipes: Vec<(usize, Laws)>,
    /// On the threads that compute, by estimate.
    seconds: f64,
}

/// The limits of all recipes that have one, for the seed indices of each problem point. Problem points beyond `budget`
/// seconds, by estimate and the cheapest first, have none: they are the second part, by number.
///
/// # Errors
/// [`Error::Incomplete`] where the watch asks to end.
pub fn limits(plan: &Plan, seeds: &[&[u32]], budget: f64, watch: &Watch) -> Result<(Vec<Settled>, Vec<usize>)> {
    let wanted = |point: usize| Wanted::new(plan, point, seeds[point].len());
    let mut all: Vec<Wanted> = (0..plan.points.len()).map(wanted).filter(|wanted| !wanted.recipes.is_empty()).collect();
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let (mut settled, mut beyond, mut spent) = (Vec::new(), Vec::new(), 0.0);
    for Wanted { point, recipes, seconds } in all {
        spent += seconds;
        if spent > budget {
            beyond.push(point);
            continue;
        }
        let of_seed = |seed: &u32| of_seed(plan, point, *seed, &recipes, watch);
        let by_seed: Vec<Vec<[f64; 2]>> = seeds[point].par_iter().map(of_seed).collect::<Result<_>>()?;
        let models = plan.points[point].models();
        let places = models.iter().flat_map(|model| recipes.iter().map(move |(recipe, _)| (*model, *recipe)));
        settled.extend(places.enumerate().map(|(place, (model, recipe))| Settled {
            problem: point,
            recipe,
            model,
            limits: by_seed.iter().map(|own| own[place]).collect(),
        }));
    }
    beyond.sort_unstable();
    Ok((settled, beyond))
}

impl Wanted {
    fn new(plan: &Plan, number: usize, seeds: usize) -> Wanted {
        let point = &plan.points[number];
        let has_limit = |laws: &Laws| laws.have_limit(point.problem.is_sketched());
        // Where a phase begins moves with N, or is far behind: recipes of several have no limit here.
        let of_one =
            |recipe: &Recipe| if recipe.then.is_empty() { Laws::of(&recipe.sites, &point.problem).ok() } else { None };
        let laws = plan.config.recipes.iter().map(|recipe| of_one(recipe).filter(has_limit));
        let recipes = laws.enumerate().filter_map(|(recipe, laws)| laws.map(|laws| (recipe, laws))).collect();
        let each: f64 = point.models().iter().map(|model| shared_seconds(point, *model)).sum();
        Wanted { point: number, recipes, seconds: each * seeds as f64 / rayon::current_num_threads() as f64 }
    }
}

/// By model size and recipe, of one seed index.
fn of_seed(plan: &Plan, number: usize, seed: u32, recipes: &[(usize, Laws)], watch: &Watch) -> Result<Vec<[f64; 2]>> {
    let point = &plan.points[number];
    let truth = Truth::new(point, Stream::new(plan.config.sweep.seed, seed))
        .ok_or_else(|| Error::Other(format!("problem point {number} has no truth")))?;
    let inputs = inputs(&truth, None);
    let mut limits = Vec::new();
    let mut add = |basis: &Basis| limits.extend(recipes.iter().map(|(_, laws)| limit(basis, laws)));
    if !point.problem.is_sketched() {
        add(&Basis::coordinates(&inputs));
        return Ok(limits);
    }
    let mut drawn: Option<(usize, Regression)> = None;
    for model in point.models() {
        let draw = point.draw_of(model).expect("a plan draws a sketch for each of its model sizes");
        let regression = match drawn.take() {
            Some((own, regression)) if own == draw => regression,
            _ => regression(point, &truth, draw, &inputs, watch)?,
        };
        add(&Basis::new(&regression.leading(model as usize), &inputs).map_err(|error| named(error, number, model))?);
        drawn = Some((draw, regression));
    }
    Ok(limits)
}

fn regression(point: &ProblemPoint, truth: &Truth, draw: usize, inputs: &Inputs, watch: &Watch) -> Result<Regression> {
    let draw = &point.sketches[draw];
    let scale = sketch_norm(&point.problem, draw.rows).sqrt();
    Regression::new(inputs, &truth.draw(draw), scale, Needs::default(), watch)
}
