//! `problem.covariates`: what it takes, and what it takes the place of.

use super::*;

const REAL: &str = r#"
[problem]
covariates = { path = "x.npy", labels = "y.npy" }

[train]
model = [2, 3]
samples = [16]

[[recipe]]
name = "a"
"#;

/// 40 rows of 5 columns and their labels.
fn place() -> Place {
    let place = Place::new();
    place.file("x.npy", &[40, 5], |i| ((i * 7919) % 101) as f32 / 50.0 - 1.0);
    place.file("y.npy", &[40], |i| ((i * 31) % 17) as f32);
    place
}

#[track_caller]
fn refused(place: &Place, table: &[(&[&str], &[&str])]) {
    for (set, parts) in table {
        names(&line(place.load(REAL, set)), parts);
    }
}

#[test]
fn rows_and_columns_come_from_the_file() {
    let config = place().accepted(REAL, &[]);
    let problem = &config.problems()[0];
    let covariates = problem.covariates().unwrap();
    assert_eq!((problem.dim, problem.noise, problem.tail), (5, 0.0, Tail::Open));
    assert_eq!((covariates.dim(), covariates.training_rows(), covariates.held_rows()), (5, 36, 4));
    assert_eq!((covariates.permuted, covariates.held_out, covariates.standardize), (false, 0.1, false));
    let spelled = "problem.covariates={path=\"x.npy\",labels=\"y.npy\",order=\"file\",held_out=0.1,standardize=false}";
    assert_eq!(place().accepted(REAL, &[spelled, "problem.dim=5"]), config);
    // Rows tell both files by name and content.
    let labels = covariates.labels.digest();
    assert_eq!(problem.target.canonical(), format!("labels y.npy {labels}"));
    assert!(
        problem.spectrum.canonical().starts_with(&format!("covariates x.npy {} order=file", covariates.x.digest()))
    );
}

#[test]
fn what_it_brings_itself_does_not_apply() {
    let remove = |key: &'static str| [key, "problem.covariates brings its own", "remove"];
    refused(
        &place(),
        &[
            (&["problem.spectrum={kind=\"power\",exponent=2}"], &remove("problem.spectrum")),
            (&["problem.target={kind=\"ones\"}"], &remove("problem.target")),
            (&["problem.noise=0.0"], &remove("problem.noise")),
            (&["problem.tail=open"], &remove("problem.tail")),
            (&["problem.dim=6"], &["problem.dim = 6", "allowed is 5", "columns"]),
            (&["problem.dim=[5]"], &["problem.dim = [5]", "integer"]),
            (
                &["train.quantized_test=true"],
                &["train.quantized_test = true", "problem.covariates", "allowed is false"],
            ),
        ],
    );
}

#[test]
fn every_row_is_read_once_at_most() {
    let place = place();
    place.accepted(REAL, &["train.samples=36"]);
    refused(
        &place,
        &[
            (&["train.samples=37"], &["train.samples = 37", "36 rows", "4 are held out", "1 to 36"]),
            (
                &["train.samples=[16,32]", "problem.covariates.held_out=0.5"],
                &["train.samples = 32", "20 rows", "20 are held out", "1 to 20"],
            ),
        ],
    );
}

#[test]
fn models_are_no_larger_than_the_columns() {
    let place = place();
    refused(
        &place,
        &[
            (&["train.model=6"], &["train.model = 6", "1 to 5"]),
            (&["problem.sketch={kind=\"none\"}"], &["train.model", "none", "remove"]),
        ],
    );
    let unsketched = REAL.replace("model = [2, 3]", "");
    assert_eq!(place.accepted(&unsketched, &["problem.sketch={kind=\"none\"}"]).train().models, Vec::<u32>::new());
    place.file("s.npy", &[2, 5], |i| i as f32);
    let sketch = "problem.sketch={kind=\"file\",path=\"s.npy\"}";
    refused(&place, &[(&[sketch], &["train.model = 3", "1 to 2"])]);
    place.accepted(REAL, &[sketch, "train.model=2"]);
    place.file("s.npy", &[2, 6], |i| i as f32);
    refused(&place, &[(&[sketch], &["problem.sketch.path", "s.npy has shape [2, 6]", "allowed is [2, 5]"])]);
}

#[test]
fn options_have_types_and_limits() {
    let of = |options: &str| format!("problem.covariates={{path=\"x.npy\",labels=\"y.npy\"{options}}}");
    let place = place();
    refused(
        &place,
        &[
            (&["problem.covariates=\"x.npy\""], &["problem.covariates = \"x.npy\"", "table"]),
            (&["problem.covariates=[]"], &["problem.covariates = []", "at least one"]),
            (&["problem.covariates={}"], &["problem.covariates.path", "missing", ".npy"]),
            (&["problem.covariates={path=\"x.npy\"}"], &["problem.covariates.labels", "missing", ".npy"]),
            (&["problem.covariates={path=1,labels=\"y.npy\"}"], &["problem.covariates.path = 1", ".npy"]),
            (&[&of(",order=\"random\"")], &["problem.covariates.order = \"random\"", "file, permuted"]),
            (&[&of(",order=1")], &["problem.covariates.order = 1", "file, permuted"]),
            (&[&of(",held_out=0")], &["problem.covariates.held_out = 0", "0.001 to 0.9"]),
            (&[&of(",held_out=0.95")], &["problem.covariates.held_out = 0.95", "0.001 to 0.9"]),
            (&[&of(",held_out=nan")], &["problem.covariates.held_out = nan", "0.001"]),
            (&[&of(",held_out=\"all\"")], &["problem.covariates.held_out = \"all\"", "0.001"]),
            (&[&of(",standardize=1")], &["problem.covariates.standardize = 1", "true, false"]),
            (&[&of(",shuffle=true")], &["problem.covariates.shuffle", "path, labels, order, held_out, standardize"]),
            (&[&of(",hash=\"0\"")], &["problem.covariates.hash", "no known key", "path_hash, labels_hash"]),
            (&[&of(",path_hash=\"0\"")], &["problem.covariates.path", "x.npy has changed", "path_hash"]),
            (&[&of(",labels_hash=\"0\"")], &["problem.covariates.labels", "y.npy has changed", "labels_hash"]),
        ],
    );
    // The smallest share is one row, the largest leaves one.
    for (held_out, held) in [("0.001", 1), ("0.9", 36)] {
        let set = [of(&format!(",held_out={held_out}")), "train.samples=4".into()];
        let config = place.accepted(REAL, &set.each_ref().map(String::as_str));
        assert_eq!(config.problems()[0].covariates().unwrap().held_rows(), held);
    }
}

#[test]
fn shapes_are_a_table_and_a_label_a_row() {
    let place = place();
    place.file("one.npy", &[40], |_| 1.0);
    place.file("cube.npy", &[4, 10, 5], |_| 1.0);
    place.file("row.npy", &[1, 5], |_| 1.0);
    place.file("39.npy", &[39], |_| 1.0);
    place.file("column.npy", &[40, 1], |_| 1.0);
    let x = |name: &str| format!("problem.covariates.path={name}.npy");
    let y = |name: &str| format!("problem.covariates.labels={name}.npy");
    refused(
        &place,
        &[
            (&[&x("one")], &["problem.covariates.path", "one.npy has shape [40]", "two dimensions"]),
            (&[&x("cube")], &["problem.covariates.path", "cube.npy has shape [4, 10, 5]", "two dimensions"]),
            (&[&x("row"), &y("one")], &["problem.covariates.path", "row.npy has 1 rows of 5", "2 to 2147483647 rows"]),
            (
                &[&y("39")],
                &["problem.covariates.labels", "39.npy has shape [39]", "allowed is [40]", "label for each row"],
            ),
            (&[&y("column")], &["problem.covariates.labels", "column.npy has shape [40, 1]", "allowed is [40]"]),
        ],
    );
}

#[test]
fn lists_of_them_are_problem_points() {
    let place = place();
    let item = |options: &str| format!("{{path=\"x.npy\",labels=\"y.npy\"{options}}}");
    let list = |a: &str, b: &str| format!("problem.covariates=[{},{}]", item(a), item(b));
    let config = place.accepted(REAL, &[&list("", ",order=\"permuted\"")]);
    let permuted: Vec<bool> = config.problems().iter().map(|p| p.covariates().unwrap().permuted).collect();
    assert_eq!(permuted, [false, true]);
    refused(&place, &[(&[&list("", ",held_out=0.1")], &["problem.covariates", "differ"])]);
    // Other labels are another problem, in the rows too.
    place.file("y2.npy", &[40], |i| i as f32);
    let set = format!("problem.covariates=[{},{}]", item(""), item("").replace("y.npy", "y2.npy"));
    let config = place.accepted(REAL, &[&set]);
    let labels: Vec<String> = config.problems().iter().map(|p| p.target.canonical()).collect();
    assert!(labels[0] != labels[1], "{labels:?}");
}
