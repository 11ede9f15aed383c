//! Text from a file on its way to a terminal, which obeys some characters instead of showing them.

use std::borrow::Cow;

/// Whether a terminal would do something else than show the character: a control character other
/// than a line's end and a tab, one of C1 (`U+0080`–`U+009F`) too, or one that turns the direction of
/// writing round.
pub fn is_obeyed(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        character => character.is_control(),
    }
}

/// The text with such characters as Rust spells them, `\r` or `\u{1b}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, |character, to| to.extend(character.escape_default()))
}

/// JSON with such characters as JSON spells them, `\u009b`: all of them are inside of strings.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    replaced(json, |character, to| *to += &format!("\\u{:04x}", u32::from(character)))
}

fn replaced(text: &str, spell: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::with_capacity(text.len());
    for character in text.chars() {
        match is_obeyed(character) {
            true => spell(character, &mut spelled),
            false => spelled.push(character),
        }
    }
    Cow::Owned(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelled() {
        let text = "touch x #\r\u{1b}[2K\u{9b}2J\u{7f}\u{202e}\u{2069}\n\tübrig";
        let spelled = "touch x #\\r\\u{1b}[2K\\u{9b}2J\\u{7f}\\u{202e}\\u{2069}\n\tübrig";
        assert_eq!(visible(text), spelled);
        assert!(matches!(visible("übrig\n"), Cow::Borrowed(_)));
        let json = serde_json::json!({ "command": text });
        let spelled = visible_json(&json.to_string()).into_owned();
        assert!(!spelled.contains(is_obeyed), "{spelled}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&spelled).unwrap(), json);
    }
}
