//! Texts short enough to be read: a name that they quote may have megabytes, and a node thousands of
//! interfaces to be listed.

/// How many bytes of a name between backticks are shown whole.
const MAX_QUOTED: usize = 300;
/// How many bytes are shown of a longer one.
const BEGINNING: usize = 60;
/// How many bytes a text has at the most.
const MAX_TEXT: usize = 2000;
/// How many names a list has at the most.
const MAX_LISTED: usize = 16;

/// The text with long names, and then itself, cut to their beginnings and lengths.
pub(super) fn short(text: String) -> String {
    if text.len() <= MAX_QUOTED {
        return text;
    }
    let parts = text.split('`').enumerate().map(|(place, part)| match place % 2 == 1 {
        true => cut(part, MAX_QUOTED, BEGINNING),
        false => part.to_owned(),
    });
    cut(&parts.collect::<Vec<_>>().join("`"), MAX_TEXT, MAX_TEXT)
}

fn cut(text: &str, most: usize, shown: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}… ({} bytes)", &text[..text.floor_char_boundary(shown)], text.len())
}

/// `a, b, c`; of many, the first sixteen and how many are left.
pub fn few<'a>(names: impl IntoIterator<Item = &'a str, IntoIter: ExactSizeIterator>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<&str> = names.by_ref().take(MAX_LISTED).collect();
    match names.len() {
        0 => shown.join(", "),
        left => format!("{} and {left} more", shown.join(", ")),
    }
}

/// How many names, and how many places, one diagnostic has at the most.
pub const MAX_NAMED: usize = 8;

/// `a, b and c`; of many, the first eight and how many are left.
pub fn listed(all: impl IntoIterator<Item = String>) -> String {
    let mut all = all.into_iter();
    let mut shown: Vec<String> = all.by_ref().take(MAX_NAMED).collect();
    match all.count() {
        0 => {}
        left => shown.push(format!("{left} more")),
    }
    match shown.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_shown_with_its_beginning_and_length() {
        let name = "ä".repeat(1_000_000);
        let said = short(format!("`{name}` of `pe1` cannot name a node"));
        assert_eq!(
            said,
            format!("`{}… (2000000 bytes)` of `pe1` cannot name a node", "ä".repeat(30))
        );
        let plain = short("x".repeat(5_000));
        assert_eq!(plain, format!("{}… (5000 bytes)", "x".repeat(MAX_TEXT)));
        let whole = format!("`{}` is long enough", "x".repeat(MAX_QUOTED));
        assert_eq!(short(whole.clone()), whole);
    }

    #[test]
    fn a_long_list_says_how_many_are_left() {
        assert_eq!(few(["a", "b"]), "a, b");
        assert_eq!(few(["a"; 18]), format!("{} and 2 more", ["a"; 16].join(", ")));
    }
}
