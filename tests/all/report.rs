//! The report stage on made-up rows: its statistics, and files that hold whatever the rows hold.

use std::fs;
use std::path::{Path, PathBuf};

use roundlaw::error::Error;
use roundlaw::report::{Chart, Point, Report, ReportOptions, Risk, Source, View};
use roundlaw::site::{Counts, PerSite, Site};
use roundlaw::store::row::Row;
use serde_json::{Map, json};

mod best;
mod command;
mod counters;
mod errors;
mod fitted;
mod names;
mod options;
mod risks;
mod spectrum;
mod stored;
mod views;

/// A finished run of the recipe; `run_id` and `cell` follow from the rest.
fn row(recipe: &str, model: u32, samples: u64, seed: u32, risk: Option<f64>) -> Row {
    let cell =
        (u64::from(model) << 40) ^ (samples << 8) ^ (recipe.len() as u64) ^ ((recipe.as_bytes()[0] as u64) << 60);
    let mut counts = PerSite::default();
    counts[Site::Activation] = Some(Counts { saturated: 12_345, underflowed: 6, nan: 0 });
    Row {
        run_id: cell.wrapping_mul(1000).wrapping_add(u64::from(seed)),
        cell,
        seed_index: seed,
        seen: samples,
        output: "last".into(),
        dim: 1024,
        spectrum: "power".into(),
        spectrum_exponent: Some(1.5),
        target: "gaussian".into(),
        noise: 0.1,
        sketch_kind: "gaussian".into(),
        sampling: "fresh".into(),
        tail: "exact".into(),
        model,
        samples,
        batch: 1,
        step_size: 0.1,
        schedule: "constant".into(),
        recipe: recipe.into(),
        excess: risk,
        reducible: risk,
        diverged_at: risk.is_none().then_some(17),
        counts,
        v_digest: "0".repeat(16),
        stream_version: 1,
        checked: if seed == 0 { "exact" } else { "unsampled" }.into(),
        adapter: "adapter".into(),
        driver: "driver".into(),
        fingerprint: "f".into(),
        ..Row::default()
    }
}

/// Scatter of a seed around 1, from a small linear generator: the same for every call.
fn scatter(seed: u32, salt: u32) -> f64 {
    let word = (seed ^ salt.wrapping_mul(0x9E37_79B9)).wrapping_add(1).wrapping_mul(0x85EB_CA6B);
    let word = (word ^ (word >> 13)).wrapping_mul(0xC2B2_AE35);
    f64::from(word ^ (word >> 16)) / f64::from(u32::MAX) - 0.5
}

/// risk = M^-0.75 N^-0.5 times a scatter per seed that all cells share.
fn power_law(recipe: &str, models: &[u32], samples: &[u64], seeds: u32) -> Vec<Row> {
    let mut rows = Vec::new();
    for &m in models {
        for &n in samples {
            for seed in 0..seeds {
                let risk = f64::from(m).powf(-0.75) * (n as f64).powf(-0.5);
                rows.push(row(recipe, m, n, seed, Some(risk * (1.0 + 0.2 * scatter(seed, 0)))));
            }
        }
    }
    rows
}

/// The rows in key order, as a store gives them.
fn in_order(rows: &[Row]) -> impl Iterator<Item = Result<Row, Error>> {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    rows.into_iter().map(Ok)
}

/// A report of rows that lie in one directory.
fn report_of(rows: &[Row]) -> Report {
    let mut report = Report::default();
    report.open("out/x");
    in_order(rows).for_each(|row| report.add(&row.unwrap()));
    report.table.choose_step_sizes();
    let mut provenance = Map::new();
    provenance.insert("git <commit>".into(), json!("abc & def"));
    provenance.insert("timings".into(), json!({ "run_s": 1.5 }));
    report.sources.push(Source {
        directory: "out/x".into(),
        digest: "0123456789abcdef".into(),
        config_toml: "seed = 7 # <config>\n".into(),
        provenance,
        ..Source::default()
    });
    report
}

/// The charts of a view by recipe.
fn charts_of(rows: &[Row], x: &'static str, risk: Risk) -> Vec<Chart> {
    let report = report_of(rows);
    View::new(x, risk, &["recipe"], 0).charts(&report.table, &report.table.keys())
}

/// The points of the first line against M.
fn points_of(rows: &[Row]) -> Vec<Point> {
    charts_of(rows, "model", Risk::Reducible)[0].lines[0].points.clone()
}

fn write(dir: &Path, rows: &[Row]) -> Vec<PathBuf> {
    report_of(rows).write(dir, &ReportOptions::default()).unwrap()
}

/// The fields of a column of a CSV without quotes.
fn column(csv: &str, name: &str) -> Vec<String> {
    let place = csv.lines().next().unwrap().split(',').position(|head| head == name).unwrap();
    csv.lines().skip(1).map(|line| line.split(',').nth(place).unwrap().to_owned()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The texts of an SVG figure.
fn texts(svg: &str) -> Vec<String> {
    let texts = svg.split("<text").skip(1).filter_map(|t| t.split_once('>')?.1.split_once("</text>"));
    texts.map(|(text, _)| text.trim().to_string()).collect()
}

/// Every tag of an XML text closes in order, and no bare `<` or `&` stands in its text.
fn assert_balanced(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag without an end");
        assert!(!text.contains('>'), "{piece}");
        for entity in piece.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["lt", "gt", "amp", "quot", "apos", "#39"].contains(&name), "{piece}");
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !tag.starts_with(['?', '!']) {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn slopes_of_a_power_law_are_its_exponents() {
    // The scatter is a common factor of all points, so pairing leaves no slope error.
    let rows = power_law("fp32", &[16, 32, 64, 256], &[1000, 10_000, 30_000], 6);
    for (x, largest, exponent) in [("model", "samples", -0.75), ("neff", "model", -0.5)] {
        let report = report_of(&rows);
        let view = View::new(x, Risk::Reducible, &["recipe"], 0).at_largest(largest);
        let charts = view.charts(&report.table, &report.table.keys());
        assert_eq!((charts.len(), charts[0].lines.len()), (1, 1));
        let points = &charts[0].lines[0].points;
        assert_eq!(points[0].slope, None);
        for point in &points[1..] {
            assert!((point.slope.unwrap() - exponent).abs() < 1e-12);
            assert!(point.slope_se.unwrap() < 1e-7);
        }
        let (model, samples) = (points[0].key.model, points[0].key.samples);
        assert_eq!((model, samples), if x == "model" { (16, 30_000) } else { (256, 1000) });
    }
}

#[test]
fn one_diverged_run_takes_the_mean_away_and_is_counted() {
    let mut rows = power_law("r", &[16, 32, 64, 128], &[1000], 4);
    let victim = rows.iter_mut().find(|r| r.model == 64 && r.seed_index == 2).unwrap();
    victim.reducible = None;
    victim.diverged_at = Some(99);
    let points = points_of(&rows);
    assert_eq!((points[2].y, points[2].runs, points[2].diverged), (None, 4, 1));
    assert_eq!(points[2].diverged_fraction(), 0.25);
    assert_eq!((points[2].slope, points[3].slope), (None, None));
    assert!(points[1].slope.is_some() && points[3].y.is_some());

    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &rows);
    let csv = read(&dir.path().join("figures/01-reducible-model.csv"));
    assert_eq!(column(&csv, "diverged_fraction"), ["0", "0", "0.25", "0"]);
    assert_eq!((column(&csv, "value")[2].as_str(), column(&csv, "seeds")[2].as_str()), ("", "3"));
    assert!(read(&dir.path().join("figures/01-reducible-model.svg")).contains("\n1/4\n</text>"));
    let html = read(&dir.path().join("report.html"));
    assert!(html.contains("<td class=\"n\">1/4</td><td class=\"n\">99</td>"));
    let cells = read(&dir.path().join("figures/cells.csv"));
    assert_eq!((column(&cells, "diverged")[2].as_str(), column(&cells, "reducible_n")[2].as_str()), ("1", "3"));
}

#[test]
fn users_text_is_escaped_and_names_no_file() {
    let evil = "<b>&\"../../etc/x'\u{1},y";
    let mut rows = power_law(evil, &[16, 32], &[1000, 2000], 2);
    for row in &mut rows {
        row.spectrum = "a/<i>".into();
        row.adapter = "<script>".into();
    }
    let dir = tempfile::tempdir().unwrap();
    let paths = write(dir.path(), &rows);
    let names: Vec<_> = paths.iter().map(|p| p.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "report.html",
            "figures/01-reducible-model.svg",
            "figures/01-reducible-model.csv",
            "figures/02-reducible-neff.svg",
            "figures/02-reducible-neff.csv",
            "figures/03-reducible-model.svg",
            "figures/03-reducible-model.csv",
            "figures/04-reducible-neff.svg",
            "figures/04-reducible-neff.csv",
            "figures/cells.csv",
        ]
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    assert_eq!(fs::read_dir(dir.path().join("figures")).unwrap().count(), 9);
    let html = read(&paths[0]);
    for raw in ["<b>", "<i>", "<script", "<config>", "<commit>", "\u{1}"] {
        assert!(!html.contains(raw), "{raw}");
    }
    assert!(html.contains("&lt;b&gt;&amp;&quot;../../etc/x&#39;\u{fffd},y"));
    assert!(html.contains("abc &amp; def"));
    assert_balanced(&read(&paths[1]));
    assert!(read(&paths[2]).contains("\"<b>&\"\"../../etc/x'"));
}

#[test]
fn the_page_loads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let paths = write(dir.path(), &power_law("r", &[16, 32], &[1000, 2000], 2));
    let html = read(&paths[0]).replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in ["http://", "https://", "src=", "href=", "url(", "@import", "<script"] {
        assert!(!html.contains(word), "{word}");
    }
    assert_eq!(html.matches("<svg").count(), 4);
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn the_page_says_what_the_checks_bound() {
    // Four runs, one checked for each seed 0: 2 of 4 checked, 1 - 0.05^(1/2) = 77.6 %.
    let dir = tempfile::tempdir().unwrap();
    let mut rows = power_law("r", &[16], &[1000, 2000], 2);
    let mut averages = rows.clone();
    averages.iter_mut().for_each(|row| row.output = "average".into());
    rows.extend(averages);
    let html = read(&write(dir.path(), &rows)[0]);
    assert!(html.contains("4 finished runs of 1 recipe."));
    assert!(html.contains("2 of 4 runs (50 %)") && html.contains("<strong>78 %</strong>"));
    // The outputs of a run share its counters: 4 runs, not 8.
    assert!(html.contains("49\u{2009}380"));
}

#[test]
fn files_are_well_formed_whatever_the_grid() {
    let header = "directory,output,dim,spectrum,spectrum_exponent,target,target_exponent,noise,sketch_kind,sampling,tail,\
        batch,step_size,schedule,model,samples,recipe,seen,axis,x,line,risk,center,value,se,seeds,runs,\
        diverged_fraction,heavy,local_slope,local_slope_se,expected,expected_is,chosen_step_size,held_out_rows_se";
    let odd = |risk| vec![row("r", 16, 100, 0, risk), row("r", 32, 100, 0, Some(1.0))];
    let mut without_risk = odd(Some(1.0));
    without_risk.iter_mut().for_each(|row| row.reducible = None);
    let many: Vec<Row> = (0..40).flat_map(|i| power_law(&"r".repeat(i + 1), &[16, 17, 4096], &[8], 1)).collect();
    let grids = [
        power_law("r", &[16], &[1000, 2000], 3),
        power_law("r", &[16, 32], &[1000], 3),
        power_law("r", &[16], &[1 << 40], 1),
        vec![row("r", 16, 100, 0, None)],
        odd(Some(0.0)),
        odd(Some(-1.0)),
        odd(Some(1e-320)),
        odd(Some(f64::MAX)),
        odd(Some(f64::NAN)),
        odd(Some(1.0)),
        vec![row("r", 0, 0, 0, Some(1.0)), row("r", 1, 0, 0, Some(1.0))],
        vec![row("r", u32::MAX, u64::MAX, u32::MAX, Some(1.0)); 2],
        without_risk,
        many,
    ];
    for rows in grids {
        let dir = tempfile::tempdir().unwrap();
        for path in write(dir.path(), &rows).iter().filter(|path| !path.ends_with("cells.csv")) {
            let text = read(path);
            match path.extension().unwrap().to_str().unwrap() {
                "svg" => {
                    assert_balanced(&text);
                    assert!(text.contains("against") && !text.contains("NaN"));
                }
                "csv" => {
                    assert_eq!(text.lines().next(), Some(header));
                    assert!(text.lines().all(|l| l.split(',').count() == 35));
                }
                _ => assert!(text.contains("What was found")),
            }
        }
    }
}

#[test]
fn rows_of_no_finished_run_are_refused() {
    let mut rows = power_law("r", &[16, 32], &[1000], 2);
    for row in &mut rows {
        row.seen = 10;
    }
    let dir = tempfile::tempdir().unwrap();
    for rows in [rows.as_slice(), &[]] {
        let error = report_of(rows).write(dir.path(), &ReportOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::Input(what) if what.contains("out/x: no finished run")), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn settings_split_charts_and_the_same_rows_give_the_same_report() {
    let mut rows = power_law("r", &[16, 32], &[1000], 3);
    let mut other = power_law("r", &[16, 32], &[1000], 3);
    for row in &mut other {
        (row.batch, row.cell, row.run_id) = (2, row.cell + 1, row.run_id + 500);
    }
    rows.extend(other);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let texts = dirs.each_ref().map(|dir| read(&write(dir.path(), &rows)[0]));
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].contains("B = 1 ·") && texts[0].contains("B = 2 ·"));
    assert_eq!(charts_of(&rows, "model", Risk::Reducible).len(), 2);
    // Against B it is one chart.
    assert_eq!(charts_of(&rows, "batch", Risk::Reducible).len(), 2);
    let report = report_of(&rows);
    let view = View::new("batch", Risk::Reducible, &["model"], 0);
    assert_eq!(view.charts(&report.table, &report.table.keys()).len(), 1);
}
