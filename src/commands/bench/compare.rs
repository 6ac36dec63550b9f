//! `bench compare`: measurements side by side.

use std::path::PathBuf;

use super::document::{self, Stored, StoredRow};
use super::table::quantity;
use crate::error::{Error, Result};
use crate::streams::print;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Documents of `roundlaw bench --json`; ratios are to the first adapter of the first one.
    #[arg(required = true, num_args = 1.., value_name = "FILE.json")]
    files: Vec<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for path in &args.files {
        let stem = path.file_stem().unwrap_or(path.as_os_str()).display().to_string();
        all.extend(document::read(path)?.into_iter().map(|stored| (stem.clone(), stored)));
    }
    if all.len() < 2 {
        return Err(Error::Input("bench compare: there is one measurement: allowed are two or more".into()).into());
    }
    Ok(print(&lines(&all)?.join("\n"))?)
}

/// What makes rows the same measurement: how much of the problem ran, behind `; `, does not.
fn key(row: &StoredRow) -> (&str, &str, &str, &Option<String>, &str) {
    let problem = row.size.split_once("; ").map_or(row.size.as_str(), |(problem, _)| problem);
    // How large a peak's work is, is the adapter's.
    let problem = if row.suite == "peaks" && row.name != "read-back" { "" } else { problem };
    (&row.suite, &row.name, problem, &row.format, &row.unit)
}

/// A table of Markdown: every row of any measurement, in the order in which they first come.
fn lines(all: &[(String, Stored)]) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for row in all.iter().flat_map(|(_, stored)| &stored.rows) {
        if !keys.contains(&key(row)) {
            keys.push(key(row));
        }
    }
    if keys.is_empty() {
        return Err(Error::Input("bench compare: rows: no measurement has any".into()));
    }
    let cell = |text: &str| text.replace('|', "\\|");
    let names = all.iter().enumerate().map(|(k, (file, stored))| {
        let ratio = if k == 0 { "" } else { " ratio |" };
        format!(" {} ({}) |{ratio}", cell(&stored.adapter), cell(file))
    });
    let mut lines = vec![format!("| suite | name | size | format |{}", names.collect::<String>())];
    lines.push(format!("|---|---|---|---|{}", "---:|".repeat(2 * all.len() - 1)));
    for wanted in keys {
        let found: Vec<Option<&StoredRow>> =
            all.iter().map(|(_, stored)| stored.rows.iter().find(|row| key(row) == wanted)).collect();
        let (suite, name, problem, format, _) = wanted;
        let mut line = format!(
            "| {} | {} | {} | {} |",
            cell(suite),
            cell(name),
            cell(problem),
            cell(format.as_deref().unwrap_or("-"))
        );
        for (k, row) in found.iter().enumerate() {
            line += &format!(" {} |", row.map_or("-".into(), value));
            if k > 0 {
                line += &format!(" {} |", ratio(found[0], *row));
            }
        }
        lines.push(line);
    }
    Ok(lines)
}

fn value(row: &StoredRow) -> String {
    let mark = if row.verified { "" } else { " UNVERIFIED" };
    format!("{}{mark}", quantity(row.value, &row.unit))
}

/// How many times as fast; what is not verified is not fast.
fn ratio(first: Option<&StoredRow>, row: Option<&StoredRow>) -> String {
    let (Some(first), Some(row)) = (first, row) else { return "-".into() };
    if !first.verified || !row.verified {
        return "-".into();
    }
    // A time is the better the shorter it is.
    let ratio = if row.unit == "s" { first.value / row.value } else { row.value / first.value };
    format!("{ratio:.2}x")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, size: &str, value: f64, unit: &str, verified: bool) -> StoredRow {
        let (suite, format) = (if unit == "s" { "peaks" } else { "sweeps" }.into(), None);
        StoredRow { suite, name: name.into(), size: size.into(), format, value, unit: unit.into(), verified }
    }

    #[test]
    fn times_are_compared_the_other_way_round_and_what_is_not_verified_not_at_all() {
        let (a, b) = (row("x", "", 2.0, "runs/s", true), row("x", "", 3.0, "runs/s", true));
        assert_eq!(ratio(Some(&a), Some(&b)), "1.50x");
        let (a, b) = (row("x", "", 2.0, "s", true), row("x", "", 1.0, "s", true));
        assert_eq!(ratio(Some(&a), Some(&b)), "2.00x");
        let wrong = StoredRow { verified: false, ..b };
        assert_eq!((ratio(Some(&a), Some(&wrong)), ratio(None, Some(&a))), ("-".into(), "-".into()));
        assert_eq!(value(&wrong), "1.00 s UNVERIFIED");
    }

    #[test]
    fn how_much_ran_does_not_tell_rows_apart() {
        let all = ["M = 1; 2 of 9 seeds", "M = 1; 9 of 9 seeds", "M = 2; 9 of 9 seeds"];
        let [few, many, other] = all.map(|size| row("grid", size, 1.0, "runs/s", true));
        assert!(key(&few) == key(&many) && key(&few) != key(&other));
    }
}
