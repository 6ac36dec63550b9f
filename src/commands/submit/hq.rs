//! A job of HyperQueue: a task for each shard, and two that depend on them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use toml::Value;

use super::{Submission, given, with_directory};
use crate::error::Error;
use crate::files::write_whole;
use crate::shell;
use crate::streams::print;

/// The file of the job, hidden: it makes no directory foreign.
const FILE: &str = ".hyperqueue.toml";

/// Prints what `hq` answers, or the file of the job and the command that would submit it.
pub fn submit(sweep: &Submission, args: &[String], dry_run: bool) -> anyhow::Result<()> {
    let (path, text) = (sweep.out.join(FILE), job(sweep));
    let file = path.to_string_lossy().into_owned();
    let words = ["hq"].into_iter().map(String::from).chain(args.iter().cloned());
    let words: Vec<String> = words.chain(["job", "submit-file", &file].map(String::from)).collect();
    if dry_run {
        return Ok(print(&format!("# {}\n{}", shell::line(words.iter().map(String::as_str)), text.trim_end()))?);
    }
    let submit = || {
        write_whole(&path, "submit", |out| out.write_all(text.as_bytes()).map_err(Error::io(&path)))?;
        given(&words, "").inspect_err(|_| _ = fs::remove_file(&path))
    };
    Ok(print(&with_directory(&sweep.out, submit)?)?)
}

/// The job's definition. A worker that ends takes its task with it, which HyperQueue gives to the next one: no task asks to
/// be given another turn.
fn job(sweep: &Submission) -> String {
    let mut text = format!("name = {}\n", Value::from(format!("roundlaw-{}", sweep.name)));
    let mut task = |id: u32, words: &[String], deps: &[u32]| {
        let logs = ["stdout", "stderr"].map(|stream| {
            let path = sweep.out.join(format!("hq-{id}.{}", &stream[3..]));
            format!("{stream} = {}\n", Value::from(path.to_string_lossy().into_owned()))
        });
        let command: Vec<String> = words.to_vec();
        // A sweep has a thread for each core that it sees.
        let all = if deps.is_empty() { "[[task.request]]\nresources = { cpus = \"all\" }\n" } else { "" };
        let deps = if deps.is_empty() { String::new() } else { format!("deps = {deps:?}\n") };
        write!(text, "\n[[task]]\nid = {id}\ncommand = {}\n{}{deps}{all}", Value::from(command), logs.concat())
            .expect("a String takes whatever is written to it");
    };
    let shards: Vec<u32> = (0..sweep.shards).collect();
    shards.iter().for_each(|&shard| task(shard, &sweep.sweep, &[]));
    task(sweep.shards, &sweep.merge, &shards);
    task(sweep.shards + 1, &sweep.report, &[sweep.shards]);
    text
}
