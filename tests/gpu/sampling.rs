//! Samples that are drawn as features, behind a head or alone.

use roundlaw::gpu::Tuning;

use super::plans::{self, Choices};
use super::same_as_reference;

#[test]
fn random_plans_that_draw_features_give_the_bits_of_the_reference() {
    for case in 0..10 {
        let mut choices = Choices::new(20_000 + case);
        let tuning = Tuning {
            loops: [60, 700, 50_000][choices.below(3) as usize],
            panel: [128, 16_384][choices.below(2) as usize],
            slots: [1, 2, 4096][choices.below(3) as usize],
            own: Some(false),
            ..Tuning::default()
        };
        let block = [1, 64, 1024][choices.below(3) as usize];
        same_as_reference(&plans::feature_config(case), block, tuning);
    }
}
