//! Several devices in one process: the rows of one, whatever happens to some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use roundlaw::config::Config;
use roundlaw::error::{Error, exit};
use roundlaw::plan::{Plan, Shard};
use roundlaw::run::adapter::{Adapter, Cpu, Reopened, Several};
use roundlaw::run::merge::merge;
use roundlaw::run::recheck::{Rechecked, Runs, recheck};
use roundlaw::run::stored::Stored;
use roundlaw::run::sweep;
use roundlaw::store;
use roundlaw::store::part::Source;
use roundlaw::watch::Watch;

use crate::faulty::{Device, Faulty, Fragile, Meeting};

const SEEDS: u32 = 24;

fn plan(check: &str) -> Plan {
    let text = format!(
        "[problem]\ndim = 30\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\nnoise = [0.0, 0.5]\n[train]\nmodel = 4\nsamples = 64\n\
         [[recipe]]\nname = \"e4m3\"\nfeature = \"e4m3\"\n[sweep]\nseeds = {SEEDS}\ncheck = {check}\n"
    );
    Plan::new(Config::parse(&text, &[]).unwrap()).unwrap()
}

/// A device on a bus of its own, that is lost for good after so many executions.
fn device(number: u32, sound: u32, meets: Option<Meeting>) -> Arc<Device> {
    let losses = if sound == u32::MAX { 0 } else { u32::MAX };
    let pci = format!("0000:0{number}:00.0");
    Arc::new(Device { sound: sound.into(), losses: losses.into(), meets, pci, ..Device::default() })
}

/// They as one adapter, each opened again when it is lost, and what is told of them.
fn several(devices: &[Arc<Device>]) -> (Several, Arc<Mutex<Vec<String>>>) {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (again, left_out) = (told.clone(), told.clone());
    let reopened = |device: &Arc<Device>| {
        let (own, lines) = (device.clone(), again.clone());
        let tell = move |line: &str| lines.lock().unwrap().push(line.to_owned());
        Box::new(Reopened::new(move || Fragile::open(&own), tell).unwrap()) as Box<dyn Adapter>
    };
    let all = devices.iter().map(reopened).collect();
    (Several::new(all, Arc::new(move |line: &str| left_out.lock().unwrap().push(line.to_owned()))), told)
}

fn swept(dir: &Path, adapter: &dyn Adapter) -> Result<String, Error> {
    sweep::sweep(&plan("2"), dir, Shard::WHOLE, adapter, &Watch::default())?;
    store::digest_of(roundlaw::rows(dir)?)
}

/// The buses that the parts of a directory name.
fn buses(dir: &Path) -> BTreeSet<String> {
    let stored = Stored::open(dir).unwrap();
    let bus = |part: &store::part::Part| match &part.header().source {
        Source::Session(session) => session.pci.clone(),
        Source::Merged { .. } => panic!("nothing was merged"),
    };
    stored.contents.parts().iter().map(bus).collect()
}

/// Every byte of the rows, after a merge.
fn merged(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    merge(dir, &[], &Watch::default()).unwrap();
    let parts = store::parts(dir).unwrap();
    parts
        .iter()
        .map(|part| (part.display().to_string().replace(&dir.display().to_string(), ""), fs::read(part).unwrap()))
        .collect()
}

fn count(number: &AtomicU32) -> u32 {
    number.load(Ordering::Relaxed)
}

#[test]
fn each_executes_cohorts_of_its_own_at_the_same_time_and_the_rows_are_those_of_one() {
    let [one, all] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    swept(one.path(), &Cpu).unwrap();
    let meeting = Meeting { arrived: Arc::default(), of: 3 };
    let devices: Vec<_> = (1..=3).map(|number| device(number, u32::MAX, Some(meeting.clone()))).collect();
    let (adapter, told) = several(&devices);
    swept(all.path(), &adapter).unwrap();
    assert_eq!(devices.iter().map(|device| count(&device.cohorts)).sum::<u32>(), 2 * SEEDS, "none is executed twice");
    let named: BTreeSet<String> = devices.iter().map(|device| device.pci.clone()).collect();
    assert_eq!(buses(all.path()), named, "each part is of one device and names its bus");
    assert!(told.lock().unwrap().is_empty());

    let stored = Stored::open(all.path()).unwrap();
    let rechecked = recheck(&stored, Runs::All, Some(&adapter), &Watch::default()).unwrap();
    assert_eq!(
        rechecked,
        Rechecked { stored: u64::from(2 * SEEDS), replayed: u64::from(2 * SEEDS), rows: u64::from(2 * SEEDS) }
    );
    assert_eq!(merged(all.path()), merged(one.path()));
}

#[test]
fn one_that_is_lost_for_good_costs_its_share_and_the_others_take_it_over() {
    let expected = swept(tempfile::tempdir().unwrap().path(), &Cpu).unwrap();
    for sound in [0, 1, 5] {
        let devices = [device(1, u32::MAX, None), device(2, sound, None), device(3, u32::MAX, None)];
        let (adapter, told) = several(&devices);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(swept(dir.path(), &adapter).unwrap(), expected, "lost after {sound}");
        assert!(count(&devices[1].cohorts) <= sound);
        let told = told.lock().unwrap();
        if count(&devices[1].sound) == 0 {
            let [first, second, third] = told.as_slice() else { panic!("{told:?}") };
            assert!(
                first.ends_with("opening the device again") && second.ends_with("opening the device again"),
                "{told:?}"
            );
            let left_out = "(in a test); cpu pci:0000:02:00.0 is left out, 2 of 3 devices go on";
            assert!(third.ends_with(left_out), "{told:?}");
        }
        assert!(!buses(dir.path()).contains(&devices[1].pci) || sound > 0);
    }
}

#[test]
fn where_all_are_lost_what_is_finished_is_kept_and_the_sweep_continues() {
    let dir = tempfile::tempdir().unwrap();
    let (adapter, told) = several(&[device(1, 3, None), device(2, 4, None)]);
    let error = swept(dir.path(), &adapter).unwrap_err();
    assert_eq!(error.exit_code(), exit::DEVICE_LOST, "{error}");
    assert!(told.lock().unwrap().iter().any(|line| line.contains("1 of 2 devices go on")));
    let kept = roundlaw::rows(dir.path()).unwrap().count();
    assert!(kept <= 7, "{kept}");
    let fresh = [device(3, u32::MAX, None), device(4, u32::MAX, None)];
    let whole = swept(tempfile::tempdir().unwrap().path(), &Cpu).unwrap();
    assert_eq!(swept(dir.path(), &several(&fresh).0).unwrap(), whole);
    let anew = fresh.iter().map(|device| count(&device.cohorts)).sum::<u32>();
    assert_eq!(anew as usize + kept, 2 * SEEDS as usize, "what was kept is not executed again");
}

#[test]
fn a_wrong_bit_of_one_is_laid_to_it() {
    let wrong = Faulty::damaged(|_, _, rows| rows.iter_mut().for_each(|row| row.v[0] ^= 1));
    let all = vec![Fragile::open(&device(1, u32::MAX, None)).unwrap(), Box::new(wrong)];
    let adapter = Several::new(all, Arc::new(|_: &str| ()));
    let dir = tempfile::tempdir().unwrap();
    let outcome = sweep::sweep(&plan("\"all\""), dir.path(), Shard::WHOLE, &adapter, &Watch::default());
    assert!(matches!(outcome, Err(Error::Mismatch(_))));
    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mismatch = files.iter().find(|path| path.display().to_string().contains("mismatch")).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&fs::read(mismatch).unwrap()).unwrap();
    assert_eq!(found["pci"], "", "the other one has a bus");
}
