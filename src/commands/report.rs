use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::report::{FigureFormat, Report, ReportOptions, Risk, Variable, View, variable, variables};
use crate::run::report::gather;
use crate::streams::{one_line, print};
use crate::watch::Watch;
use crate::{store, threads};

const EXAMPLES: &str = "\
Examples:
  roundlaw report out/quickstart
  roundlaw report out/noise --x model --series samples --recipe fp32
  roundlaw report out/noise --x neff --y difference --baseline fp32 --format pdf
  roundlaw report out/a out/b --out out/both";

/// Write report.html and the figures of a directory again, or figures of a view of your own.
///
/// With --x, --y, --series or --panel it writes the figures of that view and leaves the page. Seeds are averaged and
/// nothing else: whatever else differs is told apart by --series or splits into figures.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Directories of sweeps.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Where to write; by default the directory, required for several.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What the figures of a view are drawn against: model, samples, neff, seen, dim, eps, bits, batch, step_size, noise,
    /// compute, model_bits, m_total, m_gc, spectrum_exponent or target_exponent [default: model].
    #[arg(long, value_name = "VARIABLE", value_parser = axis)]
    x: Option<&'static Variable>,
    /// What the figures of a view show: reducible, excess, quantized_test, held_out, gain_corrected, difference (to the
    /// baseline, paired by seed) or residual (to the exact expectation) [default: reducible].
    #[arg(long, value_name = "RISK", value_parser = risk)]
    y: Option<Risk>,
    /// What the lines of a figure are told apart by, as recipe or model,recipe [default: recipe].
    #[arg(long, value_name = "VARIABLES", value_delimiter = ',', value_parser = any)]
    series: Vec<&'static Variable>,
    /// What splits a view into figures, beside what is left to tell apart.
    #[arg(long, value_name = "VARIABLES", value_delimiter = ',', value_parser = any)]
    panel: Vec<&'static Variable>,
    /// Show this recipe alone (repeatable).
    #[arg(long, value_name = "NAME")]
    recipe: Vec<String>,
    /// Show cells of one value of a variable alone, as model=64, or step_size=best where there are several (repeatable).
    #[arg(long, value_name = "VARIABLE=VALUE", value_parser = only)]
    only: Vec<(&'static Variable, String)>,
    /// The recipe that differences are to; by default the first.
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Format of the figures.
    #[arg(long, default_value = "svg")]
    format: FigureFormat,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    threads::start_or_alone();
    let out = match (&args.out, args.dirs.as_slice()) {
        (Some(out), _) => out,
        (None, [dir]) => dir,
        _ => return Err(Error::Input("--out DIR is required for several directories".into()).into()),
    };
    twice(&args.dirs)?;
    // Signals are not handled: they end it at once, and the report can be written again.
    let watch = Watch::default();
    let _lock = store::lock_report(out, &watch)?;
    let report = gather(&args.dirs, !is_view(args), &watch)?;
    let options = options(args, &report)?;
    for path in report.write(out, &options)? {
        print(&one_line(&path.display().to_string()))?;
    }
    Ok(())
}

/// # Errors
/// [`Error::Input`] for a directory that is named twice: its runs would count twice.
fn twice(dirs: &[PathBuf]) -> Result<()> {
    let whole: Vec<PathBuf> = dirs.iter().map(|dir| dir.canonicalize().unwrap_or_else(|_| dir.clone())).collect();
    match (1..whole.len()).find(|place| whole[..*place].contains(&whole[*place])) {
        Some(place) => Err(Error::Input(format!("{}: named twice", dirs[place].display()))),
        None => Ok(()),
    }
}

/// Whether it is asked for figures of a view, not for the page.
fn is_view(args: &Args) -> bool {
    args.x.is_some() || args.y.is_some() || !args.series.is_empty() || !args.panel.is_empty()
}

fn options(args: &Args, report: &Report) -> Result<ReportOptions> {
    let baseline = args.baseline.as_ref().map(|name| report.recipe("--baseline", name)).transpose()?.unwrap_or(0);
    let view = || {
        let mut view = View::new("model", args.y.unwrap_or(Risk::Reducible), &["recipe"], baseline);
        view.x = args.x.unwrap_or(view.x);
        view.panel.clone_from(&args.panel);
        match args.series.as_slice() {
            [] if matches!(view.x.name, "eps" | "bits") => view.series = variable("family").into_iter().collect(),
            [] => {}
            series => view.series = series.to_vec(),
        }
        view
    };
    let views = if is_view(args) { vec![view()] } else { Vec::new() };
    Ok(ReportOptions { views, recipes: args.recipe.clone(), only: args.only.clone(), baseline, format: args.format })
}

fn names(all: impl Iterator<Item = &'static str>) -> String {
    format!("allowed is one of {}", all.collect::<Vec<_>>().join(", "))
}

fn axis(name: &str) -> std::result::Result<&'static Variable, String> {
    let numbers = || variables().filter(|variable| variable.is_number());
    numbers().find(|variable| variable.name == name).ok_or_else(|| names(numbers().map(|variable| variable.name)))
}

fn any(name: &str) -> std::result::Result<&'static Variable, String> {
    variable(name).ok_or_else(|| names(variables().map(|variable| variable.name)))
}

fn only(text: &str) -> std::result::Result<(&'static Variable, String), String> {
    let (name, value) = text.split_once('=').ok_or("allowed is VARIABLE=VALUE, as model=64")?;
    Ok((any(name)?, value.to_owned()))
}

fn risk(name: &str) -> std::result::Result<Risk, String> {
    let all = Risk::ALL.into_iter();
    all.clone().find(|risk| risk.name() == name).ok_or_else(|| names(all.map(Risk::name)))
}
