//! What lies in a directory is what was computed: every command that reads it notices what is not.

use std::sync::Arc;

use super::*;
use crate::npy_file::f32_file;
use crate::part_file;

/// A config whose every cohort is a part, on one thread.
fn parts_of(seeds: u32) -> (Place, String, String) {
    let place = Place::new();
    let text = many_parts(seeds, "1.0");
    succeeded(&place.sweep_on("1", &text, "out", &[]));
    let dir = place.path("out").display().to_string();
    (place, text, dir)
}

fn part(dir: &str, number: usize) -> PathBuf {
    store::parts(Path::new(dir)).unwrap().remove(number)
}

/// `status`, `report`, `replay` and the sweep itself refuse the directory with the same words.
#[track_caller]
fn all_refuse(place: &Place, text: &str, dir: &str, parts: &[&str]) {
    refused(&run(&["status", dir]), 7, parts);
    refused(&run(&["report", dir]), 7, parts);
    refused(&run(&["replay", dir, "--run", "0"]), 7, parts);
    refused(&place.sweep_on("1", text, "out", &[]), 7, parts);
}

#[test]
fn a_foreign_part_is_no_part_of_the_directory() {
    let (place, text, dir) = parts_of(2);
    let others = [
        text.replace("model = 2", "model = 3"),
        text.replace("[sweep]", "[sweep]\nseed = 8"),
        text.replace("name = \"a\"", "name = \"b\""),
    ];
    for (number, other) in others.iter().enumerate() {
        let out = format!("other{number}");
        succeeded(&place.sweep_on("1", other, &out, &[]));
        let foreign = part(&place.path(&out).display().to_string(), 1);
        let copied = place.path("out/rows").join(foreign.file_name().unwrap());
        fs::copy(&foreign, &copied).unwrap();
        let name = copied.file_name().unwrap().to_str().unwrap();
        all_refuse(&place, &text, &dir, &[name, "it belongs to another sweep", "delete it"]);
        // Nor where it comes first and no manifest says whose directory this is.
        let manifest = place.path("out/manifest.json");
        let (_, hash) = name.rsplit_once('-').unwrap();
        let first = copied.with_file_name(format!("part-0-{hash}"));
        fs::rename(&copied, &first).unwrap();
        fs::remove_file(&manifest).unwrap();
        all_refuse(&place, &text, &dir, &["part-0-", "it belongs to another sweep", "delete it"]);
        fs::remove_file(&first).unwrap();
        succeeded(&place.sweep_on("1", &text, "out", &[]));
        assert!(manifest.exists());
    }
    // Of another arithmetic.
    let own = part(&dir, 1);
    let bytes = fs::read(&own).unwrap();
    let changed = part_file::rewrite(&own, |header, rows| {
        Arc::make_mut(&mut header.sweep).stream_version += 1;
        rows.iter_mut().for_each(|row| row.stream_version += 1);
    });
    all_refuse(&place, &text, &dir, &["it belongs to another sweep", "stream_version"]);
    fs::remove_file(changed).unwrap();
    fs::write(&own, bytes).unwrap();
    assert_eq!(run(&["status", &dir]).status.code(), Some(0));
}

/// Bytes that the decoder of Parquet panics on, under the name that says their hash.
#[test]
fn a_part_that_was_forged_with_its_hash_is_refused_in_one_line() {
    let (_place, _, dir) = parts_of(1);
    let mut path = part(&dir, 0);
    let bytes = fs::read(&path).unwrap();
    let panics = (0..bytes.len()).step_by(13).find(|&at| {
        let mut forged = bytes.clone();
        forged[at] ^= 1 << (at % 8);
        fs::write(&path, forged).unwrap();
        path = part_file::rename(&path);
        let read = roundlaw::rows(dir.as_ref()).and_then(|rows| rows.collect::<Result<Vec<_>, _>>());
        read.is_err_and(|error| error.to_string().contains("its decoder panics"))
    });
    assert!(panics.is_some(), "the decoder never panics");
    let name = path.file_name().unwrap().to_str().unwrap();
    for command in [&["status", &dir][..], &["check", &dir], &["report", &dir]] {
        let output = run(command);
        refused(&output, 7, &[name, "it can't be decoded", "delete it"]);
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn edited_rows_are_refused_whatever_name_they_bear() {
    let (place, text, dir) = parts_of(2);
    type Change = fn(&mut Row);
    let changes: [(Change, &str); 8] = [
        (|row| row.seen -= 1, "seen of run"),
        (|row| row.output = "tail".into(), "output of run"),
        (|row| row.counts[roundlaw::site::Site::Label] = Some(Default::default()), "counters at label of run"),
        (|row| row.checked = "exact".into(), "checked of run"),
        (|row| row.adapter = "some GPU".into(), "adapter of run"),
        (|row| row.step_size = 0.5, "step_size of run"),
        (|row| row.recipe = "another".into(), "recipe of run"),
        (|row| row.bits[roundlaw::site::Site::Data] = Some(8.0), "data_bits of run"),
    ];
    let own = part(&dir, 0);
    let bytes = fs::read(&own).unwrap();
    for (change, what) in changes {
        let edited = part_file::rewrite(&own, |_, rows| rows.iter_mut().for_each(change));
        let name = edited.file_name().unwrap().to_str().unwrap();
        let parts = [name, what, "delete it: the same sweep computes it again"];
        all_refuse(&place, &text, &dir, &parts);
        fs::remove_file(&edited).unwrap();
        fs::write(&own, &bytes).unwrap();
    }
}

#[test]
fn a_cohort_stored_in_part_is_named_and_computed_again() {
    for kept in [100, 0] {
        let (place, text, dir) = parts_of(3);
        let rows = stored(&place.path("out"));
        let cut = part_file::rewrite(&part(&dir, 1), |_, rows| rows.truncate(kept));
        let name = cut.file_name().unwrap().to_str().unwrap().to_string();
        if kept > 0 {
            refused(&run(&["status", &dir]), 7, &[&name, &format!("{kept} of "), "seed index 1"]);
            refused(&run(&["report", &dir]), 7, &[&name]);
        }
        let again = place.sweep_on("1", &text, "out", &[]);
        succeeded(&again);
        let errors = stderr(&again);
        assert!(errors.contains(&name) && errors.contains("seed index 1 are missing; computing it again"), "{errors}");
        assert!(errors.contains(&format!("\n{CELLS} runs in")), "{errors}");
        assert!(stored(&place.path("out")) == rows);
        let again = place.sweep_on("1", &text, "out", &[]);
        assert!(stderr(&again).contains("\n0 runs in"), "{}", stderr(&again));
    }
}

#[test]
fn the_manifest_is_made_again_from_the_parts() {
    let (place, text, dir) = parts_of(2);
    succeeded(&place.sweep_on("1", &text, "out", &["--set", "sweep.seeds=3"]));
    let manifest = place.path("out/manifest.json");
    let bytes = fs::read(&manifest).unwrap();
    let sessions: Value = serde_json::from_slice(&bytes).unwrap();
    let runs = sessions["sessions"].as_array().unwrap().iter().map(|session| session["runs"].as_u64().unwrap());
    assert_eq!(runs.collect::<Vec<_>>(), [2 * CELLS as u64, CELLS as u64]);
    // Lost, it is no loss to a reader, and the sweep writes it again to the byte.
    fs::remove_file(&manifest).unwrap();
    let status = run(&["status", &dir]);
    assert_eq!(status.status.code(), Some(0), "{}", stderr(&status));
    assert_eq!(run(&["report", &dir]).status.code(), Some(0));
    succeeded(&place.sweep_on("1", &text, "out", &["--set", "sweep.seeds=3"]));
    assert_eq!(fs::read(&manifest).unwrap(), bytes);
    // A session that it lacks, as after a kill, comes back too.
    let mut lacking = sessions.clone();
    lacking["sessions"].as_array_mut().unwrap().pop();
    fs::write(&manifest, lacking.to_string()).unwrap();
    succeeded(&place.sweep_on("1", &text, "out", &["--set", "sweep.seeds=3"]));
    assert_eq!(fs::read(&manifest).unwrap(), bytes);
    // Edited, it is named.
    let text = String::from_utf8(bytes.clone()).unwrap();
    for (from, to) in
        [("noise = [1.0]", "noise = [2.0]"), ("\"seeds\": 3,\n  \"sessions", "\"seeds\": 2,\n  \"sessions")]
    {
        assert!(text.contains(from), "{text}");
        fs::write(&manifest, text.replace(from, to)).unwrap();
        for command in [&["status", &dir][..], &["report", &dir], &["replay", &dir, "--run", "0"]] {
            refused(&run(command), 7, &["manifest.json", "delete it: the same sweep writes it again"]);
        }
        let sweep = place.sweep_on("1", &many_parts(3, "1.0"), "out", &[]);
        refused(&sweep, 7, &["manifest.json", "delete it: the same sweep writes it again"]);
    }
    // With seeds that nobody asked for it is named, and written again.
    fs::write(&manifest, text.replace("\"seeds\": 3,\n  \"sessions", "\"seeds\": 9,\n  \"sessions")).unwrap();
    for command in [&["status", &dir][..], &["report", &dir], &["replay", &dir, "--run", "0"]] {
        refused(&run(command), 7, &["manifest.json", "`seeds = 9` there", "the same sweep writes it again"]);
    }
    succeeded(&place.sweep_on("1", &many_parts(3, "1.0"), "out", &[]));
    assert_eq!(fs::read(&manifest).unwrap(), bytes);
    assert_eq!(run(&["status", &dir]).status.code(), Some(0));
}

#[test]
fn an_edited_config_is_named_and_written_again() {
    let (place, text, dir) = parts_of(3);
    let config = place.path("out/config.toml");
    let stored = fs::read_to_string(&config).unwrap();
    for (from, to, there) in [
        ("noise = [1.0]", "noise = [2.0]", "`noise = [2.0]` there"),
        ("seeds = 3", "seeds = 1", "`seeds = 1` there"),
        ("seeds = 3", "seeds = 9", "`seeds = 9` there"),
        ("[problem]", "[problem", "line 1"),
    ] {
        fs::write(&config, stored.replace(from, to)).unwrap();
        for command in [&["status", &dir][..], &["report", &dir], &["replay", &dir, "--run", "0"]] {
            refused(&run(command), 7, &["config.toml", there, "the same sweep writes"]);
        }
        succeeded(&place.sweep_on("1", &text, "out", &[]));
        assert_eq!(fs::read_to_string(&config).unwrap(), stored);
    }
    fs::remove_file(&config).unwrap();
    for command in [&["status", &dir][..], &["report", &dir], &["replay", &dir, "--run", "0"]] {
        refused(&run(command), 7, &["config.toml", "the same sweep writes it again"]);
    }
    // A sweep of fewer seeds does not take them for those of the directory.
    succeeded(&place.sweep_on("1", &text, "out", &["--set", "sweep.seeds=2"]));
    assert_eq!(fs::read_to_string(&config).unwrap(), stored);
    // What does not change a row may change.
    fs::write(&config, stored.replace("check = \"off\"", "check = \"all\"")).unwrap();
    assert_eq!(run(&["status", &dir]).status.code(), Some(0));
}

#[test]
fn a_directory_begun_and_no_further_is_begun_again() {
    let place = Place::new();
    let rows = place.rows(TINY, "out", &[]);
    for lost in [&["manifest.json"][..], &["manifest.json", "config.toml"]] {
        fs::remove_dir_all(place.path("out/rows")).unwrap();
        lost.iter().for_each(|name| fs::remove_file(place.path("out").join(name)).unwrap());
        assert_eq!(place.rows(TINY, "out", &[]), rows);
    }
    // A config of somebody else is not overwritten.
    fs::create_dir(place.path("theirs")).unwrap();
    fs::write(place.path("theirs/config.toml"), TINY).unwrap();
    refused(&place.sweep(TINY, "theirs", &[]), 7, &["theirs", "config.toml"]);
    assert_eq!(fs::read_to_string(place.path("theirs/config.toml")).unwrap(), TINY);
}

#[test]
fn older_schema_versions_are_refused_by_name() {
    let place = Place::new();
    let dir = place.path("old").display().to_string();
    fs::create_dir(&dir).unwrap();
    fs::write(place.path("old/part-0-of-1-seed00000000-point0.parquet"), "").unwrap();
    let words = ["old: schema version 2, written and read by roundlaw 0.1.0", "use another output directory"];
    for manifest in [None, Some("{\"schema_version\": 2, \"stream_version\": 2, \"seeds\": 1, \"identity\": \"\"}")] {
        manifest.iter().for_each(|text| fs::write(place.path("old/manifest.json"), text).unwrap());
        refused(&run(&["status", &dir]), 7, &words);
        refused(&run(&["report", &dir]), 7, &words);
        refused(&run(&["replay", &dir, "--run", "0"]), 7, &words);
        refused(&place.sweep(TINY, "old", &[]), 7, &words);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_keeps_nobody_waiting() {
    let (place, text, dir) = parts_of(1);
    let own = part(&dir, 0);
    let bytes = fs::read(&own).unwrap();
    fs::remove_file(&own).unwrap();
    let name = own.file_name().unwrap().to_str().unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&own).status().unwrap().success());
    all_refuse(&place, &text, &dir, &[name, "no regular file"]);
    fs::remove_file(&own).unwrap();
    fs::create_dir(&own).unwrap();
    all_refuse(&place, &text, &dir, &[name, "no regular file"]);
    fs::remove_dir(&own).unwrap();
    fs::write(&own, &bytes).unwrap();
    for name in ["manifest.json", "config.toml"] {
        let file = place.path("out").join(name);
        let text_of = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
        all_refuse(&place, &text, &dir, &[name, "no regular file", "delete it"]);
        fs::remove_file(&file).unwrap();
        fs::write(&file, text_of).unwrap();
    }
    fs::remove_file(&own).unwrap();
    // A link to a part is as good as the part.
    fs::write(place.path("elsewhere"), bytes).unwrap();
    std::os::unix::fs::symlink(place.path("elsewhere"), &own).unwrap();
    assert_eq!(run(&["status", &dir]).status.code(), Some(0));
    // What is no part is not counted among them; hidden files are nobody's.
    fs::write(place.path("out/rows/.nfs0001"), "").unwrap();
    assert_eq!(run(&["status", &dir]).status.code(), Some(0));
    fs::write(place.path("out/rows/notes.txt"), "").unwrap();
    all_refuse(&place, &text, &dir, &["notes.txt", "move it elsewhere"]);
}

#[test]
fn derived_columns_are_filled_in_from_the_config() {
    let (_place, _, dir) = parts_of(1);
    let rows = stored(Path::new(&dir));
    assert!(rows.iter().all(|row| row.recipe_bits == Some(32.0)));
    assert!(rows.iter().all(|row| row.bits.iter().all(|(_, bits)| *bits == Some(32.0))));
    // As a program that did not know them would have left them out.
    part_file::rewrite(&part(&dir, 0), |_, rows| {
        rows.iter_mut().for_each(|row| (row.recipe_bits, row.bits) = Default::default());
    });
    assert!(stored(Path::new(&dir)) == rows);
}

#[test]
fn a_copied_directory_is_read_without_its_data() {
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    let values: Vec<f32> = (0..12).map(|i| 1.0 / (1 + i) as f32).collect();
    fs::write(place.path("data/lambda.npy"), f32_file(1, &[12], &values)).unwrap();
    let text = "[problem]\ndim = 12\nspectrum = { kind = \"file\", path = \"data/lambda.npy\" }\n[train]\nmodel = [2, 4]\n\
                samples = 16\n[[recipe]]\nname = \"a\"\n[sweep]\nseeds = 2\n";
    succeeded(&place.sweep(text, "out", &[]));
    let dir = place.path("out").display().to_string();
    let whole = run(&["status", "--json", &dir]);
    fs::rename(place.path("data"), place.path("elsewhere")).unwrap();
    for command in [&["status", "--json", &dir][..], &["report", &dir]] {
        let output = run(command);
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        assert!(errors.starts_with("warning: ") && errors.contains("lambda.npy can't be read"), "{errors}");
        assert!(errors.contains("were not compared"), "{errors}");
    }
    assert_eq!(run(&["status", "--json", &dir]).stdout, whole.stdout);
    // What can be verified is: the config, but for what is in its files, and what the parts say of themselves.
    let config = place.path("out/config.toml");
    let stored = fs::read_to_string(&config).unwrap();
    for (from, to, there) in [
        ("noise = [1.0]", "noise = [0.5]", "`noise = [0.5]` there, `noise = [1.0]`"),
        ("lambda.npy\"", "mu.npy\"", "mu.npy"),
        ("seeds = 2", "seeds = 3", "`seeds = 3` there, `seeds = 2`"),
    ] {
        fs::write(&config, stored.replace(from, to)).unwrap();
        for command in [&["status", &dir][..], &["report", &dir], &["check", &dir]] {
            refused(&run(command), 7, &["config.toml", there, "the same sweep writes"]);
        }
    }
    fs::write(&config, stored).unwrap();
    let own = part(&dir, 0);
    part_file::rewrite(&own, |_, rows| rows[0].checked = "unsampled".into());
    refused(&run(&["status", &dir]), 7, &["checked of run"]);
}

#[cfg(unix)]
#[test]
fn more_parts_than_files_may_be_open_are_read() {
    let place = Place::new();
    let text = TINY.replace("seeds = 7", "seeds = 200");
    let rows = place.rows(&text, "out", &["--set", "train.checkpoints=[]", "--set", "train.output=[\"last\"]"]);
    let dir = place.path("out");
    for path in store::parts(&dir).unwrap() {
        for seed in 0..200 {
            let mine = |row: &Row| row.seed_index == seed;
            let header = store::part::Part::open(&path).unwrap().header().clone();
            let rows: Vec<Row> = part_file::rows(&path).into_iter().filter(mine).collect();
            if let Some(claims) = store::part::Claim::of(&rows, &header.sweep.plan).filter(|claims| !claims.is_empty())
            {
                let work = part_file::work(&header.sweep, &claims);
                part_file::write(&dir, &store::part::Header { cohorts: claims, work, ..header }, &rows);
            }
        }
        fs::remove_file(path).unwrap();
    }
    assert_eq!(store::parts(&dir).unwrap().len(), 200);
    let digest = store::digest(&rows);
    for limit in [40, 1024] {
        let status = format!("ulimit -n {limit} && exec \"$0\" status --json \"$1\"");
        let output = std::process::Command::new("sh")
            .args(["-c", &status, env!("CARGO_BIN_EXE_roundlaw")])
            .arg(&dir)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains(&digest));
    }
    // Where that is too few for the threads, which is up to their timing, the limit is named and no part called damaged.
    let status = "ulimit -n 4 && exec \"$0\" status \"$1\"";
    let outputs = (0..20).map(|_| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", status, env!("CARGO_BIN_EXE_roundlaw")]).arg(&dir).env("RAYON_NUM_THREADS", "8");
        command.output().unwrap()
    });
    let failed = outputs.filter(|output| output.status.code() != Some(0));
    let refusals =
        failed.inspect(|output| refused(output, 1, &["part-", "raise the limit of open files with `ulimit -n`"]));
    assert!(refusals.count() > 0, "four files were always enough for eight threads");
}
