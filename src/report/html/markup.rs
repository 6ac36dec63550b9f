//! Pieces of HTML, and numbers as a reader wants them.

use std::fmt::Write;

pub use crate::report::figure::pen::xml as escape;

/// A table whose cells are HTML already; the first `words` columns are left-aligned.
pub fn table(heads: &[&str], words: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let class = |i: usize| if i < words { "" } else { " class=\"n\"" };
    let mut text = String::from("<div class=\"table\"><table>\n<thead><tr>");
    for (i, head) in heads.iter().enumerate() {
        let _ = write!(text, "<th{}>{head}</th>", class(i));
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in rows {
        text += "<tr>";
        for (i, cell) in row.iter().enumerate() {
            let _ = write!(text, "<td{}>{cell}</td>", class(i));
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table></div>\n"
}

/// `1 234 567`, with thin spaces.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// The value with so many significant digits, without trailing zeros.
pub fn significant(value: f64, digits: i32) -> String {
    if value <= 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let places = (digits - 1 - value.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// A share in percent; a small one that is not zero stays visible.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        0.0 => "0 %".to_string(),
        _ if percent < 0.001 => "&lt; 0.001 %".to_string(),
        _ => format!("{} %", significant(percent, 2)),
    }
}

/// A true minus sign, as wide as the digits around it.
pub fn minus(text: String) -> String {
    text.replace('-', "−")
}

pub fn plural<'a>(n: usize, one: &'a str, many: &'a str) -> &'a str {
    if n == 1 { one } else { many }
}

pub fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", plural(n, one, many))
}

/// A number with three significant digits; a dash where there is none.
pub fn short(value: Option<f64>) -> String {
    let Some(value) = value else { return "–".into() };
    let exponent = value.abs().log10().floor();
    let text = match value {
        0.0 => "0".into(),
        _ if (-3.0..5.0).contains(&exponent) => {
            format!("{value:.places$}", places = (2.0 - exponent).max(0.0) as usize)
        }
        _ => format!("{value:.2e}"),
    };
    minus(text)
}

/// A number to two digits of its error.
pub fn with_error(value: f64, error: f64) -> String {
    let places = 1.0 - error.log10().floor();
    minus(match places {
        0.0..=7.0 => format!("{value:.digits$} ± {error:.digits$}", digits = places as usize),
        _ => format!("{value:.2e} ± {error:.1e}"),
    })
}
