//! Measured spectra are drawn and fitted, or refused by name.

use super::*;
use roundlaw::store::spectra;

fn power(n: u32, exponent: f64) -> String {
    let lines = (1..=n).map(|i| format!("{i},{}\n", f64::from(i).powf(exponent)));
    format!("index,eigenvalue\n{}", lines.collect::<String>())
}

fn report(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut report = report_of(&power_law("r", &[16, 32], &[1000], 2));
    report.sources[0].spectra = spectra(dir)?;
    report.write(dir, &ReportOptions::default())
}

#[test]
fn a_power_law_has_its_slope() {
    let dir = tempfile::tempdir().unwrap();
    for (k, text) in [(10, power(5000, -1.25)), (2, power(40, -0.5)), (3, power(1, 1.0)), (4, "x".into())] {
        let name = if text == "x" { "spectrum-x.csv".into() } else { format!("spectrum-{k}.csv") };
        fs::write(dir.path().join(name), text).unwrap();
    }
    let found = spectra(dir.path()).unwrap();
    assert_eq!(found.iter().map(|s| s.number).collect::<Vec<_>>(), [2, 3, 10]);
    assert!((found[0].power_law().unwrap().slope + 0.5).abs() < 1e-12);
    assert_eq!((found[1].power_law(), found[2].power_law().unwrap().to), (None, 2500));
    assert!((found[2].power_law().unwrap().slope + 1.25).abs() < 1e-12);

    let paths = report(dir.path()).unwrap();
    let html = read(&paths[0]);
    assert!(html.contains("<h2>Measured spectrum</h2>"));
    assert!(html.contains("Fitted exponent a = 1.250, least squares of log eigenvalue over log index from 2 to 2500"));
    // Figures are numbered through, whatever the numbers of their files.
    for (figure, k) in (1..).zip([2, 3, 10]) {
        assert_balanced(&read(&dir.path().join(format!("figures/spectrum-{figure}.svg"))));
        let csv = read(&dir.path().join(format!("figures/spectrum-{figure}.csv")));
        assert_eq!(csv, read(&dir.path().join(format!("spectrum-{k}.csv"))));
    }
    assert_eq!(paths.len(), 1 + 2 + 6 + 1);
}

#[test]
fn eigenvalues_below_the_noise_floor_are_counted_and_not_fitted() {
    let dir = tempfile::tempdir().unwrap();
    // 20 of a power law, then 20 of what rounding leaves.
    let lines = (1..=40).map(|i: i32| match i {
        1..=20 => format!("{i},{:e}\n", f64::from(i).powf(-1.5)),
        _ => format!("{i},{:e}\n", 1e-9 / f64::from(i)),
    });
    let text = format!("index,eigenvalue\n{}", lines.collect::<String>());
    fs::write(dir.path().join("spectrum-1.csv"), text).unwrap();
    let law = spectra(dir.path()).unwrap()[0].power_law().unwrap();
    assert!((law.slope + 1.5).abs() < 1e-9 && (law.from, law.to) == (2, 10), "{law:?}");
    let paths = report(dir.path()).unwrap();
    assert!(read(&paths[3]).contains("20 below 1e-6 of the largest are left out"));
    fs::write(dir.path().join("spectrum-1.csv"), "index,eigenvalue\n1,2.0\n2,1.0\n3,0.0\n4,-1e-18\n").unwrap();
    let paths = report(dir.path()).unwrap();
    assert!(read(&paths[0]).contains("4 eigenvalues of the covariates."));
    assert!(read(&paths[3]).contains("2 below 1e-6 of the largest are left out"));
    fs::write(dir.path().join("spectrum-1.csv"), "index,eigenvalue\n1,0\n").unwrap();
    let paths = report(dir.path()).unwrap();
    assert!(read(&paths[3]).contains("no eigenvalue above zero"));
}

#[test]
fn malformed_spectra_are_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spectrum-7.csv");
    let head = "index,eigenvalue\n";
    for (text, what) in [
        (String::new(), "first line"),
        ("index;eigenvalue\n1;2\n".into(), "first line"),
        (head.into(), "no eigenvalue"),
        (format!("{head}0,1.0\n"), "the index must be 1"),
        (format!("{head}1,3.0\n3,1.0\n"), "line 3"),
        (format!("{head}1,1.0\n2,1.5\n"), "descend"),
        (format!("{head}1,NaN\n"), "finite"),
        (format!("{head}1,inf\n"), "finite"),
        (format!("{head}1,1.0,2.0\n"), "two fields"),
        (format!("{head}1,1.0\n\n2,0.5\n"), "two fields"),
    ] {
        fs::write(&path, &text).unwrap();
        let error = report(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "{text}: {error}");
        assert!(error.to_string().contains("spectrum-7.csv") && error.to_string().contains(what), "{text}: {error}");
    }
    fs::write(&path, [0xff, 0xfe, 0]).unwrap();
    assert!(matches!(report(dir.path()), Err(Error::Corrupt(_))));
    assert!(!dir.path().join("report.html").exists());
}
