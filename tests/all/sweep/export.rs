//! The arrays of a run: from them alone its updates, its average and its risk follow.

use roundlaw::npy::{Element, Npy, Values};
use roundlaw::{Config, Plan};

use super::*;

const TEXT: &str = r#"
[problem]
dim = 48
spectrum = { kind = "power", exponent = 1.5 }
noise = 0.5

[train]
model = [3, 40]
samples = 64
batch = [1, 4]
output = ["last", "average"]
checkpoints = [16]

[[recipe]]
name = "fp32"

[[recipe]]
name = "stochastic features"
feature = { format = "e4m3", rounding = "stochastic", scale = 0.0625 }
"#;

/// The values of an array of this shape, f64 or f32, as f64.
#[track_caller]
fn array(dir: &Path, name: &str, element: Element, shape: &[usize]) -> Vec<f64> {
    let npy = Npy::read_any(&dir.join(name), &[element]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(npy.shape, shape, "{name}");
    match npy.values {
        Values::F32(values) => values.into_iter().map(f64::from).collect(),
        Values::F64(values) => values,
        Values::U32(_) => unreachable!("not asked for"),
    }
}

#[track_caller]
fn written(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

/// <z, v> in 32 lanes and their tree.
fn dot(z: &[f32], v: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 32];
    z.iter().zip(v).enumerate().for_each(|(j, (z, v))| lanes[j % 32] += z * v);
    for half in [16, 8, 4, 2, 1] {
        (0..half).for_each(|lane| lanes[lane] += lanes[lane + half]);
    }
    lanes[0]
}

/// v after every update, v_0 = 0 first, by the step size 0.1 of the schedule `geometric`.
fn trained(z: &[f32], y: &[f32], model: usize, batch: usize, updates: f64) -> Vec<Vec<f32>> {
    let stage = (updates / updates.log2()).ceil();
    let mut iterates = vec![vec![0.0f32; model]];
    for (t, (z, y)) in z.chunks(batch * model).zip(y.chunks(batch)).enumerate() {
        let mut v = iterates[t].clone();
        let step = (0.1 * (-(t as f64 / stage).floor()).exp2() / batch as f64) as f32;
        let residuals: Vec<f32> = z.chunks(model).zip(y).map(|(z, y)| y - dot(z, &v)).collect();
        for (j, v) in v.iter_mut().enumerate() {
            let mut products = z.chunks(model).zip(&residuals).map(|(z, r)| z[j] * r);
            let first = products.next().unwrap();
            *v += step * products.fold(first, |sum, product| sum + product);
        }
        iterates.push(v);
    }
    iterates
}

#[test]
fn updates_average_and_risk_follow_from_the_arrays() {
    let place = Place::new();
    let config = place.config(TEXT);
    let plan = Plan::new(Config::parse(TEXT, &[]).unwrap()).unwrap();
    for (run_id, model, batch) in [(0, 3, 1), (1, 3, 1), (4, 40, 1), (7, 40, 4), (8 + 5, 40, 1)] {
        let rows = roundlaw::replay(&plan, run_id).unwrap();
        for seen in [16, 64] {
            let dir = place.path(&format!("arrays-{run_id}-{seen}"));
            let (run_id, after) = (run_id.to_string(), seen.to_string());
            let mut args = vec!["replay", &config, "--run", &run_id, "--export", dir.to_str().unwrap()];
            // All of the run unless it is asked for less.
            args.extend(["--seen", &after].iter().filter(|_| seen < 64));
            written(&run(&args));
            let row = &rows.iter().find(|row| row.row.seen == seen as u64 && row.row.output == "last").unwrap().row;
            assert_eq!((row.model as usize, row.batch as usize), (model, batch));

            let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
            let z = narrow(array(&dir, "z.npy", Element::F32, &[seen, model]));
            let y = narrow(array(&dir, "y.npy", Element::F32, &[seen]));
            let v = array(&dir, "v.npy", Element::F32, &[model]);
            let average = array(&dir, "average.npy", Element::F64, &[model]);
            let iterates = trained(&z, &y, model, batch, (64 / batch) as f64);
            let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(iterates.last().unwrap()), bits(&narrow(v.clone())), "run {run_id} after {seen}");
            for (j, average) in average.iter().enumerate() {
                let updates = seen / batch;
                let mean = iterates[..updates].iter().map(|v| f64::from(v[j])).sum::<f64>() / updates as f64;
                assert!((mean - average).abs() < 1e-6, "run {run_id} after {seen}: {mean} {average}");
            }

            let sketch = array(&dir, "sketch.npy", Element::F64, &[model, 48]);
            let target = array(&dir, "target.npy", Element::F64, &[48]);
            let risk: f64 = target
                .iter()
                .enumerate()
                .map(|(i, w)| {
                    let seen: f64 = v.iter().enumerate().map(|(j, v)| v * sketch[j * 48 + i]).sum();
                    (i as f64 + 1.0).powf(-1.5) * (seen - w) * (seen - w)
                })
                .sum();
            let reducible = row.reducible.unwrap();
            assert!((risk - reducible).abs() < 1e-9 * reducible, "run {run_id} after {seen}: {risk} {reducible}");
        }
    }
}

#[test]
fn what_a_run_has_not_is_not_written() {
    let place = Place::new();
    let names = |dir: &str| {
        files(&place.path(dir)).into_keys().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let text = TEXT.replace("noise = 0.5", "sketch = { kind = \"none\" }").replace("model = [3, 40]\n", "");
    let text = text.replace("output = [\"last\", \"average\"]", "");
    let export = |run_id: &str, dir: &str| {
        run(&[
            "replay",
            place.path("config.toml").to_str().unwrap(),
            "--run",
            run_id,
            "--export",
            place.path(dir).to_str().unwrap(),
        ])
    };
    place.config(&text);
    written(&export("1", "plain"));
    assert_eq!(names("plain"), ["target.npy", "v.npy", "y.npy", "z.npy"]);
    let before = files(&place.path("plain"));
    refused(&export("1", "plain"), 2, &["--run 1 --export ", "plain: the directory holds files", "new or empty"]);
    assert_eq!(files(&place.path("plain")), before);
    refused(&export("900", "other"), 2, &["--run 900 --export", "there is no run 900: allowed are 0 to "]);
    let large =
        TEXT.replace("dim = 48", "dim = 2048").replace("[3, 40]", "2048").replace("samples = 64", "samples = 1048576");
    place.config(&large);
    refused(&export("0", "large"), 2, &["--run 0 --export", "8.0 GiB", "allowed are 4", "--seen"]);
    assert!(!place.path("other").exists() && !place.path("large").exists());
    // What is no directory is said before the run is done again: there is no word of the run.
    place.config(&text);
    std::fs::write(place.path("file"), "taken").unwrap();
    let output = export("1", "file");
    refused(&output, 2, &["--run 1 --export ", "file: ", "allowed is a directory that is new or empty"]);
    assert!(output.stdout.is_empty());
    assert_eq!(std::fs::read_to_string(place.path("file")).unwrap(), "taken");
    // There is no sketch to count, here of 128 MiB beside 3.9 GiB of features: what is refused is the directory.
    place.config(&text.replace("dim = 48", "dim = 4096").replace("samples = 64", "samples = 258048"));
    refused(&export("0", "plain"), 2, &["plain: the directory holds files"]);
}
