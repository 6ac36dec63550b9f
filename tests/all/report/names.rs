//! Figures tell long names and large counts apart.

use super::*;

#[test]
fn long_names_wrap_and_stay_apart() {
    let shared = "mxfp4 features and gradients, int8 weights with step 1/32, stochastic rounding of ";
    let mut rows = power_law(&format!("{shared}weights"), &[16, 32], &[1000], 2);
    rows.extend(power_law(&format!("{shared}everything else"), &[16, 32], &[1000], 2));
    rows.extend(power_law(&"x".repeat(500), &[16, 32], &[1000], 2));
    let dir = tempfile::tempdir().unwrap();
    let svg = read(&write(dir.path(), &rows)[1]);
    let texts = texts(&svg);
    // Above and below the frame lines are as long as the figure is wide.
    let names: Vec<&String> = texts.iter().skip_while(|text| !text.starts_with("mxfp4")).collect();
    assert!(names.iter().all(|text| text.chars().count() <= 32), "{names:?}");
    for line in ["mxfp4 features and gradients,", "weights", "everything else"] {
        assert!(texts.iter().any(|text| text.ends_with(line)), "{line}: {texts:?}");
    }
    let cut = format!("{}…", "x".repeat(31));
    assert!(texts.contains(&cut), "{texts:?}");
}

#[test]
fn large_counts_of_diverged_runs_are_percentages() {
    let diverged = |model, all, n| (0..all).map(move |seed| row("r", model, 100, seed, (seed >= n).then_some(1.0)));
    let rows: Vec<Row> = [(16, 999, 1), (32, 1000, 125), (64, 2000, 1)]
        .into_iter()
        .flat_map(|(model, all, n)| diverged(model, all, n))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let texts = texts(&read(&write(dir.path(), &rows)[1]));
    for text in ["1/999", "12.5 %", "&lt;0.1 %"] {
        assert!(texts.iter().any(|t| t == text), "{text}: {texts:?}");
    }
}
