//! A device whose memory is really exhausted: that of a software adapter is the process's, which a limit cuts.

use std::process::Command;
use std::sync::{Arc, Mutex};

use roundlaw::gpu::{AdapterInfo, Gpu, adapters};
use roundlaw::plan::Shard;
use roundlaw::run::adapter::{Adapter, Cpu};
use roundlaw::watch::Watch;

use super::plan;

/// Cohorts of 8 MiB of G each, and little work.
const CONFIG: &str = r#"
[problem]
dim = 32768
spectrum = { kind = "power", exponent = 1.5 }
[train]
model = [64]
samples = [8]
[[recipe]]
name = "a"
[sweep]
seeds = 7
check = "off"
"#;

/// Set in the process that limits itself: bytes that it leaves beyond what it has.
const LEFT: &str = "ROUNDLAW_TEST_MEMORY_LEFT";

/// Bytes of address space that the process has.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * pages.split(' ').next().unwrap().parse::<u64>().unwrap()
}

/// In a process of its own: the same rows with little memory, and what is told.
fn with_little_memory(left: u64) {
    let small = plan(&CONFIG.replace("32768", "512").replace("seeds = 7", "seeds = 1"), 64);
    let plan = plan(CONFIG, 64);
    let (cohorts, watch) = (plan.cohorts(Shard::WHOLE), Watch::default());
    let expected = Cpu.execute(&plan, &cohorts, &watch).unwrap();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = told.clone();
    let tell = Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()));
    let gpu = Gpu::open(0).unwrap().telling(tell).with_memory(4 << 30);
    // Which proves the pipelines, and has them compiled.
    gpu.execute(&small, &small.cohorts(Shard::WHOLE), &watch).unwrap();
    let limit = address_space() + left;
    let limits = ["--pid", &std::process::id().to_string(), &format!("--as={limit}")].map(String::from);
    assert!(Command::new("prlimit").args(limits).status().unwrap().success());
    let found = gpu.execute(&plan, &cohorts, &watch).unwrap();
    assert!(found == expected, "the bits of the CPU");
    let told = told.lock().unwrap();
    assert!(!told.is_empty() && told.iter().all(|line| line.contains("going on with")), "{told:?}");
}

#[test]
fn exhausted_memory_halves_what_runs_at_once_until_it_fits() {
    const TEST: &str = "memory::exhausted_memory_halves_what_runs_at_once_until_it_fits";
    if let Ok(left) = std::env::var(LEFT) {
        return with_little_memory(left.parse().unwrap());
    }
    // That of Mesa 22 says so; that of Mesa 25 ends the process, and of the others it is not known.
    let says_so = |info: &AdapterInfo| info.backend == "vulkan" && info.driver_info.starts_with("Mesa 22.");
    for info in adapters().into_iter().filter(says_so) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", TEST, "--nocapture"]).env(LEFT, (30 << 20).to_string());
        let output = command.env("MALLOC_ARENA_MAX", "1").env("RAYON_NUM_THREADS", "2").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {text}", info.name);
        assert!(text.contains("1 passed"), "{}: {text}", info.name);
    }
}
