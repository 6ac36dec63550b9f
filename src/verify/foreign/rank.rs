//! Causes tried on every element, and put in order.

use rayon::prelude::*;

use super::case::{Agreement, Case, Found};
use super::cause::{Cause, Repeat};
use super::{block_causes, element_causes};
use crate::codec::NO_CODE;

/// Differences that a cause is tried on first: it leaves few causes for all elements of a large array.
const PROBED: usize = 1 << 16;

/// A cause that explains more differences than it would make.
#[derive(Clone, Debug, PartialEq)]
pub struct LikelyCause {
    pub name: String,
    /// Differences it explains: what was stored is what it would have stored.
    pub explains: usize,
    /// Elements that do not differ, and would.
    pub contradicts: usize,
    /// The first element whose difference it explains.
    pub example: usize,
    pub repeat: Option<Repeat>,
}

/// The causes of differences, by how many more elements speak for one than against it; `verdicts` are those of all
/// elements. Of equals the earlier in the lists is first, which begin with what is seen most.
///
/// One that explains none of [`PROBED`] differences, evenly spaced, is not tried on all elements.
pub fn likely(case: &Case, verdicts: &[Agreement]) -> Vec<LikelyCause> {
    let different = || (0..verdicts.len()).filter(|k| verdicts[*k] == Agreement::Different);
    let probed: Vec<usize> = different().step_by(different().count().div_ceil(PROBED).max(1)).collect();
    let all = element_causes::all(case).into_iter().chain(block_causes::all(case));
    let mut likely: Vec<LikelyCause> = all.filter_map(|cause| tried(case, verdicts, &probed, &cause)).collect();
    likely.sort_by_key(|cause| std::cmp::Reverse(cause.explains - cause.contradicts));
    likely
}

/// For and against: counts, and the first element that is explained.
#[derive(Clone, Copy)]
struct Tally {
    explains: usize,
    contradicts: usize,
    example: usize,
}

fn tried(case: &Case, verdicts: &[Agreement], probed: &[usize], cause: &Cause) -> Option<LikelyCause> {
    let codec = cause.codec(case)?;
    if probed.par_iter().all(|k| case.agreement(*k, codec(*k)) == Agreement::Different) {
        return None;
    }
    let none = Tally { explains: 0, contradicts: 0, example: usize::MAX };
    let of = |k: usize| {
        if verdicts[k] == Agreement::OtherNan {
            return none;
        }
        let told = codec(k);
        // Of what has no code in another format nothing is told.
        let is_untold = told.code == NO_CODE && matches!(case.found, Found::Codes { .. });
        match (verdicts[k] == Agreement::Different, case.agreement(k, told) == Agreement::Different) {
            _ if is_untold => none,
            (true, false) => Tally { explains: 1, example: k, ..none },
            (false, true) => Tally { contradicts: 1, ..none },
            _ => none,
        }
    };
    let sum = |a: Tally, b: Tally| Tally {
        explains: a.explains + b.explains,
        contradicts: a.contradicts + b.contradicts,
        example: a.example.min(b.example),
    };
    let Tally { explains, contradicts, example } = (0..verdicts.len()).into_par_iter().map(of).reduce(|| none, sum);
    let name = cause.name.clone();
    (explains > contradicts).then(|| LikelyCause { name, explains, contradicts, example, repeat: cause.repeat(case) })
}
