//! Every key that names a file, with every file that is not what it should be.

use super::*;

/// What is wrong, the bytes of the file, and what the message names.
type Case = (&'static str, Vec<u8>, Vec<String>);

fn strings(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| part.to_string()).collect()
}

fn cases(key: &Key) -> Vec<Case> {
    let (shape, values) = (key.shape, key.values());
    let good = f32_file(1, shape, &values);
    let last: Vec<String> = shape.iter().map(|extent| (extent - 1).to_string()).collect();
    let element = format!("element [{}] is", last.join(", "));
    let with = |value: f64| {
        let mut values: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
        *values.last_mut().unwrap() = value;
        f64_file(2, shape, &values)
    };
    let data = &good[good.len() - 4 * values.len()..];
    let header = |descr: &str, order: &str, shape: &str| file(1, &dict(descr, order, shape), data);
    let other = |shape: &[usize]| f32_file(1, shape, &vec![0.5; shape.iter().product()]);
    let mut longer = shape.to_vec();
    longer[shape.len() - 1] += 1;
    let mut deeper = shape.to_vec();
    deeper.push(1);
    let mut cases: Vec<Case> = vec![
        ("empty", Vec::new(), strings(&["is empty", "allowed is an array"])),
        ("text", b"1.0,2.0\n".to_vec(), strings(&["byte 0 begins text", "allowed is one array"])),
        ("an archive", b"PK\x03\x04aaaaaaaa".to_vec(), strings(&["zip", "allowed is one array"])),
        ("cut", good[..good.len() - 1].to_vec(), strings(&["the data is cut short", "allowed is"])),
        ("cut in the header", good[..30].to_vec(), strings(&["ends at byte 30", "allowed is"])),
        ("longer", [&good[..], &[0]].concat(), strings(&["more after the data", "allowed is"])),
        ("integers", header("'<i4'", "False", &tuple(shape)), strings(&["descr is \"<i4\"", "'<f4' or '<f8'"])),
        ("big-endian", header("'>f4'", "False", &tuple(shape)), strings(&["big-endian", "'<f4' or '<f8'"])),
        ("objects", header("'|O'", "False", &tuple(shape)), strings(&["Python objects", "'<f4' or '<f8'"])),
        (
            "Fortran order",
            header("'<f4'", "True", &tuple(shape)),
            strings(&["fortran_order is True", "allowed is C order"]),
        ),
        ("longer shape", other(&longer), strings(&["has shape", "allowed is"])),
        ("another dimension", other(&deeper), strings(&["has shape", "allowed"])),
        ("no dimension", other(&[]), strings(&["has shape []", "allowed"])),
        ("no rows", header("'<f4'", "False", "(0,)"), strings(&["shape is", "from 1"])),
        (
            "absurd shape",
            header("'<f4'", "False", "(9223372036854775807, 8)"),
            strings(&["shape", "allowed is what the file"]),
        ),
        (
            "long shape",
            header("'<f4'", "False", "(1000000000000,)"),
            strings(&["cut short", "allowed is 4000000000000"]),
        ),
        ("NaN", with(f64::NAN), strings(&[&element, "NaN", "allowed is a finite number"])),
        ("infinity", with(f64::NEG_INFINITY), strings(&[&element, "-inf", "allowed is a finite number"])),
        ("large", with(1_048_577.0), strings(&[&element, "1048577.0", "at most 2^20"])),
    ];
    if key.name == "problem.spectrum.path" {
        cases.push(("negative", with(-0.001), strings(&["element [11] is -0.001", "at least 0"])));
    }
    if key.name.starts_with("problem.covariates") {
        // One column more is another dimension, one label more or less is not a row's.
        cases.retain(|(what, ..)| key.name == "problem.covariates.labels" || *what != "longer shape");
    }
    if key.name == "problem.covariates.labels" {
        cases.push((
            "too few",
            other(&[39]),
            strings(&["has shape [39]", "allowed is [40]", "one label for each row"]),
        ));
    }
    cases
}

#[test]
fn a_file_that_is_not_what_its_key_asks_for_is_refused_and_nothing_written() {
    let place = Place::new();
    for key in &KEYS {
        fs::write(place.path("config.toml"), key.config).unwrap();
        let set = key.set("bad.npy");
        let sweep = ["sweep", "config.toml", "--out", "out", "--adapter", "cpu", "--set", &set];
        let _ = fs::remove_file(place.path("bad.npy"));
        refused(&place.run(&sweep), &[key.name, "bad.npy can't be opened", "No such file", "allowed is an .npy file"]);
        fs::create_dir(place.path("bad.npy")).unwrap();
        refused(&place.run(&sweep), &[key.name, "bad.npy is a directory", "allowed is an .npy file"]);
        fs::remove_dir(place.path("bad.npy")).unwrap();
        for (what, bytes, parts) in cases(key) {
            fs::write(place.path("bad.npy"), bytes).unwrap();
            let before = place.contents();
            let parts: Vec<&str> = [key.name, "bad.npy"].into_iter().chain(parts.iter().map(String::as_str)).collect();
            refused(&place.run(&sweep), &parts);
            assert!(place.contents() == before, "{}, {what}: something was written", key.name);
        }
        // The good file is good.
        fs::write(place.path("bad.npy"), f32_file(3, key.shape, &key.values())).unwrap();
        assert_eq!(place.run(&sweep).status.code(), Some(0), "{}", key.name);
        fs::remove_dir_all(place.path("out")).unwrap();
    }
}

#[test]
fn every_command_that_reads_a_config_refuses_alike() {
    let place = Place::new();
    for key in &KEYS {
        fs::write(place.path("config.toml"), key.text("gone.npy")).unwrap();
        for command in
            [&["plan", "config.toml"][..], &["plan", "config.toml", "--json"], &["replay", "config.toml", "--run", "0"]]
        {
            refused(&place.run(command), &[key.name, "gone.npy"]);
        }
    }
}

#[test]
fn a_directory_of_results_is_left_as_it_is() {
    let place = Place::new();
    fs::write(place.path("config.toml"), REAL).unwrap();
    let sweep = ["sweep", "config.toml", "--out", "out", "--adapter", "cpu"];
    assert_eq!(place.run(&sweep).status.code(), Some(0));
    let good = fs::read(place.path("x.npy")).unwrap();
    for bad in [&good[..40], &[&good[..], &[0; 4]].concat(), b""] {
        fs::write(place.path("x.npy"), bad).unwrap();
        let before = place.contents();
        refused(&place.run(&sweep), &["problem.covariates.path", "x.npy"]);
        refused(&place.run(&["replay", "out", "--run", "0"]), &["problem.covariates.path", "x.npy", "back"]);
        assert!(place.contents() == before);
    }
    // An empty directory stays empty.
    fs::create_dir(place.path("empty")).unwrap();
    refused(&place.run(&["sweep", "config.toml", "--out", "empty"]), &["problem.covariates.path"]);
    assert_eq!(fs::read_dir(place.path("empty")).unwrap().count(), 0);
    fs::write(place.path("x.npy"), good).unwrap();
    assert_eq!(place.run(&sweep).status.code(), Some(0));
}
