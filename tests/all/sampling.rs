//! Samples drawn as features: the bits of the reference, what a row depends on, and the law that they have.

mod law;
mod means;
mod refused;

use roundlaw::plan::{Plan, Shard};
use roundlaw::watch::Watch;
use roundlaw::{Config, SweepOptions, cpu, open_adapter, sweep};

use crate::plans;

fn plan(text: &str) -> Plan {
    Plan::new(Config::parse(text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"))).unwrap()
}

#[test]
fn every_plan_has_the_bits_of_the_reference() {
    let mut noisy = 0;
    for case in 0..60 {
        let plan = plan(&plans::feature_config(case));
        noisy += usize::from(plan.points.iter().any(|point| point.laws.iter().any(|law| law.added > 0.0)));
        crate::cpu::same_as_reference(&plan, case);
    }
    assert!(noisy > 1, "{noisy} plans add noise to x");
}

#[test]
fn block_length_leaves_no_trace() {
    for case in 0..6 {
        let plan = plan(&plans::feature_config(case));
        let run = |plan: &Plan| cpu::execute(plan, &plan.cohorts(Shard::WHOLE), &Watch::default()).unwrap();
        let expected = run(&plan);
        for block in [1, 7, 100_000] {
            assert_eq!(run(&plan.clone().with_block(block).unwrap()), expected, "case {case}, block {block}");
        }
    }
}

/// Of each row what tells it apart, its bits and its risks.
fn rows(models: &str, samples: &str, recipes: &[&str], nested: bool) -> Vec<(String, String)> {
    let recipes: String = recipes.iter().map(|line| format!("[[recipe]]\nname = \"of {line}\"\n{line}\n")).collect();
    let plan = plan(&format!(
        "[problem]\ndim = 150\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\nsampling = \"feature\"\n\
         sketch = {{ kind = \"gaussian\", nested = {nested} }}\ntail = \"closed\"\n\
         [train]\nmodel = {models}\nsamples = {samples}\noutput = [\"last\", \"average\"]\n{recipes}\
         [sweep]\nseeds = 2\ncheck = \"all\"\n"
    ));
    let mut found = Vec::new();
    let adapter = open_adapter("cpu").unwrap();
    sweep(&plan, adapter.as_ref(), &SweepOptions::default(), |cohort| {
        assert!(cohort.checked);
        found.extend(cohort.rows.iter().map(|row| {
            let key = (row.seed_index, row.model, row.samples, &row.recipe, &row.output);
            (format!("{key:?}"), format!("{} {:?} {:?}", row.v_digest, row.excess, row.approximation))
        }));
        Ok(())
    })
    .unwrap();
    found
}

#[test]
fn a_row_depends_on_no_other_m_n_or_recipe() {
    const RECIPES: [&str; 3] = ["", "feature = 'mxfp4'", "label = { noise = 'additive', eps = 0.1 }"];
    for nested in [true, false] {
        let all = rows("[5, 33, 130]", "[64, 96]", &RECIPES, nested);
        assert_eq!(all.len(), 2 * 3 * 2 * 3 * 2);
        let labels: Vec<_> = all.iter().map(|(_, bits)| bits).collect();
        assert!(labels.iter().any(|bits| *bits != labels[0]));
        for (models, samples, recipes) in
            [("[33]", "[64, 96]", &RECIPES[..]), ("[5, 130]", "[96]", &RECIPES[1..]), ("[5]", "[64]", &RECIPES[2..])]
        {
            let some = rows(models, samples, recipes, nested);
            assert!(!some.is_empty());
            for row in some {
                assert!(all.contains(&row), "nested = {nested}, M of {models}, N of {samples}: {row:?}");
            }
        }
    }
}
