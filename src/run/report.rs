//! What a report is made of: the rows of its directories, what is expected of them, and what `fit` found.

use std::path::{Path, PathBuf};

use super::spectra;
use super::stored::Stored;
use crate::error::{Error, Result};
use crate::report::{Report, ReportOptions, Source};
use crate::store;
use crate::store::fits::FoundFits;
use crate::store::predictions::{self, Found};
use crate::streams::tell;
use crate::watch::Watch;

/// Reads the directories of sweeps; spectra only for a page, which shows them.
///
/// # Errors
/// Those of their rows, of predict.parquet and of fit.json; [`crate::Error::Incomplete`] where the watch asks to end.
pub fn gather(dirs: &[PathBuf], is_page: bool, watch: &Watch) -> Result<Report> {
    let mut report = Report::default();
    for dir in dirs {
        add(&mut report, dir, watch)?;
        if is_page {
            add_spectra(&mut report, dir, watch)?;
        }
    }
    report.table.choose_step_sizes();
    Ok(report)
}

/// Writes the page of one sweep.
///
/// # Errors
/// Those of [`gather`], and of files that can't be written.
pub fn write(dir: &Path, watch: &Watch) -> Result<Vec<PathBuf>> {
    // Shards that end at one moment write the same files; the last of them reads every row.
    let _lock = store::lock_report(dir, watch)?;
    gather(&[dir.to_path_buf()], true, watch)?.write(dir, &ReportOptions::default())
}

fn add(report: &mut Report, dir: &Path, watch: &Watch) -> Result<()> {
    let stored = Stored::open(dir)?;
    stored.caution().iter().for_each(|line| tell(&format!("warning: {line}")));
    let directory = dir.display().to_string();
    report.open(&directory);
    let (mut runs, mut last) = (0, None);
    let rows = stored.rows().map(|row| {
        watch.ask()?;
        row.inspect(|row| {
            report.add(row);
            // The rows of a run come together.
            runs += u64::from(last.replace(row.run_id) != Some(row.run_id));
        })
    });
    let digest = store::digest_of(rows)?;
    let expected = predictions::read(dir, &digest, |risks| report.table.expect(&risks))?;
    let fits = store::fits::read(dir, &digest)?;
    // Nothing is expected of the covariates of a file, and no law is fitted to held-out risks.
    let has_truth = stored.plan.as_ref().is_ok_and(|plan| plan.points.iter().any(|p| p.problem.covariates().is_none()));
    let missing = [lacks_predictions(&directory, expected), lacks_fits(&directory, &fits)];
    let missing = stored.unfinished(runs).into_iter().map(Some).chain(missing.into_iter().filter(|_| has_truth));
    report.table.compare(store::baselines(dir)?);
    if let FoundFits::Read(document) = fits {
        let fits = crate::report::fits(&document).map_err(|what| store::fits::damaged(dir, &what))?;
        report.fits.extend(report.table.fit(fits));
    }
    report.sources.push(Source {
        directory,
        title: stored.plan.as_ref().ok().and_then(|plan| plan.config.title.clone()),
        digest,
        config_toml: stored.config_toml.clone(),
        provenance: stored.contents.manifest().map(|manifest| manifest.provenance()).unwrap_or_default(),
        missing: missing.flatten().collect(),
        plan: stored.plan.ok(),
        ..Source::default()
    });
    Ok(())
}

/// The spectra of a directory that was added; one that is not found is no reason to have no report.
fn add_spectra(report: &mut Report, dir: &Path, watch: &Watch) -> Result<()> {
    let Some(source) = report.sources.last_mut() else { return Ok(()) };
    source.spectra = store::spectra(dir)?;
    let Some(plan) = &source.plan else { return Ok(()) };
    match spectra::of_features(plan, watch) {
        Ok(found) => source.features = found,
        Err(error @ Error::Incomplete(_)) => return Err(error),
        Err(error) => tell(&format!("warning: {}: no spectra of features, {error}", dir.display())),
    }
    Ok(())
}

fn lacks_predictions(dir: &str, found: Found) -> Option<String> {
    let what = match found {
        Found::Read(_) => return None,
        Found::Nothing => "There is no predict.parquet",
        Found::Others => "predict.parquet is of other rows",
        Found::Prior => "predict.parquet has means over targets, not of each seed's own",
    };
    Some(format!("{what}: `roundlaw predict {dir}` computes the exact curves behind the points."))
}

fn lacks_fits(dir: &str, found: &FoundFits) -> Option<String> {
    let what = match found {
        FoundFits::Read(_) => return None,
        FoundFits::Nothing => "There is no fit.json",
        FoundFits::Others => "fit.json is of other rows",
    };
    Some(format!("{what}: `roundlaw fit {dir}` finds exponents and effective model sizes."))
}
