//! What theory says of the reducible risk of a power spectrum: the slopes of guides, and how all sizes share one curve.

use super::risk::Risk;
use super::table::{CellKey, Table};
use super::variables::{Variable, effective};
use crate::store::row::Row;

/// A slope to compare with.
#[derive(Clone, Debug, PartialEq)]
pub struct Guide {
    pub slope: f64,
    /// As `−(a − 1)`.
    pub formula: &'static str,
}

/// (a, b): eigenvalues i^-a, and lambda_i E w_i^2 = i^-b, for 1 < b < a + 1; b = a for a target of equal entries.
fn exponents(row: &Row) -> Option<(f64, f64)> {
    let a = row.spectrum_exponent.filter(|a| *a > 1.0 && row.spectrum == "power")?;
    match row.target.as_str() {
        "gaussian" | "ones" => Some((a, a)),
        "source" => row.target_exponent.filter(|b| *b > 1.0 && *b < a + 1.0).map(|b| (a, b)),
        _ => None,
    }
}

/// Whether the last iterate of a constant step stays at the plateau of its noise.
fn has_plateau(row: &Row) -> bool {
    row.schedule == "constant" && row.output == "last" && row.noise > 0.0
}

/// The slope of the reducible risk in M or in N_eff alone, for eigenvalues i^-a: M^-(a-1) and N_eff^-(a-1)/a (abstract of
/// Lin et al., arXiv 2406.08466). With lambda_i E w_i^2 = i^-b the same sums give, up to constants, M^-(b-1) for the i
/// beyond M, N_eff^-(b-1)/a for those beyond N_eff^(1/a), which training has not reached, and N_eff^-(a-1)/a for label
/// noise in those it has.
pub fn guide(table: &Table, key: CellKey, x: &Variable, y: Risk) -> Option<Guide> {
    let row = &table.groups[key.group].row;
    let (a, b) = exponents(row)?;
    // Without a sketch M is D, another problem.
    let is_other = row.sketch_kind == "none" && x.name != "neff";
    if is_other || has_plateau(row) || !matches!(y, Risk::Reducible | Risk::GainCorrected) {
        return None;
    }
    let least = if row.noise > 0.0 { b.min(a) } else { b };
    let (slope, formula) = match x.name {
        "model" | "m_total" | "m_gc" => (1.0 - b, if b == a { "−(a − 1)" } else { "−(b − 1)" }),
        "neff" => ((1.0 - least) / a, if least == a { "−(a − 1)/a" } else { "−(b − 1)/a" }),
        _ => return None,
    };
    Some(Guide { slope, formula })
}

/// N_eff / m^a and m^(b-1) of a cell of size m, M for full precision and else M_total. By the sums above the risk is
/// m^-(b-1) times a function of N_eff / m^a alone, with label noise where b = a: risk times the second against the first
/// puts every M, N and recipe on one curve, up to the constants of small sizes.
pub fn collapse(table: &Table, key: CellKey) -> Option<(f64, f64)> {
    let row = &table.groups[key.group].row;
    let (a, b) = exponents(row).filter(|(a, b)| row.noise == 0.0 || a == b)?;
    if row.sketch_kind == "none" || has_plateau(row) {
        return None;
    }
    let size = match table.recipes[key.recipe].is_full_precision {
        true => f64::from(key.model),
        false => table.sizes.get(&(key.group, key.recipe, key.model))?.total?,
    };
    Some((effective(table, key)? / size.powf(a), size.powf(b - 1.0)))
}
