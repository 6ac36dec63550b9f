//! A lost device is opened again; a sweep gives up after three losses and keeps what it has.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use roundlaw::config::Config;
use roundlaw::error::{Error, exit};
use roundlaw::plan::{Plan, Shard};
use roundlaw::run::adapter::{Adapter, Cpu, Reopened};
use roundlaw::run::sweep;
use roundlaw::store;
use roundlaw::store::row::Row;
use roundlaw::watch::Watch;

use crate::faulty::{Device, Fragile};

const CONFIG: &str = r#"
[problem]
dim = 30
spectrum = { kind = "power", exponent = 1.5 }
[train]
model = [4]
samples = [64]
[[recipe]]
name = "e4m3"
feature = "e4m3"
[sweep]
seeds = 5
check = "all"
"#;

fn plan() -> Plan {
    Plan::new(Config::parse(CONFIG, &[]).unwrap()).unwrap()
}

/// The device, the lines told of it, and the adapter.
fn lost(losses: u32) -> (Arc<Device>, Arc<Mutex<Vec<String>>>, impl Adapter) {
    let device = Arc::new(Device { losses: AtomicU32::new(losses), ..Device::default() });
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (own, lines) = (device.clone(), told.clone());
    let tell = move |line: &str| lines.lock().unwrap().push(line.to_string());
    (device, told, Reopened::new(move || Fragile::open(&own), tell).unwrap())
}

fn swept(dir: &Path, adapter: &dyn Adapter) -> Result<Vec<Row>, Error> {
    sweep::sweep(&plan(), dir, Shard::WHOLE, adapter, &Watch::default())?;
    roundlaw::rows(dir)?.collect()
}

#[test]
fn a_device_lost_twice_is_opened_again_and_the_rows_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let expected = store::digest(&swept(dir.path(), &Cpu).unwrap());
    for losses in [0, 1, 2] {
        let (device, told, adapter) = lost(losses);
        let dir = tempfile::tempdir().unwrap();
        let rows = swept(dir.path(), &adapter).unwrap();
        assert_eq!(store::digest(&rows), expected, "lost {losses} times");
        assert_eq!(device.opened.load(Ordering::Relaxed), 1 + losses, "lost {losses} times");
        let told = told.lock().unwrap();
        assert_eq!(told.len(), losses as usize, "{told:?}");
        assert!(told.iter().all(|line| line.contains("lost") && line.contains("opening the device again")), "{told:?}");
    }
}

#[test]
fn a_device_lost_three_times_ends_the_sweep_which_continues_later() {
    let dir = tempfile::tempdir().unwrap();
    let error = swept(dir.path(), &lost(3).2).unwrap_err();
    assert_eq!(error.exit_code(), exit::DEVICE_LOST, "{error}");
    assert!(error.to_string().contains("lost"), "{error}");
    let fresh = tempfile::tempdir().unwrap();
    let continued = swept(dir.path(), &lost(0).2).unwrap();
    assert_eq!(store::digest(&continued), store::digest(&swept(fresh.path(), &Cpu).unwrap()));
}

#[test]
fn a_device_that_cannot_be_opened_again_says_why() {
    let device = Arc::new(Device { losses: AtomicU32::new(1), ..Device::default() });
    let gone = Arc::new(AtomicBool::new(false));
    let (own, own_gone) = (device.clone(), gone.clone());
    let open = move || match own_gone.load(Ordering::Relaxed) {
        false => Fragile::open(&own),
        true => Err(Error::NoAdapter("adapter 0 cannot be opened".into())),
    };
    let adapter = Reopened::new(open, |_| ());
    gone.store(true, Ordering::Relaxed);
    let dir = tempfile::tempdir().unwrap();
    let error = swept(dir.path(), &adapter.unwrap()).unwrap_err();
    assert_eq!(error.exit_code(), exit::NO_ADAPTER, "{error}");
}
