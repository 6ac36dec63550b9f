//! Where features cannot be drawn, and what the message names.

use roundlaw::Config;

/// The config of a problem's lines and one recipe's.
fn error(problem: &str, recipe: &str) -> Option<String> {
    let text = format!(
        "[problem]\ndim = 9\nspectrum = {{ kind = \"power\", exponent = 1.5 }}\n{problem}\n\
         [train]\n{}samples = 8\n[[recipe]]\nname = \"r\"\n{recipe}\n",
        if problem.contains("\"none\"") { "" } else { "model = 4\n" }
    );
    Config::parse(&text, &[]).err().map(|error| error.to_string())
}

fn names(error: Option<String>, parts: &[&str]) {
    let error = error.expect("it is refused");
    parts.iter().for_each(|part| assert!(error.contains(part), "{error:?} does not name {part:?}"));
}

const FEATURE: &str = "sampling = \"feature\"";

#[test]
fn what_rounds_x_or_its_sketch() {
    let place = "config, line 4: problem.sampling = \"feature\"";
    let two_point = "data = { noise = \"additive\", eps = 0.1, law = \"two-point\" }";
    for recipe in ["data = \"e4m3\"", two_point, "data = { noise = \"relative\", eps = 0.1 }"] {
        let message = error(FEATURE, recipe);
        // A head has no coordinates for the noise of those behind it.
        assert_eq!(format!("{message:?}").contains("a head"), recipe.contains("e4m3"), "{message:?}");
        names(message, &[place, "recipe \"r\"", "at data", "\"ambient\"", "multiplicative"]);
    }
    names(error(FEATURE, "sketch = \"bf16\""), &[place, "recipe \"r\"", "at sketch", "\"ambient\""]);
    let multiplicative = "data = { noise = \"multiplicative\", eps = 0.1 }";
    assert_eq!(error(FEATURE, multiplicative), None);
    let additive = "data = { noise = \"additive\", eps = 0.1 }";
    assert_eq!(error(FEATURE, additive), None);
    assert_eq!(error(&format!("{FEATURE}\ntail = \"closed\""), additive), None);
    let closed = format!("{FEATURE}\ntail = \"closed\"");
    names(error(&closed, multiplicative), &[place, "closed tail", "\"ambient\""]);
    // One point of a list is enough.
    names(error("sampling = [\"ambient\", \"feature\"]", "data = \"e4m3\""), &[place, "at data"]);
}

#[test]
fn a_head_has_coordinates_that_formats_may_round() {
    let head = |coordinates: &str| format!("sampling = {{ kind = \"head\"{coordinates} }}");
    let five = head(", coordinates = 5");
    for recipe in ["", "data = \"e4m3\"", "data = { noise = \"multiplicative\", eps = 0.1 }"] {
        assert_eq!(error(&five, recipe), None);
    }
    for noise in ["additive", "relative"] {
        let recipe = format!("data = {{ noise = \"{noise}\", eps = 0.1 }}");
        names(error(&five, &recipe), &["problem.sampling = \"head\"", "recipe \"r\"", "formats", "multiplicative"]);
    }
    names(error(&five, "sketch = \"bf16\""), &["at sketch"]);
    names(error(&head(", coordinates = 9"), ""), &["problem.sampling.coordinates = 9", "dim = 9", "1 to 8"]);
    names(error(&head(", coordinates = 0"), ""), &["problem.sampling.coordinates = 0", "from 1"]);
    names(error(&head(", coordinates = 65537"), ""), &["problem.sampling.coordinates = 65537", "to 65536"]);
    names(error(&head(""), ""), &["problem.sampling.coordinates is missing"]);
    names(error("sampling = \"head\"", ""), &["problem.sampling = \"head\"", "coordinates = K"]);
    let feature = "sampling = { kind = \"feature\", coordinates = 3 }";
    names(error(feature, ""), &["problem.sampling.coordinates is no known key", "kind"]);
    assert_eq!(error("sampling = { kind = \"feature\" }", ""), None);
}

#[test]
fn what_has_no_sketch() {
    names(error(&format!("{FEATURE}\nsketch = {{ kind = \"none\" }}"), ""), &["without a sketch", "\"ambient\""]);
}

#[test]
fn every_other_site_may_be_rounded() {
    let recipe = ["feature", "feature_grad", "label", "parameter", "activation", "gradient", "weight"]
        .map(|site| format!("{site} = \"e4m3\""))
        .join("\n");
    assert_eq!(error(&format!("{FEATURE}\ntail = \"closed\""), &recipe), None);
}
