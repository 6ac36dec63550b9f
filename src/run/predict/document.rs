//! Predictions as records with the names of the rows' columns.

use serde_json::{Map, Value, json};

use super::{Means, Place, Predicted, Risks};
use crate::plan::{Cohort, Plan};
use crate::problem;
use crate::run::rows::{Origin, settings};
use crate::store::{self, COLUMNS, Kind};
use crate::theory::matched::FormatLaw;

/// The excess of full precision beside formats.
const FULL_PRECISION: &str = "full_precision";
/// Columns of a run, which a mean over seed indices has not.
const OF_RUN: [&str; 2] = ["run_id", "seed_index"];

impl Predicted<'_> {
    /// One object for each cell, number of samples seen and output: the settings of its rows, the mean over seed
    /// indices of `excess`, `reducible`, `approximation` and `quantized_test`, each with its standard error `_se`, and
    /// of the closed forms `kappa` and `plateau`, the number of `seeds`, `prior`, the `status`, and the `reason` where it
    /// is not exact; where there are no numbers they are null.
    pub fn objects(&self) -> impl Iterator<Item = Map<String, Value>> {
        self.means().map(|(place, found)| {
            let mut object = self.settings(&place, None);
            let means = found.risks.as_ref();
            let named = MEANS.map(|(name, of)| (name, means.map(of))).into_iter();
            for (name, mean) in named.chain([(FULL_PRECISION, found.full_precision)]) {
                object.insert(name.into(), number(mean.map(|mean| mean.mean)));
                object.insert(format!("{name}_se"), number(mean.and_then(|mean| mean.se)));
            }
            closed_forms(&mut object, means.map(|means| (means.kappa, means.plateau)));
            object.insert("formats".into(), formats(&found.formats));
            object.insert("seeds".into(), self.plan.config.sweep.seeds.into());
            self.ended(object, &place, means.map(|means| means.excess.mean))
        })
    }

    /// The same of each seed index by itself, as `run_id` and `seed_index` say.
    pub fn objects_by_seed(&self) -> impl Iterator<Item = Map<String, Value>> {
        self.by_seed().map(|(seed_index, place, found)| {
            let mut object = self.settings(&place, Some(seed_index));
            let risks = found.risks;
            for (name, of) in RISKS {
                object.insert(name.into(), number(risks.as_ref().map(of)));
            }
            object.insert(FULL_PRECISION.into(), number(found.full_precision));
            object.insert("formats".into(), formats(&found.formats));
            closed_forms(&mut object, risks.as_ref().map(|risks| (risks.kappa, risks.plateau)));
            self.ended(object, &place, risks.map(|risks| risks.excess))
        })
    }

    fn settings(&self, place: &Place, seed_index: Option<u32>) -> Map<String, Value> {
        let plan: &Plan = self.plan;
        let cohort =
            Cohort { point: plan.cells[place.cell as usize].problem, seed_index: seed_index.unwrap_or_default() };
        let row = settings(plan, cohort, place.cell, &Origin::default());
        let is_setting = |kind: Kind| matches!(kind, Kind::Setting | Kind::Derived);
        let own = |name: &str| is_result(name) || seed_index.is_some() || !OF_RUN.contains(&name);
        let columns = COLUMNS.iter().filter(|c| (is_setting(c.kind) || is_result(c.name())) && own(c.name()));
        let value = |name: &str, value: store::Value| match (name, value) {
            ("seen", _) => place.seen.into(),
            ("output", _) => place.output.into(),
            (_, value) => value.into(),
        };
        columns.map(|c| (c.name().to_owned(), value(c.name(), c.get(&row)))).collect()
    }

    fn ended(&self, mut object: Map<String, Value>, place: &Place, excess: Option<f64>) -> Map<String, Value> {
        // A target that is not drawn has no law to take a mean over.
        let problem = &self.plan.points[self.plan.cells[place.cell as usize].problem].problem;
        object.insert("prior".into(), (self.prior && problem::has_prior(problem)).into());
        object.insert("status".into(), place.status.name().into());
        let is_grown = excess.is_some_and(|excess| !excess.is_finite());
        object.insert("reason".into(), place.status.reason().or(is_grown.then_some(GROWN)).into());
        object
    }
}

const GROWN: &str = "the expected risk grows beyond f64";

/// The results that tell the rows of a run apart.
fn is_result(name: &str) -> bool {
    ["seen", "output"].contains(&name)
}

/// A column, and how it is read.
type Column<T, U> = (&'static str, fn(&T) -> U);

/// The expected risks by their columns.
pub const RISKS: [Column<Risks, f64>; 4] = [
    ("excess", |risks| risks.excess),
    ("reducible", |risks| risks.reducible),
    ("approximation", |risks| risks.approximation),
    ("quantized_test", |risks| risks.quantized_test),
];

const MEANS: [Column<Means, super::Mean>; 4] = [
    ("excess", |means| means.excess),
    ("reducible", |means| means.reducible),
    ("approximation", |means| means.approximation),
    ("quantized_test", |means| means.quantized_test),
];

/// What JSON has no number for, as a risk beyond f64, is null.
fn number(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| json!(value))
}

fn closed_forms(object: &mut Map<String, Value>, of: Option<(Option<f64>, Option<f64>)>) {
    let (kappa, plateau) = of.unwrap_or_default();
    object.insert("kappa".into(), number(kappa));
    object.insert("plateau".into(), number(plateau));
}

fn formats(laws: &[(usize, FormatLaw)]) -> Value {
    let of = |(phase, law): &(usize, FormatLaw)| {
        let noise: &str = law.noise.into();
        let (gain, eps) = (number(Some(law.gain)), number(Some(law.eps)));
        json!({ "phase": phase, "site": law.site.name(), "noise": noise, "gain": gain, "eps": eps })
    };
    laws.iter().map(of).collect()
}
