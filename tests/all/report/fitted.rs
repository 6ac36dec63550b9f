//! What `fit` found stands on the page, of the rows that it was found in.

use super::*;
use roundlaw::report::fits;

fn document(settings: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let effect = json!({
        "recipe": "small", "model": 32, "phi": 0.1, "type": "size: M_eff = M_gc", "reason": null,
        "m_total": { "value": 20.0, "low": 18.0, "high": 22.0 }, "m_gc": { "value": 21.0, "low": 19.0, "high": 23.0 },
    });
    let mut fit = json!({
        "output": "last", "dim": 1024, "spectrum": "power", "spectrum_exponent": 1.5, "target": "gaussian",
        "target_exponent": null, "noise": 0.1, "sketch_kind": "gaussian", "sampling": "fresh", "tail": "exact", "batch": 1,
        "step_size": 0.1, "schedule": "constant", "full_precision": "fp32", "form": "c1 M^-a1 + c2 N_eff^-a2",
        "parameters": { "a1": { "value": 0.75, "low": 0.7, "high": 0.8 } }, "misfit": { "max": 0.02, "rms": 0.01 },
        "cells": 4, "recipes": [effect], "z": null,
    });
    for (name, value) in settings {
        fit[*name] = value.clone();
    }
    json!({ "digest": "d", "fits": [fit] })
}

fn rows() -> Vec<Row> {
    let mut rows = power_law("fp32", &[16, 32], &[1000, 2000], 4);
    for mut row in power_law("small", &[16, 32], &[1000, 2000], 4) {
        row.formats[Site::Feature] = Some("additive eps=0.01".into());
        row.reducible = row.reducible.map(|risk| risk + 0.5);
        rows.push(row);
    }
    rows
}

#[test]
fn sizes_exponents_and_types_stand_on_the_page() {
    let mut report = report_of(&rows());
    report.fits = report.table.fit(fits(&document(&[])).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let html = read(&report.write(dir.path(), &ReportOptions::default()).unwrap()[0]);
    assert!(
        html.contains(
            "<li>fp32: c1 M^-a1 + c2 N_eff^-a2 with a1 = 0.750 [0.700, 0.800], within 2 % of every cell.</li>"
        )
    );
    assert!(html.contains("<td>small</td><td>size: M_eff = M_gc = 21.0 [19.0, 23.0]</td>"), "{html}");
    assert!(html.contains("<td class=\"n\">20.0 [18.0, 22.0]</td>"));
    // Against M_total: full precision at its own sizes, the recipe at 20 where its M is 32.
    let view = View::new("m_total", Risk::Reducible, &["recipe"], 0).at_largest("samples");
    let charts = view.charts(&report.table, &report.table.keys());
    let xs: Vec<Vec<f64>> =
        charts[0].lines.iter().map(|line| line.points.iter().map(|point| point.x).collect()).collect();
    assert_eq!(xs, [vec![16.0, 32.0], vec![20.0]]);
}

#[test]
fn a_fit_of_other_settings_is_of_no_group() {
    for (name, value) in [("batch", json!(2)), ("output", json!("average")), ("noise", json!(0.1000001))] {
        let mut report = report_of(&rows());
        assert!(report.table.fit(fits(&document(&[(name, value)])).unwrap()).is_empty(), "{name}");
    }
    // A number may lose its last bit on the way through a text.
    let mut report = report_of(&rows());
    let noise = json!(f64::from_bits(0.1_f64.to_bits() + 1));
    assert_eq!(report.table.fit(fits(&document(&[("noise", noise)])).unwrap()).len(), 1);
}

#[test]
fn a_document_without_its_keys_is_named() {
    assert!(fits(&json!({})).unwrap_err().contains("`fits`"));
    assert!(fits(&json!({ "fits": [{ "recipes": [{}] }] })).unwrap_err().contains("recipe"));
}
