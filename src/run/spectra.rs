//! What is measured beside a sweep's rows: the spectra and baselines of covariates from files, the spectra of features.

use std::collections::BTreeMap;
use std::path::Path;

use faer::{Mat, Par};

use super::predict::inputs;
use super::rows::{Origin, settings};
use crate::config::Sites;
use crate::cpu::{self, Tile};
use crate::error::Result;
use crate::format::{Noise, Spec};
use crate::plan::{Cohort, Feature, Pair, Phase, Plan, ProblemPoint, Shard};
use crate::problem::{Covariates, sketch_norm};
use crate::random::FIRST_TEST;
use crate::report::{FeatureSpectra, problem_text};
use crate::risk::Truth;
use crate::site::Site;
use crate::store::{MeasuredSpectrum, StoredBaselines, paths};
use crate::theory::baselines::baselines;
use crate::theory::measured::{ROWS, eigenvalues};
use crate::theory::regression::{Needs, Regression, eigen};
use crate::watch::Watch;

/// Writes spectrum and baselines of the k-th problem point from 1 on whose covariates come from a file. Files that are
/// there already are left: they depend on the inputs alone.
pub fn write(plan: &Plan, dir: &Path, shard: Shard) -> Result<()> {
    let mut written: Vec<&Covariates> = Vec::new();
    let problems = plan.points.iter().map(|point| &point.problem);
    for (problem, covariates) in problems.filter_map(|problem| Some((problem, problem.covariates()?))) {
        if written.iter().any(|have| *have == covariates.as_ref()) {
            continue;
        }
        written.push(covariates);
        let (number, tag) = (written.len() as u64, shard.to_string());
        if !paths::spectrum(dir, number).exists() {
            MeasuredSpectrum { number, eigenvalues: eigenvalues(covariates, ROWS)? }.write(dir, &tag)?;
        }
        if !paths::baselines(dir, number).exists() {
            let found = baselines(covariates)?;
            let stored = StoredBaselines {
                spectrum: problem.spectrum.canonical(),
                target: problem.target.canonical(),
                mean: found.mean,
                ridge: found.ridge,
                penalty: found.penalty,
                rows: found.rows,
                dim: covariates.dim(),
            };
            stored.write(dir, number, &tag)?;
        }
    }
    Ok(())
}

/// Largest M, test samples for each of M, problem points and features of one, and products of the projections: a report
/// is to take seconds. Samples of an error alone have eigenvalues of (1 -+ sqrt(M / samples))^2 times its variance.
const MODEL: u32 = 128;
const SAMPLES: u64 = 128;
const POINTS: usize = 4;
const FEATURES: usize = 8;
const PRODUCTS: f64 = 2e10;

/// The spectra of the first problem points at their largest M of at most 128: of Sigma = S H S^T, and of E q q^T, q the
/// features of a recipe: in closed form for laws at the features, else as Sigma + E (q q^T - z z^T), z the features of no
/// recipe, by the mean over 128 M test samples.
///
/// # Errors
/// [`crate::Error::Incomplete`] where the watch asks to end, and where eigenvalues are not found.
pub fn of_features(plan: &Plan, watch: &Watch) -> Result<Vec<FeatureSpectra>> {
    let mut found = Vec::new();
    for (problem, point) in plan.points.iter().enumerate().take(POINTS) {
        let Some(model) = point.models().into_iter().filter(|model| *model <= MODEL).max() else { continue };
        let Some(truth) = Truth::of(plan, Cohort { point: problem, seed_index: 0 }) else { continue };
        if !point.problem.is_sketched() || products(point, model) > PRODUCTS {
            continue;
        }
        found.extend(spectra(plan, problem, &truth, model, watch)?);
    }
    Ok(found)
}

fn products(point: &ProblemPoint, model: u32) -> f64 {
    let rows: f64 = (0..point.pairs.len()).map(|pair| f64::from(point.rows(pair))).sum();
    SAMPLES as f64 * f64::from(model) * f64::from(point.coordinates) * rows
}

fn spectra(plan: &Plan, problem: usize, truth: &Truth, model: u32, watch: &Watch) -> Result<Option<FeatureSpectra>> {
    let point = truth.point;
    let first = plan.cells.iter().position(|cell| cell.problem == problem).unwrap_or_default();
    let cohort = Cohort { point: problem, seed_index: 0 };
    let problem = problem_text(&settings(plan, cohort, first as u64, &Origin::default()));
    let Some(draw) = point.draw_of(model).map(|draw| &point.sketches[draw]) else { return Ok(None) };
    let inputs = inputs(truth, None);
    let scale = sketch_norm(&point.problem, draw.rows).sqrt();
    let clean = Regression::new(&inputs, &truth.draw(draw), scale, Needs::default(), watch)?.leading(model as usize);
    let tail = inputs.tail / f64::from(model);
    let sigma =
        Mat::from_fn(model as usize, model as usize, |i, j| clean.sigma[(i, j)] + if i == j { tail } else { 0.0 });
    let mut named = vec![("Sigma".to_owned(), descending(&sigma)?)];
    let Some((clean, readers)) = features(plan, point, model) else {
        return Ok(Some(FeatureSpectra { problem, model, named }));
    };
    let law = |reader: &Reader| law(&reader.sites[Site::Feature], &sigma).filter(|_| reader.feature.pair == clean.pair);
    let drawn: Vec<Feature> = readers.iter().filter(|own| law(own).is_none()).map(|own| own.feature).collect();
    let own = ProblemPoint { features: std::iter::once(clean).chain(drawn).collect(), ..point.clone() };
    let first = u64::from(FIRST_TEST);
    let range = (first, first + SAMPLES * u64::from(model));
    let tiles =
        if own.features.len() > 1 { cpu::samples(plan.config.sweep.seed, &own, 0, range, watch)? } else { Vec::new() };
    let plain = second_moments(&tiles, 0, model as usize);
    let mut number = 0;
    for reader in &readers {
        let moments = law(reader).or_else(|| {
            number += 1;
            let read = second_moments(&tiles, number, model as usize)?;
            Some(&sigma + (read - plain.as_ref()?))
        });
        if let Some(moments) = moments {
            named.push((reader.name.clone(), descending(&moments)?));
        }
    }
    Ok(Some(FeatureSpectra { problem, model, named }))
}

/// E q q^T of a law at the features, from Sigma; `None` for a format.
fn law(spec: &Option<Spec>, sigma: &Mat<f64>) -> Option<Mat<f64>> {
    let Some(Spec::Noise { noise, eps, .. }) = spec else { return None };
    let added = |i: usize, j: usize| match noise {
        Noise::Additive if i == j => *eps,
        Noise::Relative if i == j => eps * sigma[(i, i)],
        Noise::Multiplicative => eps * sigma[(i, j)],
        _ => 0.0,
    };
    Some(Mat::from_fn(sigma.nrows(), sigma.ncols(), |i, j| sigma[(i, j)] + added(i, j)))
}

/// A recipe, in one of its phases, with the features that it reads.
struct Reader<'a> {
    name: String,
    sites: &'a Sites,
    feature: Feature,
}

/// The feature that nothing rounds, and those that something does with the first recipes that read them; `None` where
/// the point has no feature that nothing rounds.
fn features<'a>(plan: &'a Plan, point: &ProblemPoint, model: u32) -> Option<(Feature, Vec<Reader<'a>>)> {
    let is_clean = |feature: &Feature| {
        let Pair { data, sketch, .. } = &point.pairs[feature.pair];
        let ops = [data, sketch, &feature.factor, &feature.op];
        point.added(feature.pair) == 0.0 && !ops.into_iter().any(|op| op.is_set())
    };
    let clean = *point.features.iter().find(|feature| feature.model == model && is_clean(feature))?;
    // Of each feature the first recipe that reads it, and in which phase.
    let mut readers: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for trajectory in point.trajectories.iter().filter(|trajectory| trajectory.model == model) {
        for (phase, Phase { feature, .. }) in trajectory.phases.iter().enumerate() {
            let reader = readers.entry(*feature).or_insert((trajectory.recipe, phase));
            *reader = (trajectory.recipe, phase).min(*reader);
        }
    }
    readers.retain(|feature, _| !is_clean(&point.features[*feature]));
    let mut readers: Vec<_> = readers.into_iter().map(|(feature, reader)| (reader, feature)).collect();
    readers.sort_unstable();
    readers.truncate(FEATURES);
    let reader = |((recipe, phase), feature): ((usize, usize), usize)| {
        let recipe = &plan.config.recipes[recipe];
        let name = if phase == 0 { recipe.name.clone() } else { format!("{}, phase {phase}", recipe.name) };
        Reader { name, sites: recipe.phase(phase), feature: point.features[feature] }
    };
    Some((clean, readers.into_iter().map(reader).collect()))
}

/// The mean of q q^T; `None` where a value is infinite or NaN.
fn second_moments(tiles: &[Tile], feature: usize, model: usize) -> Option<Mat<f64>> {
    let mut sum = Mat::<f64>::zeros(model, model);
    let mut samples = 0;
    for tile in tiles {
        if (0..tile.samples()).any(|s| tile.has_nan(feature, s)) {
            return None;
        }
        let z = &tile.features[feature].0;
        let width = z.len() / tile.samples();
        let q = Mat::from_fn(tile.samples(), model, |s, j| f64::from(z[s * width + j]));
        faer::linalg::matmul::matmul(&mut sum, faer::Accum::Add, q.transpose(), &q, 1.0, Par::Seq);
        samples += tile.samples();
    }
    Some(faer::Scale(1.0 / samples as f64) * sum)
}

fn descending(matrix: &Mat<f64>) -> Result<Vec<f64>> {
    let (mut values, _) = eigen(matrix)?;
    values.sort_by(|a, b| b.total_cmp(a));
    Ok(values)
}
