//! The finished program attacked from outside, by what machines do: kills and signals at any moment, disks that fill or
//! fail, streams that break, limits, damaged and foreign files. Whatever happens, it says so in one line, and the same
//! command ends with the right rows. `ROUNDLAW_FAULTS=full` does at length what a test does a few times.
#![cfg(target_os = "linux")]

mod calls;
mod damage;
mod kills;
mod limits;
mod merges;
#[path = "../all/npy_file/mod.rs"]
#[allow(dead_code, reason = "other tests damage such files")]
mod npy_file;
mod place;
mod shardings;
mod shim;
mod signals;
mod streams;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::time::Duration;

use place::Place;

/// Two cohorts at a time, a moment each: for what is done once for every call that the program makes.
const SMALL: &str = r#"
[problem]
dim = 12
spectrum = { kind = "power", exponent = 1.5 }
noise = 0.5

[train]
model = [2, 3]
samples = [32, 64]
output = ["last", "average"]

[[recipe]]
name = "fp32"

[[recipe]]
name = "floats"
feature = { format = "e4m3", rounding = "stochastic" }

[sweep]
seeds = 4
check = 1
"#;

/// Work of a second, so that there is a moment to hit; several parts where the clock is hastened.
const LONGER: &str = r#"
[problem]
dim = 200
spectrum = { kind = "power", exponent = 1.5 }
noise = 0.5

[train]
model = [8, 16]
samples = [512, 2048]
output = ["last", "average"]

[[recipe]]
name = "fp32"

[[recipe]]
name = "integers"
data = { format = "int8", step = 0.0625 }
weight = { format = "int8", step = 0.03125, rounding = "stochastic" }

[sweep]
seeds = 16
check = 1
"#;

/// How often a test repeats what depends on the moment.
fn rounds(normal: usize, full: usize) -> usize {
    match std::env::var("ROUNDLAW_FAULTS").as_deref() {
        Ok("full") => full,
        Err(_) => normal,
        Ok(other) => panic!("ROUNDLAW_FAULTS={other}: allowed is full"),
    }
}

/// A random duration of at most so many microseconds.
fn random(micros: u64) -> Duration {
    Duration::from_micros(RandomState::new().hash_one(0) % (micros + 1))
}

/// The digest of a config that nothing disturbs.
fn digest(text: &'static str) -> String {
    static KNOWN: Mutex<Option<HashMap<&'static str, String>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap();
    let of = || {
        let place = Place::new(text);
        place.succeeds(&mut place.sweep());
        let status = place.status();
        assert_eq!(status.done, status.runs);
        status.digest
    };
    known.get_or_insert_default().entry(text).or_insert_with(of).clone()
}
