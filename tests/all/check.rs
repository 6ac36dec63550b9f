//! A test of the check: one flipped bit anywhere is found and its place is named.

use roundlaw::config::Config;
use roundlaw::cpu::Fault;
use roundlaw::plan::{Cohort, Plan, Shard};
use roundlaw::run::adapter::Adapter;
use roundlaw::run::check::{self, Mismatch};
use roundlaw::run::sweep;
use roundlaw::site::Site;

const CONFIG: &str = r#"
[problem]
dim = 200
spectrum = { kind = "power", exponent = 1.5 }
[train]
model = [20, 40]
samples = [512, 1024]
step_size = [0.1]
output = ["last", "average"]
[[recipe]]
name = "e4m3 features, int8 weights"
feature = { format = "e4m3", scale = 0.0625 }
weight = { format = "int8", step = 0.03125, rounding = "stochastic" }
[[recipe]]
name = "fp32"
[sweep]
seeds = 2
check = "all"
"#;

const COHORT: Cohort = Cohort { point: 0, seed_index: 1 };

fn plan() -> Plan {
    Plan::new(Config::parse(CONFIG, &[]).unwrap()).unwrap()
}

fn checked(fault: Option<Fault>) -> Option<Mismatch> {
    let (plan, adapter) = (plan(), Adapter::Cpu { fault });
    let rows = adapter.execute(&plan, &[COHORT]).unwrap().remove(0);
    check::cohort(&plan, COHORT, &rows, &adapter).unwrap()
}

fn found(fault: Fault) -> Mismatch {
    checked(Some(fault)).unwrap_or_else(|| panic!("{fault:?} was not found"))
}

#[test]
fn a_sound_adapter_passes() {
    assert_eq!(checked(None), None);
}

#[test]
fn a_draw() {
    // A high bit of x_0 of sample 300: the first update that reads it is update 300.
    let mismatch = found(Fault::Draw { sample: 300, coordinate: 0, bit: 22 });
    assert_eq!(mismatch.first_update, Some(300));
    assert_eq!(mismatch.difference.place, "v");
}

#[test]
fn a_projection() {
    let mismatch = found(Fault::Projection { sample: 77, row: 5, bit: 22 });
    assert_eq!(mismatch.first_update, Some(77));
    assert_eq!(mismatch.difference.place, "v");
}

#[test]
fn a_weight_of_either_recipe() {
    for bit in [0, 13, 23, 31] {
        let mismatch = found(Fault::Weight { update: 200, index: 17, bit });
        assert_eq!(mismatch.first_update, Some(200), "bit {bit}");
        assert_eq!((mismatch.difference.place.as_str(), mismatch.difference.index), ("v", 17), "bit {bit}");
    }
}

#[test]
fn an_average() {
    let mismatch = found(Fault::Average { update: 130, index: 3, bit: 20 });
    assert_eq!(mismatch.first_update, Some(130));
    assert!(mismatch.difference.place.starts_with("average"), "{mismatch:?}");
    assert_eq!(mismatch.difference.index, 3);
}

#[test]
fn a_counter() {
    let mismatch = found(Fault::Counter { update: 9, site: Site::Weight });
    assert_eq!(mismatch.first_update, Some(9));
    assert_eq!(mismatch.difference.place, "weight saturated");
}

#[test]
fn a_sweep_stops_keeps_the_part_out_and_says_where() {
    let (plan, dir) = (plan(), tempfile::tempdir().unwrap());
    let adapter = Adapter::Cpu { fault: Some(Fault::Weight { update: 40, index: 2, bit: 5 }) };
    let stop = std::sync::atomic::AtomicBool::new(false);
    let error = sweep::sweep(&plan, dir.path(), Shard::WHOLE, &adapter, &stop).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("update 40"), "{error}");
    let names: Vec<String> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("mismatch-")), "{names:?}");
    assert!(!names.iter().any(|name| name.ends_with(".parquet")), "{names:?}");
}
