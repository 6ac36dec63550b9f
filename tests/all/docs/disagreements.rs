//! docs/disagreements.md: every row's command gives what the page says.

use std::io::Write as _;
use std::process::{Command, Stdio};

use assert_cmd::cargo::CommandCargoExt as _;
use serde_json::Value;

use super::page::table;

const PAGE: &str = include_str!("../../../docs/disagreements.md");

/// The first element that `quantize` prints for this input.
fn first(input: &str, options: &str) -> Value {
    let mut command = Command::cargo_bin("roundlaw").expect("the program is built");
    command.arg("quantize").args(options.split(' ')).arg("--json");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{input} {options}");
    serde_json::from_slice::<Value>(&output.stdout).unwrap()[0].clone()
}

#[test]
fn every_row_gives_what_the_page_says() {
    let mut rows = 0;
    for row in table(PAGE, "input") {
        let code = |cell: &str| cell.split('`').nth(1).unwrap_or_else(|| panic!("{cell}")).to_string();
        let found = first(&code(&row[0]), &code(&row[1]));
        let told: Vec<&str> = row[2].split('`').skip(1).step_by(2).collect();
        assert!(!told.is_empty(), "{row:?}");
        for text in told {
            let is = |key: &str| found[key].as_str() == Some(text);
            assert!(["value", "code", "scale", "fields"].into_iter().any(is), "{row:?}: {text} is not in {found}");
        }
        rows += 1;
    }
    assert!(rows > 0, "the page has a table");
}
