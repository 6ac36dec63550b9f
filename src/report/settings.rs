//! The settings that tell panels apart: one table of names and of where a row has them.

use crate::store::row::Row;

/// A setting of a run.
struct Setting {
    /// As its column in the rows.
    name: &'static str,
    of: fn(&Row) -> String,
}

/// The name of the setting that panels of best step sizes choose.
pub const STEP_SIZE: &str = "step_size";

/// In the order in which pages and CSVs show them.
const SETTINGS: [Setting; 13] = [
    Setting { name: "output", of: |row| row.output.clone() },
    Setting { name: "dim", of: |row| row.dim.to_string() },
    Setting { name: "spectrum", of: |row| row.spectrum.clone() },
    Setting { name: "spectrum_exponent", of: |row| number(row.spectrum_exponent) },
    Setting { name: "target", of: |row| row.target.clone() },
    Setting { name: "target_exponent", of: |row| number(row.target_exponent) },
    Setting { name: "noise", of: |row| row.noise.to_string() },
    Setting { name: "sketch_kind", of: |row| row.sketch_kind.clone() },
    Setting { name: "sampling", of: |row| row.sampling.clone() },
    Setting { name: "tail", of: |row| row.tail.clone() },
    Setting { name: "batch", of: |row| row.batch.to_string() },
    Setting { name: STEP_SIZE, of: |row| row.step_size.to_string() },
    Setting { name: "schedule", of: |row| row.schedule.clone() },
];

/// A number as a CSV has it; empty where there is none.
pub fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The values of all settings, as texts; an empty one is unset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PanelSettings(Vec<String>);

impl PanelSettings {
    pub fn of(row: &Row) -> PanelSettings {
        PanelSettings(SETTINGS.iter().map(|setting| (setting.of)(row)).collect())
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        SETTINGS.iter().map(|setting| setting.name)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        PanelSettings::names().zip(self.0.iter().map(String::as_str))
    }

    /// The value of the setting of this name; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value)
    }

    /// The same settings but for the one of this name.
    pub fn with(&self, name: &str, value: &str) -> PanelSettings {
        PanelSettings(self.iter().map(|(own, other)| if own == name { value } else { other }.to_string()).collect())
    }
}
