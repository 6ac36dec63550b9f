//! Limits of memory and threads: kept to, or refused with the number and the way out.

use std::process::{Command, Output};

use super::{Place, TINY, refused, stderr, succeeded};

/// Runs the program with these arguments under a shell's limits.
fn limited(limits: &str, threads: Option<&str>, args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_roundlaw")]).args(args);
    match threads {
        Some(threads) => command.env("RAYON_NUM_THREADS", threads),
        None => command.env_remove("RAYON_NUM_THREADS"),
    };
    command.output().unwrap()
}

/// What a command prints that ends well.
#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success() && !output.stdout.is_empty(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_number_of_threads_is_a_number_and_sensible() {
    let verify = ["verify", "--adapter", "cpu", "--filter", "codec/e4m3/rne/encode"];
    for threads in ["abc", "100000", "-1", "1.5"] {
        let output = limited("", Some(threads), &verify);
        refused(&output, 2, &[&format!("RAYON_NUM_THREADS = \"{threads}\""), "4 times the"]);
        assert!(output.stdout.is_empty());
    }
    for threads in [None, Some(""), Some("0"), Some("1")] {
        assert!(limited("", threads, &verify).status.success(), "{threads:?}");
    }
}

/// Threads that cannot be had, by their number or by the limit of the system, hurt what computes, and nothing else.
#[cfg(target_os = "linux")]
#[test]
fn what_computes_nothing_needs_no_threads() {
    let place = Place::new();
    let config = place.config(TINY);
    let out = place.path("out").display().to_string();
    succeeded(&limited("", Some("2"), &["sweep", &config, "--out", &out, "--adapter", "cpu"]));
    let idle: [&[&str]; 6] = [
        &["--help"],
        &["--version"],
        &["formats"],
        &["verify", "--list", "--filter", "codec/e4m3"],
        &["status", &out],
        &["report", &out],
    ];
    for args in idle {
        let usual = printed(&limited("", None, args));
        assert_eq!(printed(&limited("", Some("abc"), args)), usual, "{args:?}");
        // Stacks of threads that the address space has no room for; a thread more than the first is never started.
        assert_eq!(printed(&limited("export RUST_MIN_STACK=1000000000000000;", Some("3"), args)), usual, "{args:?}");
    }
    let plan = ["plan", &config];
    refused(&limited("", Some("abc"), &plan), 2, &["RAYON_NUM_THREADS = \"abc\""]);
    let usual = printed(&limited("", Some("3"), &plan));
    assert_eq!(printed(&limited("export RUST_MIN_STACK=1000000000000000;", Some("3"), &plan)), usual);
    let check = limited("export RUST_MIN_STACK=1000000000000000;", Some("3"), &["check", &out]);
    refused(&check, 1, &["thread", "RAYON_NUM_THREADS"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_plan_beyond_the_limit_of_the_address_space_is_refused_not_aborted() {
    let place = Place::new();
    // 512 MiB of G, and as much for the copy that is packed.
    let text = TINY.replace("dim = 24", "dim = 131072").replace("model = [3, 5]", "model = [3, 1024]");
    let config = place.config(&text.replace("seeds = 7", "seeds = 1"));
    let out = place.path("out").display().to_string();
    let sweep = ["sweep", &config, "--out", &out, "--adapter", "cpu", "--set", "recipe=[{name=\"a\"}]"];
    for (limit, kilobytes) in [("-v", 1_000_000), ("-d", 900_000)] {
        let output = limited(&format!("ulimit {limit} {kilobytes};"), Some("1"), &sweep);
        refused(&output, 2, &["problem.dim = 131072", "train.model = 1024", "GiB", &format!("`ulimit {limit}`")]);
        assert!(!place.path("out").exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_plan_that_is_accepted_runs_whatever_the_limit() {
    let place = Place::new();
    let config = place.config(&TINY.replace("dim = 24", "dim = 20000").replace("model = [3, 5]", "model = [3, 400]"));
    let (mut refusals, mut successes) = (0, 0);
    for megabytes in (100..1000).step_by(60) {
        let out = place.path(&format!("out{megabytes}")).display().to_string();
        let args = ["sweep", &config, "--out", &out, "--adapter", "cpu", "--set", "sweep.seeds=2"];
        let output = limited(&format!("ulimit -v {};", 1000 * megabytes), Some("2"), &args);
        match output.status.code() {
            Some(0) => (succeeded(&output), successes += 1).0,
            Some(2) => (refused(&output, 2, &["GiB", "`ulimit -v`"]), refusals += 1).0,
            // Where not even the threads start.
            Some(1) => refused(&output, 1, &["thread", "ulimit -v"]),
            other => panic!("{megabytes} MB: status {other:?}, {}", stderr(&output)),
        }
    }
    assert!(refusals > 0 && successes > 0, "{refusals} refused, {successes} done");
}

/// Expected risks hold their sketches, the samples that measure formats, and matrices: by their own estimate.
#[cfg(target_os = "linux")]
#[test]
fn predictions_that_are_accepted_end_whatever_the_limit() {
    let place = Place::new();
    let text = TINY.replace("dim = 24", "dim = 20000").replace("model = [3, 5]", "model = [3, 200]");
    let config = place.config(&text.replace("\"average\"]", "\"average\", \"tail\"]"));
    let (mut refusals, mut successes) = (0, 0);
    for megabytes in [200, 400, 600, 900, 1300, 1800] {
        let args = ["predict", &config, "--set", "sweep.seeds=2"];
        let output = limited(&format!("ulimit -v {};", 1000 * megabytes), Some("2"), &args);
        match output.status.code() {
            Some(0) => successes += 1,
            Some(2) => (refused(&output, 2, &["expected risks", "GiB", "`ulimit -v`"]), refusals += 1).0,
            Some(1) => refused(&output, 1, &["thread", "ulimit -v"]),
            other => panic!("{megabytes} MB: status {other:?}, {}", stderr(&output)),
        }
    }
    assert!(refusals > 0 && successes > 0, "{refusals} refusals, {successes} successes");
}

/// Matrices that the budget has no room for take no memory.
#[cfg(target_os = "linux")]
#[test]
fn matrices_beyond_the_limit_are_refused_or_left_out() {
    let place = Place::new();
    let config = place.config(&TINY.replace("model = [3, 5]", "model = 4096").replace("dim = 24", "dim = 5000"));
    let predict = |budget: &str| {
        let recipe = "recipe=[{name=\"a\", feature={noise=\"relative\", eps=0.1}}]";
        limited("ulimit -v 2000000;", Some("2"), &["predict", &config, "--set", recipe, "--budget", budget])
    };
    refused(&predict("1e9"), 2, &["matrices of problem.dim = 5000", "train.model = 4096", "GiB", "--budget"]);
    let left_out = predict("1");
    assert!(left_out.status.success() && stderr(&left_out).contains("beyond --budget 1"), "{}", stderr(&left_out));
}
