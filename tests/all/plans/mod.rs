//! Random plans that between them use every spectrum, target, sketch, format, rounding and law at every site.

use std::path::PathBuf;
use std::sync::OnceLock;

use roundlaw::config::Config;
use roundlaw::plan::Plan;
use roundlaw::random::threefry4x32;
use roundlaw::site::Site;

/// A small generator of choices: case and position name the random word.
pub struct Choices {
    case: u64,
    next: u32,
    /// Whether posits are among the formats: a GPU compiles pipelines of their own for them.
    posits: bool,
}

impl Choices {
    pub fn new(case: u64) -> Choices {
        Choices { case, next: 0, posits: false }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u32) -> u32 {
        self.next += 1;
        threefry4x32([self.case as u32, 99, 7, 0], [self.next, 0, 0, 0])[0] % n
    }

    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u32) as usize]
    }
}

/// Numbers around 0 of standard deviation about 0.6, of 24 significant bits.
fn numbers(count: usize, tag: u32) -> Vec<f32> {
    let number = |i| {
        let word = threefry4x32([1, 2, 3, tag], [i as u32, 0, 0, 0])[0];
        (word >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(number).collect()
}

/// A .npy file of that shape, written once for every process.
pub fn file(name: &str, shape: &[usize], values: &[f32]) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("inputs");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(format!("{name}-{shape:?}-{}.npy", std::process::id()));
    static LOCK: OnceLock<std::sync::Mutex<()>> = OnceLock::new();
    let _guard = LOCK.get_or_init(Default::default).lock();
    if !path.exists() {
        std::fs::write(&path, crate::npy_file::f32_file(1, shape, values)).unwrap();
    }
    path
}

fn random_file(name: &str, shape: &[usize], tag: u32) -> String {
    file(name, shape, &numbers(shape.iter().product(), tag)).display().to_string()
}

/// The `[problem]` section; M is at most `rows` where the sketch comes from a file.
pub fn problem_text(c: &mut Choices, dim: u32, rows: u32, sketched: bool) -> String {
    let (d, rows) = (dim as usize, rows as usize);
    let sketch = match (sketched, c.below(4)) {
        (false, _) => "none\"".to_string(),
        (true, 0) => format!("file\", path = \"{}\"", random_file("sketch", &[rows, d], 1)),
        (true, 1) => "gaussian\", nested = false".to_string(),
        (true, _) => "gaussian\"".to_string(),
    };
    let sketch = format!("sketch = {{ kind = \"{sketch} }}\n");
    if c.below(6) == 0 {
        let (x, y) = (random_file("covariates", &[2400, d], 2), random_file("labels", &[2400], 3));
        return format!(
            "[problem]\n{sketch}covariates = {{ path = \"{x}\", labels = \"{y}\", order = \"{}\", held_out = 0.01, \
             standardize = {} }}\n",
            c.pick(&["file", "permuted"]),
            c.pick(&["true", "false"])
        );
    }
    let (spectrum, summable) = match c.below(6) {
        0 => ("kind = \"exponential\", rate = 0.05".to_string(), true),
        1 => ("kind = \"logarithmic\", exponent = 2.0".to_string(), true),
        2 => {
            let squares: Vec<f32> = numbers(d, 4).iter().map(|x| x * x).collect();
            (format!("kind = \"file\", path = \"{}\"", file("spectrum", &[d], &squares).display()), false)
        }
        _ => {
            let exponent = c.pick(&["0.5", "1.0", "1.5", "2.0"]);
            (format!("kind = \"power\", exponent = {exponent}"), exponent > "1.0")
        }
    };
    let target = match c.below(5) {
        0 => "kind = \"ones\"".to_string(),
        1 => "kind = \"source\", exponent = 1.5".to_string(),
        2 => format!("kind = \"file\", path = \"{}\"", random_file("target", &[d], 5)),
        _ => "kind = \"gaussian\"".to_string(),
    };
    let tail = if summable && sketched && c.below(3) == 0 { "closed" } else { "open" };
    let noise = c.pick(&["0.0", "1.0", "0.001"]);
    format!(
        "[problem]\ndim = {dim}\nspectrum = {{ {spectrum} }}\ntarget = {{ {target} }}\nnoise = {noise}\n{sketch}tail = \"{tail}\"\n"
    )
}

/// What a recipe asks for at a site.
pub fn site_text(c: &mut Choices, site: Site) -> String {
    let rounding = match c.below(4) {
        0 => "nearest-even\"".to_string(),
        1 => format!("{}\"", c.pick(&["nearest-away", "toward-zero", "up", "down"])),
        _ => format!("stochastic\", bits = {}, variant = \"{}\"", c.pick(&[8, 16, 32]), c.pick(&["a", "b"])),
    };
    if c.below(3) == 0 {
        let noise = c.pick(&["additive", "relative", "multiplicative"]);
        let (law, eps) = (c.pick(&["gaussian", "two-point"]), c.pick(&["0.01", "0.1", "1e-12"]));
        let shared = if site.is_scalar() { c.pick(&[", shared_batch = true", ""]) } else { "" };
        return format!("{{ noise = \"{noise}\", eps = {eps}, law = \"{law}\"{shared} }}");
    }
    let format = match c.below(16) {
        14 if c.posits => {
            let (name, nan) = (c.pick(&["posit8", "posit16"]), c.pick(&["propagate", "satfinite"]));
            let rounding = rounding.replace("nearest-away", "toward-zero");
            let overflow = c.pick(&["saturate", "ieee"]);
            return format!(
                "{{ format = \"{name}\", nan = \"{nan}\", overflow = \"{overflow}\", rounding = \"{rounding} }}"
            );
        }
        15 => {
            let (name, most) = c.pick(&[("uint2", 3), ("uint3", 7), ("uint4", 15), ("uint8", 255)]);
            let (step, zero_point) =
                (c.pick(&["0.03", "0.25", "0.0078125"]), c.pick(&[0, most / 2, most / 2 + 1, most]));
            format!(
                "format = \"{name}\", step = {step}, zero_point = {zero_point}, nan = \"{}\"",
                c.pick(&["propagate", "satfinite"])
            )
        }
        10 => format!(
            "format = \"nvfp4\", block = {}, nan = \"{}\", tensor_scale = {}, scale_format = \"{}\"",
            c.pick(&["16", "16", "32", "\"vector\""]),
            c.pick(&["propagate", "satfinite"]),
            c.pick(&["0.01", "0.0078125", "1e-4"]),
            c.pick(&["e4m3", "ue5m3"])
        ),
        11 => format!(
            "format = \"{}\", nan = \"{}\", base_factor = {}, bias = {}",
            c.pick(&["log8", "log6", "log4"]),
            c.pick(&["propagate", "satfinite"]),
            c.pick(&[1, 3, 5, 8, 16]),
            c.pick(&[4, 20, 40])
        ),
        12 => format!(
            "format = \"{}\", nan = \"{}\", step = {}, range = \"{}\"",
            c.pick(&["int8", "int5", "int11"]),
            c.pick(&["propagate", "satfinite"]),
            c.pick(&["0.03", "0.001", "\"absmax\"", "0.125", "\"absmax-f32\""]),
            c.pick(&["full", "symmetric"])
        ),
        13 => format!(
            "format = \"{}\", specials = \"{}\", gradual_underflow = {}, nan = \"{}\", scale = {}",
            c.pick(&["e3m4", "e4m2", "e5m0", "e2m5"]),
            c.pick(&["none", "nan", "ieee", "fnuz"]),
            c.pick(&["true", "false"]),
            c.pick(&["propagate", "satfinite"]),
            c.pick(&["1.0", "0.0078125"])
        ),
        0 | 1 => format!("format = \"e4m3\", scale = {}", c.pick(&["1.0", "0.0625", "0.0009765625"])),
        2 => "format = \"e4m3\", overflow = \"ieee\", scale = 0.00048828125".to_string(),
        3 => format!("format = \"{}\", scale = {}", c.pick(&["e5m2", "e3m2", "e2m3"]), c.pick(&["1.0", "0.0078125"])),
        4 => format!("format = \"{}\"", c.pick(&["bf16", "f16", "tf32"])),
        5 => format!("format = \"int8\", step = {}", c.pick(&["0.03125", "0.25", "0.0009765625"])),
        6 => format!("format = \"{}\", step = {}", c.pick(&["int4", "int2", "int16"]), c.pick(&["0.25", "0.0078125"])),
        _ => format!(
            "format = \"{}\", nan = \"{}\", block = {}, scale_mode = \"{}\"",
            c.pick(&["mxfp8", "mxfp8-e5m2", "mxfp6-e3m2", "mxfp6-e2m3", "mxfp4", "mxint8", "bfp8", "bfp12"]),
            c.pick(&["propagate", "propagate", "satfinite"]),
            c.pick(&["8", "16", "32", "64", "\"vector\""]),
            c.pick(&["floor", "rceil", "even", "ceil", "nearest", "absmax", "absmax"])
        ),
    };
    if format.contains("step = 0") && c.below(4) == 0 && !format.contains("int16") {
        return format!("{{ {format}, rounding = \"dither\" }}");
    }
    format!("{{ {format}, rounding = \"{rounding} }}")
}

/// Recipes that set each site with probability `set` of 4, some of them in phases, where the shortest run has `updates`
/// updates of up to `batch` samples.
pub fn recipes_text(c: &mut Choices, count: u32, set: u32, updates: u32, batch: u32) -> String {
    let mut text = String::new();
    for index in 0..count {
        text += &format!("[[recipe]]\nname = \"r{index}\"\n");
        for site in Site::ALL {
            if c.below(4) < set {
                text += &format!("{} = {}\n", site.name(), site_text(c, site));
            }
        }
        let phases = if c.below(3) == 0 { 1 + c.below(2) } else { 0 };
        let (phases, are_fractions) = (phases.min(updates - 1), c.below(2) == 0);
        for phase in 0..phases {
            // The k-th of them begins in the k-th part of the shortest run.
            let part = (updates - 1) / phases;
            let from = 1 + phase * part + c.below(part);
            let from = match are_fractions {
                true => format!("{:?}", (f64::from(from) - 0.5) / f64::from(updates)),
                false => format!("{}", from * batch - c.below(batch)),
            };
            text += &format!("[[recipe.then]]\nfrom = {from}\n");
            for site in Site::ALL.into_iter().filter(|site| *site != Site::Sketch) {
                match c.below(8) {
                    0 => text += &format!("{} = \"fp32\"\n", site.name()),
                    k if k <= set => text += &format!("{} = {}\n", site.name(), site_text(c, site)),
                    _ => {}
                }
            }
        }
    }
    text
}

/// A config whose samples are drawn as features, of every problem and recipe that allows it.
pub fn feature_config(case: u64) -> String {
    let c = &mut Choices::new(1_000_000 + case);
    let dim = c.pick(&[1, 5, 31, 100, 300]);
    let high = c.pick(&[1, 17, 64, 129, 200]).min(dim);
    let low = 1 + c.below(high);
    let models = if low == high { format!("[{high}]") } else { format!("[{high}, {low}]") };
    let mut problem = problem_text(c, dim, high, true);
    while problem.contains("covariates") {
        problem = problem_text(c, dim, high, true);
    }
    let batch = c.pick(&[1, 1, 2, 5, 33]);
    let is_open = problem.contains("tail = \"open\"");
    let head = if dim > 1 && c.below(2) == 0 { 1 + c.below(dim - 1) } else { 0 };
    let sampling = match head {
        0 => "\"feature\"".to_string(),
        _ => format!("{{ kind = \"head\", coordinates = {head} }}"),
    };
    let updates = c.pick(&[1, 7, 40]);
    let mut recipes = String::new();
    for line in recipes_text(c, 3, 2, updates, batch).lines() {
        let is_law = line.contains("noise = ");
        let is_added = head == 0 && line.contains("additive") && !line.contains("two-point");
        let fits_data = if is_law { is_added || is_open && line.contains("multiplicative") } else { head > 0 };
        if !line.starts_with("sketch") && (!line.starts_with("data") || fits_data) {
            recipes += &format!("{line}\n");
        }
    }
    format!(
        "{problem}sampling = {sampling}\n[train]\nmodel = {models}\nsamples = [{}]\nbatch = [{batch}]\nstep_size = [0.1]\n\
         schedule = \"{}\"\noutput = [\"last\", \"average\", \"tail\"]\ncheckpoints = \"log2\"\n[sweep]\nseeds = 3\n\
         seed = {case}\ndraws = \"{}\"\n{recipes}",
        batch * updates,
        c.pick(&["constant", "geometric"]),
        c.pick(&["device", "host"])
    )
}

/// Plan number `case`.
pub fn random(case: u64) -> Plan {
    let text = random_config(case);
    Plan::new(Config::parse(&text, &[]).unwrap_or_else(|e| panic!("case {case}: {e}\n{text}"))).unwrap()
}

pub fn random_config(case: u64) -> String {
    let c = &mut Choices { posits: true, ..Choices::new(case) };
    let unsketched = c.below(6) == 0;
    let dim = c.pick(&[1, 2, 31, 33, 100, 128, 129, 300]);
    let models: Vec<u32> = match case % 20 {
        7 => vec![1024, 257, 1 + c.below(1024), 1 + c.below(1024)],
        _ => vec![1, 2, 3, 17, 32, 33, 64, 95, 128, 200],
    };
    let dim = if case % 20 == 7 { 1024 } else { dim };
    let mut chosen: Vec<u32> = (0..2).map(|_| c.pick(&models)).filter(|m| *m <= dim).collect();
    chosen.push(1 + c.below(dim.min(64)));
    chosen.sort_unstable();
    chosen.dedup();
    let batch = c.pick(&[1, 1, 2, 3, 5, 31, 32, 33, 64]);
    let updates = if case % 20 == 7 { 3 } else { c.pick(&[1, 2, 7, 20]) };
    let long = if batch <= 3 && case.is_multiple_of(5) { 300 } else { updates };
    let samples = if long == updates { vec![batch * updates] } else { vec![batch * updates, batch * long] };
    let schedule = c.pick(&["constant", "geometric"]);
    let step = if c.below(6) == 0 { "1e6" } else { c.pick(&["0.1", "0.03125", "0.4"]) };
    let mut text = problem_text(c, dim, *chosen.last().unwrap(), !unsketched);
    text += "[train]\n";
    if !unsketched {
        text += &format!("model = {chosen:?}\n");
    }
    text += &format!(
        "samples = {samples:?}\nbatch = [{batch}]\nstep_size = [{step}]\nschedule = \"{schedule}\"\n\
         output = [\"last\", \"average\", \"tail\"]\ncheckpoints = \"log2\"\n"
    );
    text += &recipes_text(c, 3, 3, updates, batch);
    text + &format!("[sweep]\nseeds = 3\nseed = {case}\n")
}
