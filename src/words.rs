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
