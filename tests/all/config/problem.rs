//! Spectra, targets, sketches and tails that need no file.

use super::*;

#[test]
fn the_problem_grid_has_its_last_key_fastest() {
    let config =
        plain(&["problem.dim=[100,50]", "problem.target=[{kind=\"ones\"},{kind=\"gaussian\"}]", "problem.noise=[0,2]"]);
    let points: Vec<_> = config.problems().iter().map(|p| (p.dim, p.target.canonical(), p.noise)).collect();
    let (ones, gaussian) = (|| "ones".to_string(), || "gaussian".to_string());
    assert_eq!(
        points,
        [
            (100, ones(), 0.0),
            (100, ones(), 2.0),
            (100, gaussian(), 0.0),
            (100, gaussian(), 2.0),
            (50, ones(), 0.0),
            (50, ones(), 2.0),
            (50, gaussian(), 0.0),
            (50, gaussian(), 2.0),
        ]
    );
}

#[test]
fn every_kind_reads_as_what_it_names() {
    let spectrum = |text: &str| plain(&[&format!("problem.spectrum={text}")]).problems()[0].spectrum.clone();
    assert_eq!(spectrum("{kind=\"power\",exponent=16}"), Spectrum::Power { exponent: 16.0 });
    assert_eq!(spectrum("{kind=\"exponential\",rate=0}"), Spectrum::Exponential { rate: 0.0 });
    assert_eq!(spectrum("{kind=\"logarithmic\",exponent=1.5}"), Spectrum::Logarithmic { exponent: 1.5 });
    let target = |text: &str| plain(&[&format!("problem.target={text}")]).problems()[0].target.clone();
    assert_eq!(target("{kind=\"ones\"}"), Target::Ones);
    assert_eq!(target("{kind=\"source\",exponent=3}"), Target::Source { exponent: 3.0 });
    let sketch = |text: &str| plain(&[&format!("problem.sketch={text}")]).problems()[0].sketch.clone();
    assert_eq!(sketch("{kind=\"gaussian\"}"), Sketch::Gaussian { nested: true });
    assert_eq!(sketch("{kind=\"gaussian\",nested=false}"), Sketch::Gaussian { nested: false });
    assert_eq!(plain(&["problem.tail=closed"]).problems()[0].tail, Tail::Closed);
    assert_eq!(plain(&["sweep.draws=host"]).sweep().draws, Draws::Host);
}

#[test]
fn unknown_kinds_are_refused() {
    refused(&[
        (&["problem.sampling=\"features\""], &["problem.sampling = \"features\"", "ambient, feature"]),
        (&["problem.tail=\"half\""], &["problem.tail = \"half\"", "open, closed"]),
        (&["problem.sketch.kind=\"sparse\""], &["problem.sketch.kind = \"sparse\"", "gaussian, none, file"]),
        (&["problem.target.kind=\"zero\""], &["problem.target.kind = \"zero\"", "gaussian, ones, source, file"]),
        (
            &["problem.spectrum.kind=\"flat\""],
            &["problem.spectrum.kind = \"flat\"", "power, exponential, logarithmic, file"],
        ),
    ]);
}

#[test]
fn a_closed_tail_has_a_finite_sum_and_a_sketch() {
    let closed = |spectrum: &str, target: &str| {
        let set = [
            "problem.tail=closed".to_string(),
            format!("problem.spectrum={{kind={spectrum}}}"),
            format!("problem.target={{kind={target}}}"),
        ];
        read(PLAIN, &set.each_ref().map(String::as_str))
    };
    for (spectrum, target) in [
        ("\"power\",exponent=1.0", "\"gaussian\""),
        ("\"power\",exponent=0.5", "\"ones\""),
        ("\"logarithmic\",exponent=1.0", "\"gaussian\""),
        ("\"exponential\",rate=0.0", "\"gaussian\""),
        ("\"power\",exponent=2.0", "\"source\",exponent=1.0"),
    ] {
        names(&line(closed(spectrum, target)), &["problem.tail = \"closed\"", "finite sum", "above 1", "above 0"]);
    }
    for (spectrum, target) in [
        ("\"power\",exponent=1.01", "\"gaussian\""),
        ("\"logarithmic\",exponent=1.01", "\"ones\""),
        ("\"exponential\",rate=0.001", "\"gaussian\""),
        ("\"power\",exponent=2.0", "\"source\",exponent=1.01"),
    ] {
        assert_eq!(closed(spectrum, target).unwrap().problems()[0].tail, Tail::Closed, "{spectrum} {target}");
    }
    // A finite sum may still be beyond what f32 arithmetic holds.
    for (spectrum, target) in [
        ("\"exponential\",rate=1e-300", "\"gaussian\""),
        ("\"exponential\",rate=1e-13", "\"gaussian\""),
        ("\"power\",exponent=1.0000000000000002", "\"ones\""),
        ("\"power\",exponent=2.0", "\"source\",exponent=1.0000000000000002"),
    ] {
        names(&line(closed(spectrum, target)), &["problem.tail = \"closed\"", "standard deviation", "up to 2^20"]);
    }
    let unsketched = PLAIN.replace("model = [4, 8]", "");
    let text = message(&unsketched, &["problem.sketch={kind=\"none\"}", "problem.tail=closed"]);
    names(&text, &["problem.tail = \"closed\"", "problem.sketch none", "allowed is \"open\""]);
    // One divergent point of a list is enough.
    let list = "problem.spectrum=[{kind=\"power\",exponent=2},{kind=\"power\",exponent=1}]";
    names(&message(PLAIN, &[list, "problem.tail=[\"open\",\"closed\"]"]), &["problem.tail = \"closed\""]);
}

#[test]
fn source_targets_stay_below_two_to_the_twentieth() {
    // The deviation of w_100 is 100^((a - b)/2): with b = 0 it is 2^20 at a = 6.02.
    let set = |a: f64, b: f64| {
        [
            format!("problem.spectrum={{kind=\"power\",exponent={a:?}}}"),
            format!("problem.target={{kind=\"source\",exponent={b:?}}}"),
        ]
    };
    let check = |a, b| read(PLAIN, &set(a, b).each_ref().map(String::as_str));
    assert!(check(6.0, 0.0).is_ok() && check(7.0, 1.0).is_ok() && check(0.0, 16.0).is_ok());
    for (a, b) in [(6.1, 0.0), (16.0, 9.0)] {
        names(&line(check(a, b)), &[&format!("problem.target.exponent = {b}"), "deviation", "2^20", "larger exponent"]);
    }
    // The largest one of an exponential spectrum is the last that its eigenvalue lets be: about exp(33).
    let set = ["problem.spectrum={kind=\"exponential\",rate=0.001}", "problem.target={kind=\"source\",exponent=1.0}"];
    assert!(read(PLAIN, &set).is_ok(), "at D = 100 it is small");
    let text = message(PLAIN, &[set[0], set[1], "problem.dim=10000000"]);
    let value: f64 = text.split("deviation ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    // s_i reaches 2^-48 at i = 66,500: there w_i has the deviation 2^48/sqrt(66,500) = 1.09e12.
    assert!((1.0e12..1.1e12).contains(&value), "{text}");
}
