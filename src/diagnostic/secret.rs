//! The secret keys of a file, which no piece of it that is shown has in it.

use std::borrow::Cow;
use std::ops::Range;

/// The words behind which a file has one, where `key` follows, however somebody joins the two.
const WORDS: [&str; 2] = ["private", "preshared"];
/// What is shorter is no key, and not one that was cut either.
const LEAST: usize = 20;
/// What is as long as this may be a key wherever it stands; a whole one has 44 characters.
const WHOLE: usize = 40;
/// How many bytes before a key are looked at for what it is.
const NEAR: usize = 256;
/// The words that follow the key of a peer in a file, which is a public one.
const OF_PEERS: [&str; 4] = ["allowed-ips", "endpoint", "preshared-key", "persistent-keepalive"];

/// The text with `*` in the place of each byte of a private or preshared key, and of whatever looks
/// like one: a key may stand in a wrong place, or behind a word that is spelt wrong.
pub(super) fn hidden(text: &str) -> Cow<'_, str> {
    let keys: Vec<Range<usize>> = whole(text).into_iter().chain(behind_words(text)).collect();
    if keys.is_empty() {
        return Cow::Borrowed(text);
    }
    let is_hidden = |byte: u8| !byte.is_ascii_whitespace();
    let mut shown = text.as_bytes().to_vec();
    for key in keys {
        shown[key].iter_mut().filter(|byte| is_hidden(**byte)).for_each(|byte| *byte = b'*');
    }
    Cow::Owned(String::from_utf8(shown).expect("what is hidden is ASCII"))
}

/// What stands behind a word for a key, if it may be one that somebody cut.
fn behind_words(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let words = WORDS.iter().flat_map(|word| lower.match_indices(word));
    let keys = words.filter_map(|(at, word)| {
        let behind = lower[at + word.len()..].trim_start_matches(['-', '_', ' ']);
        let behind = behind.strip_prefix("key")?;
        let between = [' ', '\t', '\r', '\n', '"', '\'', '`', ':', '=', '[', '{', '-'];
        let value = behind.trim_start_matches(between);
        // A quoted value may go on in further lines.
        let before = &behind[..behind.len() - value.len()];
        let is_quoted = before.contains([':', '=']) && before.ends_with(['"', '\'']);
        let start = text.len() - value.len();
        let (mut end, mut length) = (start, 0);
        while let Some(piece) = Piece::at(&text[end..]) {
            end += piece.bytes;
            length += usize::from(piece.stands_for.is_some());
            let blank = text[end..].len() - text[end..].trim_ascii_start().len();
            if is_quoted && blank > 0 && Piece::at(&text[end + blank..]).is_some() {
                end += blank;
            }
        }
        (length >= LEAST).then_some(start..end)
    });
    keys.collect()
}

/// What looks like a key by itself: long, of the characters of base64 and as mixed as they are in one.
fn whole(text: &str) -> Vec<Range<usize>> {
    let mut keys = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(|it: char| it == '\\' || is_of_key(it)) {
        let start = at + found;
        let mut run = String::new();
        at = start;
        while let Some(piece) = Piece::at(&text[at..]) {
            // A `=` ends a key, and it joins one to the word before it.
            if run.ends_with('=') && piece.stands_for != Some('=') {
                break;
            }
            run.extend(piece.stands_for);
            at += piece.bytes;
        }
        let has = |is: fn(char) -> bool| run.contains(is);
        let is_mixed = has(|it| it.is_ascii_uppercase())
            && has(|it| it.is_ascii_lowercase())
            && has(|it| it.is_ascii_digit());
        if run.len() >= WHOLE && is_mixed && !is_public(&text[..start], &text[at..]) {
            keys.push(start..at);
        }
        // What starts with no piece is one character that stands alone.
        at = at.max(start + 1);
    }
    keys
}

/// Whether the key between two texts is the name of a peer: one in a list of peers of which nothing else
/// is said, or one with a peer's words behind it.
fn is_public(before: &str, behind: &str) -> bool {
    let behind = behind.trim_start_matches(' ');
    let near = before.floor_char_boundary(before.len().saturating_sub(NEAR));
    let line = before[near..].rsplit('\n').next().unwrap_or_default();
    let is_among_peers = line.rsplit_once("peers").is_some_and(|(_, between)| {
        let between = between.trim_start_matches([':', ' ', '[']);
        !between.contains([']', '}']) && !between.replace(", ", ",").contains(' ')
    });
    is_among_peers || OF_PEERS.iter().any(|word| behind.starts_with(word))
}

fn is_of_key(it: char) -> bool {
    it.is_ascii_alphanumeric() || matches!(it, '+' | '/' | '=')
}

/// A piece of a key as it is written in a file.
struct Piece {
    bytes: usize,
    /// The character of the key; none where the piece joins two lines or two strings.
    stands_for: Option<char>,
}

impl Piece {
    /// The one that the text begins with.
    fn at(text: &str) -> Option<Self> {
        let first = text.chars().next()?;
        if is_of_key(first) {
            return Some(Self { bytes: 1, stands_for: Some(first) });
        }
        // DOT joins strings so.
        if let Some(behind) = text.strip_prefix('"') {
            let next = behind.trim_ascii_start().strip_prefix('+')?.trim_ascii_start();
            let bytes = text.len() - next.strip_prefix('"')?.len();
            return Some(Self { bytes, stands_for: None });
        }
        let escaped = text.strip_prefix('\\')?;
        let digits = match escaped.chars().next()? {
            '/' => return Some(Self { bytes: 2, stands_for: Some('/') }),
            '\n' | '\r' => {
                let bytes = text.len() - escaped.trim_ascii_start().len();
                return Some(Self { bytes, stands_for: None });
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return None,
        };
        let number = u32::from_str_radix(escaped.get(1..1 + digits)?, 16).ok()?;
        let stands_for = char::from_u32(number).filter(|it| is_of_key(*it))?;
        Some(Self { bytes: 2 + digits, stands_for: Some(stands_for) })
    }
}

#[cfg(test)]
mod tests {
    use super::hidden;

    const KEY: &str = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";

    #[test]
    fn a_secret_key_is_not_shown_and_nothing_moves() {
        let places = [
            ("private-key: ", "\nx: 1"),
            ("{private-key: \"", "\"}"),
            ("peers: [b preshared-key ", " endpoint 10.0.0.1:7]"),
            ("private-key: [\"", "\"]"),
            ("private-key: {a: \"", "\"}"),
            ("private-key: {\"", "\": a}"),
            ("private-key: |\n  ", "\n"),
            ("x: &k \"", "\""),
            ("private-kye: ", ""),
            ("fwmark: AAAA", ""),
            ("private-key=", " mtu 5"),
            ("wg0 peers b private-kye ", " mtu 5"),
            ("peers: [b], private-kye: ", ""),
        ];
        for (before, behind) in places {
            let text = format!("é {before}{KEY}{behind}");
            let shown = hidden(&text);
            let before = before.replace("AAAA", "****");
            assert_eq!(shown, format!("é {before}{}{behind}", "*".repeat(KEY.len())));
        }
        for name in ["private-key", "private_key", "privatekey", "PresharedKey", "Private Key"] {
            let dot = format!("interfaces=\"wg0 kind wireguard {name} {KEY} peers a\"");
            assert!(!hidden(&dot).contains(KEY), "{name}");
        }
    }

    #[test]
    fn a_key_in_pieces_is_not_shown_either() {
        let (first, second) = KEY.split_at(24);
        for (text, shown) in [
            (format!("x: \"\\x64{}\"", &KEY[1..]), format!("x: \"{}\"", "*".repeat(47))),
            (
                format!("x: \"{first}\\\n  {second}\""),
                format!("x: \"{}\n  {}\"", "*".repeat(25), "*".repeat(20)),
            ),
            (
                format!("private-key: '{first}\n  {second}'\nmtu: 5"),
                format!("private-key: '{}\n  {}'\nmtu: 5", "*".repeat(24), "*".repeat(20)),
            ),
            (
                format!("\"wg0 mtu {first}\" + \"{second}\""),
                format!("\"wg0 mtu {} * {}\"", "*".repeat(25), "*".repeat(21)),
            ),
            (format!("private-key: [{first}]"), format!("private-key: [{}]", "*".repeat(24))),
        ] {
            assert_eq!(hidden(&text), shown);
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for text in [
            "`private-key` of nobody",
            "private-key",
            "private-key: short\nmtu: 5",
            "private-key: \"short\", peers: [a]",
            "peers: [\"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo= allowed-ips 10.0.0.0/8\"]",
            "peers: [c, \"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\"]",
            "x: /usr/local/share/vrflab/examples/of/the/backbone/lab",
            "\\",
            "\\u00",
            "é\\xé",
        ] {
            assert_eq!(hidden(text), text);
        }
    }
}
