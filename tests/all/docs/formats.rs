//! Formats and roundings: the tables of the pages are those of the program.

use std::fs;
use std::path::Path;

use roundlaw::codec::description;
use roundlaw::format::{Direction, FORMAT_OPTIONS, FORMATS, Format, Kind, Layout, ScaleMode, Unset, by_kind};
use roundlaw::words::words;
use serde_json::Value;

use super::page::{ARITHMETIC, FORMATS as PAGE, README, code, table};

/// A table of docs/formats.md: the name in its comment, what stands in it, and its columns with the keys they show.
struct Class {
    name: &'static str,
    holds: fn(&Layout) -> bool,
    columns: &'static [(&'static str, &'static str)],
}

const CLASSES: [Class; 5] = [
    Class {
        name: "floats",
        holds: |layout| matches!(layout, Layout::Identity | Layout::Float(_)),
        columns: &[
            ("format", "name"),
            ("bits", "bits"),
            ("layout", "layout"),
            ("largest", "largest"),
            ("smallest normal", "smallest_normal"),
            ("smallest", "smallest"),
            ("infinity", "infinity"),
            ("NaN", "nan"),
            ("source", "source"),
        ],
    },
    Class {
        name: "integers",
        holds: |layout| layout.is_integer(),
        columns: &[
            ("format", "name"),
            ("bits", "bits"),
            ("layout", "layout"),
            ("largest", "largest"),
            ("smallest", "smallest"),
            ("source", "source"),
        ],
    },
    Class {
        name: "logarithmic",
        holds: |layout| matches!(layout, Layout::Logarithmic { .. }),
        columns: &[
            ("format", "name"),
            ("bits", "bits"),
            ("layout", "layout"),
            ("largest", "largest"),
            ("smallest", "smallest"),
            ("source", "source"),
        ],
    },
    Class {
        name: "blocks",
        holds: |layout| matches!(layout, Layout::Block { .. } | Layout::TwoLevel { .. }),
        columns: &[
            ("format", "name"),
            ("bits", "bits"),
            ("layout of an element", "layout"),
            ("largest", "largest"),
            ("smallest normal", "smallest_normal"),
            ("smallest", "smallest"),
            ("block", "block"),
            ("scale", "scale"),
            ("emax", "emax"),
            ("source", "source"),
        ],
    },
    Class {
        name: "codes",
        holds: |layout| matches!(layout, Layout::Coded(_)),
        columns: &[
            ("format", "name"),
            ("bits", "bits"),
            ("layout", "layout"),
            ("largest", "largest"),
            ("smallest", "smallest"),
            ("NaN", "nan"),
            ("zero", "zero"),
            ("source", "source"),
        ],
    },
];

/// The keys of defaults that `formats` lists.
fn keys_of_defaults() -> Vec<String> {
    let listed = by_kind(FORMAT_OPTIONS, Kind::DESCRIBED).filter(|row| row.unset == Unset::Usual);
    listed.map(|row| format!("default_{}", row.name)).collect()
}

/// A magnitude as a power of two, a short decimal, a difference of two powers, or the shortest decimal of its f32.
fn magnitude(value: f64) -> String {
    let exponent = libm::ilogb(value);
    let power = libm::ldexp(1.0, exponent);
    let missing = 2.0 * power - value;
    let decimal = format!("{value}");
    match () {
        _ if value == power && !(0..=7).contains(&exponent) => format!("2^{exponent}"),
        _ if decimal.len() <= 8 => decimal,
        _ if libm::ldexp(1.0, libm::ilogb(missing)) == missing => {
            format!("{} - 2^{}", magnitude(2.0 * power), libm::ilogb(missing))
        }
        _ => format!("{}", value as f32),
    }
}

fn cell(key: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "none" }.into(),
        Value::Number(number) if matches!(key, "largest" | "smallest" | "smallest_normal") => {
            magnitude(number.as_f64().unwrap())
        }
        Value::Number(number) => number.to_string(),
        Value::String(text) if matches!(key, "name" | "infinity" | "nan") => {
            text.split(" to ").map(|part| format!("`{part}`")).collect::<Vec<_>>().join(" to ")
        }
        Value::String(text) => text.clone(),
        other => panic!("{key}: {other}"),
    }
}

fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    rows.into_iter().map(|row| format!("| {} |\n", row.join(" | "))).collect::<String>().replace("  |", " |")
}

fn table_of(kind: &Class) -> String {
    let head = kind.columns.iter().map(|(title, _)| title.to_string()).collect();
    let rule = format!("|{}\n", "---|".repeat(kind.columns.len()));
    let rows = FORMATS.iter().filter(|format| (kind.holds)(&format.layout)).map(|format| {
        let map = description(format);
        kind.columns.iter().map(|(_, key)| cell(key, map.get(*key).unwrap_or(&Value::Null))).collect()
    });
    lines([head]) + &rule + &lines(rows)
}

/// Formats by their defaults.
fn defaults() -> String {
    let keys = keys_of_defaults();
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for format in FORMATS.iter().filter(|format| format.layout != Layout::Identity) {
        let map = description(format);
        let own: Vec<String> = keys
            .iter()
            .map(|key| map.get(key).map_or(String::new(), |v| format!("`{}`", v.as_str().unwrap())))
            .collect();
        let name = format!("`{}`", format.name);
        match groups.iter_mut().find(|(defaults, _)| *defaults == own) {
            Some((_, names)) => names.push(name),
            None => groups.push((own, vec![name])),
        }
    }
    let options = keys.iter().map(|key| key.trim_start_matches("default_").to_string());
    let head = std::iter::once("formats".to_string()).chain(options).collect();
    let rows = groups.into_iter().map(|(own, names)| [vec![names.join(", ")], own].concat());
    let rule = format!("|---|{}\n", "---|".repeat(keys.len()));
    lines([head]) + &rule + &lines(rows)
}

/// The page with every table as the program has it: a table stands between `<!-- NAME -->` and `<!-- end -->`.
fn rendered(page: &str) -> String {
    let mut page = page.to_string();
    let tables = CLASSES.iter().map(|kind| (kind.name, table_of(kind))).chain([("defaults", defaults())]);
    for (name, table) in tables {
        let (before, rest) = page.split_once(&format!("<!-- {name} -->\n")).unwrap_or_else(|| panic!("no {name}"));
        let (_, after) = rest.split_once("<!-- end -->\n").unwrap_or_else(|| panic!("{name} has no end"));
        page = format!("{before}<!-- {name} -->\n{table}<!-- end -->\n{after}");
    }
    page
}

#[test]
fn the_tables_of_formats_are_those_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let page = fs::read_to_string(&path).unwrap();
    let rendered = rendered(&page);
    if std::env::var_os("ROUNDLAW_UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(&path, rendered).unwrap();
        return;
    }
    assert!(page == rendered, "docs/formats.md is not that of the program: ROUNDLAW_UPDATE_DOCS=1 writes it");
}

#[test]
fn every_property_of_a_format_is_in_its_table() {
    let defaults = keys_of_defaults();
    for format in FORMATS {
        let kinds: Vec<&Class> = CLASSES.iter().filter(|kind| (kind.holds)(&format.layout)).collect();
        assert_eq!(kinds.len(), 1, "{}", format.name);
        for (key, value) in description(format).iter().filter(|(_, value)| !value.is_null()) {
            let shown = kinds[0].columns.iter().any(|(_, column)| column == key) || defaults.contains(key);
            // The page says that zero is everywhere but in `e8m0`, and that block formats use no special codes.
            let told = key == "zero" && *value == Value::Bool(true)
                || kinds[0].name == "blocks" && ["infinity", "nan"].contains(&key.as_str());
            assert!(shown || told, "{}: {key} = {value}", format.name);
        }
    }
}

#[test]
fn magnitudes_are_short_and_exact() {
    for (value, text) in [
        (1.0, "1"),
        (2.0, "2"),
        (128.0, "128"),
        (0.5, "2^-1"),
        (448.0, "448"),
        (65504.0, "65504"),
        (libm::ldexp(255.0, 120), "2^128 - 2^120"),
        (libm::ldexp(1.0, 127), "2^127"),
        (libm::ldexp(1.0, -149), "2^-149"),
        (1.984375, "1.984375"),
        (libm::ldexp(32767.0, -14), "2 - 2^-14"),
        (f64::from(234.753_04f32), "234.75304"),
    ] {
        assert_eq!(magnitude(value), text);
    }
}

#[test]
fn every_direction_and_every_scale_mode_has_a_row_in_the_pages() {
    let (directions, modes) = (words::<Direction>(), words::<ScaleMode>());
    let first = |page, name| table(page, name).iter().map(|row| code(&row[0]).to_string()).collect::<Vec<_>>();
    assert_eq!(first(PAGE, "scale_mode"), modes);
    assert_eq!(first(ARITHMETIC, "`scale_mode`"), modes);
    let mut documented = first(ARITHMETIC, "rounding");
    documented.dedup();
    assert_eq!(documented, directions);
    let roundings = table(README, "").into_iter().find(|row| row[0] == "rounding").unwrap();
    assert!(directions.iter().all(|direction| roundings[1].contains(direction)));
}

#[test]
fn the_readme_names_every_format() {
    let formats = table(README, "").into_iter().find(|row| row[0] == "formats").unwrap();
    let listed: Vec<&str> = formats[1].split([',', ';', ' ', ':']).collect();
    assert!(formats[1].contains("int2 to int16"), "{formats:?}");
    let integer = |format: &&Format| matches!(format.layout, Layout::Integer { bits: 2..=16, .. });
    for format in FORMATS.iter().filter(|format| format.layout != Layout::Identity && !integer(format)) {
        assert!(listed.contains(&format.name) || !format.has_zero(), "{} is not in the README", format.name);
    }
}
