//! A case as a config of the program, with its files.

use std::fmt::Write;
use std::path::Path;

use super::{Case, Law, Rule, Site, Sketch, Spectrum, Target};

impl Site {
    fn key(self) -> &'static str {
        match self {
            Site::Data => "data",
            Site::Sketch => "sketch",
            Site::Feature => "feature",
            Site::FeatureGrad => "feature_grad",
            Site::Label => "label",
            Site::Parameter => "parameter",
            Site::Activation => "activation",
            Site::Gradient => "gradient",
            Site::Weight => "weight",
        }
    }
}

impl Rule {
    fn toml(&self) -> String {
        match *self {
            Rule::Format { name, scale, stochastic } => {
                let rounding = if stochastic { "stochastic" } else { "nearest-even" };
                let key = if name.starts_with("int") { "step" } else { "scale" };
                let scale = if name.starts_with("mx") { String::new() } else { format!(", {key} = {scale:?}") };
                format!("{{ format = {name:?}{scale}, rounding = {rounding:?} }}")
            }
            Rule::Noise { law, eps, two_point, shared } => {
                let noise = match law {
                    Law::Additive => "additive",
                    Law::Relative => "relative",
                    Law::Multiplicative => "multiplicative",
                };
                let law = if two_point { "two-point" } else { "gaussian" };
                let shared = if shared { ", shared_batch = true" } else { "" };
                format!("{{ noise = {noise:?}, eps = {eps:?}, law = {law:?}{shared} }}")
            }
        }
    }
}

impl Case {
    /// The TOML of this case; its files go to `dir`.
    pub fn config(&self, dir: &Path) -> String {
        let mut text = self.problem(dir);
        let schedule = if self.geometric { "geometric" } else { "constant" };
        let output = if self.average { "average" } else { "last" };
        text += "[train]\n";
        if !matches!(self.sketch, Sketch::None) {
            let models: Vec<usize> = [self.model].into_iter().chain(self.sibling).collect();
            writeln!(text, "model = {models:?}").unwrap();
        }
        writeln!(text, "samples = [{}]\nbatch = [{}]\nstep_size = [{:?}]", self.samples, self.batch, self.step)
            .unwrap();
        writeln!(text, "schedule = {schedule:?}\noutput = [{output:?}]").unwrap();
        if self.test_samples > 0 {
            writeln!(text, "quantized_test = true\ntest_samples = {}", self.test_samples).unwrap();
        }
        text += "[[recipe]]\nname = \"case\"\n";
        for (site, rule) in &self.rules {
            writeln!(text, "{} = {}", site.key(), rule.toml()).unwrap();
        }
        writeln!(text, "[sweep]\nseeds = {}\nseed = {}", self.trials, self.seed).unwrap();
        text
    }

    fn problem(&self, dir: &Path) -> String {
        let sketch = match &self.sketch {
            Sketch::Gaussian { nested } => format!("{{ kind = \"gaussian\", nested = {nested} }}"),
            Sketch::None => "{ kind = \"none\" }".into(),
            Sketch::File(rows) => format!("{{ kind = \"file\", path = {:?} }}", npy(dir, "S.npy", rows)),
        };
        if let Some(rows) = &self.rows {
            let labels = npy_list(dir, "y.npy", &rows.y);
            let order = if rows.permuted.is_some() { "permuted" } else { "file" };
            return format!(
                "[problem]\nsketch = {sketch}\ncovariates = {{ path = {:?}, labels = {labels:?}, order = {order:?}, \
                 held_out = {:?} }}\n",
                npy(dir, "X.npy", &rows.x),
                rows.held_out
            );
        }
        let spectrum = match &self.spectrum {
            Spectrum::Power(a) => format!("{{ kind = \"power\", exponent = {a:?} }}"),
            Spectrum::Exponential(rate) => format!("{{ kind = \"exponential\", rate = {rate:?} }}"),
            Spectrum::Logarithmic(a) => format!("{{ kind = \"logarithmic\", exponent = {a:?} }}"),
            Spectrum::File(lambda) => file(npy_list(dir, "lambda.npy", lambda)),
        };
        let target = match &self.target {
            Target::Gaussian => "{ kind = \"gaussian\" }".into(),
            Target::Ones => "{ kind = \"ones\" }".into(),
            Target::Source(b) => format!("{{ kind = \"source\", exponent = {b:?} }}"),
            Target::File(w) => file(npy_list(dir, "w.npy", w)),
        };
        let tail = if self.closed { "closed" } else { "open" };
        format!(
            "[problem]\ndim = {}\nspectrum = {spectrum}\ntarget = {target}\nnoise = {:?}\nsketch = {sketch}\n\
             sampling = {}\ntail = {tail:?}\n",
            self.dim, self.noise, self.sampling
        )
    }
}

fn file(path: String) -> String {
    format!("{{ kind = \"file\", path = {path:?} }}")
}

fn npy(dir: &Path, name: &str, rows: &[Vec<f64>]) -> String {
    write(dir, name, &format!("({}, {})", rows.len(), rows[0].len()), &rows.concat())
}

fn npy_list(dir: &Path, name: &str, values: &[f64]) -> String {
    write(dir, name, &format!("({},)", values.len()), values)
}

/// Version 1.0 of the format of numpy.lib.format, little-endian doubles.
fn write(dir: &Path, name: &str, shape: &str, values: &[f64]) -> String {
    let dictionary = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    let length = (10 + dictionary.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{dictionary:<0$}\n", length - 1).into_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().into()
}
