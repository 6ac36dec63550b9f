//! `--set KEY=VALUE`: a value in place of what the text of a config says, or beside it.

use toml::{Table, Value};

use super::item::{Item, Node};
use super::keys::Keys;
use super::places::Place;
use super::recipe::{FORMAT, THEN};
use crate::error::{Error, Result};
use crate::words::{nearest, question};

/// Parts of a dotted key: none has more, and dropping a very deep table would exhaust the stack.
const MAX_PARTS: usize = 8;

/// Applies one `KEY=VALUE` to the tables of a config: a dotted key, whose parts may stand in quotes, and a TOML value
/// (a bare word counts as text). `recipe."NAME"` is the recipe of that name, as it is written, and `then.K` its phase number
/// K.
pub(super) fn set(root: &mut Keys, item: &str) -> Result<()> {
    let refused = |why: &str| Error::Input(format!("--set {item}: {why}"));
    let wrong = || refused("allowed is KEY=VALUE, as --set sweep.seeds=8");
    let (mut path, text) = dotted(item).ok_or_else(wrong)?;
    let value = format!("v = {text}")
        .parse::<Table>()
        .ok()
        // A line break would bring in more keys.
        .filter(|table| table.len() == 1)
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| Value::from(text.trim()));
    let last = path.pop().ok_or_else(wrong)?;
    let (mut at, parts, mut is_site) = match path.split_first_chunk() {
        Some(([list, name], parts)) if list == "recipe" => {
            let own = recipe(root, name).map_err(|e| refused(&e))?;
            let (at, parts) = match parts.split_first() {
                Some((then, parts)) if then == THEN => phase(own, parts, &last).map_err(|e| refused(&e))?,
                _ => (own, parts),
            };
            (at, parts, true)
        }
        _ => (root, &path[..], false),
    };
    for part in parts {
        let item = at.entry(part);
        if std::mem::take(&mut is_site) {
            *item = std::mem::take(item).under(FORMAT);
        }
        at = match &mut item.node {
            Node::Table(keys) => keys,
            _ => {
                let allowed = "allowed are keys of problem, train, sweep and recipe.\"NAME\"";
                return Err(refused(&format!("{part} is no table; {allowed}")));
            }
        };
    }
    *at.entry(&last) = Item::new(&Place::Set, value);
    Ok(())
}

/// The table of the recipe of that name; what to say where there is none.
fn recipe<'a>(root: &'a mut Keys, name: &str) -> std::result::Result<&'a mut Keys, String> {
    let Node::List(list) = &mut root.entry("recipe").node else {
        return Err("there is no [[recipe]]".into());
    };
    let tables = list.iter_mut().filter_map(|item| match &mut item.node {
        Node::Table(keys) => Some((keys.get("name")?.as_str()?.to_owned(), keys)),
        _ => None,
    });
    let (names, mut tables): (Vec<String>, Vec<&mut Keys>) = tables.unzip();
    match names.iter().position(|own| own == name) {
        Some(at) => Ok(tables.swap_remove(at)),
        None => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let meant = question(nearest(name, &names));
            Err(format!("no recipe has the name {name:?}: there are {names:?}{meant}"))
        }
    }
}

/// The table of the phase whose number stands first behind `then`, before `last`, and the parts behind the number; what to
/// say where there is none.
fn phase<'a, 'b>(
    recipe: &'a mut Keys,
    parts: &'b [String],
    last: &str,
) -> std::result::Result<(&'a mut Keys, &'b [String]), String> {
    let allowed = "allowed is then.K.KEY";
    let Node::List(list) = &mut recipe.entry(THEN).node else {
        return Err(format!("there is no [[recipe.then]]: {allowed} where there is a phase K"));
    };
    let (count, first) = (list.len(), parts.first().map_or(last, String::as_str));
    let number = first.parse::<usize>().ok().filter(|_| !parts.is_empty()).and_then(|number| number.checked_sub(1));
    match number.and_then(|number| list.get_mut(number)).map(|item| &mut item.node) {
        Some(Node::Table(keys)) => Ok((keys, &parts[1..])),
        _ => Err(format!("then.{first} is no key of a phase: {allowed}, K from 1 to {count}, as then.1.from=0.5")),
    }
}

/// The parts of a dotted key, and what stands behind its `=`.
fn dotted(item: &str) -> Option<(Vec<String>, &str)> {
    let (mut parts, mut rest) = (Vec::new(), item);
    while parts.len() < MAX_PARTS {
        let (part, behind) = part(rest.trim_start())?;
        parts.push(Some(part).filter(|part| !part.trim().is_empty())?);
        rest = behind.trim_start();
        match rest.strip_prefix('=') {
            Some(value) => return Some((parts, value)),
            None => rest = rest.strip_prefix('.')?,
        }
    }
    None
}

/// The first part of a dotted key, and what is left of it. In quotes it is a text of TOML, which may hold points,
/// blanks and equals signs.
fn part(text: &str) -> Option<(String, &str)> {
    let Some(quote @ ('"' | '\'')) = text.chars().next() else {
        let (part, rest) = text.split_at(text.find(['.', '='])?);
        return Some((part.trim_end().to_owned(), rest));
    };
    let mut is_escaped = false;
    let (end, _) = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !is_escaped;
        is_escaped = quote == '"' && *c == '\\' && !is_escaped;
        ends
    })?;
    let (quoted, rest) = text.split_at(end + 1);
    let value = format!("v = {quoted}").parse::<Table>().ok()?.remove("v")?;
    Some((value.as_str()?.to_owned(), rest))
}
