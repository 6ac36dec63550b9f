//! What is not identified is said, with the reason, and numbers that would mislead are not there.

use roundlaw::Watch;
use roundlaw::config::{Output, Schedule};
use roundlaw::fit::{DataFactor, Fit, Group, Size, Type, fit};

use super::exact::{A15, COARSE, FACTOR};
use super::synthetic::{data_set, empty, means};
use crate::docs::page::{FIT, code, table};

fn fitted(group: &Group) -> Fit {
    fit(group, 40, &Watch::default()).unwrap()
}

fn size(fit: &Fit, recipe: usize, model: u32) -> &Size {
    fit.sizes.iter().find(|size| (size.recipe, size.model) == (recipe, model)).unwrap()
}

/// Not identified, and for this reason.
#[track_caller]
fn refused(size: &Size, reason: &str) {
    let found = size.kind.reason().unwrap_or_else(|| panic!("{:?}", size.kind));
    assert!(found.contains(reason), "{found}");
    documented(found);
    assert!(size.m_total.value.is_none() && size.m_gc.value.is_none() && size.k_n.is_none(), "{size:?}");
}

/// One row of the page says what it means.
fn documented(reason: &str) {
    let rows = table(FIT, "reason");
    let named = rows.iter().filter(|row| reason.contains(code(&row[0])));
    assert_eq!(named.count(), 1, "{reason}");
}

/// A group of 100 seeds.
fn group() -> Group {
    data_set(&A15, 100, 7)
}

fn place(group: &Group, recipe: usize, model: usize, samples: usize) -> usize {
    (recipe * group.models.len() + model) * group.samples.len() + samples
}

#[test]
fn too_few_sizes_and_no_full_precision() {
    let keep = |models: usize, samples: usize| {
        let mut group = means(&A15);
        let cells = group.cells.clone();
        let kept = (0..cells.len()).filter(|place| place % 3 < samples && place / 3 % 5 < models);
        group.cells = kept.map(|place| cells[place].clone()).collect();
        group.models.truncate(models);
        group.samples.truncate(samples);
        group.approximation.truncate(models);
        group.signal.truncate(models);
        group.limits = vec![None; 5 * models];
        fitted(&group)
    };
    assert_eq!(size(&keep(5, 3), COARSE, 128).kind, Type::Size);
    refused(size(&keep(2, 3), COARSE, 16), "fewer than 3 M");
    refused(size(&keep(5, 2), COARSE, 128), "fewer than 3 N");
    for (models, samples) in [(2, 3), (5, 2)] {
        documented(&keep(models, samples).description.unwrap_err());
    }
    let mut without = means(&A15);
    without.baseline = None;
    let fit = fitted(&without);
    refused(size(&fit, 0, 128), "no full precision");
    assert!(fit.description.is_err());
}

#[test]
fn three_seeds_have_no_interval() {
    let fit = fitted(&data_set(&A15, 3, 7));
    refused(size(&fit, COARSE, 128), "fewer than 4 seeds");
    assert!(fit.description.is_err());
}

/// Where all runs of a seed diverge at an M, A is not known there: the seed counts as lost.
#[test]
fn seeds_that_leave_nothing_at_some_m_are_counted_as_diverged() {
    let mut group = group();
    group.approximation[0][..2].fill(f64::NAN);
    let fit = fitted(&group);
    refused(size(&fit, COARSE, 128), "2 % of the seeds of a cell diverged");
    assert_eq!(size(&fit, COARSE, 128).diverged, 2);
}

#[test]
fn a_plateau_is_no_floor() {
    let mut constant = means(&A15);
    constant.schedule = Schedule::Constant;
    refused(size(&fitted(&constant), COARSE, 128), "plateau");
    constant.output = Output::Average;
    assert_eq!(size(&fitted(&constant), COARSE, 128).kind, Type::Size);
}

#[test]
fn training_that_has_not_come_to_an_end() {
    let mut group = means(&A15);
    // As with a thousandth of the samples.
    let excess = [0.6, 0.4, 0.3];
    for recipe in [0, COARSE] {
        for (samples, x) in excess.iter().enumerate() {
            let cell = place(&group, recipe, 4, samples);
            group.cells[cell].excess = vec![x + if recipe == 0 { 0.0 } else { 0.1 }; 4];
        }
    }
    let fit = fitted(&group);
    let found = size(&fit, COARSE, 128);
    refused(found, "not trained at this M");
    assert!(found.floor.is_none());
    // A bound is left: M_total is not below Ainv(A + y).
    let bound = found.m_total.low.unwrap();
    assert!(bound > 8.0 && bound < 128.0 && found.m_total.high.is_none(), "{bound}");
    // Full precision that gets worse with more samples.
    let cell = place(&group, 0, 4, 1);
    group.cells[cell].excess = vec![0.2; 4];
    refused(size(&fitted(&group), COARSE, 128), "does not improve");
}

#[test]
fn a_size_below_all_that_were_measured() {
    let mut group = means(&A15);
    for samples in 0..3 {
        let cell = place(&group, COARSE, 0, samples);
        group.cells[cell].excess.iter_mut().for_each(|excess| *excess += 0.1);
    }
    let fit = fitted(&group);
    let found = size(&fit, COARSE, 8);
    refused(found, "below M = 8, the smallest");
    assert_eq!(found.m_total.high, Some(8.0));
}

/// Where the recipe learns more from N to N than full precision does, its floor is read below 0.
#[test]
fn a_size_above_all_that_were_measured() {
    let mut group = means(&A15);
    for (samples, x) in [0.5, 0.3, 0.16].into_iter().enumerate() {
        for (recipe, excess) in [(0, x), (COARSE, 1.5 * x - 0.07)] {
            let cell = place(&group, recipe, 4, samples);
            group.cells[cell].excess = vec![excess; 4];
        }
    }
    let fit = fitted(&group);
    let found = size(&fit, COARSE, 128);
    refused(found, "above M = 128, the largest");
    assert_eq!((found.m_total.low, found.m_total.high), (Some(128.0), None));
}

/// Full precision whose excess is 4 / N_eff, and a recipe of which this is made at each N.
fn data(recipe: impl Fn(usize, f64) -> f64) -> Option<DataFactor> {
    let samples = [1024, 4096, 16384, 65536, 262_144];
    let mut group = empty(&[8, 16, 32], &samples, &["fp32", "recipe"]);
    group.seeds = vec![0, 1, 2, 3];
    let columns = group.approximation.iter_mut().chain(&mut group.signal).zip([0.5, 0.3, 0.2, 1.0, 1.0, 1.0]);
    columns.for_each(|(column, value)| *column = vec![value; 4]);
    let excess = samples.map(|n| 4.0 / group.effective(n));
    for (place, cell) in group.cells.iter_mut().enumerate() {
        let (is_full, n) = (place < 15, place % 5);
        cell.excess = vec![if is_full { excess[n] } else { recipe(n, excess[n]) }; 4];
        cell.overlap = vec![1.0; 4];
    }
    size(&fitted(&group), 1, 32).k_n
}

/// k_N where some N can't be read: a range, not the number that the others agree on.
#[test]
fn a_factor_on_the_data_that_not_every_n_shows() {
    // At the smallest N full precision has no N that is as bad: it says nothing, and contradicts nothing.
    let one = data(|_, x| 1.2 * x).unwrap();
    assert!(one.value.is_some_and(|value| (value * 1.2 - 1.0).abs() < 1e-3), "{one:?}");
    // The next one is worse than full precision is anywhere.
    let range = data(|n, x| if n == 1 { 12.0 * x } else { 1.2 * x }).unwrap();
    assert!(range.value.is_none() && range.low == 0.0 && range.high < 1.0, "{range:?}");
    // With the lowest reading of the floor the smallest N is worse, with its value it is not.
    let range = data(|n, x| if n == 2 { 1.1 * x } else { x }).unwrap();
    assert!(range.value.is_none() && range.low == 0.0 && range.high >= 1.0, "{range:?}");
}

#[test]
fn an_interval_that_is_no_size() {
    // Four seeds of floors that are twice as large here as there: their means say little.
    let mut group = data_set(&A15, 12, 3);
    for samples in 0..3 {
        let cell = place(&group, COARSE, 3, samples);
        for (seed, excess) in group.cells[cell].excess.iter_mut().enumerate() {
            *excess += if seed % 3 == 0 { 0.6 } else { 0.0 };
        }
    }
    let found = fitted(&group);
    let found = size(&found, COARSE, 64);
    let reason = found.kind.reason().unwrap();
    assert!(reason.contains("ends of the interval of M_total have the ratio"), "{reason}");
    documented(reason);
    assert!(found.m_total.high.unwrap() / found.m_total.low.unwrap() > 2.0);
}

#[test]
fn seeds_that_diverged_are_left_out_of_both_recipes_and_counted() {
    let mut one = group();
    let clean = fitted(&one);
    let cell = place(&one, COARSE, 4, 2);
    one.cells[cell].excess[11] = f64::NAN;
    let fit = fitted(&one);
    let found = size(&fit, COARSE, 128);
    // One of a hundred may.
    assert_eq!((found.seeds, found.diverged, found.heavy, &found.kind), (99, 1, 0, &Type::Size));
    assert_eq!(size(&fit, FACTOR, 128).seeds, 100);
    // Of full precision too: the same number comes of a group without that seed.
    let mut without = group();
    without.seeds.remove(11);
    without.approximation.iter_mut().chain(&mut without.signal).for_each(|of| {
        of.remove(11);
    });
    for cell in &mut without.cells {
        cell.excess.remove(11);
        cell.overlap.remove(11);
    }
    let rest = fitted(&without);
    let (a, b) = (found.estimate.unwrap(), size(&rest, COARSE, 128).estimate.unwrap());
    assert!((a.m_total.value / b.m_total.value - 1.0).abs() < 1e-12 && (a.x_over_a / b.x_over_a - 1.0).abs() < 1e-12);
    assert_ne!(found.m_total.value, size(&clean, COARSE, 128).m_total.value);
    // Two of a hundred may not.
    one.cells[cell].excess[12] = f64::NAN;
    let fit = fitted(&one);
    refused(size(&fit, COARSE, 128), "2 % of the seeds of a cell diverged");
    assert_eq!(size(&fit, FACTOR, 128).kind, size(&clean, FACTOR, 128).kind);
}

#[test]
fn a_seed_that_carries_a_mean_is_left_out_and_nothing_is_identified() {
    let mut heavy = group();
    let cell = place(&heavy, 0, 4, 1);
    let sum: f64 = heavy.cells[cell].excess.iter().sum();
    heavy.cells[cell].excess[3] = sum;
    let fit = fitted(&heavy);
    let found = size(&fit, COARSE, 128);
    refused(found, "one seed carries 50 % of a mean");
    assert_eq!((found.seeds, found.diverged, found.heavy), (99, 0, 1));
}

/// As with covariates from a file, whose truth nobody knows.
#[test]
fn rows_without_exact_risks() {
    let mut group = means(&A15);
    let columns = group.cells.iter_mut().flat_map(|cell| [&mut cell.excess, &mut cell.overlap]);
    columns.chain(&mut group.approximation).chain(&mut group.signal).for_each(|column| column.fill(f64::NAN));
    let fit = fitted(&group);
    refused(size(&fit, COARSE, 128), "no exact risk");
    assert!(fit.description.is_err() && fit.scores.is_none());
}
