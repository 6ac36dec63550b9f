//! A measurement as lines of a table.

use crate::bench::Row;

/// The columns' names.
pub fn head() -> String {
    columns("suite", "name", "format", "value", "share", "iqr", "size")
}

fn columns(suite: &str, name: &str, format: &str, value: &str, share: &str, iqr: &str, size: &str) -> String {
    format!("{suite:<8} {name:<25} {format:<15} {value:>22} {share:>6} {iqr:>6}  {size}")
}

pub fn line(row: &Row) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let mark = if row.verified { "" } else { "  UNVERIFIED" };
    columns(
        row.suite.name(),
        &row.name,
        row.format.as_deref().unwrap_or("-"),
        &quantity(row.value, row.unit),
        &row.share().map_or("-".into(), percent),
        &percent(row.timing.iqr / row.timing.median.max(f64::MIN_POSITIVE)),
        &format!("{}{mark}", row.size),
    )
}

const LARGE: [(f64, &str); 5] = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
const SMALL: [(f64, &str); 3] = [(1e-3, "m"), (1e-6, "u"), (1e-9, "n")];

/// Three digits and a unit that suits them.
pub fn quantity(value: f64, unit: &str) -> String {
    let scales = LARGE.into_iter().chain([(1.0, "")]).chain(SMALL);
    let (scale, prefix) = scales.into_iter().find(|(scale, _)| value >= *scale).unwrap_or((1.0, ""));
    let scaled = value / scale;
    let digits = if scaled >= 99.95 { 0 } else { usize::from(scaled < 9.995) + 1 };
    // A prefix is part of a symbol, not of a word.
    let word = if prefix.is_empty() || matches!(unit, "s" | "B/s") { "" } else { " " };
    format!("{scaled:.digits$} {prefix}{word}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Suite;

    #[test]
    fn what_is_not_verified_is_marked() {
        let size = "M = 32".to_string();
        let (suite, timing) = (Suite::Kernels, Default::default());
        let (name, format, bound) = ("train".into(), None, None);
        let row = Row { suite, name, size, format, value: 1e9, unit: "runs/s", bound, verified: false, timing };
        assert!(line(&row).ends_with("M = 32  UNVERIFIED"), "{}", line(&row));
        assert!(line(&Row { verified: true, ..row }).ends_with("M = 32"));
    }

    #[test]
    fn quantities_have_three_digits_and_a_prefix() {
        let all = [(1.234e12, "B/s"), (99.9e9, "runs/s"), (12.34, "runs/s"), (1.9e-6, "s"), (0.5, "s"), (0.0, "s")];
        let told = all.map(|(value, unit)| quantity(value, unit));
        assert_eq!(told, ["1.23 TB/s", "99.9 G runs/s", "12.3 runs/s", "1.90 us", "500 ms", "0.00 s"]);
    }
}
