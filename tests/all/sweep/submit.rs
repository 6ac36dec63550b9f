//! What batch systems are given: by programs that stand in for theirs, and write down what they are told.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;

/// A place with a config and programs of a batch system.
struct Site(Place);

impl Site {
    fn new() -> Site {
        let site = Site(Place::new());
        site.0.config(TINY);
        fs::create_dir(site.0.path("bin")).unwrap();
        site
    }

    /// A program that does what a script for the shell says; `$HERE` is the place.
    fn program(&self, name: &str, script: &str) {
        let path = self.0.path("bin").join(name);
        let here = self.0.path("").display().to_string();
        fs::write(&path, format!("#!/bin/sh\nHERE={here}\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:{}", self.0.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("RAYON_NUM_THREADS", "2").current_dir(self.0.path(""));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn submit(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_roundlaw")).arg("submit").args(args).output().unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path(name)).unwrap()
    }

    /// Programs of Slurm that write down what they are told, in jobs from 100 on.
    fn with_slurm(&self, state: &str) {
        self.program(
            "sbatch",
            "n=$((100 + $(ls $HERE | grep -c '^job-')))\nprintf '%s\\n' \"$*\" > $HERE/told-$n\ncat > $HERE/job-$n\necho \"$n;cluster\"",
        );
        self.program("squeue", &format!("echo {state}"));
        self.program("scontrol", "echo \"$*\" >> $HERE/scontrol");
    }

    /// A task of the job array.
    fn task(&self, id: u32) -> Child {
        let id = id.to_string();
        let job = self.0.path("job-100");
        self.command("bash").arg(job).env("SLURM_ARRAY_TASK_ID", &id).env("SLURM_ARRAY_JOB_ID", "70").spawn().unwrap()
    }
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_job_array_and_its_merge_come_to_the_rows_of_one_process() {
    let site = Site::new();
    site.with_slurm("RUNNING");
    let args = ["slurm", "config.toml", "--shards", "3", "--out", "out dir", "--adapter", "cpu", "--check", "1"];
    let dry = text(&site.submit(&[&args[..], &["--dry-run", "--", "--time=1:00"]].concat()));
    assert!(!site.0.path("out dir").exists() && !site.0.path("job-100").exists());
    let said =
        text(&site.submit(&[&args[..], &["--set", "sweep.seeds=5", "--", "--time=1:00", "-p", "long queue"]].concat()));
    assert_eq!(said, "array 100\nmerge 101\n");
    assert_eq!(site.text("told-100"), "--parsable --time=1:00 -p long queue\n");
    let merge = "--parsable --time=1:00 -p long queue --dependency=afterok:100 --kill-on-invalid-dep=yes\n";
    assert_eq!(site.text("told-101"), merge);
    let script = site.text("job-100");
    let out = site.0.path("out dir").display().to_string();
    for part in [
        "#SBATCH --array=0-2\n",
        "#SBATCH --signal=B:TERM@60\n",
        "#SBATCH --requeue\n",
        "#SBATCH --job-name=roundlaw-config\n",
        &format!("#SBATCH --output=\"{out}/slurm-%A_%a.out\"\n"),
        "--shard auto/3 --adapter cpu --check 1 --set sweep.seeds=5 &\n",
    ] {
        assert!(script.contains(part), "{part} is not in\n{script}");
    }
    let without = script.replace(" --set sweep.seeds=5", "");
    assert!(dry.contains(&without) && dry.contains(&site.text("job-101")), "{dry}");
    assert!(
        dry.contains("afterok:ARRAY") && dry.starts_with("sbatch --parsable --time=1:00 <<'SCRIPT'\n#!/bin/bash\n"),
        "{dry}"
    );

    for child in [2, 0, 1].map(|id| site.task(id)) {
        text(&child.wait_with_output().unwrap());
    }
    let merged = text(&site.command("bash").arg(site.0.path("job-101")).output().unwrap());
    let whole = site.0.rows(TINY, "whole", &["--set", "sweep.seeds=5"]);
    assert!(merged.contains(&format!("digest {}", store::digest(&whole))), "{merged}");
    assert!(site.0.path("out dir/report.html").exists() && !site.0.path("scontrol").exists());
}

#[test]
fn a_task_that_is_asked_to_end_asks_for_another_turn_unless_it_was_cancelled() {
    for (state, requeued) in [("RUNNING", true), ("COMPLETING", false)] {
        let site = Site::new();
        site.with_slurm(state);
        fs::write(site.0.path("config.toml"), many_parts(2000, "1.0")).unwrap();
        let args = ["slurm", "config.toml", "--shards", "2", "--out", "out", "--adapter", "cpu"];
        text(&site.submit(&args));
        let task = site.task(1);
        let begun = Instant::now();
        while !store::parts(&site.0.path("out")).is_ok_and(|parts| !parts.is_empty()) {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
        // The batch shell alone hears it.
        assert!(Command::new("kill").args(["-TERM", &task.id().to_string()]).status().unwrap().success());
        let output = task.wait_with_output().unwrap();
        assert!(stderr(&output).contains("what is done is kept"), "{}", stderr(&output));
        match requeued {
            true => assert_eq!((output.status.code(), &*site.text("scontrol")), (Some(0), "requeue 70_1\n")),
            false => assert_eq!((output.status.code(), site.0.path("scontrol").exists()), (Some(5), false)),
        }
    }
}

#[test]
fn a_status_that_no_turn_would_change_is_the_tasks() {
    let site = Site::new();
    site.with_slurm("RUNNING");
    text(&site.submit(&["slurm", "config.toml", "--shards", "2", "--out", "out", "--adapter", "cpu"]));
    fs::write(site.0.path("out/manifest.json"), "{").unwrap();
    let output = site.task(0).wait_with_output().unwrap();
    assert_eq!((output.status.code(), site.0.path("scontrol").exists()), (Some(7), false), "{}", stderr(&output));
}

#[test]
fn what_every_task_would_refuse_is_not_submitted() {
    let site = Site::new();
    site.with_slurm("RUNNING");
    for (args, parts) in [
        (&["slurm", "config.toml", "--shards", "8"][..], &["0/8", "sweep.seeds = 7"][..]),
        (&["slurm", "none.toml", "--shards", "2"], &["none.toml"]),
        (&["slurm", "config.toml", "--shards", "2", "--set", "train.model=30"], &["train.model = 30"]),
        (&["pbs", "config.toml", "--shards", "2"], &["pbs", "slurm, hq"]),
        (&["slurm", "config.toml", "--shards", "0"], &["--shards", "0"]),
        (&["slurm", "config.toml"], &["--shards"]),
        // Which nobody has installed under this name here.
        (&["hq", "config.toml", "--shards", "2", "--out", "out"], &["hq is not found", "--dry-run"]),
    ] {
        refused(&site.submit(args), 2, parts);
        assert!(!site.0.path("job-100").exists());
    }
    site.program("sbatch", "echo 'error: no such partition' >&2; exit 1");
    let output = site.submit(&["slurm", "config.toml", "--shards", "2", "--out", "new/out", "--", "-p", "none"]);
    assert!(stderr(&output).contains("no such partition"), "{}", stderr(&output));
    refused(&output, 2, &["sbatch refused the job", "1"]);
    assert!(!site.0.path("out").exists() && !site.0.path("new").exists(), "nothing is left of what was refused");
}

#[test]
fn a_directory_that_every_task_would_refuse_is_not_submitted() {
    let site = Site::new();
    site.with_slurm("RUNNING");
    fs::write(site.0.path("file"), "mine").unwrap();
    fs::create_dir(site.0.path("foreign")).unwrap();
    fs::write(site.0.path("foreign/notes.txt"), "mine").unwrap();
    site.0.rows(TINY, "begun", &["--set", "sweep.seed=5"]);
    for (out, code, parts) in [
        ("file", 2, &["can't create the output directory", "file: a file has its name"][..]),
        ("file/out", 2, &["can't create the output directory", "file/out: Not a directory"]),
        ("foreign", 7, &["foreign directory", "notes.txt"]),
        ("begun", 2, &["the config differs", "seed = 5"]),
    ] {
        for system in ["slurm", "hq"] {
            let args = [system, "config.toml", "--shards", "2", "--out", out, "--adapter", "cpu"];
            refused(&site.submit(&args), code, parts);
            refused(&site.submit(&[&args[..], &["--dry-run"]].concat()), code, parts);
        }
    }
    assert!(!site.0.path("job-100").exists());
    assert_eq!(fs::read_dir(site.0.path("foreign")).unwrap().count(), 1);
}

#[test]
fn an_adapter_that_is_not_here_may_be_where_the_tasks_run() {
    let site = Site::new();
    site.with_slurm("RUNNING");
    let args = ["slurm", "config.toml", "--shards", "2", "--out", "out", "--adapter", "No Such GPU 9000"];
    let output = site.submit(&args);
    text(&output);
    for part in ["warning: --adapter No Such GPU 9000", "no adapter is called", "a task looks where it runs"] {
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    assert!(site.text("job-100").contains("--adapter 'No Such GPU 9000'"));
    let cpu = ["slurm", "config.toml", "--shards", "2", "--adapter", "cpu", "--memory", "2"];
    refused(&site.submit(&cpu), 2, &["--memory is that of a GPU"]);
}

#[test]
fn a_job_of_hyperqueue_is_a_task_for_each_shard_then_the_merge() {
    let site = Site::new();
    site.program(
        "hq",
        "echo \"$*\" > $HERE/told\ncat \"${5}\" > $HERE/job\necho Job submitted successfully, job ID: 1",
    );
    let args = ["hq", "config.toml", "--shards", "2", "--out", "out", "--adapter", "cpu"];
    let dry = text(&site.submit(&[&args[..], &["--dry-run", "--", "--server-dir", "s"]].concat()));
    let said = text(&site.submit(&[&args[..], &["--", "--server-dir", "s"]].concat()));
    assert_eq!(said, "Job submitted successfully, job ID: 1\n");
    let file = site.0.path("out/.hyperqueue.toml").display().to_string();
    assert_eq!(site.text("told"), format!("--server-dir s job submit-file {file}\n"));
    assert_eq!(dry, format!("# hq --server-dir s job submit-file {file}\n{}", site.text("job")));
    let job: toml::Table = site.text("job").parse().unwrap();
    let tasks = job["task"].as_array().unwrap();
    let deps = |task: &toml::Value| task.get("deps").map(|deps| deps.as_array().unwrap().len());
    assert_eq!(tasks.iter().map(deps).collect::<Vec<_>>(), [None, None, Some(2), Some(1)]);
    for (id, task) in tasks.iter().enumerate() {
        assert_eq!(task["id"].as_integer(), Some(id as i64));
        let words: Vec<&str> = task["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let output = site.command(words[0]).args(&words[1..]).env("HQ_TASK_ID", id.to_string()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let whole = site.0.rows(TINY, "whole", &[]);
    assert_eq!(store::digest(&stored(&site.0.path("out"))), store::digest(&whole));
}
