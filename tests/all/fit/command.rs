//! The command: its documents and files, what it asks for, and what it refuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use roundlaw::fit::Type;
use roundlaw::store::predictions::{self, Found, Source};
use serde_json::Value;

use crate::docs::page::{FIT, ROWS, code, table};
use crate::program::{command, succeeds};

const CONFIG: &str = r#"
[problem]
dim = 64
spectrum = { kind = "power", exponent = 1.5 }
noise = 0.5
tail = "closed"
[train]
model = [8, 16, 32]
samples = [64, 256, 1024]
step_size = 0.05
output = ["last", "average"]
[[recipe]]
name = "sums"
feature = { noise = "additive", eps = 0.02 }
[[recipe]]
name = "fp32"
[[recipe]]
name = "factors"
feature = { noise = "multiplicative", eps = 0.2 }
[[recipe]]
name = "format"
feature = "e2m1"
[sweep]
seeds = 40
check = "off"
"#;

/// A directory of a sweep in `place`.
fn swept(place: &Path, set: &[&str]) -> String {
    let (config, out) = (place.join("config.toml"), place.join("out"));
    fs::write(&config, CONFIG).unwrap();
    let (config, out) = (config.display().to_string(), out.display().to_string());
    let set = set.iter().flat_map(|set| ["--set", set]);
    let args: Vec<&str> = ["sweep", &config, "--out", &out, "--adapter", "cpu"].into_iter().chain(set).collect();
    succeeds(&args);
    out
}

fn documents(args: &[&str]) -> (Vec<Value>, String) {
    let output = succeeds(&[&["fit", "--json", "--resamples", "200"], args].concat());
    (serde_json::from_slice(&output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_sweep_is_fitted_with_the_expectations_that_are_of_its_rows() {
    let place = tempfile::tempdir().unwrap();
    let out = swept(place.path(), &[]);
    let (without, warnings) = documents(&[&out]);
    assert!(warnings.contains(&format!("`roundlaw predict {out}`")), "{warnings}");
    assert!(without.iter().all(|fit| fit["z"].is_null()));
    succeeds(&["predict", &out]);
    let (fits, warnings) = documents(&[&out]);
    assert_eq!((fits.len(), warnings.as_str()), (2, ""));
    for (fit, output) in fits.iter().zip(["last", "average"]) {
        assert_eq!((&fit["output"], &fit["batch"], &fit["seeds"]), (&output.into(), &1.into(), &40.into()));
        assert_eq!((&fit["full_precision"], &fit["form"]), (&"fp32".into(), &"c1 M^-a1 + c2 N_eff^-a2".into()));
        assert_eq!(fit["range"], serde_json::json!({ "model": [8, 32], "samples": [64, 1024] }));
        for name in ["c1", "c2", "a1", "a2"] {
            let [low, value, high] = ["low", "value", "high"].map(|end| fit["parameters"][name][end].as_f64().unwrap());
            assert!(low <= value && value <= high && high > low, "{name}: {low} {value} {high}");
        }
        assert!(fit["held_out_error"].is_f64() && fit["misfit"]["max"].as_f64() >= fit["misfit"]["rms"].as_f64());
        assert_eq!(fit["local_exponents"].as_array().unwrap().len(), 4);
        // A format has no expectation: 27 of 36 cells have one.
        assert_eq!((&fit["z"]["cells"], &fit["z"]["without"]), (&27.into(), &9.into()));
        assert!(fit["z"]["rms"].as_f64().unwrap() < fit["z"]["rms_95"].as_f64().unwrap().max(1.3), "{}", fit["z"]);
        let recipes = fit["recipes"].as_array().unwrap();
        let names: Vec<(&str, u64)> =
            recipes.iter().map(|own| (own["recipe"].as_str().unwrap(), own["model"].as_u64().unwrap())).collect();
        let all = ["sums", "factors", "format"].map(|name| [8, 16, 32].map(|model| (name, model)));
        assert_eq!(names, all.concat());
        for own in recipes {
            let expected = if own["recipe"] == "format" { "largest N" } else { "closed form" };
            assert_eq!(own["floor_from"], expected);
        }
    }
    let of_factors = &fits[0]["recipes"][5];
    let ratio = of_factors["phi"].as_f64().unwrap();
    assert!((ratio - (0.2_f64 / 1.2).powi(2)).abs() < 1e-6, "{ratio}");
}

/// Every name in a document's objects, at any depth, but those of settings.
fn names<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            found.insert(name);
            names(value, found);
        }),
        Value::Array(values) => values.iter().for_each(|value| names(value, found)),
        _ => {}
    }
}

#[test]
fn the_page_names_every_key_type_and_option() {
    let place = tempfile::tempdir().unwrap();
    let out = swept(place.path(), &["sweep.seeds=8", "train.output=last"]);
    succeeds(&["predict", &out]);
    let (fits, _) = documents(&[&out]);
    let mut found = BTreeSet::new();
    names(&fits[0], &mut found);
    let settings = fits[0].as_object().unwrap().keys().take_while(|name| *name != "seeds").map(String::as_str);
    settings.for_each(|name| assert!(ROWS.contains(&format!("`{name}`")) && found.remove(name), "{name}"));
    for name in found.into_iter().filter(|name| !["c1", "c2", "a1", "a2"].contains(name)) {
        assert!(FIT.contains(&format!("`{name}`")), "{name}");
    }
    let types = [Type::NoFloor, Type::Gain, Type::Size, Type::Between, Type::Unidentified(String::new())];
    let documented: Vec<String> = table(FIT, "type").iter().map(|row| code(&row[0]).to_owned()).collect();
    assert_eq!(documented, types.map(|kind| kind.name().to_owned()));
    let help = String::from_utf8(succeeds(&["fit", "--help"]).stdout).unwrap();
    let options = table(FIT, "option");
    let name = |row: &Vec<String>| code(&row[0]).split(' ').next().unwrap_or_default().to_owned();
    options.iter().for_each(|row| assert!(help.contains(&name(row)), "{row:?}"));
    let of_help = help.split_whitespace().filter(|word| word.starts_with("--")).map(|word| word.trim_end_matches(','));
    for option in of_help.filter(|option| !["--help", "--json"].contains(option)) {
        assert!(options.iter().any(|row| name(row) == option), "{option}");
    }
}

#[test]
fn the_file_beside_the_rows_says_whose_it_is() {
    let place = tempfile::tempdir().unwrap();
    let out = swept(place.path(), &["sweep.seeds=24"]);
    let (fits, _) = documents(&[&out]);
    let file: Value = serde_json::from_str(&fs::read_to_string(Path::new(&out).join("fit.json")).unwrap()).unwrap();
    let status: Value = serde_json::from_slice(&succeeds(&["status", "--json", &out]).stdout).unwrap();
    assert_eq!((&file["digest"], &file["seeds"], &file["resamples"]), (&status["digest"], &24.into(), &200.into()));
    assert!(file["predictions"].is_null());
    let mut named = fits[1].clone();
    assert_eq!(named.as_object_mut().unwrap().shift_remove("directory"), Some(out.as_str().into()));
    assert_eq!(file["fits"][1], named);
    // The same rows give the same numbers, and the table has what the document has.
    assert_eq!(documents(&[&out]).0, fits);
    let table = String::from_utf8(succeeds(&["fit", &out]).stdout).unwrap();
    for word in [
        "dim 64",
        "output average",
        "fp32: c1 M^-a1",
        "M_total",
        "factors: floors from closed form; k_N",
        "factors: not identified",
    ] {
        assert!(table.contains(word), "{word} in {table}");
    }
    // A sweep of more seeds goes on beside it.
    swept(place.path(), &["sweep.seeds=25"]);
    let (fits, warnings) = documents(&[&out, &out]);
    assert_eq!((fits.len(), &fits[3]["seeds"]), (4, &25.into()));
    assert!(warnings.contains("no predict.parquet"), "{warnings}");
}

#[test]
fn expectations_of_other_rows_are_not_used() {
    let place = tempfile::tempdir().unwrap();
    let out = swept(place.path(), &["sweep.seeds=3"]);
    let warning = || documents(&[&out]).1;
    succeeds(&["predict", "--prior", &out]);
    assert!(warning().contains("predict.parquet has means over targets"), "{}", warning());
    succeeds(&["predict", &out]);
    assert_eq!(warning(), "");
    swept(place.path(), &["sweep.seeds=4"]);
    assert!(warning().contains("predict.parquet is of other rows"), "{}", warning());
    let file = Path::new(&out).join("predict.parquet");
    let bytes = fs::read(&file).unwrap();
    for length in [0, 7, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&file, &bytes[..length]).unwrap();
        let output = command(&["fit", &out]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(7), "{message}");
        assert!(
            message.contains("predict.parquet") && message.contains("`roundlaw predict DIR` writes it again"),
            "{message}"
        );
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

/// The expectations that a file is read to hold, with their hash.
fn read(dir: &Path, digest: &str) -> roundlaw::Result<(Vec<Option<f64>>, Source)> {
    let mut rows = Vec::new();
    let found = predictions::read(dir, digest, |row| rows.push(row.excess))?;
    match found {
        Found::Read(source) => Ok((rows, source)),
        other => panic!("{other:?}"),
    }
}

/// A byte that changes what is read changes the hash, whether or not its page can still be decoded.
#[test]
fn expectations_are_those_that_their_hash_says() {
    let place = tempfile::tempdir().unwrap();
    let out = swept(place.path(), &["sweep.seeds=4"]);
    succeeds(&["predict", &out, "--budget", "90"]);
    documents(&[&out]);
    let fit: Value = serde_json::from_str(&fs::read_to_string(Path::new(&out).join("fit.json")).unwrap()).unwrap();
    let digest = fit["digest"].as_str().unwrap();
    let (rows, source) = read(Path::new(&out), digest).unwrap();
    assert_eq!(fit["predictions"], serde_json::json!({ "hash": source.hash, "budget": 90.0 }));
    assert_eq!((fit["budget"].as_f64(), rows.len()), (Some(60.0), 36 * 4 * 2));
    let file = Path::new(&out).join("predict.parquet");
    let bytes = fs::read(&file).unwrap();
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
    let mut by_hash = 0;
    for at in (4..bytes.len() - 8 - footer).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        fs::write(&file, flipped).unwrap();
        match predictions::read(Path::new(&out), digest, |_| {}) {
            Ok(Found::Read(_)) => assert_eq!(read(Path::new(&out), digest).unwrap(), (rows.clone(), source.clone())),
            Ok(found) => panic!("{at}: {found:?}"),
            Err(error) => by_hash += usize::from(error.to_string().contains("its contents have the hash")),
        }
    }
    assert!(by_hash > 100, "{by_hash}");
}

/// Two N have neither an exponent nor a floor, but what recipes add at the larger one is known.
#[test]
fn what_all_recipes_lack_is_said_once() {
    let place = tempfile::tempdir().unwrap();
    let out = swept(place.path(), &["sweep.seeds=24", "train.samples=[64, 1024]", "train.output=last"]);
    let (fits, _) = documents(&[&out]);
    let reason = "fewer than 3 N: give train.samples at least 3 values";
    assert_eq!((&fits[0]["reason"], &fits[0]["form"]), (&reason.into(), &Value::Null));
    let recipes = fits[0]["recipes"].as_array().unwrap();
    assert!(recipes.iter().all(|own| own["reason"] == reason && own["m_total"]["value"].is_null()));
    let with: Vec<&Value> = recipes.iter().filter(|own| own["added"]["value"].is_f64()).collect();
    assert!(with.len() > 6, "{recipes:?}");
    let table = String::from_utf8(succeeds(&["fit", &out]).stdout).unwrap();
    assert_eq!(table.matches(reason).count(), 1, "{table}");
    assert_eq!(table.lines().count(), 4 + with.len(), "{table}");
}

#[test]
fn a_budget_leaves_floors_to_the_rows() {
    let place = tempfile::tempdir().unwrap();
    let out = swept(place.path(), &["sweep.seeds=3"]);
    let (fits, warnings) = documents(&[&out, "--budget", "1e-9"]);
    assert!(warnings.contains("problem point 0") && warnings.contains("--budget"), "{warnings}");
    assert!(fits[0]["recipes"].as_array().unwrap().iter().all(|own| own["floor_from"] == "largest N"));
}

#[test]
fn what_is_no_directory_of_a_sweep_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("missing").display().to_string();
    for (args, code, words) in [
        (vec!["fit"], 2, "DIR"),
        (vec!["fit", missing.as_str()], 2, "no such directory"),
        (vec!["fit", place.path().to_str().unwrap()], 7, "no sweep's directory"),
        (vec!["fit", missing.as_str(), "--resamples", "3"], 2, "40..=100000"),
    ] {
        let output = command(&args);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(words) && message.lines().count() == 1, "{message}");
    }
}
