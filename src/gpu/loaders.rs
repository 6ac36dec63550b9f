//! How shaders read the structs that stand in `words`: written from the host's members, so that no order of reads is
//! kept by hand.

use super::in_words::IN_WORDS;
use crate::twin::Shared;

/// `SplitOp` as split_op.
fn snake(name: &str) -> String {
    let parts = name.char_indices().flat_map(|(at, c)| [(at > 0 && c.is_uppercase()).then_some('_'), Some(c)]);
    parts.flatten().collect::<String>().to_lowercase()
}

/// The name of a struct's number of words.
pub fn constant(name: &str) -> String {
    format!("{}_WORDS", snake(name).to_uppercase())
}

/// Number of words, and the function that reads one from `words`, where it starts `at` words in.
fn loader(shared: &Shared) -> String {
    let Shared { name, members, size } = shared;
    let read = members.iter().map(|member| {
        let at = format!("at + {}u", member.offset / 4);
        match member.kind {
            "u32" => format!("params.words[{at}]"),
            "i32" | "f32" => format!("bitcast<{}>(params.words[{at}])", member.kind),
            nested => format!("load_{}({at})", snake(nested)),
        }
    });
    let (constant, words, function, read) =
        (constant(name), size / 4, snake(name), read.collect::<Vec<_>>().join(",\n        "));
    format!(
        "\nconst {constant}: u32 = {words}u;\n\n\
         fn load_{function}(at: u32) -> {name} {{\n    return {name}(\n        {read},\n    );\n}}\n"
    )
}

/// A loader for each struct of [`IN_WORDS`] that this file of a shader declares.
pub fn loaders(text: &str) -> String {
    IN_WORDS.iter().filter(|shared| text.contains(&format!("struct {} {{", shared.name))).map(loader).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::StepSize;

    #[test]
    fn a_loader_reads_every_member_where_the_host_has_it() {
        crate::twin::twin! {
            pub struct TwoSteps {
                pub count: u32,
                pub first: StepSize,
                pub shift: i32,
                pub scale: f32,
            }
        }
        let expected = "
const TWO_STEPS_WORDS: u32 = 5u;

fn load_two_steps(at: u32) -> TwoSteps {
    return TwoSteps(
        params.words[at + 0u],
        load_step_size(at + 1u),
        bitcast<i32>(params.words[at + 3u]),
        bitcast<f32>(params.words[at + 4u]),
    );
}
";
        assert_eq!(loader(&Shared::of::<TwoSteps>()), expected);
        assert_eq!(loaders("struct Other { size: u32, }"), "");
    }
}
