//! Random plans that between them use every format, rounding and law at every site.

use roundlaw::config::Config;
use roundlaw::plan::Plan;
use roundlaw::random::threefry4x32;
use roundlaw::reference::RawRow;
use roundlaw::row::Site;

/// A small generator of choices: case and position name the random word.
pub struct Choices {
    case: u64,
    next: u32,
}

impl Choices {
    pub fn new(case: u64) -> Choices {
        Choices { case, next: 0 }
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

fn site_text(c: &mut Choices) -> Option<String> {
    let rounding = c.pick(&["nearest-even", "stochastic"]);
    match c.below(5) {
        0 => None,
        1 => {
            Some(format!("{{ format = \"e4m3\", rounding = \"{rounding}\", scale = {} }}", c.pick(&["1.0", "0.0625"])))
        }
        2 => {
            Some(format!("{{ format = \"int8\", rounding = \"{rounding}\", step = {} }}", c.pick(&["0.03125", "0.25"])))
        }
        3 => Some(format!("{{ format = \"mxfp4\", rounding = \"{rounding}\" }}")),
        _ => Some("{ noise = \"additive\", eps = 0.01, law = \"gaussian\" }".into()),
    }
}

/// Plan number `case`.
pub fn random(case: u64) -> Plan {
    let text = random_config(case);
    Plan::new(Config::parse(&text, &[]).unwrap_or_else(|e| panic!("case {case}: {e}\n{text}"))).unwrap()
}

pub fn random_config(case: u64) -> String {
    let c = &mut Choices::new(case);
    let unsketched = c.below(6) == 0;
    let dim = c.pick(&[1, 2, 31, 33, 100, 128, 129, 300]);
    let models: Vec<u32> = match case % 20 {
        7 => vec![1024, 257, 1 + c.below(1024), 1 + c.below(1024)],
        _ => vec![1, 2, 3, 17, 32, 33, 64, 95, 128, 200],
    };
    let dim = if case % 20 == 7 { 1024 } else { dim };
    let mut chosen: Vec<u32> = (0..2).map(|_| c.pick(&models)).filter(|m| *m <= dim).collect();
    chosen.push(1 + c.below(dim.min(64)));
    chosen.dedup();
    chosen.sort_unstable();
    chosen.dedup();
    let batch = c.pick(&[1, 1, 2, 3, 5, 31, 32, 33, 64]);
    let updates = if case % 20 == 7 { 3 } else { c.pick(&[1, 2, 7, 20]) };
    let long = if batch <= 3 && case.is_multiple_of(5) { 300 } else { updates };
    let samples = if long == updates { vec![batch * updates] } else { vec![batch * updates, batch * long] };
    let schedule = c.pick(&["constant", "geometric"]);
    let step = if c.below(6) == 0 { "1e6" } else { c.pick(&["0.1", "0.03125", "0.4"]) };
    let mut text = format!(
        "[problem]\ndim = {dim}\nspectrum = {{ kind = \"power\", exponent = {} }}\ntarget = {{ kind = \"{}\" }}\nnoise = {}\n",
        c.pick(&["1.0", "1.5", "2.0"]),
        c.pick(&["gaussian", "ones"]),
        c.pick(&["0.0", "1.0"]),
    );
    if unsketched {
        text += "sketch = { kind = \"none\" }\n[train]\n";
    } else {
        text += &format!("[train]\nmodel = {chosen:?}\n");
    }
    text += &format!(
        "samples = {samples:?}\nbatch = [{batch}]\nstep_size = [{step}]\nschedule = \"{schedule}\"\n\
         output = [\"last\", \"average\"]\ncheckpoints = \"log2\"\n"
    );
    for recipe in 0..3 {
        text += &format!("[[recipe]]\nname = \"r{recipe}\"\n");
        for site in Site::ALL.into_iter().filter(|site| *site != Site::FeatureGrad) {
            if let Some(format) = site_text(c) {
                text += &format!("{} = {format}\n", site.name());
            }
        }
    }
    text + &format!("[sweep]\nseeds = 3\nseed = {case}\n")
}

/// Every bit of every row, with the first difference named.
pub fn assert_same(plan: &Plan, case: u64, expected: &[RawRow], actual: &[RawRow]) {
    assert_eq!(expected.len(), actual.len(), "case {case}: number of rows");
    for (e, a) in expected.iter().zip(actual) {
        let place = format!("case {case}, trajectory {} after {} samples", e.trajectory, e.seen);
        let same = |name: &str, e: &[u32], a: &[u32]| {
            assert_eq!(e.len(), a.len(), "{place}: length of {name}");
            if let Some(j) = (0..e.len()).find(|&j| e[j] != a[j]) {
                let trajectory = &plan.points[0].trajectories;
                panic!("{place}: {name}[{j}] is {:08x}, not {:08x}\n{:?}", a[j], e[j], trajectory);
            }
        };
        same("v", &e.v, &a.v);
        same("hi", &e.hi, &a.hi);
        same("lo", &e.lo, &a.lo);
        assert_eq!(e, a, "{place}");
    }
}
