//! Enums whose variants are words of a config, a row or the command line: strum's derives know names and list.

use strum::VariantArray;

/// An enum with `#[derive(strum::IntoStaticStr, strum::VariantArray)]`; its words are listed in order of declaration.
pub trait Word: VariantArray + Copy + Into<&'static str> {}

impl<T: VariantArray + Copy + Into<&'static str>> Word for T {}

/// Every word of the enum.
pub fn words<T: Word>() -> Vec<&'static str> {
    T::VARIANTS.iter().map(|variant| (*variant).into()).collect()
}

/// All of them in one text, as messages say what is allowed.
pub fn listed<T: Word>() -> String {
    words::<T>().join(", ")
}

/// The variant that a word stands for.
pub fn find<T: Word>(word: &str) -> Option<T> {
    T::VARIANTS.iter().copied().find(|variant| Into::<&'static str>::into(*variant) == word)
}

/// The word that another one is most likely a misspelling of, if it is like any.
pub fn nearest<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    const LIKE: f64 = 0.85;
    // Nobody's slip is longer; the comparison is quadratic.
    if word.len() > 100 {
        return None;
    }
    let word = word.to_lowercase();
    let likeness = |known: &&'a str| strsim::jaro_winkler(&word, known);
    let (best, found) = words.iter().map(|known| (likeness(known), *known)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best >= LIKE).then_some(found)
}

/// What a message ends with where a word is like a known one.
pub fn question(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |word| format!("; did you mean {word}?"))
}
