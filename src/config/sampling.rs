//! How samples are drawn, and where they may be drawn as features: where that is exact in distribution, or with a head near
//! enough (docs/theory.md).

use super::item::{Item, Node};
use super::places::Places;
use super::problem::kind;
use super::{MAX_HEAD, Recipe};
use crate::error::{Error, Result};
use crate::format::{Law, Noise, Spec};
use crate::problem::{Problem, Sampling, SamplingKind, Sketch, Tail};
use crate::site::Site;

/// A word, or a table of a kind.
pub(super) fn sampling(item: &Item) -> Result<Sampling> {
    let Node::Table(_) = item.node else {
        return Ok(match item.word()? {
            SamplingKind::Ambient => Sampling::Ambient,
            SamplingKind::Feature => Sampling::Feature,
            SamplingKind::Head => return Err(item.bad("{ kind = \"head\", coordinates = K }, ambient, feature")),
        });
    };
    let mut keys = item.clone().table()?;
    keys.know(&["kind", "coordinates"])?;
    let (sampling, more) = match kind(&mut keys)? {
        SamplingKind::Ambient => (Sampling::Ambient, None),
        SamplingKind::Feature => (Sampling::Feature, None),
        SamplingKind::Head => {
            let coordinates = keys.required("coordinates", "an integer below problem.dim")?;
            (Sampling::Head { coordinates: coordinates.integer(1, MAX_HEAD.into())? as u32 }, Some("coordinates"))
        }
    };
    keys.finish(&["kind"].into_iter().chain(more).collect::<Vec<_>>())?;
    Ok(sampling)
}

/// Refuses a problem whose features have no normal law that is known, or are what is drawn anyway.
pub(super) fn fits(point: &Problem, places: &Places) -> Result<()> {
    if let Sampling::Head { coordinates } = point.sampling
        && coordinates >= point.dim
    {
        return Err(Error::Input(format!(
            "{}.coordinates = {coordinates}: with problem.dim = {} allowed are 1 to {}",
            places.key("problem.sampling"),
            point.dim,
            point.dim.saturating_sub(1)
        )));
    }
    let reason = match point.sketch {
        _ if !point.draws_features() => return Ok(()),
        _ if point.covariates().is_some() => {
            "draws from a normal law, which problem.covariates from a file do not have"
        }
        Sketch::None => "draws as many coordinates as there are features, which without a sketch are those of x",
        Sketch::Gaussian { .. } | Sketch::File(_) => return Ok(()),
    };
    Err(refused(point, places, reason, ""))
}

/// Refuses recipes that round what such samples do not have.
pub(super) fn allows(problems: &[Problem], recipes: &[Recipe], places: &Places) -> Result<()> {
    for problem in problems.iter().filter(|problem| problem.draws_features()) {
        let phases = recipes
            .iter()
            .flat_map(|recipe| recipe.phases().enumerate().map(move |(number, sites)| (recipe.called(number), sites)));
        for (called, sites) in phases {
            let (reason, more) = match (sites[Site::Sketch], sites[Site::Data], problem.tail) {
                (Some(_), ..) => ("draws features of the clean sketch, which {called} rounds at sketch", ""),
                (None, None, _) => continue,
                (None, Some(Spec::Noise { noise: Noise::Multiplicative, .. }), Tail::Open) => continue,
                (None, Some(Spec::Noise { noise: Noise::Multiplicative, .. }), Tail::Closed) => {
                    ("draws features with the closed tail in them, and at data {called} has a factor of x alone", "")
                }
                // The sum of two normal vectors is one.
                (None, Some(Spec::Noise { noise: Noise::Additive, law: Law::Gaussian, .. }), _)
                    if problem.literal() == 0 =>
                {
                    continue;
                }
                (None, Some(Spec::Format(_)), _) if problem.literal() > 0 => continue,
                (None, Some(_), _) if problem.literal() > 0 => {
                    let reason = "has no coordinates for the noise of {called} at data behind the first ones";
                    (reason, ", formats and multiplicative noise there")
                }
                (None, Some(Spec::Format(_)), _) => (
                    "draws no coordinates of x, which {called} rounds at data",
                    ", a head, and multiplicative or Gaussian additive noise there",
                ),
                (None, Some(Spec::Noise { .. }), _) => {
                    let reason = "draws features of a normal law, and the noise of {called} at data is not normal";
                    (reason, ", and multiplicative or Gaussian additive noise there")
                }
            };
            return Err(refused(problem, places, &reason.replace("{called}", &called), more));
        }
    }
    Ok(())
}

fn refused(problem: &Problem, places: &Places, reason: &str, more: &str) -> Error {
    let (key, kind) = (places.key("problem.sampling"), <&str>::from(problem.sampling.kind()));
    Error::Input(format!("{key} = {kind:?} {reason}: allowed are \"ambient\"{more}"))
}
