//! Several real devices in one process.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use roundlaw::gpu::{AdapterInfo, adapters};
use roundlaw::plan::Shard;
use roundlaw::run::adapter::{Adapter, Cpu, devices, open_each};
use roundlaw::run::merge::merge;
use roundlaw::run::sweep;
use roundlaw::store;
use roundlaw::watch::Watch;

use super::plan;

const CONFIG: &str = r#"
[problem]
dim = 300
spectrum = { kind = "power", exponent = 1.5 }
noise = [0.0, 0.5]
[train]
model = [8, 40]
samples = [256]
output = ["last", "average"]
[[recipe]]
name = "floats"
feature = "e4m3"
weight = { format = "e5m2", rounding = "stochastic" }
[[recipe]]
name = "blocks"
feature = "mxfp4"
[sweep]
seeds = 12
check = 3
"#;

/// The digest of a sweep, and the adapters that its rows name.
fn swept(dir: &Path, adapter: &dyn Adapter) -> (String, BTreeSet<String>) {
    sweep::sweep(&plan(CONFIG, 1 << 14), dir, Shard::WHOLE, adapter, &Watch::default()).unwrap();
    let rows: Vec<_> = roundlaw::rows(dir).unwrap().collect::<Result<_, _>>().unwrap();
    (store::digest(&rows), rows.into_iter().map(|row| row.adapter).collect())
}

fn opened(infos: &[AdapterInfo]) -> Box<dyn Adapter> {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = told.clone();
    let tell = Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()));
    let adapter = open_each(infos, None, &Watch::default(), tell).unwrap();
    assert!(told.lock().unwrap().is_empty(), "{told:?}");
    adapter
}

/// Every byte of the rows, after a merge.
fn merged(dir: &Path) -> Vec<u8> {
    merge(dir, &[], &Watch::default()).unwrap();
    let parts = store::parts(dir).unwrap();
    assert_eq!(parts.len(), 1);
    fs::read(&parts[0]).unwrap()
}

#[test]
fn an_adapter_opened_twice_leaves_the_bytes_that_it_leaves_alone() {
    for info in adapters() {
        let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let alone = swept(one.path(), opened(std::slice::from_ref(&info)).as_ref());
        let both = opened(&[info.clone(), info]);
        assert_eq!(devices(both.as_ref()).len(), 2);
        assert_eq!(swept(two.path(), both.as_ref()), alone);
        assert_eq!(merged(two.path()), merged(one.path()));
    }
}

/// Where there are several, as `tests/adapter on lavapipe,swiftshader` shows them.
#[test]
fn all_adapters_together_have_the_rows_of_the_cpu() {
    let infos = adapters();
    if infos.len() < 2 {
        return;
    }
    let [one, all] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (digest, _) = swept(one.path(), &Cpu);
    let (found, named) = swept(all.path(), opened(&infos).as_ref());
    assert_eq!(found, digest);
    assert_eq!(named.len(), infos.len(), "each has computed rows: {named:?}");
}
