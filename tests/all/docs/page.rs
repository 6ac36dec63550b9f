//! Reading Markdown pages: tables by the name of their first column, and fenced blocks by language.

pub const README: &str = include_str!("../../../README.md");
pub const CONFIG: &str = include_str!("../../../docs/config.md");
pub const ARITHMETIC: &str = include_str!("../../../docs/arithmetic.md");
pub const FORMATS: &str = include_str!("../../../docs/formats.md");
pub const ROWS: &str = include_str!("../../../docs/rows.md");
pub const BENCH: &str = include_str!("../../../docs/bench.md");
pub const PASSPORT: &str = include_str!("../../../docs/passport.md");
pub const FIT: &str = include_str!("../../../docs/fit.md");
pub const VERIFY: &str = include_str!("../../../docs/verify.md");
pub const SLURM: &str = include_str!("../../../docs/slurm.md");
pub const GALLERY: &str = include_str!("../../../docs/gallery.md");
pub const FINDINGS: &str = include_str!("../../../docs/findings.md");
pub const PAPERS: &str = include_str!("../../../configs/papers/README.md");

/// Cells of all tables whose first column has this name, their headers left out.
pub fn table(page: &str, first: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        let Some(inner) = line.strip_prefix('|') else {
            inside = false;
            continue;
        };
        let cells: Vec<String> = inner.trim_end_matches('|').split('|').map(|cell| cell.trim().to_string()).collect();
        if cells[0] == first {
            inside = true;
        } else if inside && !cells[0].starts_with("---") {
            rows.push(cells);
        }
    }
    assert!(!rows.is_empty(), "no table of a {first}");
    rows
}

/// The text between the first pair of backticks.
pub fn code(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or_else(|| panic!("{cell:?} has no code"))
}

/// Fenced blocks of a language.
pub fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    page.split(open.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The anchor of a heading, as GitHub makes it.
pub fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
