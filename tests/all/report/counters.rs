//! Counters as shares of the values their site saw.

use super::*;
use roundlaw::site::SITES;

const COUNT: u64 = 64;

/// One run in which every site saturated `COUNT` values.
fn counted() -> Row {
    let mut row = row("r", 16, 1000, 1, Some(1.0));
    row.batch = 10;
    row.counts = PerSite::from_fn(|_| Some(Counts { saturated: COUNT, underflowed: 0, nan: 0 }));
    row
}

fn shares(rows: &[Row]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let html = read(&write(dir.path(), rows)[0]);
    let table = html.split("<h2>Rounding counters</h2>").nth(1).unwrap();
    let lines = table.split("<tr>").skip(2).take(SITES);
    let lines: Vec<Vec<&str>> = lines.map(|line| line.split("</td>").collect()).collect();
    for (line, site) in lines.iter().zip(Site::ALL) {
        assert_eq!(line[1], format!("<td>{}", site.name()));
    }
    lines.iter().map(|line| line[3].replace("<td class=\"n\">", "")).collect()
}

#[test]
fn a_share_is_of_the_values_the_site_saw() {
    // D = 1024, M = 16, N = 1000, B = 10: in the order of the sites 1 024 000, 16 384, 16000, 16000, 1000, 1600, 1000,
    // 1000, 1600 values.
    let share = ["0.0063 %", "0.39 %", "0.4 %", "0.4 %", "6.4 %", "4 %", "6.4 %", "6.4 %", "4 %"];
    assert_eq!(shares(&[counted()]), share);
    // Both outputs of a run share its counters.
    let average = Row { output: "average".into(), ..counted() };
    assert_eq!(shares(&[counted(), average]), share);
}

#[test]
fn a_run_sees_values_until_it_diverges() {
    // Diverged at update 49: 500 samples and 50 updates, but the whole sketch.
    let row = Row { diverged_at: Some(49), reducible: None, ..counted() };
    let share = ["0.013 %", "0.39 %", "0.8 %", "0.8 %", "13 %", "8 %", "13 %", "13 %", "8 %"];
    assert_eq!(shares(&[row]), share);
}

#[test]
fn more_than_a_hundredth_saturated_is_a_warning() {
    let at_weight = |saturated| {
        let mut row = row("<r>", 16, 1000, 1, Some(1.0));
        row.counts = PerSite::default();
        row.counts[Site::Weight] = Some(Counts { saturated, underflowed: 9000, nan: 0 });
        let dir = tempfile::tempdir().unwrap();
        read(&write(dir.path(), &[row])[0])
    };
    assert!(
        at_weight(512).contains("<p class=\"warning\">Recipe &lt;r&gt;: 3.2 % of the values at weight saturated.</p>")
    );
    assert!(!at_weight(160).contains("<p class=\"warning\">"));
    assert!(at_weight(161).contains("<p class=\"warning\">"));
    assert!(at_weight(1).contains("0.0063 %") && at_weight(0).contains(">0 %<"));
}
