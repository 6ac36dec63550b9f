//! Formats that change while a run trains, and the mean over the later half of it.

use roundlaw::config::{Config, Output, Start};
use roundlaw::plan::{Cohort, Phase, Plan, cost, tail_start};
use roundlaw::run::rows::Source;
use roundlaw::site::Site;
use roundlaw::watch::Watch;
use roundlaw::{Row, SweepOptions, open_adapter, reference, sweep};

mod commands;
mod expected;
mod refused;

const PROBLEM: &str = "[problem]\ndim = 40\nspectrum = { kind = \"power\", exponent = 1.0 }\nnoise = 0.5\n";

fn plan(text: &str) -> Plan {
    let config = Config::parse(text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Plan::new(config).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Rows of a sweep all of whose runs the reference redoes, by run, seen and output.
fn rows(plan: &Plan) -> Vec<Row> {
    let mut rows = Vec::new();
    sweep(plan, open_adapter("cpu").unwrap().as_ref(), &SweepOptions::default(), |cohort| {
        assert!(cohort.checked);
        rows.extend(cohort.rows);
        Ok(())
    })
    .unwrap();
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    rows
}

fn of<'a>(rows: &'a [Row], recipe: &str) -> Vec<&'a Row> {
    rows.iter().filter(|row| row.recipe == recipe).collect()
}

/// Data, features and what a run rounds itself change at sample 96: with the words of each sample and update, so that up to
/// there nothing tells the runs apart.
#[test]
fn up_to_its_switch_a_run_has_the_bits_of_one_without() {
    let first = "data = \"e4m3\"\nfeature = { format = \"mxfp4\", rounding = \"stochastic\" }\n\
        weight = { format = \"e4m3\", rounding = \"stochastic\" }\ngradient = { noise = \"additive\", eps = 0.1 }\n";
    let then = "data = \"fp32\"\nfeature = \"bf16\"\nlabel = { format = \"int8\", step = 0.25 }\n\
        parameter = { noise = \"relative\", eps = 0.1 }\n";
    for (batch, schedule, from) in [(1u32, "constant", "96"), (4, "geometric", "0.375"), (4, "constant", "94")] {
        let plan = plan(&format!(
            "{PROBLEM}[train]\nmodel = [5, 33]\nsamples = 256\nbatch = {batch}\nschedule = \"{schedule}\"\n\
             output = [\"last\", \"average\"]\ncheckpoints = [32, 96, {}]\n[sweep]\nseeds = 2\ncheck = \"all\"\n\
             [[recipe]]\nname = \"one\"\n{first}[[recipe]]\nname = \"two\"\n{first}[[recipe.then]]\nfrom = {from}\n{then}",
            96 + batch
        ));
        assert!(plan.points[0].trajectories.iter().all(|t| t.phases.last().unwrap().from == 96 || t.recipe == 0));
        let rows = rows(&plan);
        let (one, two) = (of(&rows, "one"), of(&rows, "two"));
        assert_eq!((one.len(), two.len()), (2 * 2 * 4 * 2, one.len()));
        for (one, two) in one.iter().zip(two) {
            assert_eq!((one.seen, &one.output, one.seed_index), (two.seen, &two.output, two.seed_index));
            // The average takes in v_t before the first update that differs.
            let last = if two.output == "average" { 96 + u64::from(batch) } else { 96 };
            let place = format!("{batch}, {from}: {} samples, {}", two.seen, two.output);
            assert!(two.seen > last || one.v_digest == two.v_digest, "{place}");
            assert!(two.seen < 256 || one.v_digest != two.v_digest, "{place}");
            if two.seen <= 96 {
                assert_eq!(one.excess, two.excess);
                let counted =
                    |row: &Row, site: Site| row.counts[site].map(|counts| (counts.saturated, counts.underflowed));
                for site in [Site::Data, Site::Feature, Site::Weight] {
                    assert_eq!(counted(one, site), counted(two, site), "{site:?}");
                }
                assert_eq!(counted(two, Site::Label), Some((0, 0)), "it rounds later");
            }
        }
    }
}

#[test]
fn a_phase_that_changes_nothing_leaves_no_trace_but_its_text() {
    let site = "feature = { format = \"mxfp4\", rounding = \"stochastic\" }\nparameter = \"e4m3\"\n";
    let plan = plan(&format!(
        "{PROBLEM}[train]\nmodel = 17\nsamples = [60, 300]\nbatch = 3\nschedule = \"constant\"\n\
         output = [\"tail\", \"last\", \"average\"]\ncheckpoints = \"log2\"\n[sweep]\nseeds = 2\ncheck = \"all\"\n\
         [[recipe]]\nname = \"one\"\n{site}[[recipe]]\nname = \"two\"\n{site}then = [{{ from = 0.3 }}, {{ from = 0.5, \
         parameter = \"e4m3\" }}]\n",
    ));
    let rows = rows(&plan);
    let (one, two) = (of(&rows, "one"), of(&rows, "two"));
    assert_eq!(one[0].phases, None);
    assert_eq!(two[0].phases.as_deref(), Some("[{ from = 0.3 }, { from = 0.5 }]"));
    for (one, two) in one.iter().zip(two) {
        let own = Row { run_id: two.run_id, cell: two.cell, recipe: "two".into(), ..(*one).clone() };
        let (phases, recipe_bits) = (two.phases.clone(), two.recipe_bits);
        assert!((recipe_bits.unwrap() - one.recipe_bits.unwrap()).abs() < 1e-12, "shares come to 1");
        assert_eq!(*two, Row { phases, recipe_bits, ..own });
    }
}

/// v_0 = 0 is a number of every format, so rounding it away once has no effect; a format of labels has.
#[test]
fn a_first_update_in_another_format_is_one_update() {
    let plan = plan(&format!(
        "{PROBLEM}[train]\nmodel = 17\nsamples = 64\noutput = \"last\"\n[sweep]\nseeds = 2\ncheck = \"all\"\n\
         [[recipe]]\nname = \"fp32\"\n[[recipe]]\nname = \"parameter\"\nparameter = \"e2m1\"\n\
         then = [{{ from = 1, parameter = \"fp32\" }}]\n[[recipe]]\nname = \"label\"\nlabel = \"e2m1\"\n\
         then = [{{ from = 1, label = \"fp32\" }}]\n",
    ));
    let rows = rows(&plan);
    for (fp32, (parameter, label)) in
        of(&rows, "fp32").iter().zip(of(&rows, "parameter").iter().zip(of(&rows, "label")))
    {
        assert_eq!(fp32.v_digest, parameter.v_digest);
        assert_ne!(fp32.v_digest, label.v_digest);
    }
}

#[test]
fn runs_share_a_trajectory_where_their_phases_begin_alike() {
    let cells = |from: &str, schedule: &str| -> Vec<Vec<u64>> {
        let plan = plan(&format!(
            "{PROBLEM}[train]\nmodel = 8\nsamples = [64, 128, 256]\nbatch = 8\nschedule = \"{schedule}\"\n\
             output = [\"last\", \"tail\"]\n[[recipe]]\nname = \"a\"\nthen = [{{ from = {from}, feature = \"e4m3\" }}]\n"
        ));
        let trajectories = &plan.points[0].trajectories;
        trajectories.iter().map(|t| t.cells.iter().map(|prefix| prefix.samples).collect()).collect()
    };
    assert_eq!(cells("33", "constant"), [[64, 128, 256]]);
    assert_eq!(cells("0.5", "constant"), [[64], [128], [256]]);
    // Both begin behind the first update.
    assert_eq!(cells("0.01", "constant"), [[64, 128, 256]]);
    assert_eq!(cells("33", "geometric"), [[64], [128], [256]]);
}

/// Of trajectories with a row after every update: the mean of their v_t, in f64, over the later half.
#[test]
fn a_tail_is_the_mean_over_the_later_half_of_its_run() {
    // Runs of one update have no second phase.
    for (samples, batch, schedule, then) in [
        ("[1, 2, 3, 7, 31, 600]", 1, "constant", "#"),
        ("[1000]", 2, "geometric", "then = [{ from = 0.4, weight = \"fp32\" }]"),
        ("[4, 12, 1200]", 4, "constant", "#"),
        ("[62]", 2, "geometric", "then = [{ from = 0.4, weight = \"fp32\" }]"),
        ("[64, 128, 256]", 1, "constant", "then = [{ from = 33, weight = \"fp32\" }]"),
    ] {
        let text = format!(
            "{PROBLEM}[train]\nmodel = 9\nsamples = {samples}\nbatch = {batch}\nschedule = \"{schedule}\"\nstep_size = 0.2\n\
             output = [\"tail\", \"last\"]\ncheckpoints = [{batch}]\n[sweep]\nseeds = 1\ncheck = \"all\"\n\
             [[recipe]]\nname = \"a\"\nweight = {{ format = \"e4m3\", rounding = \"stochastic\" }}\n\
             {then}\n"
        );
        let plan = plan(&text);
        assert_eq!(plan.points[0].trajectories.len(), 1, "all N are prefixes of one trajectory");
        let cohort = Cohort { point: 0, seed_index: 0 };
        let states = reference::cohort(&plan, cohort, None, &Watch::default()).unwrap();
        let mut dense = plan.clone();
        for t in &mut dense.points[0].trajectories {
            t.rows = (1..=t.samples / u64::from(t.batch)).map(|update| update * u64::from(t.batch)).collect();
        }
        let iterates = reference::cohort(&dense, cohort, None, &Watch::default()).unwrap();
        let all = rows(&plan);
        for (index, t) in plan.points[0].trajectories.iter().enumerate() {
            let own: Vec<_> = states.iter().filter(|state| state.trajectory == index).cloned().collect();
            let of_run: Vec<&[u32]> =
                iterates.iter().filter(|state| state.trajectory == index).map(|state| &state.v[..]).collect();
            for prefix in &t.cells {
                let (updates, start) = (prefix.samples / u64::from(batch), prefix.samples / u64::from(batch) / 2);
                assert_eq!(tail_start(batch, prefix.samples), start * u64::from(batch));
                let source = Source::of(&own, t, prefix.samples, Output::Tail);
                for (j, found) in source.weights().iter().enumerate() {
                    // v_0 = 0, and v_t is the state after update t - 1.
                    let v = |t: u64| if t > 0 { f64::from(f32::from_bits(of_run[t as usize - 1][j])) } else { 0.0 };
                    let mean = (start..updates).map(v).sum::<f64>() / (updates - start) as f64;
                    // Each iterate is added in f32 to a sum of at most 256.
                    let largest = (0..updates).map(|t| v(t).abs()).fold(0.0, f64::max);
                    let bound = updates.min(256) as f64 * largest * 2f64.powi(-24) + 1e-12;
                    assert!((found - mean).abs() <= bound, "{prefix:?}, {j}: {found}, not {mean}");
                }
                let seen: Vec<u64> = all
                    .iter()
                    .filter(|row| row.cell == prefix.cell && row.output == "tail")
                    .map(|row| row.seen)
                    .collect();
                assert_eq!(seen, [prefix.samples], "no row before the end");
            }
        }
    }
}

/// A row left out would look like a run that was never planned.
#[test]
#[should_panic = "a trajectory keeps the states of its rows"]
fn a_state_that_a_tail_lacks_is_no_row_left_out() {
    let plan =
        plan(&format!("{PROBLEM}[train]\nmodel = 4\nsamples = 62\noutput = \"tail\"\n[[recipe]]\nname = \"a\"\n"));
    let mut states = reference::cohort(&plan, Cohort { point: 0, seed_index: 0 }, None, &Watch::default()).unwrap();
    assert_eq!(states.iter().map(|state| state.seen).collect::<Vec<_>>(), [31, 62]);
    states.remove(0);
    Source::of(&states, &plan.points[0].trajectories[0], 62, Output::Tail);
}

/// By the shares of a run's own N.
#[test]
fn the_bits_of_phases_are_their_mean_over_the_samples() {
    let plan = plan(&format!(
        "{PROBLEM}[train]\nmodel = 8\nsamples = [64, 256]\nbatch = 8\nschedule = \"constant\"\n[sweep]\nseeds = 1\n\
         [[recipe]]\nname = \"formats\"\ndata = \"e4m3\"\nthen = [{{ from = 33, weight = \"mxfp4\" }}]\n\
         [[recipe]]\nname = \"law\"\nthen = [{{ from = 0.5, data = {{ noise = \"additive\", eps = 0.1 }} }}, \
         {{ from = 0.75, data = \"bf16\" }}]\n\
         [[recipe]]\nname = \"own\"\nbits = 7\nthen = [{{ from = 0.5, data = \"bf16\" }}]\n\
         [[recipe]]\nname = \"label\"\nthen = [{{ from = 0.5, label = {{ noise = \"additive\", eps = 0.1 }} }}]\n"
    ));
    let rows = rows(&plan);
    let bits = |recipe: &str| of(&rows, recipe).iter().map(|row| (row.samples, row.recipe_bits)).collect::<Vec<_>>();
    // The phase waits for the batch that begins behind sample 40.
    let (before, behind) = ((8.0 + 4.0 * 32.0) / 5.0, (8.0 + 4.25 + 3.0 * 32.0) / 5.0);
    for (samples, found) in bits("formats") {
        let n = samples as f64;
        let expected = (40.0 * before + (n - 40.0) * behind) / n;
        assert!((found.unwrap() - expected).abs() < 1e-12, "N = {samples}: {found:?}, not {expected}");
    }
    assert_eq!(bits("law"), [(64, None), (256, None)]);
    assert_eq!(bits("own"), [(64, Some(7.0)), (256, Some(7.0))]);
    assert_eq!(bits("label"), [(64, Some(32.0)), (256, Some(32.0))], "a label does not count");
}

/// The fast code projects the samples of a phase alone, the reference all.
#[test]
fn phases_cost_projections_where_they_are_read() {
    let cost = |recipes: &str| cost(&plan(&format!("{PROBLEM}[train]\nmodel = 8\nsamples = 4096\n{recipes}")));
    let phases = |from: &str| {
        let then = format!("then = [{{ from = {from}, data = \"e4m3\" }}]");
        cost(&format!("[[recipe]]\nname = \"a\"\n{then}\n"))
    };
    let (half, early, late) = (phases("0.5"), phases("0.25"), phases("0.75"));
    let both = cost("[[recipe]]\nname = \"a\"\n[[recipe]]\nname = \"b\"\ndata = \"e4m3\"\n");
    assert_eq!(2.0 * half.projections, both.projections);
    assert!(early.seconds_per_seed > late.seconds_per_seed, "e4m3 takes longer than nothing");
    let (early, late) = (early.reference_seconds_per_seed, late.reference_seconds_per_seed);
    assert!((early / late - 1.0).abs() < 1e-9, "{early} and {late}");
}

/// What a row tells of its phases is what a config may say.
#[test]
fn the_column_reads_back_as_the_phases_it_tells() {
    let of = |lines: &str| {
        plan(&format!("{PROBLEM}[train]\nmodel = 8\nsamples = 1024\n[[recipe]]\nname = \"a\"\n{lines}\n"))
    };
    for (then, text) in [
        ("then = [{ from = 512, feature = \"bf16\" }]", "[{ from = 512, feature = \"bf16\" }]"),
        (
            "weight = \"e4m3\"\nthen = [{ from = 0.25, weight = { format = \"int8\", step = 0.03, rounding = \"stochastic\", \
             bits = 8 }, gradient = { noise = \"relative\", eps = 0.1 } }, { from = 0.5, weight = \"fp32\" }]",
            "[{ from = 0.25, gradient = { noise = \"relative\", eps = 0.1, law = \"gaussian\" }, weight = { format = \"int8\", \
             step = 0.03, rounding = \"stochastic\", bits = 8 } }, { from = 0.5, weight = \"fp32\" }]",
        ),
        (
            "then = [{ from = 0.5, label = { noise = \"additive\", eps = 1, shared_batch = true }, \
             feature = { format = \"mxfp4\", block = 16, rounding = \"dither\" } }]"
                .replace("dither", "stochastic")
                .as_str(),
            "[{ from = 0.5, feature = { format = \"mxfp4\", block = 16, rounding = \"stochastic\" }, label = { \
             noise = \"additive\", eps = 1.0, law = \"gaussian\", shared_batch = true } }]",
        ),
    ] {
        let plan = of(then);
        let recipe = &plan.config().recipes()[0];
        assert_eq!(recipe.phases_text().as_deref(), Some(text));
        let first = then.lines().next().filter(|line| !line.starts_with("then")).unwrap_or("");
        assert_eq!(&of(&format!("{first}\nthen = {text}")).config().recipes()[0], recipe);
    }
    assert_eq!(of("").config().recipes()[0].phases_text(), None);
}

#[test]
fn sites_that_a_phase_does_not_name_stay_and_lists_give_a_recipe_for_each_value() {
    let plan = plan(&format!(
        "{PROBLEM}[train]\nmodel = 8\nsamples = 1024\n[[recipe]]\nname = \"a\"\nfeature = \"mxfp4\"\nweight = \"e4m3\"\n\
         [[recipe.then]]\nfrom = [0.25, 512]\nweight = [\"bf16\", \"fp32\"]\n[[recipe.then]]\nfrom = 0.75\ndata = \"e4m3\"\n"
    ));
    let recipes = plan.config().recipes();
    let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    let all = [
        "a phase1.from=0.25 phase1.weight.format=bf16",
        "a phase1.from=0.25 phase1.weight.format=fp32",
        "a phase1.from=512 phase1.weight.format=bf16",
        "a phase1.from=512 phase1.weight.format=fp32",
    ];
    assert_eq!(names, all);
    let last = recipes[1].last_phase();
    let text = |site: Site| last[site].as_ref().map(|spec| spec.canonical());
    assert_eq!(Site::ALL.map(text).into_iter().flatten().collect::<Vec<_>>(), ["e4m3", "mxfp4"]);
    assert_eq!((recipes[0].then[0].from, recipes[2].then[0].from), (Start::Fraction(0.25), Start::Samples(512)));
    assert_eq!(recipes[2].sites, recipes[0].sites);
}

/// Risks on quantized features are those of the formats that a run ends with, at every checkpoint.
#[test]
fn the_quantized_test_is_under_the_last_phase() {
    let noise = |eps: &str| format!("feature = {{ noise = \"additive\", eps = {eps} }}\n");
    let plan = plan(&format!(
        "{PROBLEM}[train]\nmodel = 8\nsamples = 256\ncheckpoints = [64]\nquantized_test = true\ntest_samples = 64\n\
         output = [\"last\", \"tail\"]\n[sweep]\nseeds = 2\ncheck = \"all\"\n[[recipe]]\nname = \"one\"\n{}[[recipe]]\n\
         name = \"two\"\n{}[[recipe.then]]\nfrom = 0.5\n{}",
        noise("0.1"),
        noise("0.1"),
        noise("0.3")
    ));
    let rows = rows(&plan);
    for (one, two) in of(&rows, "one").iter().zip(of(&rows, "two")).filter(|(one, _)| one.seen == 64) {
        assert_eq!(one.v_digest, two.v_digest);
        // One number more noise of 0.2 times |v|^2.
        let more = two.quantized_test_exact.unwrap() - one.quantized_test_exact.unwrap();
        let own = one.quantized_test_exact.unwrap() - one.excess.unwrap();
        assert!((more / own - 2.0).abs() < 1e-6, "{more} beside {own}");
        assert!(two.quantized_test != one.quantized_test);
    }
}

/// Features of a phase are made from its first sample to its last.
#[test]
fn features_are_read_where_some_phase_reads_them() {
    let plan = plan(&format!(
        "{PROBLEM}[train]\nmodel = 8\nsamples = [64, 256]\n[[recipe]]\nname = \"a\"\nfeature = \"mxfp4\"\n\
         [[recipe.then]]\nfrom = 0.5\nfeature = \"e4m3\"\n[[recipe.then]]\nfrom = 0.75\nfeature_grad = \"bf16\"\n"
    ));
    let point = &plan.points[0];
    let span = |of: fn(&Phase) -> usize, phase: usize| point.spans()[of(&point.trajectories[0].phases[phase])].clone();
    assert_eq!(span(|phase| phase.feature, 0), 0..128, "the first half of the longer run");
    assert_eq!(span(|phase| phase.feature, 1), 32..256, "from the middle of the shorter run on, in both later phases");
    assert_eq!(span(|phase| phase.gradient_feature, 2), 48..256, "unrounded ones for the gradient alone");
}
