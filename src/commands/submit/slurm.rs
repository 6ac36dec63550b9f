//! A job array with a task for each shard, and a job that merges what they leave.

use super::{Submission, given, with_directory};
use crate::error::{Error, Result, exit};
use crate::shell;
use crate::streams::print;

/// How a task runs its shard, of which SWEEP is the command and INCOMPLETE the status that asks for another turn.
const ARRAY: &str = include_str!("array.sh");
/// Seconds before its end at which Slurm warns a task: a sweep ends within 20.
const WARNING: u32 = 60;

/// Prints the ids of both jobs, or what they would be.
pub fn submit(sweep: &Submission, args: &[String], dry_run: bool) -> anyhow::Result<()> {
    let (array, merge) = (array(sweep), merge(sweep));
    let sbatch = |last: &[&str]| {
        let words = ["sbatch", "--parsable"].into_iter().map(String::from).chain(args.iter().cloned());
        words.chain(last.iter().map(|word| (*word).to_owned())).collect::<Vec<String>>()
    };
    // Later options count: a task may be anything else, but the merge waits.
    let after = |id: &str| sbatch(&[&format!("--dependency=afterok:{id}"), "--kill-on-invalid-dep=yes"]);
    if dry_run {
        let here = |words: &[String], script: &str| {
            format!("{} <<'SCRIPT'\n{script}SCRIPT\n", shell::line(words.iter().map(String::as_str)))
        };
        return Ok(print(&format!("{}\n{}", here(&sbatch(&[]), &array), here(&after("ARRAY"), &merge).trim_end()))?);
    }
    let id = with_directory(&sweep.out, || submitted(&sbatch(&[]), &array))?;
    let merging = submitted(&after(&id), &merge).map_err(|error| {
        Error::Other(format!(
            "{error}; the array {id} was submitted, its merge was not: `{}` by hand",
            shell::line(sweep.merge.iter().map(String::as_str))
        ))
    })?;
    Ok(print(&format!("array {id}\nmerge {merging}"))?)
}

/// The number of a job that was submitted, which a cluster's name may follow.
fn submitted(words: &[String], script: &str) -> Result<String> {
    let answer = given(words, script)?;
    let id = answer.split(';').next().unwrap_or_default();
    match !id.is_empty() && id.chars().all(|c| c.is_ascii_digit()) {
        true => Ok(id.to_owned()),
        false => Err(Error::Other(format!("sbatch answered {answer:?}, no number of a job"))),
    }
}

fn head(sweep: &Submission, suffix: &str, log: &str) -> String {
    let option = |name: &str, value: &str| format!("#SBATCH --{name}={}\n", quoted(value));
    // A percent sign begins a pattern.
    let dir = sweep.out.to_string_lossy().replace('%', "%%");
    "#!/bin/bash\n".to_owned()
        + &option("job-name", &format!("roundlaw-{}{suffix}", sweep.name))
        + &option("output", &format!("{dir}/{log}"))
}

/// A value as sbatch reads it in a script: in quotes where it has blanks.
fn quoted(value: &str) -> String {
    match value.contains(char::is_whitespace) {
        true => format!("\"{value}\""),
        false => value.to_owned(),
    }
}

fn array(sweep: &Submission) -> String {
    let command = shell::line(sweep.sweep.iter().map(String::as_str));
    let run = ARRAY.replacen("INCOMPLETE", &exit::INCOMPLETE.to_string(), 1).replacen("SWEEP", &command, 1);
    head(sweep, "", "slurm-%A_%a.out")
        + &format!("#SBATCH --array=0-{}\n", sweep.shards - 1)
        + "#SBATCH --requeue\n#SBATCH --open-mode=append\n"
        + &format!("#SBATCH --signal=B:TERM@{WARNING}\n")
        + &run
}

fn merge(sweep: &Submission) -> String {
    let [merge, report] = [&sweep.merge, &sweep.report].map(|words| shell::line(words.iter().map(String::as_str)));
    head(sweep, "-merge", "slurm-%j.out") + &format!("{merge} && {report}\n")
}
