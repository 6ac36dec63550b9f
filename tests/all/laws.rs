//! Idealised noise laws through the codec: their moments, and what shares a draw.

use roundlaw::codec::apply;
use roundlaw::config::Config;
use roundlaw::cpu;
use roundlaw::format::QuantOp;
use roundlaw::plan::Plan;
use roundlaw::random::Stream;
use roundlaw::site::Site;

const LAWS: [&str; 2] = ["gaussian", "two-point"];
const EPS: f64 = 0.09;

fn plan(site: Site, noise: &str, law: &str, shared: bool) -> Plan {
    let shared = if shared { ", shared_batch = true" } else { "" };
    let text = format!(
        "[problem]\ndim = 20\nspectrum = {{ kind = \"power\", exponent = 1.0 }}\n[train]\nmodel = [4]\nsamples = [8]\n\
         step_size = [0.1]\n[[recipe]]\nname = \"law\"\n{} = {{ noise = {noise:?}, eps = {EPS}, law = {law:?}{shared} }}\n",
        site.name()
    );
    Plan::new(Config::parse(&text, &[]).unwrap()).unwrap()
}

fn op(site: Site, noise: &str, law: &str, shared: bool) -> QuantOp {
    let plan = plan(site, noise, law, shared);
    let config = plan.config();
    QuantOp::new(config.recipes()[0].sites[site].as_ref(), site, config.problems()[0].grids())
}

/// Word `k` of a generator that is not the program's (the finalizer of SplitMix64 on a counter).
fn word(k: usize) -> u32 {
    let seed = (k as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let bits = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((bits ^ (bits >> 31)) >> 32) as u32
}

/// `u` rounded alone, once for each word.
fn alone(op: &QuantOp, u: f32, draws: usize) -> Vec<f64> {
    let one = |k| {
        let mut value = [u];
        apply(op, &mut value, |_| word(k));
        f64::from(value[0])
    };
    (0..draws).map(one).collect()
}

#[test]
fn moments_are_those_of_the_law() {
    const DRAWS: usize = 200_000;
    let n = DRAWS as f64;
    for site in Site::ALL {
        for noise in ["additive", "relative", "multiplicative"] {
            for law in LAWS {
                for u in [1.0f32, -2.5] {
                    // The deviation from u, and of a factor in units of u.
                    let unit = if noise == "additive" { 1.0 } else { f64::from(u) };
                    let results = alone(&op(site, noise, law, false), u, DRAWS);
                    let moment = |p: i32| results.iter().map(|r| ((r - f64::from(u)) / unit).powi(p)).sum::<f64>() / n;
                    // Even moments of a normal are 1, 3 and 105; a sign has 1 for all.
                    let (fourth, eighth) = if law == "gaussian" { (3.0, 105.0) } else { (1.0, 1.0) };
                    // At data and sketch the result is on the grid of the draws: 2^-9 of its size at most.
                    let grid = if site == Site::Sketch { 2e-3 } else { 1e-5 };
                    for (p, exact, variance) in [
                        (1, 0.0, EPS),
                        (2, EPS, EPS * EPS * (fourth - 1.0)),
                        (4, EPS * EPS * fourth, EPS.powi(4) * (eighth - fourth * fourth)),
                    ] {
                        let (mean, error) = (moment(p), (variance / n).sqrt());
                        let what = format!("{} {noise} {law}, u = {u}, moment {p}", site.name());
                        assert!((mean - exact).abs() < 4.5 * error + 2.0 * grid, "{what}: {mean}, exact {exact}");
                        assert!(p == 1 || (mean - 2.0 * exact).abs() > 4.5 * error + 2.0 * grid, "{what} is uncertain");
                    }
                }
            }
        }
    }
}

/// The factors of a vector of powers of two, which show them exactly; of an additive law the deviations from 0.
fn draws(op: &QuantOp, additive: bool) -> Vec<f32> {
    let vector: [f32; 6] = if additive { [0.0; 6] } else { [1.0, -2.0, 0.25, 16.0, -0.5, 8.0] };
    let mut values = vector;
    apply(op, &mut values, |k| word(1000 + k));
    values.iter().zip(vector).map(|(v, u)| if additive { *v } else { v / u }).collect()
}

#[test]
fn one_draw_for_what_shares_it_and_one_each_for_the_rest() {
    for site in Site::ALL {
        for noise in ["additive", "relative", "multiplicative"] {
            for law in LAWS {
                for shared in [false, true].into_iter().filter(|shared| !shared || site.is_scalar()) {
                    let op = op(site, noise, law, shared);
                    let all = draws(&op, noise == "additive");
                    let one = shared || noise == "multiplicative" && !site.is_scalar();
                    let same = all.iter().all(|d| d.to_bits() == all[0].to_bits());
                    assert_eq!(same, one, "{} {noise} {law}, shared_batch = {shared}: {all:?}", site.name());
                }
            }
        }
    }
}

/// All of G has one factor, another one for another seed; the 8-bit grid of G leaves half a unit in the last place.
#[test]
fn a_sketch_has_one_factor() {
    let plan = plan(Site::Sketch, "multiplicative", "two-point", false);
    let point = &plan.points[0];
    let mut seen = [false; 2];
    for seed_index in 0..20 {
        let stream = Stream::new(plan.config().sweep().seed, seed_index);
        let clean = cpu::clean_sketch(point, &point.sketches[0], &stream);
        let (read, _) = cpu::quantized_sketch(point, 0, &stream);
        assert_eq!((clean.len(), read.len()), (80, 80));
        let up = read.iter().zip(&clean).map(|(r, c)| (r / c).abs()).sum::<f32>() > 80.0;
        let factor = if up { 1.0 + EPS.sqrt() } else { 1.0 - EPS.sqrt() };
        for (r, c) in read.iter().zip(&clean) {
            let exact = f64::from(*c) * factor;
            assert!((f64::from(*r) - exact).abs() <= exact.abs() / 256.0, "{r} from {c}, factor {factor}");
        }
        seen[usize::from(up)] = true;
    }
    assert_eq!(seen, [true; 2]);
}
