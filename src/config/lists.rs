//! Lists in the tables of a recipe's sites: one recipe for each combination of their values.

use super::item::{Item, distinct};
use super::keys::Keys;
use crate::error::Result;
use crate::format::{FORMAT_OPTIONS, LAW_OPTIONS};
use crate::site::{PerSite, Site};

/// The tables of a recipe's sites.
pub(super) type Tables = PerSite<Option<Keys>>;

/// An option that a recipe has several values of.
struct List {
    site: Site,
    option: &'static str,
    values: Vec<Item>,
}

/// A recipe as it is written: what all its combinations have in common, and the lists, in the order of the sites and of
/// the options of each, the last fastest.
pub(super) struct Written {
    tables: Tables,
    lists: Vec<List>,
}

impl Written {
    /// # Errors
    /// [`crate::Error::Input`] for a list that is empty or holds a value twice.
    pub fn new(mut tables: Tables) -> Result<Written> {
        let mut lists = Vec::new();
        for (site, keys) in tables.iter_mut() {
            for option in site_options() {
                if let Some(list) = keys.as_mut().and_then(|keys| keys.take_list(option)) {
                    let values = list.list()?;
                    distinct(&values, |value| Ok(value.label()))?;
                    lists.push(List { site, option, values });
                }
            }
        }
        Ok(Written { tables, lists })
    }

    /// How many recipes it stands for.
    pub fn count(&self) -> usize {
        self.lists.iter().fold(1, |count: usize, list| count.saturating_mul(list.values.len()))
    }

    /// Each of them: `name`, and of every list ` SITE.OPTION=VALUE`; and its tables.
    pub fn recipes(self, name: &str) -> Vec<(String, Tables)> {
        let mut recipes = vec![(name.to_owned(), self.tables)];
        for List { site, option, values } in &self.lists {
            let with = |(name, tables): &(String, Tables), value: &Item| {
                let mut tables = tables.clone();
                tables[*site].get_or_insert_default().put(option, value.clone());
                (format!("{name} {}.{option}={}", site.name(), value.label()), tables)
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
