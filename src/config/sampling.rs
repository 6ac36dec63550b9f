//! Where samples may be drawn as features: where that is exact in distribution (docs/theory.md).

use super::Recipe;
use super::places::Places;
use crate::error::{Error, Result};
use crate::format::{Noise, Spec};
use crate::problem::{Problem, Sketch, Tail};
use crate::site::Site;

/// Refuses a problem whose features have no normal law that is known, or are what is drawn anyway.
pub(super) fn fits(point: &Problem, places: &Places) -> Result<()> {
    let reason = match point.sketch {
        _ if !point.draws_features() => return Ok(()),
        _ if point.covariates().is_some() => {
            "draws from a normal law, which problem.covariates from a file do not have"
        }
        Sketch::None => "draws as many coordinates as there are features, which without a sketch are those of x",
        Sketch::Gaussian { .. } | Sketch::File(_) => return Ok(()),
    };
    Err(refused(places, reason, ""))
}

/// Refuses recipes that round what such samples do not have.
pub(super) fn allows(problems: &[Problem], recipes: &[Recipe], places: &Places) -> Result<()> {
    let of_features: Vec<&Problem> = problems.iter().filter(|problem| problem.draws_features()).collect();
    if of_features.is_empty() {
        return Ok(());
    }
    let closed = of_features.iter().any(|problem| problem.tail == Tail::Closed);
    for Recipe { name, sites, .. } in recipes {
        if sites[Site::Sketch].is_some() {
            let reason = format!("draws features of the clean sketch, and recipe {name:?} rounds it at sketch");
            return Err(refused(places, &reason, ""));
        }
        let reason = match sites[Site::Data] {
            None => continue,
            Some(Spec::Noise { noise: Noise::Multiplicative, .. }) if !closed => continue,
            Some(Spec::Noise { noise: Noise::Multiplicative, .. }) => {
                "draws features with the closed tail in them, and the factor of recipe {name} at data is of x alone"
            }
            Some(_) => "draws no coordinates of x, which recipe {name} rounds at data",
        };
        let reason = reason.replace("{name}", &format!("{name:?}"));
        return Err(refused(places, &reason, " and, with an open tail, multiplicative noise at data"));
    }
    Ok(())
}

fn refused(places: &Places, reason: &str, more: &str) -> Error {
    let key = places.key("problem.sampling");
    Error::Input(format!("{key} = \"feature\" {reason}: allowed are \"ambient\"{more}"))
}
