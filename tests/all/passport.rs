//! What `roundlaw passport` refuses; what it holds is proved where there are adapters, in tests/gpu.

use assert_cmd::Command;

fn refused(args: &[&str], code: i32, parts: &[&str]) {
    let output = Command::cargo_bin("roundlaw").unwrap().arg("passport").args(args).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    parts.iter().for_each(|part| assert!(text.contains(part), "{text:?} does not name {part:?}"));
}

#[test]
fn it_needs_a_place_a_device_and_cases_that_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page.html").display().to_string();
    refused(&[], 2, &["--out"]);
    refused(&["--out", &page, "--filter", "e9m9"], 2, &["--filter e9m9", "none of the", "codec/e4m3"]);
    refused(&["--out", &page, "--adapter", "cpu"], 4, &["needs a GPU", "roundlaw devices"]);
    assert!(!dir.path().join("page.html").exists());
}
