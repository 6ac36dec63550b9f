//! The library as its users see it: the same results as the program's, without a directory.

use roundlaw::{
    Cohort, Config, Error, Plan, QuantizeOptions, Row, Shard, SweepOptions, exit, open_adapter, quantize, replay, rows,
    run, sweep,
};

const TEXT: &str = r#"
    problem = { dim = 30, noise = [0.0, 0.5], spectrum = { kind = "power", exponent = 1.5 } }
    train = { model = [3, 5], samples = [32, 64], checkpoints = [16], output = ["last", "average"] }
    recipe = [{ name = "fp32" }, { name = "int8", weight = { format = "int8", step = 0.03125, rounding = "stochastic" } }]
    sweep = { seeds = 5, check = 2 }
"#;

fn plan() -> Plan {
    Plan::new(Config::parse(TEXT, &[]).unwrap()).unwrap()
}

/// The rows of a sweep, in the order in which they are handed over.
fn swept(plan: &Plan, options: &SweepOptions) -> Vec<Row> {
    let mut rows = Vec::new();
    sweep(plan, open_adapter("cpu").unwrap().as_ref(), options, |cohort| {
        rows.extend(cohort.rows);
        Ok(())
    })
    .unwrap();
    rows
}

#[test]
fn a_sweep_hands_over_the_rows_that_a_directory_keeps() {
    let (plan, dir) = (plan(), tempfile::tempdir().unwrap());
    let (cpu, watch) = (open_adapter("cpu").unwrap(), roundlaw::Watch::default());
    let kept = run::sweep::sweep(&plan, dir.path(), Shard::WHOLE, cpu.as_ref(), &watch).unwrap();
    let stored: Vec<Row> = rows(dir.path()).unwrap().collect::<Result<_, _>>().unwrap();
    let mut handed = swept(&plan, &SweepOptions::default());
    handed.sort_by(|a, b| (a.run_id, a.seen, &a.output).cmp(&(b.run_id, b.seen, &b.output)));
    assert_eq!(handed, stored);
    assert_eq!((kept.runs, kept.checked), (plan.runs(), plan.runs() * 2 / 5));
}

#[test]
fn cohorts_come_in_order_and_say_whether_they_were_checked() {
    let plan = plan();
    let mut found = Vec::new();
    let summary = sweep(&plan, open_adapter("cpu").unwrap().as_ref(), &SweepOptions::default(), |cohort| {
        assert!(cohort.rows.iter().all(|row| (row.checked == "exact") == cohort.checked));
        assert!(cohort.rows.iter().all(|row| row.seed_index == cohort.cohort.seed_index));
        found.push(cohort.cohort);
        Ok(())
    })
    .unwrap();
    let expected = (0..5).flat_map(|seed_index| (0..2).map(move |point| Cohort { point, seed_index }));
    assert_eq!(found, expected.collect::<Vec<_>>());
    assert_eq!((summary.runs, summary.checked), (plan.runs(), 2 * plan.runs() / 5));
}

#[test]
fn shards_share_a_sweep_out() {
    let plan = plan();
    let mut all = Vec::new();
    for index in 0..2 {
        let mut options = SweepOptions::default();
        options.shard = Shard::new(index, 2).unwrap();
        all.extend(swept(&plan, &options));
    }
    let whole = swept(&plan, &SweepOptions::default());
    assert_eq!((all.len(), roundlaw::store::digest(&all)), (whole.len(), roundlaw::store::digest(&whole)));
}

#[test]
fn a_sweep_ends_where_it_is_asked_to() {
    let long = TEXT.replace("seeds = 5", "seeds = 10000").replace("check = 2", "check = \"off\"");
    let plan = Plan::new(Config::parse(&long, &[]).unwrap()).unwrap();
    let cpu = open_adapter("cpu").unwrap();
    let options = SweepOptions::default();
    let (mut cohorts, mut runs) = (Vec::new(), 0);
    let stopped = sweep(&plan, cpu.as_ref(), &options, |done| {
        cohorts.push((done.cohort.seed_index, done.cohort.point));
        runs += done.runs;
        if cohorts.len() == 3 {
            options.watch.stop();
        }
        Ok(())
    });
    let stopped = stopped.unwrap_err();
    assert_eq!(stopped.exit_code(), exit::INCOMPLETE);
    let message = format!("stopped after {runs} of {} runs", plan.runs());
    assert!(stopped.to_string().starts_with(&message), "{stopped}: not {message}");
    assert!(cohorts.len() >= 3 && cohorts.is_sorted(), "{cohorts:?}");
    let failed = sweep(&plan, cpu.as_ref(), &SweepOptions::default(), |cohort| match cohort.cohort.seed_index {
        0 => Ok(()),
        _ => Err(Error::Other("enough".into())),
    });
    assert_eq!(failed.unwrap_err().to_string(), "enough");
}

#[test]
fn replayed_rows_are_the_sweeps() {
    let plan = plan();
    for row in swept(&plan, &SweepOptions::default()).iter().step_by(7) {
        let replayed = replay(&plan, row.run_id).unwrap();
        let own = replayed.iter().find(|own| (own.row.seen, &own.row.output) == (row.seen, &row.output)).unwrap();
        let of = |row: &Row| roundlaw::store::digest(std::slice::from_ref(row));
        assert_eq!(of(&own.row), of(row));
        assert_eq!((own.weights.len(), own.bits.len()), (row.model as usize, row.model as usize));
        assert_eq!(own.low_bits.is_empty(), row.output == "last");
    }
}

#[test]
fn an_error_of_a_format_is_one_line_whatever_it_quotes() {
    let options = QuantizeOptions::default();
    for format in
        ["{ format = \"i\\\\\\\\nt4\" }", "{ format = \"a\\nb\" }", "{ format = \"e4m3\", rounding = \"\\r\\u001b\" }"]
    {
        let error = quantize(&[1.0], format, &options).unwrap_err();
        assert_eq!(error.exit_code(), exit::INPUT);
        assert!(!error.to_string().chars().any(char::is_control), "{format}: {error:?}");
    }
}
