//! The secret keys of a file, which no piece of it that is shown has in it.

use std::borrow::Cow;

/// The words behind which a file has one.
const WORDS: [&str; 2] = ["private-key", "preshared-key"];
/// What is shorter is no key, and not one that was cut either.
const LEAST: usize = 20;

/// The text with `*` in the place of each byte of a private or preshared key.
pub(super) fn hidden(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    for (at, word) in WORDS.iter().flat_map(|word| text.match_indices(word)) {
        let behind = &text[at + word.len()..];
        let value = behind.trim_start_matches([' ', '\t', '\r', '\n', '"', '\'', ':', '=']);
        let is_of_key = |it: char| it.is_ascii_alphanumeric() || matches!(it, '+' | '/' | '=');
        let length = value.find(|it| !is_of_key(it)).unwrap_or(value.len());
        if length >= LEAST {
            let start = text.len() - value.len();
            shown.to_mut().replace_range(start..start + length, &"*".repeat(length));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::hidden;

    #[test]
    fn a_secret_key_is_not_shown_and_nothing_moves() {
        let key = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
        let places = [
            ("private-key: ", "\nx: 1"),
            ("{private-key: \"", "\"}"),
            ("peers: [b preshared-key ", " endpoint 10.0.0.1:7]"),
        ];
        for (before, behind) in places {
            let text = format!("é {before}{key}{behind}");
            let shown = hidden(&text);
            assert_eq!(shown, format!("é {before}{}{behind}", "*".repeat(key.len())));
        }
        let dot = format!("interfaces=\"wg0 kind wireguard private-key {key} peers a\"");
        assert!(!hidden(&dot).contains(key));
        for text in ["`private-key` of nobody", "private-key", "private-key: short"] {
            assert_eq!(hidden(text), text);
        }
    }
}
