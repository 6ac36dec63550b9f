//! What the plan says of each row.

use std::collections::HashMap;
use std::sync::Arc;

use crate::plan::{Cohort, Plan};
use crate::run::rows::{self, Origin};
use crate::store::row::Row;
use crate::store::{COLUMNS, Kind, Value};

/// Cells whose settings are kept for the next seed index.
const KEPT: usize = 4096;

/// Compares rows with the plan, cell by cell.
pub(super) struct PlannedSettings {
    plan: Arc<Plan>,
    stream_version: u32,
    known: HashMap<u64, Row>,
}

impl PlannedSettings {
    pub fn new(plan: Arc<Plan>, stream_version: u32) -> PlannedSettings {
        PlannedSettings { plan, stream_version, known: HashMap::new() }
    }

    /// Compares the settings of a row, and fills in those derived ones that its part has not.
    pub fn compare(&mut self, row: &mut Row) -> std::result::Result<(), String> {
        let PlannedSettings { plan, stream_version, known } = self;
        let Some(cell) = plan.cells.get(row.cell as usize) else {
            return Err(format!("run {} is not planned", row.run_id));
        };
        if known.len() >= KEPT && !known.contains_key(&row.cell) {
            known.clear();
        }
        let planned = known.entry(row.cell).or_insert_with(|| {
            let cohort = Cohort { point: cell.problem, seed_index: 0 };
            rows::settings(plan, cohort, row.cell, &Origin::default())
        });
        planned.seed_index = row.seed_index;
        planned.run_id = plan.run_id(row.seed_index, row.cell);
        planned.stream_version = *stream_version;
        for column in COLUMNS.iter() {
            let wanted = column.get(planned);
            match column.kind {
                Kind::Setting | Kind::Derived if column.get(row) == wanted => {}
                Kind::Derived if column.get(row) == Value::Null => {
                    if !column.set(row, wanted) {
                        return Err(format!("column {} has no place for {wanted:?}", column.name()));
                    }
                }
                Kind::Setting | Kind::Derived => {
                    let (run, name, has) = (row.run_id, column.name(), column.get(row));
                    return Err(format!("{name} of run {run} is {has}, its config has {wanted}"));
                }
                Kind::Result | Kind::Evaluated | Kind::Provenance => {}
            }
        }
        Ok(())
    }
}
