//! The secret keys of a file, which no piece of it that is shown has in it.

use std::borrow::Cow;

/// The words behind which a file has one, where `key` follows, however somebody joins the two.
const WORDS: [&str; 2] = ["private", "preshared"];
/// What is shorter is no key, and not one that was cut either.
const LEAST: usize = 20;

/// The text with `*` in the place of each byte of a private or preshared key.
pub(super) fn hidden(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    let lower = text.to_ascii_lowercase();
    for (at, word) in WORDS.iter().flat_map(|word| lower.match_indices(word)) {
        let behind = lower[at + word.len()..].trim_start_matches(['-', '_', ' ']);
        let Some(behind) = behind.strip_prefix("key") else { continue };
        let behind = &text[text.len() - behind.len()..];
        let between = [' ', '\t', '\r', '\n', '"', '\'', '`', ':', '='];
        let value = behind.trim_start_matches(between);
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
        for name in ["private-key", "private_key", "privatekey", "PresharedKey", "Private Key"] {
            let dot = format!("interfaces=\"wg0 kind wireguard {name} {key} peers a\"");
            assert!(!hidden(&dot).contains(key), "{name}");
        }
        for text in ["`private-key` of nobody", "private-key", "private-key: short"] {
            assert_eq!(hidden(text), text);
        }
    }
}
