//! Nodes that a link names and nobody declares, with a name that is nearly a declared one's.

use super::super::Link;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Text};
use std::collections::{HashMap, HashSet};

/// Warns of nodes that a single link declares, where the name looks like a slip.
pub(super) fn check(declared: &HashSet<String>, links: &[Link], diagnostics: &mut Diagnostics) {
    let mut named: HashMap<&str, usize> = HashMap::new();
    for end in links.iter().flat_map(|link| &link.ends) {
        *named.entry(end.node.as_str()).or_default() += 1;
    }
    let once = links.iter().flat_map(|link| &link.ends).map(|end| &end.node);
    let once: Vec<&Text> = once
        .filter(|name| !declared.contains(name.as_str()) && named[name.as_str()] == 1)
        .collect();
    if once.is_empty() || declared.is_empty() {
        return;
    }
    // Names that one slip leads to share a key.
    let mut by_key: HashMap<String, Vec<&str>> = HashMap::new();
    for name in declared {
        for key in keys(name) {
            by_key.entry(key).or_default().push(name);
        }
    }
    for name in once {
        let keys = keys(name.as_str());
        let near = keys.iter().filter_map(|key| by_key.get(key)).flatten();
        // The least of several, whatever the order of the set is.
        if let Some(near) = near.filter(|near| is_slip(name.as_str(), near)).min() {
            diagnostics.push(
                Diagnostic::warning(
                    Code::UndeclaredNode,
                    format!("node `{name}` is declared by this link alone"),
                )
                .at(name.span, format!("did you mean `{near}`?"))
                .help(format!("if it is a node of its own, declare it: `{name}: {{}}` in `nodes`")),
            );
        }
    }
}

/// A name with what is easily taken for each other made the same.
fn folded(name: &str) -> String {
    let same = |it: char| match it {
        'l' | 'i' | '|' => '1',
        'o' => '0',
        '.' | '-' => '_',
        other => other,
    };
    name.to_lowercase().chars().map(same).collect()
}

/// The name itself, and without each of its characters.
fn keys(name: &str) -> Vec<String> {
    let name = folded(name);
    let without = name.char_indices().map(|(at, it)| {
        let mut key = name.clone();
        key.replace_range(at..at + it.len_utf8(), "");
        key
    });
    let mut keys: Vec<String> = without.collect();
    keys.push(name);
    keys
}

/// Whether one name is another with a slip of the keyboard: a look-alike, two characters in turned
/// order, or one too many or too few in a long name. `h1` and `h2`, `pe1` and `ce1` are none.
fn is_slip(name: &str, other: &str) -> bool {
    let letters = |it: &str| it.chars().filter(|it| !it.is_ascii_digit()).collect::<String>();
    let (folded_name, folded_other) = (folded(name), folded(other));
    if folded_name == folded_other {
        return true;
    }
    if letters(name) == letters(other) || strsim::osa_distance(&folded_name, &folded_other) != 1 {
        return false;
    }
    let lengths = [name, other].map(|it| it.chars().count());
    match lengths[0] == lengths[1] {
        // One place differs in a substitution, two in a turn.
        true => name.chars().zip(other.chars()).filter(|(one, two)| one != two).count() == 2,
        false => letters(name).len().min(letters(other).len()) >= 4,
    }
}
