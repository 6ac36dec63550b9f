//! Spectra, targets and sketches from files: their shapes, their values, and their hashes.

use super::*;

fn spectrum(name: &str) -> String {
    format!("problem.spectrum={{kind=\"file\",path=\"{name}\"}}")
}

fn target(name: &str) -> String {
    format!("problem.target={{kind=\"file\",path=\"{name}\"}}")
}

fn sketch(name: &str) -> String {
    format!("problem.sketch={{kind=\"file\",path=\"{name}\"}}")
}

#[test]
fn paths_are_relative_to_the_config() {
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    place.file("data/lambda.npy", &[100], |i| 1.0 / (1.0 + i as f32));
    place.file("data/w.npy", &[100], |i| i as f32 - 50.0);
    place.file("data/s.npy", &[8, 100], |i| (i % 7) as f32);
    let set = [spectrum("data/lambda.npy"), target("./data/w.npy"), sketch("data/../data/s.npy")];
    let problem = place.accepted(PLAIN, &set.each_ref().map(String::as_str)).problems()[0].clone();
    let (Spectrum::File(lambda), Target::File(w), Sketch::File(s)) =
        (&problem.spectrum, &problem.target, &problem.sketch)
    else {
        panic!("{problem:?}")
    };
    assert_eq!((lambda.values[1], w.values[0], s.values[101]), (0.5, -50.0, 3.0));
    for input in [lambda, w, s] {
        assert!(input.path.is_absolute(), "{}", input.path.display());
        assert_eq!(input.hash, roundlaw::hash::fnv1a64(fs::read(&input.path).unwrap()));
    }
    // An absolute path is itself.
    let absolute = spectrum(place.path("data/lambda.npy").to_str().unwrap());
    assert_eq!(place.accepted(PLAIN, &[&absolute]).problems()[0].spectrum, problem.spectrum);
    // The row's columns name the file and its content, not the directory.
    assert_eq!(problem.spectrum.canonical(), format!("file lambda.npy {:016x}", lambda.hash));
}

#[test]
fn shapes_follow_from_the_dimension() {
    let place = Place::new();
    place.file("99.npy", &[99], |_| 1.0);
    place.file("100.npy", &[100], |_| 1.0);
    place.file("row.npy", &[1, 100], |_| 1.0);
    place.file("one.npy", &[], |_| 1.0);
    place.file("cube.npy", &[2, 5, 10], |_| 1.0);
    place.file("wide.npy", &[8, 101], |_| 1.0);
    let check = |set: &str, parts: &[&str]| names(&line(place.load(PLAIN, &[set])), parts);
    for name in ["99.npy", "row.npy", "one.npy", "cube.npy"] {
        check(
            &spectrum(name),
            &["problem.spectrum.path", name, "has shape", "allowed is [100] (problem.dim eigenvalues)"],
        );
        check(&target(name), &["problem.target.path", name, "has shape", "allowed is [100] (problem.dim entries"]);
    }
    for (name, rows) in [("100.npy", 100), ("one.npy", 1), ("cube.npy", 2), ("wide.npy", 8)] {
        let allowed = format!("allowed is [{rows}, 100] (rows of S");
        check(&sketch(name), &["problem.sketch.path", name, "has shape", &allowed]);
    }
    // A file fits one of two dimensions only.
    let two = line(place.load(PLAIN, &[&spectrum("100.npy"), "problem.dim=[100,50]"]));
    names(&two, &["problem.spectrum.path", "has shape [100]", "allowed is [50]"]);
}

#[test]
fn a_sketch_has_as_many_models_as_rows() {
    let place = Place::new();
    place.file("s.npy", &[6, 100], |i| (i % 5) as f32);
    names(&line(place.load(PLAIN, &[&sketch("s.npy")])), &["train.model = 8", "1 to 6"]);
    let set = [&sketch("s.npy")[..], "train.model=[2,6]"];
    assert_eq!(place.accepted(PLAIN, &set).train().models, [2, 6]);
    // More rows than D are allowed, more features than D are not.
    place.file("tall.npy", &[120, 100], |i| (i % 5) as f32);
    names(&line(place.load(PLAIN, &[&sketch("tall.npy"), "train.model=101"])), &["train.model = 101", "1 to 100"]);
    place.accepted(PLAIN, &[&sketch("tall.npy"), "train.model=100"]);
    // With several sketches the smallest rules.
    let both = "problem.sketch=[{kind=\"gaussian\"},{kind=\"file\",path=\"s.npy\"}]";
    names(&line(place.load(PLAIN, &[both])), &["train.model = 8", "1 to 6"]);
}

#[test]
fn eigenvalues_are_not_negative() {
    let place = Place::new();
    place.file("minus.npy", &[100], |i| if i == 17 { -0.25 } else { 1.0 });
    let message = line(place.load(PLAIN, &[&spectrum("minus.npy")]));
    names(&message, &["problem.spectrum.path", "minus.npy", "element [17] is -0.25", "at least 0"]);
    // Zeros of both signs are eigenvalues; nothing but zeros is a problem without a signal.
    place.file("zero.npy", &[100], |i| if i % 2 == 0 { 0.0 } else { -0.0 });
    let plan = Plan::new(place.accepted(PLAIN, &[&spectrum("zero.npy")])).unwrap();
    assert_eq!(roundlaw::problem::eigenvalues(&plan.points[0].problem).lambda, [0.0; 100]);
    assert_eq!(roundlaw::run::warnings::warnings(&plan, &roundlaw::Watch::default()).unwrap(), [""; 0]);
}

#[test]
fn a_closed_tail_needs_more_than_a_file_knows() {
    let place = Place::new();
    place.file("lambda.npy", &[100], |i| 1.0 / (1.0 + i as f32));
    let set = [&spectrum("lambda.npy")[..], "problem.tail=closed"];
    names(&line(place.load(PLAIN, &set)), &["problem.tail = \"closed\"", "power and logarithmic", "exponential"]);
}

#[test]
fn a_source_target_on_a_file_is_checked_at_every_eigenvalue() {
    let place = Place::new();
    // One tiny eigenvalue among ones, at an index that nothing else singles out: 2^44/sqrt(58).
    place.file("dip.npy", &[100], |i| if i == 57 { 2f32.powi(-88) } else { 1.0 });
    let set = [&spectrum("dip.npy")[..], "problem.target={kind=\"source\",exponent=1.0}"];
    names(&line(place.load(PLAIN, &set)), &["problem.target.exponent = 1", "2.3099", "2^20"]);
}

#[test]
fn one_content_stands_once_under_whatever_name() {
    let place = Place::new();
    place.file("a.npy", &[100], |_| 1.0);
    place.file("b.npy", &[100], |_| 1.0);
    place.file("c.npy", &[100], |_| 2.0);
    let list = |key: &str, b: &str| {
        format!("problem.{key}=[{{kind=\"file\",path=\"a.npy\"}},{{kind=\"file\",path=\"{b}.npy\"}}]")
    };
    for key in ["spectrum", "target"] {
        names(&line(place.load(PLAIN, &[&list(key, "b")])), &[&format!("problem.{key}"), "b.npy", "differ"]);
        assert_eq!(place.accepted(PLAIN, &[&list(key, "c")]).problems().len(), 2);
    }
}

#[test]
fn a_stored_hash_is_the_files_or_the_file_is_refused() {
    let place = Place::new();
    place.file("lambda.npy", &[100], |_| 1.0);
    let config = place.accepted(PLAIN, &[&spectrum("lambda.npy")]);
    let Spectrum::File(input) = &config.problems()[0].spectrum else { panic!() };
    let with = |hash: &str| format!("problem.spectrum={{kind=\"file\",path=\"lambda.npy\",hash=\"{hash}\"}}");
    place.accepted(PLAIN, &[&with(&input.digest())]);
    for wrong in ["0000000000000000", "", "no hash"] {
        let message = line(place.load(PLAIN, &[&with(wrong)]));
        names(
            &message,
            &["problem.spectrum.path", "lambda.npy has changed", &input.digest(), "problem.spectrum.hash", wrong],
        );
    }
    place.file("lambda.npy", &[100], |i| if i == 99 { 1.5 } else { 1.0 });
    names(&line(place.load(PLAIN, &[&with(&input.digest())])), &["lambda.npy has changed", "restore the file"]);
    fs::remove_file(place.path("lambda.npy")).unwrap();
    let message = line(place.load(PLAIN, &[&with(&input.digest())]));
    names(
        &message,
        &["problem.spectrum.path", "lambda.npy", "No such file", &input.digest(), "back", "correct the path"],
    );
}
