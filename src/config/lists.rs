//! Lists in the tables of a recipe's sites: one recipe for each combination of their values.

use super::item::{Item, distinct};
use super::keys::Keys;
use super::phases::FROM;
use crate::error::Result;
use crate::format::{FORMAT_OPTIONS, LAW_OPTIONS};
use crate::site::{PerSite, Site};

/// The tables of the sites of one phase.
pub(super) type Tables = PerSite<Option<Keys>>;

/// One phase of a recipe as it is written.
#[derive(Clone, Default)]
pub(super) struct Parts {
    /// Where it begins; empty of phase 0.
    pub head: Keys,
    pub tables: Tables,
}

impl Parts {
    fn place(&mut self, site: Option<Site>) -> &mut Keys {
        match site {
            Some(site) => self.tables[site].get_or_insert_default(),
            None => &mut self.head,
        }
    }
}

/// An option that a recipe has several values of.
struct List {
    phase: usize,
    /// `None` for where the phase begins.
    site: Option<Site>,
    option: &'static str,
    values: Vec<Item>,
}

/// A recipe as it is written: what all its combinations have in common, and the lists, in the order of the phases, of the
/// sites and of the options of each, the last fastest.
pub(super) struct Written {
    phases: Vec<Parts>,
    lists: Vec<List>,
}

impl Written {
    /// # Errors
    /// [`crate::Error::Input`] for a list that is empty or holds a value twice.
    pub fn new(mut phases: Vec<Parts>) -> Result<Written> {
        let mut lists = Vec::new();
        for (phase, parts) in phases.iter_mut().enumerate() {
            let mut take = |site: Option<Site>, keys: &mut Keys, option: &'static str| {
                let Some(list) = keys.take_list(option) else { return Ok(()) };
                let values = list.list()?;
                distinct(&values, |value| Ok(value.label()))?;
                lists.push(List { phase, site, option, values });
                Ok(())
            };
            take(None, &mut parts.head, FROM)?;
            for (site, keys) in parts.tables.iter_mut() {
                let Some(keys) = keys else { continue };
                site_options().try_for_each(|option| take(Some(site), keys, option))?;
            }
        }
        Ok(Written { phases, lists })
    }

    /// How many recipes it stands for.
    pub fn count(&self) -> usize {
        self.lists.iter().fold(1, |count: usize, list| count.saturating_mul(list.values.len()))
    }

    /// Each of them: `name`, and of every list ` SITE.OPTION=VALUE`, behind the number of a later phase; and its phases.
    pub fn recipes(self, name: &str) -> Vec<(String, Vec<Parts>)> {
        let mut recipes = vec![(name.to_owned(), self.phases)];
        for List { phase, site, option, values } in &self.lists {
            let of_phase = if *phase > 0 { format!("phase{phase}.") } else { String::new() };
            let of_site = site.map_or(String::new(), |site| format!("{}.", site.name()));
            let with = |(name, phases): &(String, Vec<Parts>), value: &Item| {
                let mut phases = phases.clone();
                phases[*phase].place(*site).put(option, value.clone());
                (format!("{name} {of_phase}{of_site}{option}={}", value.label()), phases)
            };
            recipes = recipes.iter().flat_map(|recipe| values.iter().map(move |value| with(recipe, value))).collect();
        }
        recipes
    }
}

/// Every option that the table of some site has: those of formats, then those of laws.
pub(super) fn site_options() -> impl Iterator<Item = &'static str> {
    FORMAT_OPTIONS.iter().map(|row| row.name).chain(LAW_OPTIONS.iter().map(|row| row.name))
}
