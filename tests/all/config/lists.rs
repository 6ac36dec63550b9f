//! Lists in the tables of a recipe's sites: one recipe for each combination, as if they were written out.

use roundlaw::config::resolved::to_toml;
use roundlaw::format::{FORMAT_OPTIONS, LAW_OPTIONS};

use super::*;

fn recipe_names(config: &Config) -> Vec<&str> {
    config.recipe_names().collect()
}

#[track_caller]
fn accepted(text: &str, set: &[&str]) -> Config {
    read(text, set).unwrap_or_else(|e| panic!("{e}"))
}

/// The plain config with these recipes in place of its own.
fn of_recipes(recipes: &[(&str, &str)]) -> String {
    let table = |(name, lines): &(&str, &str)| format!("[[recipe]]\nname = {name:?}\n{lines}\n");
    PLAIN.replace("[[recipe]]\nname = \"a\"\n", "") + &recipes.iter().map(table).collect::<String>()
}

/// A config whose last recipe has lists, and the recipes that are meant.
#[track_caller]
fn stands_for(lines: &str, recipes: &[(&str, &str)]) {
    let lists = accepted(&of_recipes(&[("fp32", ""), ("b", lines)]), &[]);
    let written = accepted(&of_recipes(&[&[("fp32", "")], recipes].concat()), &[]);
    assert_eq!(lists, written);
    assert_eq!(to_toml(&lists), to_toml(&written));
    assert_eq!(accepted(&to_toml(&lists), &[]), lists, "the resolved config holds them one by one");
    let [lists, written] = [lists, written].map(|config| Plan::new(config).unwrap());
    assert_eq!(lists, written);
}

#[test]
fn a_list_gives_a_recipe_for_each_value() {
    stands_for(
        "feature = { noise = \"additive\", eps = [0.001, 0.01] }",
        &[
            ("b feature.eps=0.001", "feature = { noise = \"additive\", eps = 0.001 }"),
            ("b feature.eps=0.01", "feature = { noise = \"additive\", eps = 0.01 }"),
        ],
    );
    // The name of a format stands for its table, and so do several.
    for lines in ["weight = { format = [\"e4m3\", \"mxfp4\"] }", "weight = [\"e4m3\", \"mxfp4\"]"] {
        stands_for(
            lines,
            &[("b weight.format=e4m3", "weight = \"e4m3\""), ("b weight.format=mxfp4", "weight = \"mxfp4\"")],
        );
    }
    // One value is a list too: to add another renames none.
    stands_for("bits = 6\nlabel = [\"fp32\"]", &[("b label.format=fp32", "bits = 6.0")]);
}

#[test]
fn lists_are_combined_in_the_order_of_sites_and_options_the_last_fastest() {
    let law = |eps: &str, kind: &str| format!("data = {{ noise = \"relative\", eps = {eps}, law = \"{kind}\" }}\n");
    let weight = |step: &str| format!("weight = {{ format = \"int8\", step = {step} }}\n");
    let all = [law("[0.5, 0.25]", "LAW").replace("\"LAW\"", "[\"two-point\", \"gaussian\"]"), weight("[0.5, 1e-5]")];
    let mut recipes = Vec::new();
    for eps in ["0.5", "0.25"] {
        for kind in ["two-point", "gaussian"] {
            for step in ["0.5", "1e-5"] {
                let name = format!("b data.eps={eps} data.law={kind} weight.step={step}");
                recipes.push((name, law(eps, kind) + &weight(step)));
            }
        }
    }
    let recipes: Vec<(&str, &str)> = recipes.iter().map(|(name, lines)| (name.as_str(), lines.as_str())).collect();
    // In whatever order they are written.
    let swapped = [&all[1], &all[0]].map(|line| line.replace("format = \"int8\", ", ""));
    stands_for(&all.concat(), &recipes);
    stands_for(&swapped.concat().replace("{ step", "{ format = \"int8\", step"), &recipes);
}

/// A table with two values of an option; the two tables with one of them.
fn two_values(option: &str) -> (String, [String; 2]) {
    let (rest, values) = match option {
        "format" => ("", ["\"bf16\"", "\"mxfp4\""]),
        "rounding" => ("format = \"e4m3\", ", ["\"nearest-even\"", "\"stochastic\""]),
        "bits" => ("format = \"e4m3\", rounding = \"stochastic\", ", ["8", "16"]),
        "variant" => ("format = \"e4m3\", rounding = \"stochastic\", ", ["\"a\"", "\"b\""]),
        "step" => ("format = \"int8\", ", ["0.5", "\"absmax\""]),
        "range" => ("format = \"int8\", step = 0.5, ", ["\"symmetric\"", "\"full\""]),
        "zero_point" => ("format = \"uint8\", step = 0.5, ", ["0", "128"]),
        "scale" => ("format = \"e4m3\", ", ["0.5", "4.0"]),
        "block" => ("format = \"mxfp4\", ", ["16", "\"vector\""]),
        "scale_mode" => ("format = \"mxfp4\", ", ["\"floor\"", "\"even\""]),
        "scale_format" => ("format = \"nvfp4\", ", ["\"e4m3\"", "\"ue5m3\""]),
        "tensor_scale" => ("format = \"nvfp4\", ", ["0.5", "0.75"]),
        "overflow" => ("format = \"e4m3\", ", ["\"saturate\"", "\"ieee\""]),
        "nan" => ("format = \"e4m3\", ", ["\"propagate\"", "\"satfinite\""]),
        "subnormals" => ("format = \"e4m3\", ", ["\"honour\"", "\"flush\""]),
        "base_factor" => ("format = \"log8\", ", ["4", "8"]),
        "bias" => ("format = \"e4m3\", ", ["6", "7"]),
        "specials" => ("format = \"e4m3\", ", ["\"none\"", "\"nan\""]),
        "gradual_underflow" => ("format = \"e4m3\", ", ["true", "false"]),
        "noise" => ("eps = 0.1, ", ["\"additive\"", "\"relative\""]),
        "eps" => ("noise = \"additive\", ", ["0.1", "1.0"]),
        "law" => ("noise = \"additive\", eps = 0.1, ", ["\"gaussian\"", "\"two-point\""]),
        "shared_batch" => ("noise = \"additive\", eps = 0.1, ", ["true", "false"]),
        other => panic!("no two values of {other}"),
    };
    let table = |value: &str| format!("label = {{ {rest}{option} = {value} }}");
    (table(&format!("[{}]", values.join(", "))), values.map(table))
}

#[test]
fn every_option_of_a_site_may_be_a_list() {
    // One is for commands alone.
    let of_formats = FORMAT_OPTIONS.iter().map(|row| row.name).filter(|name| *name != "four_over_six");
    for option in of_formats.chain(LAW_OPTIONS.iter().map(|row| row.name)) {
        let (list, single) = two_values(option);
        let sites =
            |text: &str| accepted(&with_recipe(text), &[]).recipes().iter().map(|r| r.sites).collect::<Vec<_>>();
        let expected: Vec<_> = single.iter().flat_map(|text| sites(text)).collect();
        assert_eq!(sites(&list), expected, "{list}");
        assert_ne!(expected[0], expected[1], "{list}");
    }
}

#[test]
fn a_name_tells_values_as_short_as_they_are() {
    let text = "weight = { format = \"int8\", step = [1, 0.25, 1e-3, 3.0517578125e-05, 1e-7, 1048576, 2.5e6] }";
    let config = accepted(&of_recipes(&[("b", text)]), &[]);
    let values: Vec<&str> = config.recipe_names().map(|name| name.strip_prefix("b weight.step=").unwrap()).collect();
    assert_eq!(values, ["1", "0.25", "0.001", "2^-15", "1e-7", "2^20", "2.5e6"]);
    let shared = "label = { noise = \"additive\", eps = 0.1, shared_batch = [true, false] }";
    let config = accepted(&of_recipes(&[("b", shared)]), &[]);
    assert_eq!(recipe_names(&config), ["b label.shared_batch=true", "b label.shared_batch=false"]);
}

#[test]
fn lists_that_mean_nothing_are_refused() {
    for (lines, parts) in [
        ("weight = []", &["line 12: recipe \"a\", weight.format = []", "at least one value"][..]),
        ("weight = { noise = \"additive\", eps = [] }", &["line 12: recipe \"a\", weight.eps = []", "at least one"]),
        ("weight = [\"e4m3\", \"bf16\", \"e4m3\"]", &["recipe \"a\", weight.format holds \"e4m3\" twice", "differ"]),
        (
            "weight = { noise = \"additive\", eps = [1, 0.1, 1.0] }",
            &["line 12: recipe \"a\", weight.eps holds 1.0 twice"],
        ),
        (
            "weight = { noise = \"additive\", eps = [0.1, 1e9] }",
            &["weight.eps = 1000000000.0", "number from", "to 1e6"],
        ),
        ("weight = { noise = \"additive\", eps = [[0.1]] }", &["weight.eps = [0.1]", "number from", "to 1e6"]),
        ("weight = [[\"e4m3\"]]", &["weight.format = [\"e4m3\"]", "allowed is fp32, "]),
        ("weight = [{ format = \"e4m3\" }]", &["weight.format = { format = \"e4m3\" }", "allowed is fp32, "]),
        ("weight = { epsilon = [0.1, 0.2] }", &["weight.epsilon is no known key", "format, rounding", "eps, law"]),
        ("bits = [4, 8]", &["recipe.bits = [4, 8]", "a number from 1 to 64"]),
        ("weights = [\"e4m3\"]", &["recipe.weights is no known key"]),
        // Of several the one that does not fit is named.
        (
            "weight = { format = [\"int8\", \"e4m3\"], step = 0.5 }",
            &["recipe \"a weight.format=e4m3\", weight.step", "allowed are format, rounding"],
        ),
    ] {
        names(&message(&with_recipe(lines), &[]), parts);
    }
    names(&message(PLAIN, &["recipe=[{name=[\"a\",\"b\"]}]"]), &["recipe.name = [\"a\", \"b\"]", "non-empty text"]);
}

#[test]
fn names_made_of_lists_differ_from_all_others_and_are_short() {
    let (list, name) = ("weight = [\"e4m3\", \"bf16\"]", "b weight.format=bf16");
    for recipes in [[("b", list), (name, "")], [(name, ""), ("b", list)]] {
        let message = message(&of_recipes(&recipes), &[]);
        names(&message, &["config, line ", "recipe.name = ", name, "stands twice: names must differ"]);
    }
    let long = |length: usize| read(&of_recipes(&[(&"é".repeat(length), list)]), &[]);
    let rest = " weight.format=bf16".len();
    assert_eq!(long(200 - rest).unwrap().recipes()[1].name.chars().count(), 200);
    names(&line(long(201 - rest)), &["recipe.name", "weight.format=e4m3", "too long", "at most 200 characters"]);
}

#[test]
fn recipes_are_few_with_their_lists() {
    let eps = |count: usize| (1..=count).map(|i| format!("{i}e-3")).collect::<Vec<_>>().join(", ");
    let law = |site: &str, count: usize| format!("{site} = {{ noise = \"additive\", eps = [{}] }}\n", eps(count));
    let text = |count: usize| of_recipes(&[("first", ""), ("b", &(law("data", 64) + &law("label", count)))]);
    assert_eq!(accepted(&text(63), &[]).recipes().len(), 1 + 64 * 63);
    let parts = ["recipe.name = \"b\"", "there are 4097 recipes", "allowed are up to 4096"];
    names(&message(&text(64), &[]), &parts);
    let every = Site::ALL.map(|site| law(site.name(), 300)).concat();
    names(&message(&of_recipes(&[("b", &every)]), &[]), &["recipe.name = \"b\"", "up to 4096"]);
}

#[test]
fn an_override_reaches_one_recipe_by_its_name() {
    let name = "additive, \"eps\" = 0.1 é\\";
    let law = |eps: &str| format!("feature = {{ noise = \"additive\", eps = {eps} }}");
    let text = |eps: &str| of_recipes(&[("a", &law("0.5")), (name, &law(eps)), ("b.c", "weight = \"e4m3\"")]);
    for key in [
        "recipe.\"additive, \\\"eps\\\" = 0.1 é\\\\\".feature.eps=0.125",
        " recipe . 'additive, \"eps\" = 0.1 é\\' . feature . \"eps\" = 0.125",
    ] {
        assert_eq!(accepted(&text("0.1"), &[key]), accepted(&text("0.125"), &[]), "{key}");
    }
    // As it is written: a list is set, or replaced.
    let listed = accepted(&text("[1.0, 2.0]"), &[]);
    assert_eq!(accepted(&text("0.1"), &[&format!("recipe.'{name}'.feature.eps=[1.0,2.0]")]), listed);
    assert_eq!(listed.recipes().len(), 4);
    assert_eq!(
        accepted(&text("[1.0, 2.0]"), &[&format!("recipe.'{name}'.feature.eps=0.1")]),
        accepted(&text("0.1"), &[])
    );

    let weight = |value: &str| of_recipes(&[("b.c", &format!("weight = {value}"))]);
    for (set, value) in [
        ("recipe.'b.c'.weight=bf16", "\"bf16\""),
        ("recipe.'b.c'.weight=[\"bf16\",\"e4m3\"]", "[\"bf16\", \"e4m3\"]"),
        ("recipe.'b.c'.weight.format=bf16", "\"bf16\""),
        ("recipe.'b.c'.weight.rounding=stochastic", "{ format = \"e4m3\", rounding = \"stochastic\" }"),
        ("recipe.'b.c'.bits=5", "\"e4m3\"\nbits = 5"),
        ("recipe.'b.c'.data=bf16", "\"e4m3\"\ndata = \"bf16\""),
        ("recipe.'b.c'.data.format=bf16", "\"e4m3\"\ndata = \"bf16\""),
    ] {
        assert_eq!(accepted(&weight("\"e4m3\""), &[set]), accepted(&weight(value), &[]), "{set}");
    }
    assert_eq!(recipe_names(&accepted(&weight("\"e4m3\""), &["recipe.'b.c'.name=new"])), ["new"]);
    for (set, parts) in [
        ("recipe.b.weight.format=bf16", &["--set recipe.b.weight", "no recipe has the name \"b\"", "[\"b.c\"]"][..]),
        ("recipe.'b.c'.weight.eps=0.1", &["--set recipe \"b.c\", weight.eps", "allowed are format, rounding"]),
        (
            "recipe.'b.c'.weight.rounding.bits=8",
            &["--set recipe \"b.c\", weight.rounding = { bits = 8 }", "nearest-even"],
        ),
        ("recipe.'b.c'.weigth=bf16", &["--set recipe.weigth is no known key", "did you mean weight?"]),
        ("recipe.'b.c'=3", &["--set recipe.'b.c'=3", "recipe is no table", "recipe.\"NAME\""]),
        ("recipe.'b.c.weight=bf16", &["--set recipe.'b.c.weight=bf16", "KEY=VALUE"]),
        ("recipe.\"b.c.weight=bf16", &["--set recipe.\"b.c", "KEY=VALUE"]),
        ("recipe.'b.c'weight=bf16", &["--set recipe.'b.c'weight", "KEY=VALUE"]),
        ("recipe.''.weight=bf16", &["--set recipe.''.weight", "KEY=VALUE"]),
        ("recipe.\"\\q\".weight=bf16", &["--set recipe.", "KEY=VALUE"]),
    ] {
        names(&message(&weight("\"e4m3\""), &[set]), parts);
    }
    let misspelled = message(QUICKSTART, &["recipe.'e4m3 feature'.feature=bf16"]);
    names(&misspelled, &["the name \"e4m3 feature\": there are [\"fp32\", ", "did you mean e4m3 features?"]);
    let without = PLAIN.replace("[[recipe]]\nname = \"a\"\n", "");
    names(&message(&without, &["recipe.a.weight=bf16"]), &["--set recipe.a.weight=bf16", "there is no [[recipe]]"]);
}
