//! The page: everything in one file that loads nothing.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::bundle::{Beside, Bundle, packed, with_features};
use crate::error::Result;
use crate::gpu::recording::Shader;

const PAGE: &str = include_str!("passport.html");
const STYLES: [&str; 2] = [include_str!("../report/html/style.css"), include_str!("passport.css")];
/// What asks the device, takes times, and shows what came.
const SCRIPTS: [&str; 3] = [include_str!("host.js"), include_str!("rates.js"), include_str!("page.js")];

/// The text of the page.
pub fn html(bundle: &mut Bundle) -> Result<String> {
    let (texts, parts) = parts(&bundle.shaders);
    let mut document = bundle.document(&Beside {
        shader: &|number, _| json!(texts[number]),
        answers: &|_, packed| json!(STANDARD.encode(packed)),
    });
    document["parts"] = json!(parts);
    let values = [
        ("STYLE", STYLES.concat()),
        ("SCRIPT", SCRIPTS.concat()),
        ("BUNDLE", STANDARD.encode(packed(document.to_string().as_bytes())?)),
        ("WORDS", STANDARD.encode(bundle.words()?)),
    ];
    let fill = |page: String, (name, value): &(&str, String)| page.replace(&format!("{{{{{name}}}}}"), value);
    Ok(values.iter().fold(PAGE.to_owned(), fill))
}

/// Texts as numbers of their parts, which many share: of each the constants and one file after the other.
fn parts(shaders: &[Shader]) -> (Vec<Vec<usize>>, Vec<String>) {
    let (mut parts, mut known): (Vec<String>, HashMap<String, usize>) = Default::default();
    let mut number = |part: &str| {
        *known.entry(part.to_owned()).or_insert_with(|| {
            parts.push(part.to_owned());
            parts.len() - 1
        })
    };
    let texts = shaders.iter().map(|shader| {
        let text = with_features(shader);
        let begins = text.match_indices("\n// ").map(|(at, _)| at + 1);
        let begins = begins.filter(|at| text[*at..].lines().next().is_some_and(|line| line.ends_with(".wgsl")));
        let ends: Vec<usize> = begins.chain([text.len()]).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(&ends).map(|(start, end)| number(&text[start..*end])).collect::<Vec<usize>>()
    });
    let texts = texts.collect();
    (texts, parts)
}
