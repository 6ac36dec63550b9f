//! The report stage on made-up rows: its statistics, and files that hold whatever the rows hold.

use std::fs;
use std::path::{Path, PathBuf};

use roundlaw::error::Error;
use roundlaw::report;
use roundlaw::report::{Axis, Panel};
use roundlaw::site::{Counts, PerSite, Site};
use roundlaw::store::row::Row;
use serde_json::{Map, json};

mod best;
mod counters;
mod errors;
mod names;
mod risks;
mod spectrum;
mod stored;

/// A finished run of the recipe; `run_id` and `cell` follow from the rest.
fn row(recipe: &str, model: u32, samples: u64, seed: u32, risk: Option<f64>) -> Row {
    let cell = (u64::from(model) << 40) ^ (samples << 8) ^ recipe.len() as u64;
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

fn panels_of(rows: &[Row]) -> Vec<Panel> {
    report::panels(in_order(rows)).unwrap()
}

fn write(dir: &Path, rows: &[Row]) -> Vec<PathBuf> {
    let mut provenance = Map::new();
    provenance.insert("git <commit>".into(), json!("abc & def"));
    provenance.insert("timings".into(), json!({ "run_s": 1.5 }));
    report::write(dir, in_order(rows), "seed = 7 # <config>\n", &provenance).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// Every tag of an XML text closes in order, and no bare `<` or `&` stands in its text.
fn assert_balanced(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag without an end");
        assert!(!text.contains('>'), "{piece}");
        for entity in piece.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["lt", "gt", "amp", "quot", "apos"].contains(&name), "{piece}");
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
    // The scatter is a common factor of all points, so paired resampling leaves no slope error.
    let panels = panels_of(&power_law("fp32", &[16, 32, 64, 256], &[1000, 10_000, 30_000], 6));
    assert_eq!(panels.len(), 1);
    for (chart, exponent) in panels[0].charts.iter().zip([-0.75, -0.5]) {
        let points = &chart.series[0].points;
        assert_eq!(points[0].slope, None);
        for point in &points[1..] {
            assert!((point.slope.unwrap() - exponent).abs() < 1e-12);
            assert!(point.slope_se.unwrap() < 1e-12);
        }
    }
    assert_eq!(panels[0].charts[0].held, 30_000);
    assert_eq!(panels[0].charts[1].held, 256);
}

#[test]
fn the_standard_error_is_that_of_a_mean() {
    // 1000 resamples give an SE to about 1/sqrt(2000) = 2.2 %; four of those are allowed.
    for seeds in [4, 20, 100] {
        let risks: Vec<f64> = (0..seeds).map(|seed| 1.0 + scatter(seed, 5)).collect();
        let rows: Vec<Row> = (0..seeds).zip(&risks).map(|(seed, risk)| row("r", 8, 100, seed, Some(*risk))).collect();
        let n = f64::from(seeds);
        let mean = risks.iter().sum::<f64>() / n;
        let variance = risks.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let point = &panels_of(&rows)[0].charts[0].series[0].points[0];
        let ratio = point.se.unwrap() / (variance / n).sqrt();
        assert!((ratio - 1.0).abs() < 4.0 * 0.0224, "{seeds} seeds: {ratio}");
        assert!((point.mean.unwrap() - mean).abs() < 1e-12);
    }
}

#[test]
fn a_slope_error_is_that_of_independent_points() {
    // Independent scatter at two M: var(slope) = (cv1^2 + cv2^2) / ln(4)^2 to first order.
    let seeds = 200;
    let mut rows = Vec::new();
    let mut relative = 0.0;
    for (model, salt) in [(16, 1), (64, 2)] {
        let risks: Vec<f64> = (0..seeds).map(|s| 1.0 + 0.1 * scatter(s, salt)).collect();
        let mean = risks.iter().sum::<f64>() / 200.0;
        relative += risks.iter().map(|r| (r / mean - 1.0).powi(2)).sum::<f64>() / (199.0 * 200.0);
        rows.extend((0..seeds).zip(risks).map(|(s, r)| row("r", model, 100, s, Some(r))));
    }
    let point = &panels_of(&rows)[0].charts[0].series[0].points[1];
    let ratio = point.slope_se.unwrap() / (relative.sqrt() / 4.0_f64.ln());
    // The sample covariance of 200 pairs moves the variance by up to about 3/sqrt(200).
    assert!((ratio - 1.0).abs() < 0.2, "{ratio}");
}

#[test]
fn one_diverged_run_takes_the_mean_away_and_is_counted() {
    let mut rows = power_law("r", &[16, 32, 64, 128], &[1000], 4);
    let victim = rows.iter_mut().find(|r| r.model == 64 && r.seed_index == 2).unwrap();
    victim.reducible = None;
    victim.diverged_at = Some(99);
    let panels = panels_of(&rows);
    let points = &panels[0].charts[0].series[0].points;
    assert_eq!(points[2].mean, None);
    assert_eq!(points[2].diverged_fraction(), 0.25);
    assert_eq!((points[2].slope, points[3].slope), (None, None));
    assert!(points[1].slope.is_some() && points[3].mean.is_some());

    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &rows);
    let csv = read(&dir.path().join("figures/panel-1-model.csv"));
    let line = csv.lines().nth(3).unwrap();
    assert!(line.ends_with(",model,1000,r,64,,,4,0.25,,,,reducible,"), "{line}");
    assert!(read(&dir.path().join("figures/panel-1-model.svg")).contains("\n1/4\n</text>"));
    let html = read(&dir.path().join("report.html"));
    assert!(html.contains("<td class=\"n\">1/4</td><td class=\"n\">99</td>"));
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
            "figures/panel-1-model.svg",
            "figures/panel-1-model.csv",
            "figures/panel-1-samples.svg",
            "figures/panel-1-samples.csv",
        ]
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    assert_eq!(fs::read_dir(dir.path().join("figures")).unwrap().count(), 4);
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
    assert_eq!(html.matches("<svg").count(), 2);
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
    assert!(html.contains("4 finished runs of 1 recipe in 2 panels"));
    assert!(html.contains("2 of 4 runs (50 %)") && html.contains("<strong>78 %</strong>"));
    // The outputs of a run share its counters: 4 runs, not 8.
    assert!(html.contains("49\u{2009}380"));
}

#[test]
fn files_are_well_formed_whatever_the_grid() {
    let header = "output,dim,spectrum,spectrum_exponent,target,target_exponent,noise,sketch_kind,sampling,tail,\
        batch,step_size,schedule,axis,held,recipe,x,mean,se,runs,diverged_fraction,\
        local_slope,local_slope_se,held_out_se,risk,chosen_step_size";
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
        for path in write(dir.path(), &rows) {
            let text = read(&path);
            match path.extension().unwrap().to_str().unwrap() {
                "svg" => {
                    assert_balanced(&text);
                    assert!(text.contains("reducible risk") && !text.contains("NaN"));
                }
                "csv" => {
                    assert_eq!(text.lines().next(), Some(header));
                    assert!(text.lines().all(|l| l.split(',').count() == 26));
                }
                _ => assert!(text.contains("Panel 1")),
            }
        }
    }
}

#[test]
fn unfinished_rows_are_left_out() {
    let mut rows = power_law("r", &[16, 32], &[1000], 2);
    for row in &mut rows {
        row.seen = 10;
    }
    let dir = tempfile::tempdir().unwrap();
    let result = report::write(dir.path(), in_order(&rows), "", &Map::new());
    assert!(matches!(result, Err(Error::Input(_))));
    assert!(matches!(report::write(dir.path(), in_order(&[]), "", &Map::new()), Err(Error::Input(_))));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn settings_split_panels_and_the_same_rows_give_the_same_report() {
    let mut rows = power_law("r", &[16, 32], &[1000], 3);
    let mut other = power_law("r", &[16, 32], &[1000], 3);
    other.iter_mut().for_each(|row| row.batch = 2);
    rows.extend(other);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let texts = dirs.each_ref().map(|dir| read(&write(dir.path(), &rows)[0]));
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].contains("Panel 2: batch 2"));
    assert_eq!(panels_of(&rows)[0].charts[0].axis, Axis::Model);
}
