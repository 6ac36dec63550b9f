//! z-scores of simulations against what is expected of them.

use roundlaw::Watch;
use roundlaw::fit::{Group, Resamples, Scores};

use super::exact::A15;
use super::synthetic::{Noise, means};

/// Rows of 60 seeds around their expectation; cells of a seed share `shared` of their noise.
fn around(shared: f64, data_set: u32) -> Group {
    let (noise, mut group) = (Noise { data_set }, means(&A15));
    group.seeds = (0..60).collect();
    for (place, cell) in group.cells.iter_mut().enumerate() {
        let mean = cell.excess[0];
        let own = |seed| {
            shared.sqrt() * noise.normal(seed, [0, 0, 0]) + (1.0 - shared).sqrt() * noise.normal(seed, [1, place, 0])
        };
        cell.expected = (0..60).map(|seed| mean * noise.factor(0.3, seed, [2, 0, 0])).collect();
        cell.excess = (0..60).map(|seed| cell.expected[seed] + 0.3 * mean * own(seed)).collect();
        cell.overlap = vec![0.0; 60];
    }
    group
}

fn scores(group: &Group) -> Scores {
    Scores::new(group, &Resamples::new(60, 400), &Watch::default()).unwrap().unwrap()
}

#[test]
fn right_expectations_have_small_scores_and_a_wrong_one_stands_out() {
    let mut group = around(0.0, 1);
    let right = scores(&group);
    assert_eq!((right.cells, right.without, right.histogram.iter().sum::<usize>()), (75, 0, 75));
    assert!((0.8..1.2).contains(&right.rms) && right.max < right.max_usual && right.rms < right.rms_usual, "{right:?}");
    // A tenth of one cell's mean, of a scatter of 0.3 over 60 seeds: z is off by 2.6.
    let mean = group.cells[20].expected.iter().sum::<f64>() / 60.0;
    group.cells[20].expected.iter_mut().for_each(|expected| *expected += 0.25 * mean);
    let wrong = scores(&group);
    assert!(wrong.max > wrong.max_usual && wrong.max > 5.0, "{wrong:?}");
    // All cells by a little: none stands out, their mean square does.
    for cell in &mut group.cells {
        let mean = cell.expected.iter().sum::<f64>() / 60.0;
        cell.expected.iter_mut().for_each(|expected| *expected += 0.06 * mean);
    }
    assert!(scores(&group).rms > right.rms_usual);
}

/// What cells share makes their scores large together: chance is judged with it.
#[test]
fn chance_is_wider_where_cells_share_their_noise() {
    let [own, shared] = [0.0, 0.95].map(|share| scores(&around(share, 2)));
    assert!(shared.rms_usual > 1.3 * own.rms_usual, "{own:?} {shared:?}");
    assert!(shared.max_usual < own.max_usual, "{own:?} {shared:?}");
    let beyond = (10..40).filter(|data_set| {
        let found = scores(&around(0.95, *data_set));
        found.rms > found.rms_usual
    });
    assert!(beyond.count() <= 5);
}

#[test]
fn a_cell_with_a_diverged_run_has_no_score() {
    let mut group = around(0.0, 3);
    group.cells[5].excess[0] = f64::NAN;
    group.cells[6].expected.fill(f64::NAN);
    assert_eq!((scores(&group).cells, scores(&group).without), (73, 2));
    // Nor one that a single seed decides, of the runs or of what is expected.
    group.cells[7].excess[0] *= 1e3;
    group.cells[8].expected[0] *= 1e3;
    let found = scores(&group);
    assert_eq!((found.cells, found.without), (71, 4));
    assert!(found.max_usual < 6.0, "{found:?}");
}
