use serde_json::{Map, Value, json};

use crate::gpu::{self, Gpu};
use crate::machine::{Machine, machine};
use crate::run::adapter;
use crate::streams::print;
use crate::threads;

/// List adapters, their limits and how their arithmetic behaves.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
}

/// Lists `cpu` and every adapter that wgpu finds, each with its measured fingerprint.
pub fn run(args: &Args) -> anyhow::Result<()> {
    // Each adapter proves itself by its own computations.
    threads::start()?;
    let cpu = adapter::open("cpu")?.origin();
    let Machine { processor, cores, memory } = machine();
    let mut list = vec![json!({
        "index": "cpu",
        "name": "cpu",
        "backend": "rust",
        "type": "cpu",
        "driver": cpu.driver,
        "pci": "",
        "processor": processor,
        "cores": cores,
        "memory": memory,
        "limits": {},
        "features": [],
        "fingerprint": cpu.fingerprint,
    })];
    for info in gpu::adapters() {
        let limits: Map<String, Value> = info.limits.iter().map(|(name, v)| (name.to_string(), json!(v))).collect();
        // An adapter that cannot be opened is listed with the reason.
        let fingerprint = match Gpu::open(info.index) {
            Ok(gpu) => gpu.fingerprint().to_string(),
            Err(error) => format!("refused: {error}"),
        };
        list.push(json!({
            "index": info.index,
            "name": info.name,
            "backend": info.backend,
            "type": info.device_type,
            "driver": format!("{} {}", info.driver, info.driver_info).trim(),
            "pci": info.pci,
            "processor": null,
            "cores": null,
            "memory": null,
            "limits": limits,
            "features": info.features,
            "fingerprint": fingerprint,
        }));
    }
    if args.json {
        return Ok(print(&json!(list).to_string())?);
    }
    let text = |device: &Value, key: &str| match &device[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    for device in &list {
        let limits = device["limits"].as_object().into_iter().flatten();
        let limits: String = limits.map(|(name, value)| format!("\n    {name} {value}")).collect();
        // Of a GPU they are not known.
        let known = ["processor", "cores", "memory"].into_iter().filter(|key| !device[key].is_null());
        let known: String = known.map(|key| format!("\n    {key} {}", text(device, key))).collect();
        print(&format!(
            "{}: {} ({}, {}), driver {}{known}\n    fingerprint {}{limits}",
            text(device, "index"),
            text(device, "name"),
            text(device, "backend"),
            text(device, "type"),
            text(device, "driver"),
            text(device, "fingerprint"),
        ))?;
    }
    Ok(())
}
