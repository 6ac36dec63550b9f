//! Directories that are continued, and what leaves no trace in the rows.

use super::*;

#[test]
fn a_finished_sweep_is_not_run_again() {
    let place = Place::new();
    let first = place.sweep(TINY, "out", &["--check", "all"]);
    succeeded(&first);
    // 2 M x 2 N x 2 B x 4 recipes, 7 seeds.
    assert!(stderr(&first).contains("224 runs in"), "{}", stderr(&first));
    assert!(stderr(&first).contains("224 checked"), "{}", stderr(&first));
    let before = files(&place.path("out"));
    assert!(before.keys().any(|path| path.ends_with("report.html")));
    let again = place.sweep(TINY, "out", &["--check", "all"]);
    succeeded(&again);
    assert!(stderr(&again).contains("\n0 runs in"), "{}", stderr(&again));
    let after = files(&place.path("out"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, bytes) in before {
        assert!(after[&path] == bytes, "{} was rewritten with other bytes", path.display());
    }
    let rows = stored(&place.path("out"));
    // Two outputs, at the checkpoint and at the end.
    assert_eq!(rows.len(), 224 * 2 * 2);
    assert!(rows.iter().all(|row| row.checked == "exact"));
    assert!(rows.iter().all(|row| row.excess.is_some() && row.diverged_at.is_none()));
}

#[test]
fn shards_give_the_rows_of_the_whole() {
    let place = Place::new();
    let whole = place.rows(TINY, "whole", &[]);
    for shard in ["0/2", "1/2"] {
        succeeded(&place.sweep(TINY, "two", &["--shard", shard]));
        let seeds: Vec<u32> = stored(&place.path("two")).iter().map(|row| row.seed_index).collect();
        assert_eq!(seeds.contains(&1), shard == "1/2", "shard i/n has the seed indices i modulo n");
    }
    assert_eq!(stored(&place.path("two")), whole);
    // All seven of them at once in one directory.
    let config = place.config(TINY);
    std::thread::scope(|scope| {
        for shard in 0..7 {
            let (config, out) = (&config, place.path("seven").display().to_string());
            let shard = format!("{shard}/7");
            scope.spawn(move || succeeded(&run(&["sweep", config, "--out", &out, "--shard", &shard])));
        }
    });
    assert_eq!(store::parts(&place.path("seven")).unwrap().len(), 7);
    let seven = stored(&place.path("seven"));
    assert_eq!(store::digest(&seven), store::digest(&whole));
    // The directory is finished whichever way it is asked for.
    let again = place.sweep(TINY, "seven", &[]);
    succeeded(&again);
    assert!(stderr(&again).contains("\n0 runs in"), "{}", stderr(&again));
}

#[test]
fn more_seeds_continue_a_directory() {
    let place = Place::new();
    let few = place.rows(TINY, "out", &["--set", "sweep.seeds=3", "--check", "all"]);
    let old = store::parts(&place.path("out")).unwrap().remove(0);
    let bytes = fs::read(&old).unwrap();
    let grown = place.rows(TINY, "out", &[]);
    assert_eq!(grown[..few.len()], few[..], "stored rows stay, their check included");
    assert!(fs::read(&old).unwrap() == bytes);
    assert!(grown[few.len()..].iter().all(|row| row.checked == "unsampled" && row.seed_index >= 3));
    let fresh = place.rows(TINY, "fresh", &[]);
    assert_eq!(store::digest(&grown), store::digest(&fresh));
    // Fewer seeds leave everything as it is.
    assert_eq!(place.rows(TINY, "out", &["--set", "sweep.seeds=2"]), grown);
}

#[test]
fn another_config_is_refused_in_a_directory() {
    let place = Place::new();
    succeeded(&place.sweep(TINY, "out", &["--set", "sweep.seeds=1"]));
    let before = files(&place.path("out"));
    for (set, there, here) in [
        ("train.step_size=0.2", "step_size = [0.1]", "step_size = [0.2]"),
        ("problem.noise=1", "noise = [0.5]", "noise = [1.0]"),
        ("train.model=[3]", "model = [3, 5]", "model = [3]"),
        ("sweep.seed=4", "seed = 3", "seed = 4"),
        ("train.schedule=constant", "\"geometric\"", "\"constant\""),
        ("recipe=[{name=\"fp32\"}]", "[[recipe]]", "seed = 3"),
    ] {
        refused(&place.sweep(TINY, "out", &["--set", set, "--set", "sweep.seeds=1"]), 2, &["differs", there, here]);
        assert!(files(&place.path("out")) == before, "{set}: the directory was changed");
    }
    // Another spelling of the same config is the same config.
    let spelled = ["--set", "train.step_size=[1e-1]", "--set", "problem.noise=0.50"];
    succeeded(&place.sweep(TINY, "out", &[&spelled[..], &["--set", "sweep.seeds=1"]].concat()));
}

/// TINY with these lines in place of its recipes.
fn with_recipes(lines: &str) -> String {
    let (start, end) = (TINY.find("[[recipe]]").unwrap(), TINY.find("[sweep]").unwrap());
    format!("{}{lines}\n{}", &TINY[..start], &TINY[end..])
}

#[test]
fn lists_of_a_recipe_are_the_recipes_written_out() {
    let lists = with_recipes(
        "[[recipe]]\nname = \"fp32\"\n[[recipe]]\nname = \"law\"\nbits = 7\n\
         feature = { noise = \"additive\", eps = [0.01, 0.1] }\n\
         [[recipe]]\nname = \"format\"\ndata = [\"mxfp4\", \"e4m3\"]\nlabel = \"bf16\"",
    );
    let law = |eps: &str| {
        let feature = format!("feature = {{ noise = \"additive\", eps = {eps} }}");
        format!("[[recipe]]\nname = \"law feature.eps={eps}\"\nbits = 7\n{feature}\n")
    };
    let format =
        |name: &str| format!("[[recipe]]\nname = \"format data.format={name}\"\ndata = \"{name}\"\nlabel = \"bf16\"\n");
    let recipes = [law("0.01"), law("0.1"), format("mxfp4"), format("e4m3")].concat();
    let written = with_recipes(&format!("[[recipe]]\nname = \"fp32\"\n{recipes}"));
    let place = Place::new();
    let plan = |out: &str| {
        let manifest: Value =
            serde_json::from_slice(&fs::read(place.path(out).join("manifest.json")).unwrap()).unwrap();
        manifest["plan"].clone()
    };
    let few = place.rows(&lists, "out", &["--set", "sweep.seeds=3"]);
    let config = fs::read_to_string(place.path("out/config.toml")).unwrap();
    assert_eq!(config.matches("[[recipe]]").count(), 5);
    assert!(config.contains("\nname = \"law feature.eps=0.01\"\nbits = 7.0\nfeature = { noise"), "{config}");
    let grown = place.rows(&written, "out", &[]);
    assert_eq!(grown[..few.len()], few[..]);
    let whole = place.rows(&written, "whole", &[]);
    assert_eq!(store::digest(&grown), store::digest(&whole));
    assert!(plan("whole").is_object());
    assert_eq!(plan("out"), plan("whole"));
    // Continued by what it says itself, too.
    let again = place.sweep(&config, "out", &["--set", "sweep.seeds=7"]);
    succeeded(&again);
    assert!(stderr(&again).contains("\n0 runs in"), "{}", stderr(&again));
    let run = whole.last().unwrap().run_id.to_string();
    let replayed = super::run(&["replay", place.path("out").to_str().unwrap(), "--run", &run]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));

    let bits = |name: &str| {
        let bits: Vec<_> = whole.iter().filter(|row| row.recipe == name).map(|row| row.recipe_bits).collect();
        assert!(!bits.is_empty() && bits.iter().all(|own| own == &bits[0]), "{name}");
        bits[0]
    };
    assert_eq!(bits("fp32"), Some(32.0));
    assert_eq!(bits("law feature.eps=0.1"), Some(7.0), "it says so itself");
    assert_eq!(bits("format data.format=mxfp4"), Some((4.25 + 4.0 * 32.0) / 5.0), "the label does not count");
    assert_eq!(bits("format data.format=e4m3"), Some((8.0 + 4.0 * 32.0) / 5.0));
    let law = place.rows(&lists.replace("bits = 7\n", ""), "null", &["--set", "sweep.seeds=1"]);
    assert!(law.iter().all(|row| row.recipe_bits.is_none() == row.recipe.starts_with("law")));
}

#[test]
fn what_else_is_swept_changes_no_bit() {
    let place = Place::new();
    let recipes = TINY[TINY.find("[[recipe]]").unwrap()..TINY.find("[sweep]").unwrap()].to_string();
    let without_integers = TINY.replace(&recipes, &{
        let (start, end) = (
            recipes.find("[[recipe]]\nname = \"integers\"").unwrap(),
            recipes.find("[[recipe]]\nname = \"floats\"").unwrap(),
        );
        format!("{}{}", &recipes[..start], &recipes[end..])
    });
    for schedule in ["geometric", "constant"] {
        let schedule_set = format!("train.schedule={schedule}");
        let base = ["--set", "sweep.seeds=2", "--set", &schedule_set];
        let all = place.rows(TINY, &format!("all-{schedule}"), &base);
        type Case<'a> = (&'a str, &'a str, &'a str, fn(&Row) -> bool);
        let cases: [Case; 7] = [
            ("integers", &without_integers, "sweep.seed=3", |row| row.recipe != "integers"),
            ("smallM", TINY, "train.model=[5]", |row| row.model == 5),
            ("largeM", TINY, "train.model=[3]", |row| row.model == 3),
            ("smallN", TINY, "train.samples=[64]", |row| row.samples == 64),
            ("largeN", TINY, "train.samples=[32]", |row| row.samples == 32),
            ("B", TINY, "train.batch=[2]", |row| row.batch == 2),
            ("average", TINY, "train.output=[\"last\"]", |row| row.output == "last"),
        ];
        for (name, text, set, kept) in cases {
            let rows = place.rows(text, &format!("{name}-{schedule}"), &[&base[..], &["--set", set]].concat());
            let expected: Vec<Row> = all.iter().filter(|row| kept(row)).cloned().collect();
            assert!(!rows.is_empty() && rows.len() < all.len());
            assert_eq!(unnumbered(&rows), unnumbered(&expected), "without {name}, {schedule}");
        }
        // Neither do more problem points.
        let more = [&base[..], &["--set", "problem.noise=[0.0,0.5]", "--set", "problem.dim=[16,24]"]].concat();
        let mut rows = place.rows(TINY, &format!("points-{schedule}"), &more);
        rows.retain(|row| row.dim == 24 && row.noise == 0.5);
        assert_eq!(unnumbered(&rows), unnumbered(&all), "points, {schedule}");
    }
}

#[test]
fn threads_change_no_bit() {
    let place = Place::new();
    for threads in ["1", "2", "3"] {
        succeeded(&place.sweep_on(threads, TINY, threads, &[]));
    }
    let rows = |threads: &str| stored(&place.path(threads));
    assert_eq!(rows("1"), rows("2"));
    assert_eq!(rows("1"), rows("3"));
}

#[test]
fn a_deleted_part_is_computed_again() {
    let place = Place::new();
    // Two problem points: two parts begin at each seed.
    let text = many_parts(3, "[0.0, 1.0]");
    succeeded(&place.sweep_on("1", &text, "out", &[]));
    let out = place.path("out");
    let rows = stored(&out);
    assert_eq!(store::parts(&out).unwrap().len(), 6);
    for deleted in [&[4][..], &[0, 2, 5], &[0, 1, 2, 3, 4, 5]] {
        let parts = store::parts(&out).unwrap();
        deleted.iter().for_each(|&index: &usize| fs::remove_file(&parts[index]).unwrap());
        assert!(stored(&out).len() < rows.len());
        succeeded(&place.sweep_on("1", &text, "out", &[]));
        assert_eq!(stored(&out), rows, "without parts {deleted:?}");
    }
}

#[test]
fn what_a_killed_sweep_left_half_written_is_removed() {
    let place = Place::new();
    let rows = place.rows(TINY, "out", &[]);
    let part = store::parts(&place.path("out")).unwrap().remove(0);
    let name = ".0-of-1.0.tmp";
    fs::rename(&part, place.path("out").join(name)).unwrap();
    assert_eq!(place.rows(TINY, "out", &[]), rows);
    assert!(!place.path("out").join(name).exists());
}

#[test]
fn rows_are_kept_where_the_report_cannot_be_written() {
    let place = Place::new();
    let rows = place.rows(TINY, "out", &["--set", "sweep.seeds=1"]);
    let report = place.path("out/report.html");
    fs::remove_file(&report).unwrap();
    fs::create_dir(&report).unwrap();
    let again = place.sweep(TINY, "out", &["--set", "sweep.seeds=2"]);
    let out = place.path("out").display().to_string();
    refused(
        &again,
        1,
        &[&format!("the rows are in {out}, but not the report: `roundlaw report {out}`"), "report.html: "],
    );
    assert_eq!(stored(&place.path("out")).len(), 2 * rows.len());
    fs::remove_dir(&report).unwrap();
    assert_eq!(run(&["report", &out]).status.code(), Some(0));
}
