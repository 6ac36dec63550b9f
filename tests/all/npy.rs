//! NumPy's files are read to the bit, and every other input is refused by file, place and what is allowed.

use std::fs;
use std::path::Path;

use roundlaw::error::exit;
use roundlaw::hash::fnv1a64;
use roundlaw::npy::{MAX_MAGNITUDE, Npy, Values};

mod properties;
use crate::npy_file::{dict, f32_file, f64_file, file, tuple};

/// Reads these bytes from a file `x.npy`: the array, or the message of a refusal, which is one line that names the
/// file and ends the program with the status of bad input.
fn read(bytes: &[u8]) -> Result<Npy, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    fs::write(&path, bytes).unwrap();
    read_path(&path)
}

fn read_path(path: &Path) -> Result<Npy, String> {
    Npy::read(path).map_err(|error| {
        assert_eq!(error.exit_code(), exit::INPUT, "{error}");
        let message = error.to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.contains(path.file_name().unwrap().to_str().unwrap()), "{message}");
        assert!(message.contains("allowed"), "{message}");
        assert!(!message.chars().any(char::is_control), "{message}");
        // Sizes are refused before memory is asked for.
        assert!(!message.contains("memory"), "{message}");
        message
    })
}

#[track_caller]
fn names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not name {part:?}");
    }
}

#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    names(&read(bytes).unwrap_err(), parts);
}

/// A file as `numpy.lib.format.write_array` of NumPy 2.4.6 wrote it; its padding is a number of spaces.
fn numpy(head: &[u8], spaces: usize, data: &[u8]) -> Vec<u8> {
    [head, &vec![b' '; spaces], b"\n", data].concat()
}

#[test]
fn numpys_own_files_of_every_version_are_read_to_the_bit() {
    let expected = Values::F32(vec![1.0, -0.5, 0.1, f32::MIN_POSITIVE, -0.0, 3.0]);
    let data = b"\x00\x00\x80?\x00\x00\x00\xbf\xcd\xcc\xcc=\x00\x00\x80\x00\x00\x00\x00\x80\x00\x00@@";
    let (v1, v2, v3) =
        (b"\x93NUMPY\x01\x00v\x00", b"\x93NUMPY\x02\x00t\x00\x00\x00", b"\x93NUMPY\x03\x00t\x00\x00\x00");
    let dict = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    for (start, spaces) in [(&v1[..], 58), (v2, 56), (v3, 56)] {
        let bytes = numpy(&[start, dict].concat(), spaces, data);
        assert_eq!(bytes.len(), 152);
        let npy = read(&bytes).unwrap();
        assert_eq!((npy.shape, npy.hash), (vec![2, 3], fnv1a64(bytes)));
        assert_eq!(format!("{:?}", npy.values), format!("{expected:?}"), "the sign of zero included");
    }
    let bytes = numpy(
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
        60,
        b"\x9a\x99\x99\x99\x99\x99\xb9?\x00\x00\x00\x00\x00\x00\x04\xc0",
    );
    let npy = read(&bytes).unwrap();
    assert_eq!((npy.shape, npy.values), (vec![2], Values::F64(vec![0.1, -2.5])));
    let scalar = numpy(
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (), }",
        62,
        b"\x00\x00\x00\x00\x00\x00\xf8?",
    );
    let npy = read(&scalar).unwrap();
    assert_eq!((npy.shape, npy.values), (vec![], Values::F64(vec![1.5])));
}

#[test]
fn the_writer_of_the_tests_writes_as_numpy_does() {
    let start = b"\x93NUMPY\x02\x00t\x00\x00\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }";
    assert_eq!(f32_file(2, &[2, 1], &[1.0, -0.5]), numpy(start, 56, b"\x00\x00\x80?\x00\x00\x00\xbf"));
}

#[test]
fn other_spellings_of_the_same_header_are_read() {
    for dict in [
        r#"{"shape": (1, 2), "descr": "<f4", "fortran_order": False}"#,
        "{'fortran_order':False,'shape':(1,2,),'descr':'<f4'}",
        "  { 'descr' : '<f4' ,\n 'fortran_order' : False , 'shape' : ( 1 , 2  , ) , } ",
    ] {
        assert_eq!(read(&file(1, dict, &[0; 8])).unwrap().shape, [1, 2], "{dict}");
    }
    if cfg!(target_endian = "little") {
        let native = file(1, &dict("'=f8'", "False", "(1,)"), &2.5f64.to_le_bytes());
        assert_eq!(read(&native).unwrap().values, Values::F64(vec![2.5]));
    }
}

#[test]
fn only_regular_files_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let message = |name: &str| read_path(&at(name)).unwrap_err();
    names(&message("missing.npy"), &["missing.npy can't be opened", "No such file"]);
    fs::create_dir(at("dir.npy")).unwrap();
    names(&message("dir.npy"), &["dir.npy is a directory"]);
    fs::write(at("empty.npy"), "").unwrap();
    names(&message("empty.npy"), &["empty.npy is empty", "numpy.save"]);
    names(&message("empty.npy/x.npy"), &["x.npy can't be opened"]);
}

#[cfg(unix)]
#[test]
fn devices_fifos_and_what_may_not_be_read_are_refused_at_once() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    names(&read_path(Path::new("/dev/zero")).unwrap_err(), &["/dev/zero is no regular file"]);
    assert!(std::process::Command::new("mkfifo").arg(at("fifo.npy")).status().unwrap().success());
    names(&read_path(&at("fifo.npy")).unwrap_err(), &["fifo.npy is no regular file"]);
    symlink("loop.npy", at("loop.npy")).unwrap();
    names(&read_path(&at("loop.npy")).unwrap_err(), &["loop.npy can't be opened"]);
    fs::write(at("closed.npy"), f32_file(1, &[1], &[1.0])).unwrap();
    symlink("closed.npy", at("link.npy")).unwrap();
    assert_eq!(read_path(&at("link.npy")).unwrap().shape, [1]);
    fs::set_permissions(at("closed.npy"), PermissionsExt::from_mode(0o000)).unwrap();
    // The superuser may read it all the same.
    match fs::File::open(at("closed.npy")) {
        Ok(_) => assert_eq!(read_path(&at("closed.npy")).unwrap().shape, [1]),
        Err(_) => names(&read_path(&at("closed.npy")).unwrap_err(), &["closed.npy can't be opened", "ermission"]),
    }
    let message = Npy::read(&at("two\nlines.npy")).unwrap_err().to_string();
    names(&message, &[r"two\nlines.npy"]);
    assert_eq!(message.lines().count(), 1);
}

#[test]
fn other_formats_are_refused_by_name() {
    refused(b"PK\x03\x04\x14\x00\x00\x00", &["x.npy: byte 0", "zip", ".npz", "numpy.save"]);
    refused(b"\x80\x04\x95\x8d\x00\x00\x00\x00", &["x.npy: byte 0", "a pickle"]);
    refused(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", &["x.npy: byte 0", "gzip"]);
    refused(b"\x89HDF\r\n\x1a\n", &["x.npy: byte 0", "HDF5"]);
    refused(b"1.0,2.0\n3.0,4.0\n", &["x.npy: byte 0", "text", "CSV"]);
    refused(b"1\n", &["x.npy: byte 0", "text"]);
    refused(&[0; 64], &["x.npy: byte 0", "an unknown format"]);
    refused(b"\x93NUMPZ\x01\x00", &["x.npy: byte 0", "an unknown format"]);
    for version in [[0, 0], [1, 1], [4, 0], [255, 255]] {
        let mut bytes = f32_file(1, &[1], &[1.0]);
        bytes[6..8].copy_from_slice(&version);
        refused(&bytes, &["byte 6", &format!("version {}.{}", version[0], version[1]), "1.0, 2.0 and 3.0"]);
    }
}

#[test]
fn other_types_and_orders_are_refused_by_key() {
    let descr = |descr: &str, parts: &[&str]| {
        let bytes = file(3, &dict(descr, "False", "(1,)"), &[0; 8]);
        refused(&bytes, &[&["x.npy: header key descr", "'<f4' or '<f8'"], parts].concat());
    };
    for plain in
        ["<i8", "<u4", "|i1", "|b1", "<f2", "<f16", "<c8", "<U2", "|S8", "|V8", "<M8[D]", "|f4", "f8", "<f44", ""]
    {
        descr(&format!("'{plain}'"), &[&format!("\"{plain}\""), "astype"]);
    }
    descr("'>f4'", &["\">f4\", big-endian", "astype"]);
    descr("'>f8'", &["\">f8\", big-endian", "astype"]);
    descr("'|O'", &["Python objects"]);
    descr("[('x', '<f4'), ('y', '<f4')]", &["structured", "('x', '<f4')"]);
    descr("[('ü', '<f8')]", &["structured", "('ü', '<f8')"]);
    descr("('<f4', (2,))", &["no type's name"]);
    descr("None", &["no type's name"]);
    descr("'<f8", &["<f8, "]);
    refused(
        &file(1, &dict("'<f4'", "True", "(1, 2)"), &[0; 8]),
        &["x.npy: header key fortran_order is True", "allowed is C order", "numpy.ascontiguousarray"],
    );
    for order in ["1", "'False'", "None", "Falsehood", ""] {
        refused(&file(1, &dict("'<f4'", order, "(1, 2)"), &[0; 8]), &["header key fortran_order is", "False"]);
    }
}

#[test]
fn shapes_that_are_no_tuple_of_extents_are_refused_by_key() {
    for shape in ["2", "(2)", "[2]", "(2 1)", "(2, -1)", "(2.0,)", "(,)", "(2,,1)", "('2',)", "None", "(2,", "(0x2,)"] {
        refused(&file(1, &dict("'<f4'", "False", shape), &[0; 8]), &["header key shape is", shape, "a tuple"]);
    }
    for empty in ["(0,)", "(0, 3)", "(3, 0)"] {
        refused(&file(1, &dict("'<f4'", "False", empty), &[]), &["header key shape is", empty, "from 1"]);
    }
    let axes = |n: usize| file(1, &dict("'<f4'", "False", &tuple(&vec![1; n])), &[0; 4]);
    assert_eq!(read(&axes(64)).unwrap().shape, [1; 64]);
    refused(&axes(65), &["header key shape", "at most 64"]);
}

#[test]
fn a_damaged_header_is_refused_by_its_byte_or_key() {
    let header = |dict: &str, parts: &[&str]| refused(&file(1, dict, &[0; 4]), parts);
    header("", &["header, byte 64", "the end of the header", "a dict"]);
    header("[1]", &["header, byte 10", "[1]", "a dict"]);
    header("{'descr'; '<f4'}", &["header, byte 18", "a colon"]);
    header("{descr: '<f4'}", &["header, byte 11", "a key in quotes"]);
    header("{'descr': '<f4' 'shape': (1,)}", &["header, byte 26", "a comma"]);
    header("{'descr': '<f4', ", &["the end of the header", "a key in quotes"]);
    header(&format!("{} x", dict("'<f4'", "False", "(1,)")), &["header, byte 68", "blanks"]);
    header("{'descr': '<f4', 'kind': 1}", &["header key \"kind\" is unknown", "descr, fortran_order, shape"]);
    header("{'shape': (1,), 'shape': (1,)}", &["header key shape is given twice"]);
    header("{}", &["header key fortran_order is missing"]);
    header("{'descr': '<f4', 'fortran_order': False}", &["header key shape is missing"]);
    header("{'fortran_order': False, 'shape': (1,)}", &["header key descr is missing"]);
    header("\u{1}\r\n\u{7f}\u{85}", &["header, byte 10", "a dict"]);
    header(&"(".repeat(9000), &["header, byte 10", "a dict"]);
    header(&format!("{{'descr': {}", "[".repeat(9000)), &["header key descr is a structured type"]);
}

#[test]
fn sizes_are_checked_before_anything_is_allocated() {
    // Header lengths that the file does not have, or that no header of two floats needs.
    for length in [u32::MAX, 10_001] {
        let bytes = [b"\x93NUMPY\x02\x00", &length.to_le_bytes()[..], &[b' '; 50]].concat();
        refused(&bytes, &["byte 8", &length.to_string(), "10000"]);
    }
    refused(b"\x93NUMPY\x01\x00\x76\x00{", &["ends at byte 11", "up to byte 128"]);
    let shape = |shape: &str, parts: &[&str]| refused(&file(1, &dict("'<f8'", "False", shape), &[0; 8]), parts);
    shape("(1099511627776,)", &["the data is cut short", "8 bytes", "8796093022208 for shape [1099511627776] of <f8"]);
    shape("(4611686018427387904,)", &["header key shape", "[4611686018427387904]", "bytes hold"]);
    shape("(4294967296, 4294967296)", &["header key shape", "[4294967296, 4294967296]", "bytes hold"]);
    shape("(4294967296, 4294967296, 0)", &["header key shape", "from 1"]);
    shape("(18446744073709551616,)", &["header key shape", "18446744073709551616"]);
    shape(&format!("({},)", "9".repeat(5000)), &["header key shape", "99999"]);
}

#[test]
fn cut_files_and_longer_ones_are_refused_at_every_length() {
    let bytes = f32_file(1, &[2, 3], &[1.0; 6]);
    for length in 1..bytes.len() {
        let message = read(&bytes[..length]).unwrap_err();
        let at = format!("ends at byte {length}:");
        let data = format!("the data is cut short: the file has {} bytes from byte 128 on", length.saturating_sub(128));
        names(&message, &[if length < 128 { &at } else { &data }, "allowed"]);
    }
    for extra in 1..5 {
        let longer = [&bytes[..], &vec![0; extra]].concat();
        let held = format!("{} bytes from byte 128 on", 24 + extra);
        refused(&longer, &["more after the data", &held, "24 for shape [2, 3] of <f4"]);
    }
}

#[test]
fn a_value_that_is_not_finite_or_too_large_is_refused_by_its_index() {
    let mut values = vec![1.0f64; 5 * 20];
    let at = 3 * 20 + 17;
    for (value, parts) in [
        (f64::NAN, ["is NaN", "a finite number"]),
        (f64::INFINITY, ["is inf", "a finite number"]),
        (f64::NEG_INFINITY, ["is -inf", "a finite number"]),
        (MAX_MAGNITUDE + 1.0, ["is 1048577.0", "a magnitude of at most 2^20"]),
        (-MAX_MAGNITUDE - 1.0, ["is -1048577.0", "a magnitude of at most 2^20"]),
    ] {
        values[at] = value;
        refused(&f64_file(1, &[5, 20], &values), &[&["x.npy: element [3, 17]"], &parts[..]].concat());
        let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        refused(&f32_file(1, &[5, 20], &single), &[&["x.npy: element [3, 17]"], &parts[..]].concat());
        refused(&f64_file(1, &[1, 100], &values), &["element [0, 77]"]);
        refused(&f64_file(1, &[5, 2, 10], &values), &["element [3, 1, 7]"]);
    }
    refused(&f64_file(1, &[2], &[0.0, 1e300]), &["element [1] is 1e300"]);
    refused(&f64_file(1, &[], &[f64::NAN]), &["element [] is NaN"]);
    // What would round to the limit in float32 is beyond it all the same.
    refused(&f64_file(1, &[1], &[MAX_MAGNITUDE.next_up()]), &["element [0]", "2^20"]);
    let largest = read(&f64_file(1, &[2], &[MAX_MAGNITUDE, -MAX_MAGNITUDE])).unwrap();
    assert_eq!(largest.into_f32(), [1_048_576.0, -1_048_576.0]);
}

#[test]
fn a_users_values_are_checked_by_the_rule_of_their_key() {
    let npy = read(&f32_file(1, &[2, 2], &[1.0, 2.0, -0.5, -1.0])).unwrap();
    npy.check("a number above -2", |v| v > -2.0).unwrap();
    let error = npy.check("a number above 0", |v| v > 0.0).unwrap_err();
    assert_eq!(error.exit_code(), exit::INPUT);
    names(&error.to_string(), &["x.npy: element [1, 0] is -0.5: allowed is a number above 0"]);
}

#[test]
fn float64_rounds_to_the_nearest_float32_ties_to_even() {
    let ulp = f64::from(f32::EPSILON);
    let values = [1.0 + ulp / 2.0, 1.0 + 1.5 * ulp, (1.0 + ulp / 2.0).next_up(), -1.0 - ulp / 2.0, 0.1, 1e-60];
    let rounded = [1.0, 1.0 + 2.0 * f32::EPSILON, 1.0 + f32::EPSILON, -1.0, 0.1, 0.0];
    assert_eq!(read(&f64_file(1, &[6], &values)).unwrap().into_f32(), rounded);
}

/// More than one chunk of both types, with a last chunk that is not full.
#[test]
fn long_files_are_read_whole() {
    let values: Vec<f64> = (0..70_001).map(f64::from).collect();
    let bytes = f64_file(2, &[70_001], &values);
    let npy = read(&bytes).unwrap();
    assert_eq!((npy.hash, &npy.values), (fnv1a64(bytes), &Values::F64(values.clone())));
    let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    assert_eq!(read(&f32_file(3, &[70_001, 1], &single)).unwrap().into_f32(), single);
}

/// All the other tests of this module pass where an allocation of a size that a header merely claims would abort.
#[cfg(target_os = "linux")]
#[test]
fn no_claim_of_a_header_is_allocated() {
    let limited = r#"ulimit -v 400000 && exec "$0" npy:: --test-threads=1 --skip no_claim_of_a_header"#;
    let status = std::process::Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
}
