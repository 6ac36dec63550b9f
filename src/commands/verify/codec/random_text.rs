//! What `verify --codec` prints of a random rounding.

use serde_json::{Value, json};

use super::text::Told;
use crate::codec::NO_CODE;
use crate::verify::foreign::random::{FALSE_ALARMS, Neither, RandomComparison, Test};

impl Told<'_> {
    pub fn random_document(&self, found: &RandomComparison) -> Value {
        let neither = |Neither { element, input, theirs, allowed: [below, above] }: &Neither| {
            let mut document = self.place(*element, *input);
            self.add(&mut document, ["code", "fields", "scale", "value", "value_bits"], theirs, theirs);
            let names = ["must_be", "must_be_fields", "must_be_scale", "must_be", "must_be_bits"];
            self.add(&mut document, names, below, theirs);
            self.add(&mut document, ["or", "or_fields", "or_scale", "or", "or_bits"], above, theirs);
            document
        };
        let test = |test: &Test| {
            json!({
                "test": test.name,
                "draws": test.draws,
                "sum": test.sum,
                "limit": test.limit,
                "passed": !test.is_caught(),
            })
        };
        json!({
            "rows": found.elements,
            "drawn": found.drawn,
            "different": found.different,
            "first": found.first.iter().map(neither).collect::<Vec<_>>(),
            "false_alarms": FALSE_ALARMS,
            "tests": found.tests.iter().map(test).collect::<Vec<_>>(),
        })
    }

    pub fn random_lines(&self, found: &RandomComparison) -> Vec<String> {
        let RandomComparison { elements, drawn, different, first, tests } = found;
        let noun = self.noun();
        let mut lines = vec![format!(
            "{elements} {noun}, {drawn} lie between two values; {different} have neither of the values that they may have"
        )];
        lines.extend(first.iter().map(|Neither { element, input, theirs, allowed: [below, above] }| {
            let kind = if theirs.code == NO_CODE { "value" } else { "code" };
            let [found, below, above] = [theirs, below, above].map(|stored| self.stored(stored, theirs));
            let or = if below == above { String::new() } else { format!(" or {above}") };
            format!("{}: {kind} {found}, must be {below}{or}", self.place_text(*element, *input))
        }));
        let caught: Vec<&Test> = tests.iter().filter(|test| test.is_caught()).collect();
        lines.push(format!(
            "{} tests, which a right codec fails at most once in {:e} times: {} failed",
            tests.len(),
            1.0 / FALSE_ALARMS,
            caught.len()
        ));
        lines.extend(caught.iter().map(|Test { name, draws, sum, limit }| {
            format!("{name}: sum {sum:.1} of {draws} draws, by chance at most {limit:.1} in magnitude")
        }));
        // What the first test would have seen.
        if let Some(bias) = tests.first().filter(|bias| caught.is_empty() && bias.draws > 0) {
            let least = bias.limit / bias.draws as f64;
            lines.push(format!("of as many draws these tests see biases of more than {least:.2e} steps"));
        }
        lines
    }
}
