//! What `report` may be told.

use super::*;
use roundlaw::report::FigureFormat;

#[test]
fn a_view_is_drawn_without_the_page() {
    let mut rows = power_law("base", &[16, 32], &[1000, 2000], 4);
    rows.extend(power_law("more", &[16, 32], &[1000, 2000], 4));
    let report = report_of(&rows);
    let dir = tempfile::tempdir().unwrap();
    let views = vec![View::new("model", Risk::Reducible, &["samples"], 0)];
    let options = ReportOptions { views, recipes: vec!["more".into()], ..ReportOptions::default() };
    let paths = report.write(dir.path(), &options).unwrap();
    let names: Vec<_> = paths.iter().map(|p| p.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        ["figures/view-reducible-model-by-samples-1.svg", "figures/view-reducible-model-by-samples-1.csv"]
    );
    assert_eq!(column(&read(&paths[1]), "recipe"), ["more"; 4]);
    assert!(!dir.path().join("report.html").exists());
}

#[test]
fn what_is_not_there_is_named() {
    let report = report_of(&power_law("r", &[16, 32], &[1000], 2));
    let dir = tempfile::tempdir().unwrap();
    let of = |options: &ReportOptions| report.write(dir.path(), options).unwrap_err().to_string();
    let options = ReportOptions { recipes: vec!["s".into()], ..ReportOptions::default() };
    assert_eq!(of(&options), "--recipe s: no such recipe; allowed is one of `r`");
    let views = vec![View::new("bits", Risk::Reducible, &["recipe"], 0)];
    assert_eq!(of(&ReportOptions { views, ..ReportOptions::default() }), "--x bits --y reducible: no cell has both");
    let views = vec![View::new("model", Risk::Difference, &["recipe"], 0)];
    let one = "--x model --y difference: there is no recipe but the baseline";
    assert_eq!(of(&ReportOptions { views, ..ReportOptions::default() }), one);
}

#[test]
fn a_pdf_holds_the_words_of_its_figure() {
    let report = report_of(&power_law("r", &[16, 32], &[1000], 2));
    let dir = tempfile::tempdir().unwrap();
    let views = vec![View::new("model", Risk::Reducible, &["recipe"], 0)];
    let paths =
        report.write(dir.path(), &ReportOptions { views, format: FigureFormat::Pdf, ..ReportOptions::default() });
    let path = &paths.unwrap()[0];
    let bytes = fs::read(path).unwrap();
    let has = |what: &str| bytes.windows(what.len()).any(|window| window == what.as_bytes());
    assert!(path.ends_with("view-reducible-model-by-recipe-1.pdf") && bytes.starts_with(b"%PDF-"));
    // A font that is embedded has its file in the document.
    assert!(has("/FontFile") && has("/ToUnicode"), "no font in {}", path.display());
}
