//! The pages say what the program does: every key, default, format, column, exit code and warning, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt as _;
use clap::{CommandFactory as _, Parser as _};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use roundlaw::cli::Cli;
use roundlaw::config::Config;
use roundlaw::error::Error;
use roundlaw::plan::Plan;
use roundlaw::run::warnings::warnings;
use roundlaw::site::Site;
use toml::Table;

mod configs;
mod disagreements;
mod formats;
mod keys;
mod options;
pub mod page;

use page::{BENCH, CONFIG, FORMATS, GALLERY, PASSPORT, README, ROWS, SLURM, VERIFY, blocks, code, table};

/// A directory with the arrays that configs of these tests name.
fn arrays() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, shape: &str, count: usize| {
        let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        header += &" ".repeat(63 - (10 + header.len()) % 64);
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(((header.len() + 1) as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.push(b'\n');
        (0..count).for_each(|i| bytes.extend(((i % 7 + 1) as f32).to_le_bytes()));
        fs::write(dir.path().join(name), bytes).unwrap();
    };
    write("vector.npy", "(8,)", 8);
    write("matrix.npy", "(96, 8)", 96 * 8);
    write("labels.npy", "(96,)", 96);
    dir
}

/// Parses and plans a config whose files lie in `dir`.
fn read(dir: &Path, config: &Table) -> Result<Config, Error> {
    let path = dir.join("config.toml");
    fs::write(&path, toml::to_string(config).unwrap()).unwrap();
    Ok(Plan::new(Config::load(&path, &[])?)?.config().clone())
}

#[test]
fn the_configs_in_the_pages_are_accepted() {
    let configs = [README, CONFIG, GALLERY].into_iter().flat_map(|page| blocks(page, "toml"));
    let mut count = 0;
    for text in configs {
        let config = Config::parse(text, &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
        Plan::new(config).unwrap_or_else(|e| panic!("{e}\n{text}"));
        count += 1;
    }
    assert!(count > 0);
}

/// Command lines of `roundlaw` in the shell blocks of a page: their words up to a comment or a pipe.
fn commands(page: &str) -> Vec<Vec<String>> {
    let words = |rest: &str| {
        let words = rest.split_whitespace().take_while(|word| !word.starts_with(['#', '|', '>']));
        words.map(|word| word.trim_matches('"').to_string()).collect()
    };
    let blocks = ["sh", "console"].into_iter().flat_map(|language| blocks(page, language));
    let joined: Vec<String> = blocks.map(|block| block.replace("\\\n", " ")).collect();
    let lines = joined.iter().flat_map(|block| block.lines());
    lines.filter_map(|line| Some(words(line.split_once("roundlaw ")?.1))).collect()
}

#[test]
fn the_commands_in_the_pages_are_those_of_the_program() {
    let pages = [
        README,
        CONFIG,
        GALLERY,
        ROWS,
        FORMATS,
        VERIFY,
        BENCH,
        SLURM,
        PASSPORT,
        include_str!("../../docs/adapters.md"),
    ];
    let mut named = BTreeSet::new();
    for words in pages.into_iter().flat_map(commands) {
        named.extend(words.first().cloned());
        let line = std::iter::once("roundlaw".to_string()).chain(words.iter().cloned());
        Cli::try_parse_from(line).unwrap_or_else(|e| panic!("{words:?}: {e}"));
    }
    let all: BTreeSet<String> =
        Cli::command().get_subcommands().map(|command| command.get_name().to_string()).collect();
    assert_eq!(named, all);
}

/// Every line behind `$ ` is run in one directory, and what it prints is what follows.
#[test]
fn the_output_in_the_pages_is_what_the_program_prints() {
    let dir = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_roundlaw")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut count = 0;
    let sessions = [README, VERIFY].into_iter().flat_map(|page| blocks(page, "console"));
    for session in sessions.flat_map(|block| block.split("$ ").skip(1)) {
        let (line, expected) = session.split_once('\n').unwrap();
        let output = Command::new("sh").args(["-c", line]).current_dir(dir.path()).env("PATH", &path).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{line}");
        count += 1;
    }
    assert!(count > 0);
}

/// Documented keys with their defaults as the table has them.
fn documented() -> BTreeMap<String, String> {
    let rows = table(CONFIG, "key");
    let keys: BTreeMap<String, String> = rows.iter().map(|row| (code(&row[0]).to_string(), row[1].clone())).collect();
    assert_eq!(keys.len(), rows.len(), "a key stands twice");
    keys
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_known() {
    let dir = arrays();
    let known: BTreeSet<String> = keys::contexts().iter().flat_map(|context| context.known(dir.path())).collect();
    let documented: BTreeSet<String> = documented().into_keys().collect();
    assert_eq!(known, documented);
}

#[test]
fn a_key_left_out_has_its_documented_default() {
    let dir = arrays();
    for (key, default) in documented() {
        let (section, name) = key.rsplit_once('.').unwrap();
        let mut tried = false;
        for context in keys::contexts().iter().filter(|context| context.section == section) {
            let mut without = context.config.clone();
            context.at(&mut without).remove(name);
            let mut with = without.clone();
            match default.as_str() {
                "required" => {
                    let Some(message) = context.refusal_of_missing(dir.path(), &without, name) else { continue };
                    assert!(message.contains("is missing"), "{key}: {message}");
                }
                // Nothing stands for an absent key; what its absence means stands in the page.
                "-" | "by format" => {}
                value => {
                    let value = format!("v = {}", code(value)).parse::<Table>().unwrap().remove("v").unwrap();
                    context.at(&mut with).insert(name.to_string(), value);
                    let Ok(with) = read(dir.path(), &with) else { continue };
                    assert_eq!(read(dir.path(), &without).unwrap(), with, "{key}");
                }
            }
            tried = true;
        }
        assert!(tried, "{key} was set nowhere");
    }
}

#[test]
fn every_site_is_documented() {
    let rows = table(CONFIG, "site");
    let names: Vec<&str> = rows.iter().map(|row| code(&row[0])).collect();
    assert_eq!(names, Site::ALL.map(Site::name));
}

/// Columns of the page, in file order: the rows with `<site>` follow one another stand for as many columns of each site.
fn documented_columns() -> Vec<(String, String)> {
    let rows = table(ROWS, "column");
    let mut columns = Vec::new();
    let mut rows = rows.iter().peekable();
    while let Some(row) = rows.next() {
        let (name, kind) = (code(&row[0]), row[1].clone());
        if !name.contains("<site>") {
            columns.push((name.to_string(), kind));
            continue;
        }
        let mut group = vec![(name, kind)];
        while let Some(next) = rows.next_if(|row| row[0].contains("<site>")) {
            group.push((code(&next[0]), next[1].clone()));
        }
        for site in Site::ALL {
            columns.extend(group.iter().map(|(name, kind)| (name.replace("<site>", site.name()), kind.clone())));
        }
    }
    columns
}

#[test]
fn the_documented_columns_are_those_of_a_part() {
    let dir = tempfile::tempdir().unwrap();
    let (config, out) = (dir.path().join("config.toml"), dir.path().join("out"));
    fs::write(&config, keys::PLAIN).unwrap();
    let status = Command::cargo_bin("roundlaw")
        .unwrap()
        .args(["sweep", config.to_str().unwrap(), "--out", out.to_str().unwrap(), "--adapter", "cpu"])
        .args(["--set", "sweep.seeds=1"])
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    let part = roundlaw::store::parts(&out).unwrap().remove(0);
    let reader = SerializedFileReader::new(fs::File::open(part).unwrap()).unwrap();
    let file = reader.metadata().file_metadata().schema_descr();
    let kind = |column: &parquet::schema::types::ColumnDescriptor| {
        use parquet::basic::{LogicalType, Type};
        match (column.physical_type(), column.logical_type_ref()) {
            (Type::INT32, Some(LogicalType::Integer(_))) => "u32",
            (Type::INT64, Some(LogicalType::Integer(_))) => "u64",
            (Type::DOUBLE, _) => "f64",
            (Type::BYTE_ARRAY, _) => "text",
            other => panic!("{other:?}"),
        }
    };
    let stored: Vec<(String, String)> =
        file.columns().iter().map(|column| (column.name().to_string(), kind(column).to_string())).collect();
    assert_eq!(documented_columns(), stored);
    assert!(ROWS.contains(&format!("{} columns", stored.len())), "the page counts {} columns", stored.len());
}

#[test]
fn every_exit_code_is_documented() {
    let source = include_str!("../../src/error.rs");
    let codes = source.lines().filter_map(|line| line.trim().strip_prefix("pub const ")?.split_once(": u8 = "));
    let codes: Vec<&str> = codes.map(|(_, code)| code.trim_end_matches(';')).collect();
    let documented: Vec<String> = table(README, "code").iter().map(|row| row[0].clone()).collect();
    assert_eq!(documented, codes);
}

/// The documented warnings: the words of each that stand as they are.
fn documented_warnings() -> Vec<Vec<String>> {
    let words = |row: &Vec<String>| row[0].split('`').skip(1).step_by(2).map(String::from).collect();
    table(CONFIG, "warning").iter().map(words).collect()
}

#[test]
fn every_warning_is_documented() {
    let documented = documented_warnings();
    let regret = format!(
        "{}\n[[recipe]]\nname = \"b\"\nsketch = \"bf16\"
gradient = {{ format = \"f16\", scale = 0.0000152587890625 }}
feature = {{ format = \"e4m3\", scale = 4096.0 }}\nweight = {{ format = \"int8\", step = 0.001953125 }}
label = {{ format = \"int4\", step = 0.125 }}\nparameter = {{ format = \"int4\", step = 0.0625 }}
[[recipe]]\nname = \"c\"\nlabel = {{ format = \"e4m3\", scale = 0.0009765625, overflow = \"ieee\" }}",
        keys::PLAIN.replace("samples = 64", "samples = 64\nstep_size = 4.0")
    );
    let head = "[problem]\nsampling = { kind = \"head\", coordinates = 4 }";
    let head = format!("{}\ndata = \"e4m3\"", keys::PLAIN.replace("[problem]", head));
    let of_config = |text: String| {
        let plan = Plan::new(Config::parse(&text, &[]).unwrap()).unwrap();
        warnings(&plan, &roundlaw::Watch::default()).unwrap()
    };
    let warnings = [of_config(regret), of_config(head)].concat();
    for words in &documented {
        let found = warnings.iter().any(|warning| words.iter().all(|word| warning.contains(word)));
        assert!(found, "{words:?} in none of {warnings:#?}");
    }
    for warning in &warnings {
        let found = documented.iter().any(|words| words.iter().all(|word| warning.contains(word)));
        assert!(found, "{warning} is not documented");
    }
}

#[test]
fn the_pages_are_short_and_their_links_lead_somewhere() {
    assert!(README.lines().count() <= 200, "what is a developer's belongs to docs/");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let others = [root.join("README.md"), root.join("configs/papers/README.md")];
    for entry in fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()).chain(others) {
        if entry.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&entry).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if link.starts_with("https://") {
                continue;
            }
            let target = if file.is_empty() { entry.clone() } else { entry.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", entry.display());
            let headings = |text: &str| -> BTreeSet<String> {
                text.lines().filter(|line| line.starts_with('#')).map(page::anchor).collect()
            };
            if !anchor.is_empty() {
                let there = headings(&fs::read_to_string(&target).unwrap());
                assert!(there.contains(anchor), "{}: {link}, there are {there:?}", entry.display());
            }
        }
    }
}

#[test]
fn the_version_is_the_same_wherever_it_stands() {
    let version = env!("CARGO_PKG_VERSION");
    let cited = include_str!("../../CITATION.cff").lines().find_map(|line| line.strip_prefix("version: "));
    assert_eq!(cited, Some(version));
    let changes = include_str!("../../CHANGELOG.md");
    assert!(changes.contains(&format!("\n## {version}")), "CHANGELOG.md says nothing of {version}");
    let (stream, schema) = (roundlaw::store::row::STREAM_VERSION, roundlaw::store::row::SCHEMA_VERSION);
    let versions = format!("`stream_version` {stream}, `schema_version` {schema}.");
    assert!(changes.contains(&versions), "CHANGELOG.md must say {versions}");
}

#[test]
fn digests_and_fingerprints_stand_in_the_page_of_adapters_only() {
    let digests = [include_str!("../digests/smoke.txt"), include_str!("../digests/quickstart.txt")];
    let digests = digests.map(|text| text.trim().split_once(' ').unwrap().1);
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("adapters.md") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!digests.iter().any(|digest| text.contains(digest)), "{}", path.display());
        }
    }
    assert!(!digests.iter().any(|digest| README.contains(digest)));
    assert!(!README.contains("rne,separate"));
}
