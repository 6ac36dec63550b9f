//! Predictions as rows: of each seed index, and the means over them.

use std::ops::Range;

use super::cohort::Curve;
use super::{ENDED, Predicted, RISKS, Status, WITHOUT_GAIN};
use crate::config::Output;
use crate::plan::{Prefix, Trajectory};
use crate::store::predictions::PredictedRow;
use crate::theory::matched::FormatLaw;
use crate::theory::recursion::Expected;

/// Where a prediction stands: a cell, the samples it has seen, an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place<'a> {
    pub cell: u64,
    pub seen: u64,
    pub output: &'static str,
    pub status: &'a Status,
}

/// Expected risks in squared units of y; as of a row, less sigma^2 and the approximation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Risks {
    pub excess: f64,
    pub reducible: f64,
    pub approximation: f64,
    pub quantized_test: f64,
    /// Of a constant step, where there is a closed form: kappa, and for the last iterate the excess at which it
    /// settles.
    pub kappa: Option<f64>,
    pub plateau: Option<f64>,
}

/// What there is of a place at one seed index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub risks: Option<Risks>,
    /// The excess of full precision, where the recipe has formats that are matched or that no law is like.
    pub full_precision: Option<f64>,
    /// What the formats do that are matched, in site order.
    pub formats: Vec<(usize, FormatLaw)>,
}

/// A mean over seed indices, and its standard error; `None` of one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    pub mean: f64,
    pub se: Option<f64>,
}

/// The means of [`Risks`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Means {
    pub excess: Mean,
    pub reducible: Mean,
    pub approximation: Mean,
    pub quantized_test: Mean,
    /// Means alone.
    pub kappa: Option<f64>,
    pub plateau: Option<f64>,
}

/// The means of [`Found`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundMeans {
    pub risks: Option<Means>,
    pub full_precision: Option<Mean>,
    /// Means of gains and eps.
    pub formats: Vec<(usize, FormatLaw)>,
}

impl Mean {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Mean {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
        Mean { mean, se: (n > 1.0).then(|| (squares / (n - 1.0) / n).sqrt()) }
    }
}

impl Predicted<'_> {
    /// Every cell with all of its places, in the order of rows, and the means over the seed indices. What one seed index
    /// has not, a mean has not: it would be of others than the cell's.
    pub fn means(&self) -> impl Iterator<Item = (Place<'_>, FoundMeans)> {
        self.places(0..self.seeds()).map(|(place, at)| {
            let found: Vec<Found> = (0..self.seeds()).map(|seed_index| self.found(&at, seed_index)).collect();
            let full: Option<Vec<f64>> = found.iter().map(|found| found.full_precision).collect();
            let risks: Option<Vec<Risks>> = found.iter().map(|found| found.risks).collect();
            let means = FoundMeans {
                risks: risks.as_deref().map(Means::of),
                full_precision: full.map(|full| Mean::of(full.into_iter())),
                formats: mean_formats(&found),
            };
            (place, means)
        })
    }

    /// The same of each seed index, one after the other.
    pub fn by_seed(&self) -> impl Iterator<Item = (u32, Place<'_>, Found)> {
        let of = move |seed_index| {
            let places = self.places(seed_index..seed_index + 1);
            places.map(move |(place, at)| (seed_index, place, self.found(&at, seed_index)))
        };
        (0..self.seeds()).flat_map(of)
    }

    /// The same as a directory keeps it.
    pub fn stored(&self) -> impl Iterator<Item = PredictedRow> {
        self.by_seed().map(|(seed_index, place, found)| PredictedRow {
            run_id: self.plan.run_id(seed_index, place.cell),
            cell: place.cell,
            seed_index,
            seen: place.seen,
            output: place.output,
            risks: found.risks.map(|risks| RISKS.map(|(_, of)| of(&risks))),
            full_precision: found.full_precision,
            status: place.status.name(),
            reason: place.status.reason().map(String::from),
        })
    }

    /// Cells whose means are not exact expectations, with their status.
    pub fn inexact(&self) -> impl Iterator<Item = (u64, &Status)> {
        let mut cells: Vec<(u64, &Status)> = Vec::new();
        for (p, point) in self.plan.points.iter().enumerate() {
            for (number, trajectory) in point.trajectories.iter().enumerate() {
                let status = self.status(p, number, 0..self.seeds());
                if *status != Status::Exact {
                    cells.extend(trajectory.cells.iter().map(|prefix| (prefix.cell, status)));
                }
            }
        }
        cells.sort_unstable_by_key(|(cell, _)| *cell);
        cells.into_iter()
    }

    fn seeds(&self) -> u32 {
        self.plan.config.sweep.seeds
    }

    /// That of a trajectory for all of these seed indices.
    fn status(&self, point: usize, number: usize, mut seeds: Range<u32>) -> &Status {
        let status = &self.statuses[point][number];
        let mut lacks_one = || seeds.any(|seed_index| self.curve(point, number, seed_index).is_none());
        match status {
            Status::Exact if lacks_one() => &ENDED,
            Status::Matched(_) if lacks_one() => &WITHOUT_GAIN,
            status => status,
        }
    }

    fn curve(&self, point: usize, number: usize, seed_index: u32) -> Option<&Curve> {
        self.curves[point][seed_index as usize].get(number)?.as_ref()
    }

    /// Places with their status for these seed indices.
    fn places(&self, seeds: Range<u32>) -> impl Iterator<Item = (Place<'_>, At)> {
        let mut cells: Vec<(Prefix, usize, usize)> = Vec::new();
        for (p, point) in self.plan.points.iter().enumerate() {
            for (t, trajectory) in point.trajectories.iter().enumerate() {
                cells.extend(trajectory.cells.iter().map(|prefix| (*prefix, p, t)));
            }
        }
        cells.sort_unstable_by_key(|(prefix, _, _)| prefix.cell);
        cells.into_iter().flat_map(move |(prefix, point, number)| {
            let trajectory: &Trajectory = &self.plan.points[point].trajectories[number];
            let status = self.status(point, number, seeds.clone());
            // Rows of one state come in the order of the names of their outputs.
            let mut due: Vec<(u64, Output)> = self.plan.places(trajectory, prefix.samples).collect();
            due.sort_by_key(|(seen, output)| (*seen, output.name()));
            due.into_iter().map(move |(seen, output)| {
                let row = trajectory.rows.binary_search(&seen).expect("a trajectory keeps the states of its rows");
                let place = Place { cell: prefix.cell, seen, output: output.name(), status };
                (place, At { point, number, row, output })
            })
        })
    }

    fn found(&self, at: &At, seed_index: u32) -> Found {
        let Some(curve) = self.curve(at.point, at.number, seed_index) else { return Found::default() };
        let column = self.plan.config.train.outputs.iter().position(|output| *output == at.output);
        let of = |points: &[Vec<Option<Expected>>]| points.get(at.row)?[column?];
        let (approximation, kappa) = (curve.approximation, curve.settled.map(|(kappa, _)| kappa));
        let plateau = curve.settled.filter(|_| at.output == Output::Last).map(|(_, plateau)| plateau);
        let risks = of(&curve.points).map(|Expected { excess, quantized_test }| Risks {
            excess,
            reducible: excess + approximation,
            approximation,
            quantized_test,
            kappa,
            plateau,
        });
        let full_precision = of(&curve.full).map(|expected| expected.excess);
        Found { risks, full_precision, formats: curve.formats.clone() }
    }
}

/// Site by site; none where a seed index has none.
fn mean_formats(found: &[Found]) -> Vec<(usize, FormatLaw)> {
    let sites = found.iter().map(|found| found.formats.len()).min().unwrap_or(0);
    let mean = |k: usize, of: fn(&FormatLaw) -> f64| {
        found.iter().map(|found| of(&found.formats[k].1)).sum::<f64>() / found.len() as f64
    };
    let of = |k: usize| {
        let (phase, law) = found[0].formats[k];
        (phase, FormatLaw { gain: mean(k, |law| law.gain), eps: mean(k, |law| law.eps), ..law })
    };
    (0..sites).map(of).collect()
}

impl Means {
    fn of(all: &[Risks]) -> Means {
        let mean = |of: fn(&Risks) -> f64| Mean::of(all.iter().map(of));
        let whole = |of: fn(&Risks) -> Option<f64>| {
            let sum: Option<f64> = all.iter().map(of).sum();
            sum.map(|sum| sum / all.len() as f64)
        };
        Means {
            excess: mean(|risks| risks.excess),
            reducible: mean(|risks| risks.reducible),
            approximation: mean(|risks| risks.approximation),
            quantized_test: mean(|risks| risks.quantized_test),
            kappa: whole(|risks| risks.kappa),
            plateau: whole(|risks| risks.plateau),
        }
    }
}

/// Where the curves have it.
struct At {
    point: usize,
    number: usize,
    row: usize,
    output: Output,
}
