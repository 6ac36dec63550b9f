//! The options of formats and laws: their rows in docs/config.md are those of the program's tables.

use std::fs;
use std::path::Path;

use roundlaw::format::{Allowed, FORMAT_OPTIONS, FORMATS, LAW_OPTIONS, LawOptions, OptionRow, Quantizer, Unset, usual};

use super::page::{CONFIG, table};

/// How the page's row of an option begins.
const START: &str = "| `recipe.<site>.";

/// Key, default and what is allowed.
fn cells<T>(row: &OptionRow<T>, usual: &str) -> String {
    let default = match row.unset {
        Unset::Required => "required",
        Unset::Nothing => "-",
        Unset::Layout => "by format",
        Unset::Usual => usual,
    };
    let allowed = match row.allowed {
        Allowed::Words(words) => words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Allowed::Text(text) => text.to_string(),
    };
    format!("{START}{}` | {default} | {allowed} |", row.name)
}

/// The default that formats at a site agree on, with that of `dither` where it is another.
fn of_formats(row: &OptionRow<Quantizer>) -> String {
    let has = |format: &&'static roundlaw::format::Format| format.has_zero() && (row.applies)(&Quantizer::new(format));
    let mut defaults: Vec<Vec<_>> = FORMATS.iter().filter(has).map(|format| usual(row, format)).collect();
    defaults.sort_by_key(|settings| std::cmp::Reverse(settings.len()));
    let first = |settings: &Vec<(_, roundlaw::format::Setting)>| settings[0].1;
    if defaults.iter().any(|settings| first(settings) != first(&defaults[0])) {
        return "by format".into();
    }
    let texts = defaults[0].iter().enumerate().map(|(place, (direction, setting))| match place {
        0 => format!("`{}`", setting.toml()),
        _ => format!("of `{}` `{}`", direction.name(), setting.toml()),
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// The page with every option in the order of its table; what an option means stays as the page has it.
fn rendered(page: &str) -> String {
    let law = |row: &OptionRow<LawOptions>| {
        let setting = (row.write)(&LawOptions::new(true)).map(|setting| setting.toml());
        cells(row, &format!("`{}`", setting.unwrap_or_default()))
    };
    let formats = FORMAT_OPTIONS.iter().map(|row| (cells(row, &of_formats(row)), row.help()));
    let options = formats.chain(LAW_OPTIONS.iter().map(|row| (law(row), row.help())));
    let lines: Vec<String> = options
        .map(|(cells, help)| {
            let key = &cells[..cells.find("` |").unwrap() + 3];
            let told = page.lines().find_map(|line| line.strip_prefix(key)?.trim_end_matches(" |").rsplit_once(" | "));
            format!("{cells} {} |\n", told.map_or(help.as_str(), |(_, meaning)| meaning))
        })
        .collect();
    let is_option = |line: &str| line.starts_with(START);
    let (before, rest) = page.split_at(page.find(START).expect("a row of an option"));
    let after = rest.split_inclusive('\n').skip_while(|line| is_option(line));
    before.to_string() + &lines.concat() + &after.collect::<String>()
}

#[test]
fn every_option_of_a_site_is_documented_as_its_table_has_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    let page = fs::read_to_string(&path).unwrap();
    let rendered = rendered(&page);
    if std::env::var_os("ROUNDLAW_UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(&path, rendered).unwrap();
        return;
    }
    assert!(page == rendered, "docs/config.md is not that of the program: ROUNDLAW_UPDATE_DOCS=1 writes it");
}

#[test]
fn every_option_says_what_it_means_in_one_line() {
    for row in table(CONFIG, "key").iter().filter(|row| row[0].starts_with(&START[2..])) {
        assert!(row.len() == 4 && row[3].len() > 10, "{row:?}");
    }
    let helps = FORMAT_OPTIONS.iter().map(OptionRow::help).chain(LAW_OPTIONS.iter().map(OptionRow::help));
    helps.for_each(|help| assert!(!help.contains(['{', '\n']) && !help.ends_with('.'), "{help}"));
}
