use serde_json::json;

use super::print;
use crate::adapter::Adapter;
use crate::cli::Devices;
use crate::error::Result;

pub fn run(args: &Devices) -> Result<()> {
    let cpu = Adapter::Cpu { fault: None }.origin();
    let list = vec![json!({ "name": "cpu", "driver": cpu.driver, "fingerprint": cpu.fingerprint })];
    if args.json {
        print(&json!(list).to_string());
    }
    Ok(())
}
