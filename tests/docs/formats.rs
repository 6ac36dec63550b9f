//! Formats, roundings and rules of a block's scale: the tables of the pages against those of the program.

use roundlaw::config::Config;
use roundlaw::format::{Direction, FORMATS, Format, Layout, Op, ScaleMode, Spec};
use roundlaw::row::Site;
use toml::{Table, Value};

use crate::page::{ARITHMETIC, CONFIG, README, code, table};

/// The site `feature` of a config that names this format, as the resolved config has it.
fn resolved(format: &Format) -> Value {
    let config: Table = roundlaw::resolved::to_toml(&with_format(format)).parse().unwrap();
    config["recipe"][0]["feature"].clone()
}

fn with_format(format: &Format) -> Config {
    let step = if matches!(format.layout, Layout::Integer { .. }) { ", step = 1" } else { "" };
    let text = format!(
        "problem = {{ dim = 8, spectrum = {{ kind = \"power\", exponent = 2.0 }} }}
train = {{ model = 4, samples = 64 }}
[[recipe]]
name = \"a\"
feature = {{ format = \"{}\"{step} }}",
        format.name
    );
    Config::parse(&text, &[]).unwrap()
}

#[test]
fn every_format_is_documented_with_its_grid() {
    let rows = table(CONFIG, "format");
    let names: Vec<&str> = rows.iter().map(|row| code(&row[0])).collect();
    assert_eq!(names, FORMATS.iter().map(|format| format.name).collect::<Vec<_>>());
    for (row, format) in rows.iter().zip(FORMATS) {
        let &Format { name, layout, overflow, source } = format;
        let (element, unit) = match layout {
            Layout::Block { element, unit, .. } => (*element, unit),
            other => (other, 0),
        };
        let number = |text: &str| text.parse::<f64>().unwrap_or_else(|e| panic!("{name}: {text}: {e}"));
        let plain = layout == element;
        match element {
            Layout::Float { mantissa, bias, max } => {
                assert_eq!(number(&row[2]), f64::from(max), "{name}");
                assert_eq!(row[3], format!("2^{}", 1 - bias - mantissa as i32), "{name}");
                let plural = if mantissa == 1 { "" } else { "s" };
                let bits = format!("{mantissa} mantissa bit{plural}, {} exponent bits", (bias + 1).ilog2() + 1);
                assert!(!plain || row[1] == bits, "{name}: {bits}");
            }
            Layout::Integer { bits } => {
                let (largest, step) = ((1u32 << (bits - 1)) - 1, format!("2^{unit}"));
                assert_eq!(number(&row[2]), libm::ldexp(largest.into(), unit), "{name}");
                let step = if plain { "`step`" } else { &step };
                assert_eq!(row[3], step, "{name}");
                let codes = format!("-{largest} to {largest} times {step}");
                assert!(row[1].starts_with(&codes), "{name}: {codes}");
            }
            Layout::Identity | Layout::Block { .. } => continue,
        }
        assert_eq!(code(&row[4]), overflow.name(), "{name}");
        match layout {
            Layout::Float { .. } => assert_eq!(resolved(format)["overflow"].as_str(), Some(code(&row[4])), "{name}"),
            Layout::Block { size, .. } => {
                assert!(row[1].ends_with(&format!("in blocks of {size} with a shared power of two")), "{name}");
                assert_eq!(resolved(format)["block"].as_integer(), Some(size.into()), "{name}");
            }
            _ => {}
        }
        let head = source.split([',', ' ']).next().unwrap();
        assert!(row[5].starts_with(head), "{name}: {source}");
    }
}

#[test]
fn the_codec_is_documented_with_the_numbers_it_reads() {
    // "2^128 - 2^120" is a difference of two powers.
    let power = |text: &str| match text.split_once('^') {
        Some((_, exponent)) => libm::ldexp(1.0, exponent.parse().unwrap()),
        None => text.parse().unwrap(),
    };
    let number = |text: &str| text.split(" - ").map(power).reduce(|a: f64, b| a - b).unwrap();
    let rows = table(ARITHMETIC, "format");
    assert_eq!(rows.len(), FORMATS.len());
    for (row, format) in rows.iter().zip(FORMATS) {
        assert_eq!(code(&row[0]), format.name);
        let Some(spec) = with_format(format).recipes[0].sites[Site::Feature as usize] else { continue };
        let op = Op::new(Some(&spec), Site::Feature, (16, 8));
        assert_eq!((&row[1], &row[2]), (&op.mantissa.to_string(), &op.lsb_min.to_string()), "{}", format.name);
        assert_eq!(number(&row[3]), f64::from(f32::from_bits(op.max_bits)), "{}", format.name);
        let blocks = match spec {
            Spec::Format { sharing: Some(sharing), .. } => format!("{}, emax {}", sharing.size, op.emax),
            _ => String::new(),
        };
        assert_eq!(row[4], blocks, "{}", format.name);
    }
}

#[test]
fn every_rounding_and_every_rule_of_a_scale_is_documented() {
    let all = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let directions = Direction::ALL.map(Direction::name);
    let modes = ScaleMode::ALL.map(ScaleMode::name);
    let rows = table(CONFIG, "key");
    let allowed =
        |key: &str| rows.iter().find(|row| code(&row[0]) == format!("recipe.<site>.{key}")).unwrap()[2].clone();
    assert_eq!(allowed("rounding"), all(&directions));
    assert_eq!(allowed("scale_mode"), all(&modes));
    let first = |page, name| table(page, name).iter().map(|row| code(&row[0]).to_string()).collect::<Vec<_>>();
    assert_eq!(first(CONFIG, "scale_mode"), modes);
    assert_eq!(first(ARITHMETIC, "`scale_mode`"), modes);
    let mut documented = first(ARITHMETIC, "rounding");
    documented.dedup();
    assert_eq!(documented, directions);
    let formats = table(README, "").into_iter().find(|row| row[0] == "formats").unwrap();
    let listed: Vec<&str> = formats[1].split([',', ';', ' ', ':']).collect();
    for format in FORMATS.iter().filter(|format| format.layout != Layout::Identity) {
        assert!(listed.contains(&format.name), "{} is not in the README", format.name);
    }
    let roundings = table(README, "").into_iter().find(|row| row[0] == "rounding").unwrap();
    assert!(directions.iter().all(|direction| roundings[1].contains(direction)));
}
