//! What the plan says of each row.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Output;
use crate::plan::{Cohort, Plan};
use crate::run::rows::{self, Origin};
use crate::site::Site;
use crate::store::row::Row;
use crate::store::{COLUMNS, Kind, Value};

/// Cells whose settings are kept for the next seed index.
const KEPT: usize = 4096;

/// Compares rows with the plan, cell by cell.
pub(super) struct PlannedSettings {
    plan: Arc<Plan>,
    stream_version: u32,
    /// By cell: its problem point's trajectory.
    trajectories: Vec<usize>,
    known: HashMap<u64, Planned>,
}

/// What the plan says of the rows of a cell.
struct Planned {
    /// Settings, and zero counters where a site has counts.
    row: Row,
    /// Samples after which there is one, ascending, and its output.
    due: Vec<(u64, Output)>,
}

impl PlannedSettings {
    pub fn new(plan: Arc<Plan>, stream_version: u32) -> PlannedSettings {
        let mut trajectories = vec![0; plan.cells.len()];
        for point in &plan.points {
            for (index, trajectory) in point.trajectories.iter().enumerate() {
                trajectory.cells.iter().for_each(|prefix| trajectories[prefix.cell as usize] = index);
            }
        }
        PlannedSettings { plan, stream_version, trajectories, known: HashMap::new() }
    }

    /// Compares the settings of a row, and fills in those derived ones that its part has not.
    pub fn compare(&mut self, row: &mut Row) -> std::result::Result<(), String> {
        let PlannedSettings { plan, stream_version, trajectories, known } = self;
        let Some(cell) = plan.cells.get(row.cell as usize) else {
            return Err(format!("run {} is not planned", row.run_id));
        };
        if known.len() >= KEPT && !known.contains_key(&row.cell) {
            known.clear();
        }
        let Planned { row: planned, due } = known.entry(row.cell).or_insert_with(|| {
            let cohort = Cohort { point: cell.problem, seed_index: 0 };
            let trajectory = &plan.points[cell.problem].trajectories[trajectories[row.cell as usize]];
            Planned {
                row: rows::settings(plan, cohort, row.cell, &Origin::default()),
                due: plan.places(trajectory, cell.samples).collect(),
            }
        });
        let run = row.run_id;
        let first = due.partition_point(|(seen, _)| *seen < row.seen);
        let mut outputs = due[first..].iter().take_while(|(seen, _)| *seen == row.seen).peekable();
        if outputs.peek().is_none() {
            return Err(format!("seen of run {run} is {}, where its config has no row", row.seen));
        }
        if !outputs.any(|(_, output)| output.name() == row.output) {
            return Err(format!("output of run {run} is {:?}, which its config has not", row.output));
        }
        if let Some(site) =
            Site::ALL.into_iter().find(|&site| row.counts[site].is_some() != planned.counts[site].is_some())
        {
            return Err(format!("counters at {} of run {run} are not those of its config", site.name()));
        }
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
                    let (name, has) = (column.name(), column.get(row));
                    return Err(format!("{name} of run {run} is {has}, its config has {wanted}"));
                }
                Kind::Result | Kind::Evaluated if matches!(column.get(row), Value::F64(value) if value.is_nan()) => {
                    return Err(format!("{} of run {run} is NaN; what does not exist is null", column.name()));
                }
                Kind::Result | Kind::Evaluated | Kind::Provenance => {}
            }
        }
        Ok(())
    }
}
