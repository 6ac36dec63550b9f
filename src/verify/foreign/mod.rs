//! Somebody else's codec, by what it stored for given values: where it differs, and what would explain it.

mod block_causes;
mod case;
mod cause;
mod element_causes;
mod integer_causes;
mod parts;
mod posit_causes;
mod product_causes;
pub mod random;
mod rank;
pub mod table;

pub use case::{Case, Cut, Found, Inputs, Stored};
pub use cause::Repeat;
pub use rank::LikelyCause;

use rayon::prelude::*;

use case::Agreement;

/// Differences told one by one.
const FIRST: usize = 10;

/// What a comparison found.
#[derive(Clone, Debug)]
pub struct CodecComparison {
    pub elements: usize,
    pub different: usize,
    /// Elements with another of the format's NaN codes: no difference.
    pub other_nans: usize,
    /// Stored scales that differ, of how many; `None` where no scale is stored.
    pub scales: Option<(usize, usize)>,
    /// The first differences.
    pub first: Vec<Difference>,
    /// Likely causes, the best first.
    pub causes: Vec<LikelyCause>,
}

/// An element of which something else was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In the order in which elements are stored.
    pub element: usize,
    /// The f32 nearest it, as bits.
    pub input: u32,
    pub theirs: Stored,
    pub ours: Stored,
}

/// Compares what a codec stored with what its format asks for.
pub fn check(case: &Case) -> CodecComparison {
    let ours = case.ours();
    let verdicts: Vec<Agreement> = (0..case.inputs.len()).into_par_iter().map(|k| case.agreement(k, ours(k))).collect();
    let count = |verdict: Agreement| verdicts.iter().filter(|own| **own == verdict).count();
    let different = count(Agreement::Different);
    let first = (0..verdicts.len()).filter(|k| verdicts[*k] == Agreement::Different).take(FIRST);
    let difference =
        |k: usize| Difference { element: k, input: case.nearest(k), theirs: case.theirs(k), ours: ours(k) };
    CodecComparison {
        elements: verdicts.len(),
        different,
        other_nans: count(Agreement::OtherNan),
        scales: case.different_scales(),
        first: first.map(difference).collect(),
        causes: if different == 0 { Vec::new() } else { rank::likely(case, &verdicts) },
    }
}
