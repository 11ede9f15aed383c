//! DOT's words, each with its place.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, Span, Text};

/// A word of the language.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// The kinds of words.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A name or a value.
    Id(Id),
    /// `strict`, `graph` and the like, in any case, without quotes.
    Keyword(Keyword),
    /// One of `{ } [ ] = ; , : +`.
    Mark(char),
    /// `--`
    Line,
    /// `->`
    Arrow,
    /// The end of the file.
    End,
}

/// The words that are no names unless quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Strict,
    Graph,
    Digraph,
    Subgraph,
    Node,
    Edge,
}

/// A name or a value and how it is spelled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Id {
    /// What it says.
    pub text: Text,
    /// How it is spelled.
    pub style: Style,
}

/// How an id is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Letters and digits, or a number.
    Bare,
    /// Between double quotes.
    Quoted,
    /// Between `<` and `>`: HTML.
    Html,
}

/// Reads word after word; what is none is said and passed over.
pub(super) struct Lexer<'s> {
    text: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    /// Begins at the start of the file, after a byte order mark.
    pub fn new(source: &'s Source) -> Self {
        let at = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text: &source.text, at }
    }

    fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes on as long as the characters are of this kind.
    fn skip(&mut self, of_kind: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|it| !of_kind(it)).unwrap_or(rest.len());
    }

    /// The next word; after the last one the end, as often as it is asked for.
    pub fn next(&mut self, errors: &mut Diagnostics) -> Token {
        loop {
            self.blank(errors);
            let start = self.at;
            let kind = match self.peek() {
                Some(first) => self.token(first, errors),
                None => Some(TokenKind::End),
            };
            if let Some(kind) = kind {
                return Token { kind, span: Span::new(start, self.at) };
            }
        }
    }

    fn token(&mut self, first: char, errors: &mut Diagnostics) -> Option<TokenKind> {
        let start = self.at;
        Some(match first {
            '{' | '}' | '[' | ']' | '=' | ';' | ',' | ':' | '+' => {
                self.at += 1;
                TokenKind::Mark(first)
            }
            '"' => TokenKind::Id(Id { text: errors.keep(self.quoted())?, style: Style::Quoted }),
            '<' => TokenKind::Id(Id { text: errors.keep(self.html())?, style: Style::Html }),
            '-' if self.rest().starts_with("--") => {
                self.at += 2;
                TokenKind::Line
            }
            '-' if self.rest().starts_with("->") => {
                self.at += 2;
                TokenKind::Arrow
            }
            '-' | '.' | '0'..='9' => {
                errors.keep(self.number())?;
                self.apart(start, errors);
                TokenKind::Id(self.bare(start))
            }
            _ if letter(first) => {
                self.skip(|it| letter(it) || it.is_ascii_digit());
                self.apart(start, errors);
                self.word(start)
            }
            other => {
                self.at += other.len_utf8();
                errors.push(nothing(&other.escape_debug().to_string(), start).help(
                    "a name with other characters than letters, digits and `_` needs quotes",
                ));
                return None;
            }
        })
    }

    /// Skips what stands between words.
    fn blank(&mut self, errors: &mut Diagnostics) {
        loop {
            self.skip(|it| it.is_ascii_whitespace() || it == '\u{b}');
            // A `#` begins the line of a C preprocessor, or a comment as in a shell.
            if self.rest().starts_with("//") || self.peek() == Some('#') {
                self.skip(|it| it != '\n');
            } else if self.rest().starts_with("/*") {
                match self.rest()[2..].find("*/") {
                    Some(length) => self.at += length + 4,
                    None => {
                        errors.push(unclosed("comment", "*/", Span::new(self.at, self.at + 2)));
                        self.at = self.text.len();
                    }
                }
            } else {
                return;
            }
        }
    }

    fn bare(&self, start: usize) -> Id {
        let span = Span::new(start, self.at);
        Id { text: Text::new(&self.text[start..self.at], span), style: Style::Bare }
    }

    fn word(&self, start: usize) -> TokenKind {
        let text = &self.text[start..self.at];
        match keyword(text) {
            Some(keyword) => TokenKind::Keyword(keyword),
            None => TokenKind::Id(self.bare(start)),
        }
    }

    /// `-?(.digits | digits[.digits])`
    fn number(&mut self) -> Result<(), Diagnostic> {
        let start = self.at;
        if self.peek() == Some('-') {
            self.at += 1;
        }
        let digits = self.at;
        self.skip(|it| it.is_ascii_digit());
        let whole = self.at > digits;
        if self.peek() == Some('.') {
            self.at += 1;
            self.skip(|it| it.is_ascii_digit());
        }
        if whole || self.at > digits + 1 {
            return Ok(());
        }
        Err(nothing(&self.text[start..self.at], start)
            .help("an edge is written `--` in a `graph` and `->` in a `digraph`")
            .help("a name with `-` or `.` in it needs quotes"))
    }

    /// Refuses a bare word that runs into another one: Graphviz would make two of `10.1.1.1` or
    /// of `eth0.100`, with a warning at most, and nobody means that.
    fn apart(&mut self, start: usize, errors: &mut Diagnostics) {
        let mut more = self.rest().chars();
        let runs_on = match more.next() {
            Some('.') => true,
            Some('-') => !matches!(more.next(), Some('-' | '>')),
            Some(next) => letter(next) || next.is_ascii_digit(),
            None => false,
        };
        if !runs_on {
            return;
        }
        self.skip(|it| letter(it) || it.is_ascii_digit() || matches!(it, '.' | '-' | '/'));
        let word = self.text[start..self.at].trim_end_matches(['-', '/']);
        self.at = start + word.len();
        errors.push(
            Diagnostic::error(Code::Syntax, format!("`{word}` needs quotes"))
                .at(Span::new(start, self.at), "")
                .note("a name without quotes is letters, digits and `_`, or a number")
                .help(format!("write \"{word}\"")),
        );
    }

    /// A string in quotes: `\"` is a quote, a backslash at a line's end joins the lines, any other
    /// one stays, as in Graphviz.
    fn quoted(&mut self) -> Result<Text, Diagnostic> {
        let start = self.at + 1;
        let mut value = String::new();
        let mut chars = self.text[start..].char_indices().peekable();
        while let Some((offset, it)) = chars.next() {
            match it {
                '"' => {
                    self.at = start + offset + 1;
                    return Ok(Text::new(value, Span::new(start, start + offset)));
                }
                '\\' => match chars.peek().map(|(_, next)| *next) {
                    Some('"') => {
                        value.push('"');
                        chars.next();
                    }
                    Some('\\') => {
                        value.push_str("\\\\");
                        chars.next();
                    }
                    Some('\n') => {
                        chars.next();
                    }
                    Some('\r') if self.text[start + offset + 2..].starts_with('\n') => {
                        chars.next();
                        chars.next();
                    }
                    Some(_) | None => value.push('\\'),
                },
                _ => value.push(it),
            }
        }
        self.at = self.text.len();
        Err(unclosed("string", "\"", Span::new(start - 1, start)))
    }

    /// An HTML string: `<` and `>` stand in pairs inside, comments apart.
    fn html(&mut self) -> Result<Text, Diagnostic> {
        let start = self.at + 1;
        let mut depth = 1_usize;
        let mut at = start;
        while let Some(offset) = self.text[at..].find(['<', '>']) {
            at += offset;
            if self.text[at..].starts_with("<!--") {
                match self.text[at..].find("-->") {
                    Some(length) => at += length + 3,
                    None => break,
                }
                continue;
            }
            depth = if self.text[at..].starts_with('<') { depth + 1 } else { depth - 1 };
            at += 1;
            if depth == 0 {
                self.at = at;
                return Ok(Text::new(&self.text[start..at - 1], Span::new(start, at - 1)));
            }
        }
        self.at = self.text.len();
        Err(unclosed("HTML string", ">", Span::new(start - 1, start)))
    }
}

fn keyword(word: &str) -> Option<Keyword> {
    Some(match word.to_ascii_lowercase().as_str() {
        "strict" => Keyword::Strict,
        "graph" => Keyword::Graph,
        "digraph" => Keyword::Digraph,
        "subgraph" => Keyword::Subgraph,
        "node" => Keyword::Node,
        "edge" => Keyword::Edge,
        _ => return None,
    })
}

/// Whether a bare word is one of the language's and no name.
pub(in super::super) fn is_keyword(word: &str) -> bool {
    keyword(word).is_some()
}

/// What a bare name is made of, digits apart: as Graphviz, everything beyond ASCII too.
fn letter(it: char) -> bool {
    it.is_ascii_alphabetic() || it == '_' || !it.is_ascii()
}

fn nothing(text: &str, start: usize) -> Diagnostic {
    Diagnostic::error(Code::Syntax, format!("`{text}` means nothing here"))
        .at(Span::new(start, start + text.len()), "")
}

fn unclosed(what: &str, end: &str, span: Span) -> Diagnostic {
    Diagnostic::error(Code::Syntax, format!("unterminated {what}"))
        .at(span, "begins here")
        .help(format!("close it with `{end}`"))
}
