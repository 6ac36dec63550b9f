mod hq;
mod slurm;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};

use super::run_options::RunOptions;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::run::{adapter, sweep};
use crate::streams::tell;
use crate::words;
use crate::{scheduler, store};

const EXAMPLES: &str = "\
Examples:
  roundlaw submit slurm big.toml --shards 64 --out out/big -- --time=4:00:00 --cpus-per-task=8
  roundlaw submit slurm big.toml --shards 64 --dry-run -- --gres=gpu:1 --requeue
  roundlaw submit hq big.toml --shards 64 --out out/big";

/// Hand a sweep in shards to a batch system: a task for each, and a merge when all are done.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The batch system.
    #[arg(value_parser = system, value_name = "slurm|hq")]
    system: System,
    /// Config file (TOML).
    config: PathBuf,
    /// Tasks that the seed indices are shared out to.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shards: u32,
    /// Output directory that all machines see; by default out/NAME for NAME.toml.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    options: RunOptions,
    /// Print what would be submitted, and submit nothing.
    #[arg(long)]
    dry_run: bool,
    /// Options of sbatch, or of hq.
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
enum System {
    Slurm,
    Hq,
}

fn system(word: &str) -> std::result::Result<System, String> {
    words::find(word).ok_or_else(|| format!("allowed are {}", words::listed::<System>()))
}

/// What every batch system is told of a sweep, by paths that hold from anywhere.
struct Submission {
    /// Of the config.
    name: String,
    out: PathBuf,
    shards: u32,
    /// Each task's.
    sweep: Vec<String>,
    /// That of the last one.
    merge: Vec<String>,
    report: Vec<String>,
}

impl Submission {
    /// Everything is refused now that each of the tasks would refuse.
    fn new(args: &Args) -> anyhow::Result<Submission> {
        let config = args.options.config(&args.config)?;
        let shards = format!("auto/{}", args.shards);
        scheduler::asked(&format!("0/{}", args.shards), config.sweep.seeds)?;
        let plan = Plan::new(config)?;
        look_for(&args.options)?;
        let name = args.config.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let out = args.out.clone().unwrap_or_else(|| Path::new("out").join(&name));
        let [program, config, out] = [std::env::current_exe(), absolute(&args.config), absolute(out)]
            .map(|path| path.map_err(Error::io(Path::new("a path to hand on"))));
        let (program, out) = (text(&program?)?, out?);
        sweep::would_open(&plan, &out)?;
        let dir = text(&out)?;
        let mut sweep =
            [&program, "sweep", &text(&config?)?, "--out", &dir, "--shard", &shards].map(String::from).to_vec();
        sweep.extend(args.options.words());
        let on_out = |command: &str| [&program, command, &dir].map(String::from).to_vec();
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c), "_");
        Ok(Submission {
            name,
            out: out.clone(),
            shards: args.shards,
            sweep,
            merge: on_out("merge"),
            report: on_out("report"),
        })
    }
}

/// Whether the adapter is on this machine: that it is not is told, for the tasks look on theirs.
fn look_for(options: &RunOptions) -> Result<()> {
    let RunOptions { adapter: name, memory, .. } = options;
    match adapter::find_all(name) {
        Err(error) => tell(&format!("warning: --adapter {name}: {error}; this is so here, a task looks where it runs")),
        Ok(_) if name == "cpu" => adapter::refuse_memory(*memory)?,
        Ok(_) => {}
    }
    Ok(())
}

/// Submits what needs the output directory. Where that is refused, what was made for it goes again.
fn with_directory<T>(dir: &Path, submit: impl FnOnce() -> Result<T>) -> Result<T> {
    let new: Vec<&Path> = dir.ancestors().take_while(|path| !path.exists()).collect();
    store::create(dir).and_then(|()| submit()).inspect_err(|_| {
        // What is not empty by now stays, with all above it.
        let _ = new.into_iter().try_for_each(fs::remove_dir);
    })
}

/// A path that a script can hold.
fn text(path: &Path) -> Result<String> {
    let refused =
        || Error::Input(format!("{}: a path without control characters and in UTF-8 is needed", path.display()));
    path.to_str().filter(|text| !text.chars().any(char::is_control)).map(String::from).ok_or_else(refused)
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let submission = Submission::new(args)?;
    match args.system {
        System::Slurm => slurm::submit(&submission, &args.args, args.dry_run),
        System::Hq => hq::submit(&submission, &args.args, args.dry_run),
    }
}

/// What a program of a batch system prints when it is given this text.
fn given(words: &[String], input: &str) -> Result<String> {
    let program = &words[0];
    let failed = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Input(format!("{program} is not found: submit where the batch system is, or look with --dry-run"))
        }
        _ => Error::io(Path::new(program))(cause),
    };
    let mut command = Command::new(program);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(failed)?;
    // What it does not take it has refused: its status tells.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(failed)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(Error::Input(format!("{program} refused the job ({})", output.status))),
    }
}
