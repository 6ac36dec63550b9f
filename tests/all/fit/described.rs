//! What full precision is described by, and rival forms: their own cells, of the same seeds, without what one seed decides.

use roundlaw::Watch;
use roundlaw::config::{Output, Schedule};
use roundlaw::fit::{Description, Fit, Group, LeftOut, fit};

use super::exact::{A15, COARSE, FACTOR};
use super::synthetic::data_set;

fn fitted(group: &Group) -> Fit {
    fit(group, 40, &Watch::default()).unwrap()
}

fn described(group: &Group) -> Description {
    fitted(group).description.unwrap()
}

fn group() -> Group {
    data_set(&A15, 100, 11)
}

/// Without a seed.
fn without(mut group: Group, seed: usize) -> Group {
    let columns = group.cells.iter_mut().flat_map(|cell| [&mut cell.excess, &mut cell.overlap]);
    columns.chain(&mut group.approximation).chain(&mut group.signal).for_each(|column| {
        column.remove(seed);
    });
    group.seeds.remove(seed);
    group
}

/// A seed whose runs in full precision all diverge at M = 8 leaves its A there to other recipes alone.
#[test]
fn full_precision_is_described_by_its_own_rows() {
    let mut all = group();
    (0..3).for_each(|samples| all.cells[samples].excess[..5].fill(f64::NAN));
    let mut alone = all.clone();
    alone.recipes.truncate(1);
    alone.cells.truncate(15);
    alone.limits.truncate(5);
    alone.approximation[0][..5].fill(f64::NAN);
    let found = described(&all);
    assert_eq!(found, described(&alone));
    assert_eq!((found.cells, found.diverged, found.left_out), (12, 0, LeftOut { diverged: 3, heavy: 0 }));
    // One of a hundred may diverge: it is left out everywhere.
    let mut one = group();
    one.cells[4].excess[7] = f64::NAN;
    let found = described(&one);
    assert_eq!((found.cells, found.diverged, found.left_out), (15, 1, LeftOut::default()));
    let rest = described(&without(one, 7));
    assert_eq!((found.misfit, found.held_out), (rest.misfit, rest.held_out));
}

#[test]
fn cells_that_one_seed_carries_are_left_out_and_counted() {
    let mut heavy = group();
    let sum: f64 = heavy.cells[3].excess.iter().sum();
    heavy.cells[3].excess[20] += sum;
    let found = described(&heavy);
    assert_eq!((found.cells, found.diverged, found.left_out), (14, 0, LeftOut { diverged: 0, heavy: 1 }));
    // Of M = 8, 16 and 32 nothing is left but what one seed carries.
    for cell in &mut heavy.cells[..9] {
        cell.excess[20] = 1e3;
    }
    let reason = fitted(&heavy).description.unwrap_err();
    assert!(reason.contains("of 15 in full precision 0 diverged, 9 have a seed that carries them"), "{reason}");
}

#[test]
fn a_plateau_has_no_exponents() {
    let mut constant = group();
    constant.schedule = Schedule::Constant;
    assert!(fitted(&constant).description.unwrap_err().contains("plateau"));
    constant.output = Output::Average;
    assert_eq!(described(&constant).local.len(), 6);
}

/// A seed that diverged in one recipe is left out of all that a form compares.
#[test]
fn rival_forms_compare_recipes_over_the_same_seeds() {
    let mut one = group();
    for (recipe, bits) in [(0, 32.0), (COARSE, 6.0), (FACTOR, 4.0)] {
        one.cells[recipe * 15..(recipe + 1) * 15].iter_mut().for_each(|cell| cell.bits = Some(bits));
    }
    one.cells[COARSE * 15 + 8].excess[30] = f64::NAN;
    let rivals = fitted(&one).rivals;
    assert_eq!((rivals.len(), rivals[0].recipes), (1, 3));
    assert_eq!(rivals, fitted(&without(one, 30)).rivals);
}
