//! A string as words, each with its place.

use crate::diagnostic::{Code, Diagnostic, Span, Text};

/// The family that the options of `ip` name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
    Mpls,
}

impl Family {
    /// Whether it is IPv4, for what cannot be of MPLS.
    pub(super) fn of_ip(family: Option<Self>, text: &Text) -> Result<Option<bool>, Diagnostic> {
        match family {
            None => Ok(None),
            Some(Self::V4) => Ok(Some(true)),
            Some(Self::V6) => Ok(Some(false)),
            Some(Self::Mpls) => Err(Diagnostic::error(Code::BadValue, "MPLS stands elsewhere")
                .at(text.span, "of the family `mpls`")
                .help("write it below `mpls`")),
        }
    }
}

/// Reads the words of a string one by one.
pub(crate) struct Words<'a> {
    text: &'a Text,
    at: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a Text) -> Self {
        Self { text, at: 0 }
    }

    /// The next word, without taking it.
    pub(crate) fn peek(&self) -> Option<Text> {
        let rest = &self.text.as_str()[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.text.as_str()[start..];
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        (length > 0).then(|| self.text.slice(start, start + length))
    }

    /// Takes the next word.
    pub(crate) fn next(&mut self) -> Option<Text> {
        let word = self.peek()?;
        let rest = &self.text.as_str()[self.at..];
        self.at += rest.len() - rest.trim_start().len() + word.as_str().len();
        Some(word)
    }

    /// Takes the next word if it is this one.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.as_str() == word);
        if found {
            self.next();
        }
        found
    }

    /// Takes the next word, which `after` asks for.
    pub(crate) fn expect(&mut self, what: &str, after: &Text) -> Result<Text, Diagnostic> {
        self.next().ok_or_else(|| {
            Diagnostic::error(Code::BadValue, format!("`{after}` is not followed by {what}"))
                .at(after.span, format!("{what} is missing after this"))
        })
    }

    /// Takes the next word as a value that `FromStr` reads.
    pub(crate) fn value<T: std::str::FromStr>(
        &mut self,
        what: &str,
        after: &Text,
    ) -> Result<T, Diagnostic> {
        let word = self.expect(what, after)?;
        word.as_str().parse().map_err(|_| not(&word, what))
    }

    /// Takes the next word as a number that fits.
    pub(crate) fn number<T: TryFrom<u64>>(
        &mut self,
        what: &str,
        after: &Text,
    ) -> Result<T, Diagnostic> {
        let word = self.expect(what, after)?;
        let number = number(word.as_str()).and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| not(&word, what))
    }

    /// Takes what stands before a sentence in a shell, `ip -6 route add` or a part of it, and gives
    /// the family that it names.
    pub(super) fn command(&mut self, object: &str) -> Result<Option<Family>, Diagnostic> {
        let mut family = None;
        let mut of_ip = self.take("ip");
        while let Some(option) = self.peek().filter(|word| word.as_str().starts_with('-')) {
            self.next();
            family = Some(match option.as_str() {
                "-4" => Family::V4,
                "-6" => Family::V6,
                "-M" => Family::Mpls,
                "-f" | "-family" => {
                    let name = self.expect("a family", &option)?;
                    match name.as_str() {
                        "inet" => Family::V4,
                        "inet6" => Family::V6,
                        "mpls" => Family::Mpls,
                        _ => return Err(not(&name, "`inet`, `inet6` or `mpls`")),
                    }
                }
                _ => return Err(not(&option, "an option that says the family, as `-6`")),
            });
        }
        of_ip |= self.take(object);
        if let (true, Some(verb)) = (of_ip, self.peek()) {
            let other = ["append", "prepend", "change", "replace", "delete", "del", "show", "get"];
            if other.contains(&verb.as_str()) {
                return Err(
                    not(&verb, "`add`").note("a file says what is there, not how it changes")
                );
            }
        }
        self.take("add");
        Ok(family)
    }

    /// The place of the whole string.
    pub(crate) fn span(&self) -> Span {
        self.text.span
    }
}

/// The diagnostic for a word that is not what belongs there.
pub(crate) fn not(word: &Text, what: &str) -> Diagnostic {
    Diagnostic::error(Code::BadValue, format!("`{word}` is not {what}"))
        .at(word.span, format!("expected {what}"))
}

/// The diagnostic for a word that the grammar does not have.
pub(crate) fn unknown(word: &Text, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::BadValue, format!("unexpected word `{word}`"))
        .at(word.span, "not understood here");
    match crate::diagnostic::nearest(word.as_str(), known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("expected one of {}", known.join(", "))),
    }
}

/// The diagnostic for a word that `ip` knows and no lab can have.
pub(super) fn refused(word: &Text, why: &str) -> Diagnostic {
    Diagnostic::error(Code::BadValue, format!("`{word}` is not supported"))
        .at(word.span, "`ip` accepts it, vrflab does not")
        .note(why)
}

/// The diagnostic for a word that stands a second time.
pub(super) fn twice(word: &Text) -> Diagnostic {
    Diagnostic::error(Code::BadValue, format!("`{word}` stands here twice"))
        .at(word.span, "this is the second time")
}

/// One word of a grammar; the flag says whether `ip` takes its beginning for it.
pub(super) type Known = (&'static str, bool);

/// The first of the known words that a word is, or is the beginning of.
pub(super) fn full(word: &Text, known: &[Known]) -> Option<&'static str> {
    let is = |(full, short): &&Known| {
        *full == word.as_str() || *short && full.starts_with(word.as_str())
    };
    known.iter().find(is).map(|(full, _)| *full)
}

/// The known words themselves.
pub(super) fn names(known: &[Known]) -> Vec<&'static str> {
    known.iter().map(|(full, _)| *full).collect()
}

/// A number in decimal, or in hexadecimal behind `0x`. One in octal, which `ip` would make of a
/// leading 0, is none.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
        None if text == "0" || text.starts_with(|it: char| matches!(it, '1'..='9')) => {
            text.parse().ok()
        }
        Some(_) | None => None,
    }
}

/// A type of service: one of the field's names, or a number that `ip` reads in hexadecimal with or
/// without `0x`.
pub(crate) fn type_of_service(word: &Text) -> Result<u8, Diagnostic> {
    if let Some(point) = code_point(word.as_str()) {
        return Ok(point << 2);
    }
    let digits = word.as_str().strip_prefix("0x").unwrap_or(word.as_str());
    u8::from_str_radix(digits, 16).map_err(|_| not(word, "a type of service such as 0x10"))
}

/// The name of RFC 2474, 2597 or 3246 for six bits, where there is one.
pub(crate) fn code_point_name(point: u8) -> Option<String> {
    let (class, drop) = (point >> 3, point & 7);
    match (class, drop) {
        (5, 6) => Some("EF".to_owned()),
        (_, 0) => Some(format!("CS{class}")),
        (1..=4, 2 | 4 | 6) => Some(format!("AF{class}{}", drop >> 1)),
        _ => None,
    }
}

/// The six bits of a name of RFC 2474, 2597 or 3246.
pub(crate) fn code_point(name: &str) -> Option<u8> {
    let digit = |at: usize| u8::try_from(name[at..].chars().next()?.to_digit(10)?).ok();
    match name.as_bytes() {
        b"default" => Some(0),
        b"EF" => Some(46),
        [b'C', b'S', class] if (b'0'..=b'7').contains(class) => Some(digit(2)? << 3),
        [b'A', b'F', class, drop]
            if (b'1'..=b'4').contains(class) && (b'1'..=b'3').contains(drop) =>
        {
            Some((digit(2)? << 3) | (digit(3)? << 1))
        }
        _ => None,
    }
}
