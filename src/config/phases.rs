//! Phases of a recipe: formats that change while a run trains.

use std::iter;

use toml::Value;

use super::item::{Item, Node};
use super::keys::Keys;
use super::lists::Parts;
use super::places::Places;
use super::recipe::{FORMAT, specs};
use super::{MAX_SAMPLES, Recipe, Sites, Train};
use crate::error::{Error, Result};
use crate::format::Spec;
use crate::site::Site;

/// Formats from some update of a run on; its state carries over.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    pub from: Start,
    /// Those of every site, what stays as it was before included.
    pub sites: Sites,
}

/// Where a phase begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Behind this fraction of the run's own N, in (0, 1).
    Fraction(f64),
    /// Behind so many samples.
    Samples(u64),
}

/// Phases of a recipe behind the first.
const MAX_PHASES: usize = 64;
/// The key that says so.
pub(super) const FROM: &str = "from";
/// The product of a decimal fraction and a number of updates is rounded twice: where it is whole it stays so.
const ROUNDING: f64 = f64::EPSILON * 2.0;

impl Start {
    /// Samples that a run of N = `samples` in batches of `batch` has seen when the phase begins: the next whole batch.
    pub fn sample(self, samples: u64, batch: u32) -> u64 {
        let batch = u64::from(batch);
        match self {
            Start::Samples(from) => from.next_multiple_of(batch),
            Start::Fraction(fraction) => {
                let updates = (fraction * (samples / batch) as f64 * (1.0 - ROUNDING)).ceil();
                updates as u64 * batch
            }
        }
    }

    fn of(item: &Item) -> Result<Start> {
        let allowed = || {
            let samples = format!("an integer from 1 to {MAX_SAMPLES}, a number of samples");
            item.bad(&format!("a fraction of N between 0 and 1, as 0.5, or {samples}"))
        };
        match item.value() {
            Value::Integer(_) => item.integer(1, MAX_SAMPLES).map(Start::Samples).map_err(|_| allowed()),
            Value::Float(fraction) if fraction > 0.0 && fraction < 1.0 => Ok(Start::Fraction(fraction)),
            _ => Err(allowed()),
        }
    }

    /// A TOML literal.
    pub fn toml(self) -> String {
        match self {
            Start::Fraction(fraction) => format!("{fraction:?}"),
            Start::Samples(from) => from.to_string(),
        }
    }
}

impl Recipe {
    /// The formats of every phase, in order; the first is there from the start.
    pub fn phases(&self) -> impl Iterator<Item = &Sites> {
        iter::once(&self.sites).chain(self.then.iter().map(|phase| &phase.sites))
    }

    /// Those of phase number `number`.
    pub fn phase(&self, number: usize) -> &Sites {
        number.checked_sub(1).map_or(&self.sites, |behind| &self.then[behind].sites)
    }

    /// How messages call phase number `number`.
    pub fn called(&self, number: usize) -> String {
        name(&self.name, number)
    }

    /// Those at the end of a run.
    pub fn last_phase(&self) -> &Sites {
        self.phase(self.then.len())
    }

    /// Whether a site is not as it was before phase number `number`; in phase 0 whatever it is.
    pub fn is_new(&self, number: usize, site: Site) -> bool {
        number.checked_sub(1).is_none_or(|before| self.phase(before)[site] != self.phase(number)[site])
    }

    /// What phase number `number`, from 1, changes: `None` where it unsets a site.
    pub fn changes(&self, number: usize) -> impl Iterator<Item = (Site, Option<&Spec>)> {
        let own = self.phase(number);
        Site::ALL.into_iter().filter(move |site| self.is_new(number, *site)).map(|site| (site, own[site].as_ref()))
    }

    /// The text of the column `phases`: what `then` of a config would be, without defaults. `None` of a single phase.
    pub fn phases_text(&self) -> Option<String> {
        let table = |(number, phase): (usize, &Phase)| {
            let sites = self.changes(number);
            let pair = |(site, spec): (Site, Option<&Spec>)| {
                format!(", {} = {}", site.name(), spec.map_or("\"fp32\"".into(), Spec::short_table))
            };
            format!("{{ from = {}{} }}", phase.from.toml(), sites.map(pair).collect::<String>())
        };
        let tables: Vec<String> = (1..).zip(&self.then).map(table).collect();
        (!tables.is_empty()).then(|| format!("[{}]", tables.join(", ")))
    }
}

/// The tables of `then` in a recipe that is written with this name.
pub(super) fn written(item: Item, recipe: &str) -> Result<Vec<Parts>> {
    let key = item.key();
    let Node::List(list) = item.node else {
        return Err(item.bad("a list of tables, as [[recipe.then]]"));
    };
    if list.len() > MAX_PHASES {
        return Err(Error::Input(format!("{key} holds {} phases: allowed are up to {MAX_PHASES}", list.len())));
    }
    (1..).zip(list).map(|(number, item)| parts(item.called(&name(recipe, number)).table()?)).collect()
}

fn parts(mut keys: Keys) -> Result<Parts> {
    let sites = Site::ALL.into_iter().filter(|site| *site != Site::Sketch).map(Site::name);
    let known: Vec<&str> = iter::once(FROM).chain(sites).collect();
    if keys.has(Site::Sketch.name()) {
        let key = keys.key(Site::Sketch.name());
        return Err(Error::Input(format!("{key}: the sketch is rounded once a run: allowed are {}", known.join(", "))));
    }
    keys.know(&known)?;
    let mut parts = Parts::default();
    for site in Site::ALL {
        let called = format!("{}, {}", keys.own().0, site.name());
        if let Some(item) = keys.take(site.name()) {
            parts.tables[site] = Some(item.under(FORMAT).called(&called).table()?);
        }
    }
    Ok(Parts { head: keys, ..parts })
}

/// The phases behind `first` in the recipe of that name.
pub(super) fn phases(first: &Sites, then: &[Parts], recipe: &str, places: &mut Places) -> Result<Vec<Phase>> {
    let mut sites = *first;
    let mut phases = Vec::new();
    for (number, Parts { head, tables }) in (1..).zip(then) {
        let own = name(recipe, number);
        let mut head = head.clone().called(&own);
        places.add_all(&head);
        let from = Start::of(&head.required(FROM, "a fraction of N, as 0.5, or a number of samples")?)?;
        for (site, spec) in specs(tables, &own, places)? {
            sites[site] = spec;
        }
        phases.push(Phase { from, sites });
    }
    Ok(phases)
}

/// How messages call phase number `number` of a recipe; phase 0 as the recipe.
pub(super) fn name(recipe: &str, number: usize) -> String {
    match number {
        0 => format!("recipe {recipe:?}"),
        _ => format!("recipe {recipe:?}, phase {number}"),
    }
}

/// Refuses phases that some run would not come to, and such as do not follow one another.
pub(super) fn fit(recipes: &[Recipe], train: &Train, places: &Places) -> Result<()> {
    let runs = || train.samples.iter().flat_map(|&samples| train.batches.iter().map(move |&batch| (samples, batch)));
    // Behind it every run has one more update.
    let most = runs().map(|(samples, batch)| samples.saturating_sub(batch.into())).min().unwrap_or(0);
    for recipe in recipes.iter().filter(|recipe| !recipe.then.is_empty()) {
        for (samples, batch) in runs() {
            let mut before = 0;
            for (number, phase) in (1..).zip(&recipe.then) {
                let start = phase.from.sample(samples, batch);
                let refused = |allowed: &str| {
                    let key = places.key(&format!("{}.from", name(&recipe.name, number)));
                    let of_run = format!("with train.samples = {samples} and train.batch = {batch}");
                    let from = phase.from.toml();
                    Error::Input(format!("{key} = {from}: {of_run} it begins behind sample {start}: {allowed}"))
                };
                if start >= samples {
                    let up_to = match phase.from {
                        Start::Samples(_) if most > before => format!(", up to {most}"),
                        _ => String::new(),
                    };
                    return Err(refused(&format!("allowed is what begins before the end of every run{up_to}")));
                }
                if start <= before {
                    let least = format!("the phase before it, which begins behind sample {before}");
                    return Err(refused(&format!("allowed is what begins behind {least}")));
                }
                before = start;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_whole_updates_is_whole_and_any_other_start_waits_for_its_batch() {
        let at = |fraction: f64, samples, batch| Start::Fraction(fraction).sample(samples, batch);
        for (fraction, updates) in [(0.07, 7), (0.14, 14), (0.28, 28), (0.55, 55), (0.56, 56), (0.57, 57), (0.58, 58)] {
            assert_eq!(at(fraction, 100, 1), updates);
            assert_eq!(at(fraction, 100_000_000, 1), updates * 1_000_000);
        }
        assert_eq!(at(0.5, 1025, 1), 513);
        assert_eq!(at(0.5, 9 * 32, 32), 5 * 32);
        assert_eq!(at(1e-9, 1 << 20, 1), 1);
        assert_eq!((Start::Samples(33).sample(128, 32), Start::Samples(64).sample(128, 32)), (64, 64));
    }
}
