//! `formats`, `quantize` and `verify` with options, arrays and tables that they cannot use.

use super::*;

/// Arrays: two rows of 40, a vector that fits, rows with NaN, words.
fn place() -> Place {
    let place = Place::new();
    let write = |name: &str, shape: &[usize], value: &dyn Fn(usize) -> f32| {
        let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
        fs::write(place.path(name), f32_file(1, shape, &values)).unwrap();
    };
    write("in.npy", &[2, 40], &|k| (k % 7) as f32);
    write("v.npy", &[40], &|_| 1.0);
    write("out.npy", &[2], &|_| 117.0);
    write("cube.npy", &[2, 4, 10], &|_| 1.0);
    write("nan.npy", &[2, 4], &|k| if k == 3 { f32::NAN } else { k as f32 });
    let words = |count: u32| (0..count).flat_map(u32::to_le_bytes).collect::<Vec<u8>>();
    fs::write(place.path("complex.npy"), file(1, &dict("'<c8'", "False", "(1,)"), &[0; 8])).unwrap();
    for (name, count) in [("words.npy", 80), ("few.npy", 3)] {
        fs::write(place.path(name), file(1, &dict("'<u4'", "False", &format!("({count},)")), &words(count))).unwrap();
    }
    place
}

/// Every command line is refused in one line with all of the parts, and writes nothing.
#[track_caller]
fn all_refused(place: &Place, stdin: &str, table: &[(&str, &[&str])]) {
    let before = place.contents();
    for (line, parts) in table {
        let args: Vec<&str> = line.split_whitespace().collect();
        refused(&place.run_with(&args, stdin), parts);
        assert!(place.contents() == before, "{line}: something was written");
    }
}

/// What the parser of the command line refuses: it names the option, shows the usage and ends with the same status.
#[track_caller]
fn usage(place: &Place, table: &[(&str, &[&str])]) {
    let before = place.contents();
    for (line, parts) in table {
        let args: Vec<&str> = line.split_whitespace().collect();
        let output = place.run_with(&args, "1");
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(i32::from(exit::INPUT)), "{line}: {text}");
        assert!(output.stdout.is_empty() && text.contains("--help"), "{line}: {text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "{line}: {text:?} does not name {part:?}"));
        assert!(place.contents() == before, "{line}: something was written");
    }
}

#[test]
fn a_format_and_its_options_are_refused_by_the_name_of_the_option() {
    let names = "fp32, tf32, bf16, f16, e5m2, e4m3";
    let float = "allowed are --format, --rounding, --bits, --variant, --scale";
    all_refused(
        &place(),
        "1 2 3",
        &[
            ("quantize", &["--format is missing", names, "any eXmY"]),
            ("quantize --format e5", &["--format = \"e5\"", names, "any eXmY"]),
            ("quantize --format e9m3", &["--format = \"e9m3\"", "X = 1 to 8", "Y = 0 to 22"]),
            ("quantize --format E4M3", &["--format = \"E4M3\"", names]),
            ("quantize --format int8", &["--step is missing", "a number", "absmax"]),
            ("quantize --format int8 --step 0", &["--step = 0", "a number from"]),
            ("quantize --format int8 --step maxabs", &["--step = \"maxabs\"", "a number from"]),
            ("quantize --format int8 --step 1 --scale 2", &["--scale", "--format, --rounding", "--step, --range"]),
            ("quantize --format int8 --step 1 --range half", &["--range = \"half\"", "symmetric, full"]),
            ("quantize --format e4m3 --step 1", &["--step does not apply", float]),
            ("quantize --format e4m3 --base-factor 4", &["--base-factor does not apply", float]),
            ("quantize --format e4m3 --block 16", &["--block does not apply", float]),
            ("quantize --format e4m3 --scale 3", &["--scale = 3", "a power of two from 2^-32 to 2^32"]),
            ("quantize --format e4m3 --bias 1000", &["--bias = 1000", "a whole number from -112 to 141"]),
            ("quantize --format e4m3 --bias -1000", &["--bias = -1000", "a whole number from -112 to 141"]),
            ("quantize --format e4m3 --bias 1.5", &["--bias = 1.5", "a whole number from -112 to 141"]),
            ("quantize --format e4m3 --scale -2", &["--scale = -2", "a power of two from 2^-32 to 2^32"]),
            ("quantize --format e4m3 --gradual-underflow maybe", &["--gradual-underflow = \"maybe\"", "true, false"]),
            ("quantize --format e4m3 --specials inf", &["--specials = \"inf\"", "none, nan, ieee"]),
            ("quantize --format e1m0", &["--format = \"e1m0\"", "specials = \"none\""]),
            ("quantize --format e1m4 --gradual-underflow false", &["--gradual-underflow = false", "allowed is true"]),
            ("quantize --format e4m3 --overflow wrap", &["--overflow = \"wrap\"", "saturate, ieee"]),
            ("quantize --format e4m3 --nan zero", &["--nan = \"zero\"", "propagate, satfinite"]),
            ("quantize --format e4m3 --subnormals daz", &["--subnormals = \"daz\"", "honour, flush"]),
            ("quantize --format e4m3 --rounding near", &["--rounding = \"near\"", "nearest-even", "dither"]),
            ("quantize --format e4m3 --bits 8", &["--bits = 8", "stochastic", "dither"]),
            ("quantize --format e4m3 --rounding stochastic --bits 9", &["--bits = 9", "8, 16, 32"]),
            ("quantize --format e4m3 --rounding stochastic --variant c", &["--variant = \"c\"", "a, b"]),
            ("quantize --format e4m3 --rounding dither", &["--rounding = \"dither\"", "integers with a fixed step"]),
            ("quantize --format int12 --step 1 --rounding dither --bits 16", &["--bits = 16", "at most 12"]),
            ("quantize --format e8m0 --rounding stochastic", &["--rounding", "toward-zero, up, down"]),
            ("quantize --format log8 --base-factor 17", &["--base-factor = 17", "a whole number from 1 to 16"]),
            ("quantize --format mxfp4 --block 7", &["--block = 7", "8, 16, 32, 64, \"vector\""]),
            ("quantize --format mxfp4 --scale-mode round", &["--scale-mode", "floor, rceil, even, ceil"]),
            ("quantize --format mxfp4 --tensor-scale 1", &["--tensor-scale", "--block, --scale-mode"]),
            ("quantize --format nvfp4 --tensor-scale 0", &["--tensor-scale = 0", "a number from"]),
            (
                "quantize --format nvfp4 --scale-mode floor",
                &["--scale-mode", "--block, --scale-format, --four-over-six, --tensor-scale"],
            ),
            ("quantize --format fp32 --nan satfinite", &["--nan", "allowed are --format"]),
            ("verify --codec t.csv --format e5", &["--format = \"e5\"", names]),
            ("verify --gemv in.npy v.npy out.npy --format int8", &["--step is missing", "a number"]),
        ],
    );
}

#[test]
fn numbers_on_stdin_are_told_from_words() {
    let place = Place::new();
    let line = "quantize --format e4m3";
    for (stdin, parts) in [
        ("", &["stdin: no number is given", "IN.npy", "OUT.npy"][..]),
        (" \n,\t", &["stdin: no number is given"]),
        ("1 x", &["stdin: \"x\"", "1.5, 1e-3, inf and nan", "0x3fc00000"]),
        ("1 0xfffffffff", &["stdin: \"0xfffffffff\"", "0x3fc00000"]),
        ("0x", &["stdin: \"0x\"", "0x3fc00000"]),
        ("1;2", &["stdin: \"1;2\"", "0x3fc00000"]),
    ] {
        all_refused(&place, stdin, &[(line, parts)]);
    }
}

#[test]
fn arrays_that_do_not_fit_are_refused_and_nothing_written() {
    all_refused(
        &place(),
        "",
        &[
            ("quantize --format e4m3 gone.npy o.npy", &["gone.npy can't be opened", "allowed is an .npy file"]),
            (
                "quantize --format e4m3 complex.npy o.npy",
                &["complex.npy", "\"<c8\"", "'<f4'", "'<V2' (bfloat16)", "'<u8'"],
            ),
            (
                "quantize --format e2m1 nan.npy o.npy --codes c.npy",
                &["--codes: element 3 has no code", "--nan satfinite", "--overflow saturate"],
            ),
            (
                "quantize --format int8 --step 1 nan.npy o.npy --codes c.npy",
                &["--codes: element 3 has no code", "--nan satfinite"],
            ),
            ("quantize --format e4m3 in.npy o.npy --scales s.npy", &["--scales", "blocks share a scale"]),
            ("quantize --format e4m3 in.npy o.npy --axis 0", &["--axis", "blocks share a scale"]),
            ("quantize --format e4m3 in.npy o.npy --tile 2x2", &["--tile", "blocks share a scale"]),
            ("quantize --format mxfp4 in.npy o.npy --axis 2", &["--axis 2", "in.npy has shape [2, 40]", "-2 to 1"]),
            ("quantize --format mxfp4 v.npy o.npy --tile 2x2", &["--tile", "v.npy has shape [40]", "two axes"]),
            ("quantize --format mxfp4 --block 8 in.npy o.npy --tile 2x2", &["--tile", "without --block"]),
            (
                "quantize --format e4m3 in.npy o.npy --codes c.npy --nibbles low",
                &["--nibbles", "up to 4 bits, not of 8"],
            ),
            ("quantize --format e2m1 in.npy o.npy --nibbles low", &["--nibbles", "--codes or --decode"]),
            (
                "quantize --format mxfp4 in.npy o.npy --tile 1x3 --codes c.npy --nibbles low",
                &["even number of columns"],
            ),
            (
                "quantize --format mxfp4 in.npy o.npy --decode",
                &["in.npy: header key descr is \"<f4\"", "'|u1'", "'<u4'"],
            ),
            ("quantize --format mxfp4 words.npy o.npy --decode", &["--scales is missing", "--decode"]),
            ("quantize --format e2m1 words.npy o.npy --decode --scales words.npy", &["--scales does not apply"]),
            ("quantize --format nvfp4 words.npy o.npy --decode", &["--tensor-scale is missing"]),
            ("quantize --format e2m1 words.npy o.npy --decode", &["words.npy: element 16 is 0x10", "codes of 4 bits"]),
            ("quantize --format int8 --step 1 --rounding dither words.npy o.npy --decode", &["--decode", "dither"]),
            ("quantize --format e4m3 in.npy o.npy --codes c.npy --scales s.npy", &["--scales", "blocks share a scale"]),
            ("quantize --format int8 --step 1 in.npy o.npy --scales s.npy", &["--scales", "blocks share a scale"]),
            (
                "quantize --format e4m3 --rounding stochastic in.npy o.npy --random few.npy",
                &["--random few.npy: there are 3 words", "80, one per element"],
            ),
            (
                "quantize --format e4m3 --rounding stochastic in.npy o.npy --random v.npy",
                &["v.npy", "\"<f4\"", "'<u4'", "uint32"],
            ),
            (
                "quantize --format e4m3 --rounding stochastic in.npy o.npy --random gone.npy",
                &["gone.npy can't be opened"],
            ),
            (
                "quantize --format e4m3 in.npy o.npy --random words.npy",
                &["--random words.npy: ", "allowed with rounding stochastic or dither"],
            ),
        ],
    );
}

#[test]
fn the_command_line_names_what_belongs_together() {
    usage(
        &place(),
        &[
            ("quantize --format e4m3 in.npy", &["OUT.npy"]),
            ("quantize --format e4m3 --codes c.npy", &["<IN>"]),
            ("quantize --format mxfp4 --scales s.npy", &["<IN>"]),
            ("quantize --format e4m3 --bias --json", &["--bias"]),
            ("quantize --format e4m3 --rounding stochastic --random words.npy --seed 3", &["--random", "--seed"]),
            ("quantize --format mxfp4 in.npy o.npy --axis 0 --tile 2x2", &["--axis", "--tile"]),
            ("quantize --format mxfp4 in.npy o.npy --tile 16", &["--tile", "16x16"]),
            ("quantize --format mxfp4 in.npy o.npy --tile 0x2", &["--tile", "1 to 65536"]),
            ("quantize --format mxfp4 in.npy o.npy --nibbles first", &["--nibbles", "low, high"]),
            ("quantize --format mxfp4 in.npy o.npy --decode --stats", &["--decode", "--stats"]),
            ("quantize --format e4m3 --stats", &["<IN>"]),
            ("verify --codec t.csv", &["--format"]),
            ("verify --gemv in.npy v.npy", &["--gemm", "3 values"]),
            ("verify --codec t.csv --format e4m3 --gemv in.npy v.npy out.npy", &["--codec", "--gemm"]),
            ("verify --level medium", &["--level", "quick, full"]),
            ("verify --codec t.csv --format e4m3 --adapter cpu", &["--codec", "--adapter"]),
            ("verify --codec t.csv --format e4m3 --level quick", &["--codec", "--level"]),
            ("verify --codec t.csv --format e4m3 --filter e4m3", &["--codec", "--filter"]),
            ("verify --list --codec t.csv --format e4m3", &["--codec", "--list"]),
            ("verify --codec t.csv --format e4m3 --verbose", &["--codec", "--verbose"]),
            ("verify --gemv in.npy v.npy out.npy --adapter cpu", &["--gemm", "--adapter"]),
            ("verify --gemv in.npy v.npy out.npy --level full", &["--gemm", "--level"]),
            ("verify --gemv in.npy v.npy out.npy --filter gemv", &["--gemm", "--filter"]),
            ("verify --gemv in.npy v.npy out.npy --list", &["--gemm", "--list"]),
            ("verify --verbose --gemv in.npy v.npy out.npy", &["--gemm", "--verbose"]),
            ("formats e4m3", &["--table"]),
        ],
    );
}

#[test]
fn a_table_of_codes_has_two_numbers_a_row() {
    let place = place();
    let line = "verify --codec t.csv --format e4m3";
    all_refused(&place, "", &[(line, &["--codec t.csv", "No such file"])]);
    for (text, parts) in [
        ("bits,code\n0x43e80000,0x7e\nrubbish\n", &["t.csv, line 3: \"rubbish\"", "0x43e80000,0x7e"][..]),
        ("0x43e80000\n0x43e80000\n", &["t.csv, line 1", "f32 bits and a code of 8 bits"]),
        ("1,2\n1,256\n", &["t.csv, line 2", "a code of 8 bits"]),
        ("1,2\n1,2,3\n", &["t.csv, line 2: \"1,2,3\"", "f32 bits and a code of 8 bits"]),
        ("1,2\n-1,2\n", &["t.csv, line 2: \"-1,2\"", "f32 bits and a code of 8 bits"]),
        ("1,2\n4294967296,2\n", &["t.csv, line 2", "f32 bits and a code of 8 bits"]),
        ("1,2\n1.5,2\n", &["t.csv, line 2: \"1.5,2\"", "f32 bits and a code of 8 bits"]),
        ("", &["--codec t.csv", "no row", "0x43e80000,0x7e"]),
        ("bits,code\n", &["--codec t.csv", "no row"]),
        ("\r\nbits,code\r\n\r\n1,2\r\n \r\nrubbish\r\n", &["t.csv, line 6: \"rubbish\"", "0x43e80000,0x7e"]),
        ("\"bits\",\"code\"\n1,2\n\"1\",\"256\"\n", &["t.csv, line 3", "a code of 8 bits"]),
        ("1,2\nbits,code\n", &["t.csv, line 2: \"bits,code\"", "a code of 8 bits"]),
        ("1,2\n\"1,2\n1,2\n", &["t.csv, line 2", "a code of 8 bits"]),
    ] {
        fs::write(place.path("t.csv"), text).unwrap();
        all_refused(&place, "", &[(line, parts)]);
    }
    fs::write(place.path("t.csv"), "0x43e80000,0x7e\n").unwrap();
    all_refused(
        &place,
        "",
        &[
            ("verify --codec t.csv --format mxfp4", &["t.csv, line 1", "a scale's byte", "0x43e80000,0x7,0x85"]),
            ("verify --codec t.csv --format int8 --step absmax", &["t.csv, line 1", "a scale's byte"]),
            ("verify --codec t.csv --format e4m3 --nibbles low", &["--nibbles", "codes of up to 4 bits"]),
            (
                "verify --codec t.csv --format e2m1 --nibbles low",
                &["--nibbles: allowed with arrays, --codes or --values"],
            ),
            ("verify --codec t.csv --format mxfp4 --tile 4x4", &["--tile: allowed with arrays"]),
            ("verify --codec t.csv --format int8 --step 1 --rounding dither", &["--codec", "roundings without dither"]),
            ("verify --codec in.npy --format e4m3", &["--codec in.npy is no text", "--codes or --values"]),
            ("verify --codec in.npy --values v.npy --format e4m3 --again v.npy", &["--again", "--rounding stochastic"]),
            ("verify --codec t.csv --values v.npy --format e4m3", &["t.csv", "text, as CSV is"]),
            (
                "verify --codec in.npy --values v.npy --format e4m3",
                &["--values: v.npy", "[40]", "[2, 40], as in.npy has"],
            ),
            ("verify --codec in.npy --codes in.npy --format e4m3", &["in.npy", "'<f4'", "'|u1'"]),
            ("verify --codec in.npy --codes words.npy --format e4m3", &["--codes: words.npy", "[80]", "[2, 40]"]),
            ("verify --codec words.npy --codes words.npy --format mxfp4", &["--scales is missing", "with --codes"]),
            ("verify --codec words.npy --codes words.npy --format e4m3 --scales v.npy", &["--scales does not apply"]),
            ("verify --codec words.npy --codes words.npy --format e2m1", &["element 16 is 0x10", "codes of 4 bits"]),
            (
                "verify --codec in.npy --values in.npy --format mxfp4 --scales v.npy",
                &["--scales: allowed with --codes"],
            ),
            ("verify --codec in.npy --values in.npy --format mxfp4 --axis 2", &["--axis 2", "-2 to 1"]),
            ("verify --filter e4m3 --axis 0", &["--axis, --tile and --nibbles: allowed with --codec"]),
        ],
    );
    for text in ["0x43e80000,0x7e\n", "\"bits\",\"code\"\r\n\"0x43e80000\",\"126\"\r\n", "\n 0x43e80000 , 126 \n \n"] {
        fs::write(place.path("t.csv"), text).unwrap();
        let output = place.run(&["verify", "--codec", "t.csv", "--format", "e4m3"]);
        assert_eq!(output.status.code(), Some(0), "{text:?}: {}", stderr(&output));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("1 rows"), "{text:?}");
    }
    fs::write(place.path("t.csv"), "0x7fc00001,0x7fc00001\n").unwrap();
    assert_eq!(place.run(&["verify", "--codec", "t.csv", "--format", "fp32"]).status.code(), Some(0));
}

#[test]
fn products_have_shapes_and_cases_have_names() {
    let shapes = "(rows, inner), (inner, columns) and (rows, columns), or (inner) and (rows)";
    all_refused(
        &place(),
        "",
        &[
            ("verify --gemv gone.npy v.npy out.npy", &["gone.npy can't be opened"]),
            ("verify --gemm v.npy v.npy out.npy", &["--gemm v.npy", "shape [40]", "(rows, inner)"]),
            ("verify --gemv cube.npy v.npy out.npy", &["--gemm cube.npy", "shape [2, 4, 10]", "(rows, inner)"]),
            ("verify --gemm in.npy out.npy v.npy", &["--gemm: shapes [2, 40], [2], [40]", shapes]),
            ("verify --gemm in.npy v.npy v.npy", &["--gemm: shapes [2, 40], [40], [40]", shapes]),
            ("verify --gemm in.npy in.npy in.npy", &["--gemm: shapes [2, 40], [2, 40], [2, 40]", shapes]),
            ("verify --gemm in.npy words.npy out.npy", &["words.npy", "'<f4'"]),
            ("verify --gemm words.npy v.npy out.npy --decode", &["--decode", "--format"]),
            ("verify --gemm words.npy v.npy out.npy --decode --format mxfp4", &["--scales is missing", "--decode"]),
            ("verify --gemm in.npy v.npy out.npy --scales v.npy", &["--scales: allowed with --codes"]),
            ("verify --gemm in.npy v.npy out.npy --format mxfp4 --axis 0", &["--axis", "--gemm and --decode"]),
            ("verify --adapter cpu --filter nosuch", &["--filter nosuch", "codec/e4m3", "--list"]),
        ],
    );
}

#[test]
fn numbers_below_zero_are_values_of_the_options_before_them() {
    let place = place();
    fs::write(place.path("c.toml"), PLAIN).unwrap();
    usage(
        &place,
        &[
            ("sweep c.toml --memory -1", &["'-1' for '--memory"]),
            ("bench --seconds -1.5", &["'-1.5' for '--seconds", "above 0"]),
            ("predict c.toml --budget -5", &["'-5' for '--budget", "above 0"]),
            ("submit slurm c.toml --shards -3", &["'-3' for '--shards"]),
        ],
    );
    // What begins with two dashes is no value, and no message says how to make it one.
    let output = place.run_with(&["sweep", "c.toml", "--seeds", "3"], "");
    assert!(stderr(&output).contains("'--seeds' found") && !stderr(&output).contains("as a value"), "{output:?}");
}
