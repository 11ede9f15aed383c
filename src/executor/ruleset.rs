//! What nft says of a ruleset, at the lines of the user's file that it is about.

use crate::diagnostic::{Code, Diagnostic, Source, Span};
use std::ops::Range;

/// A fault that nft has found: where in the ruleset, and what.
#[derive(Debug, PartialEq, Eq)]
struct Fault<'a> {
    /// The file that nft read it from.
    file: &'a str,
    /// Counted from 0.
    line: usize,
    /// The columns of the line, counted from 0.
    columns: Range<usize>,
    what: &'a str,
}

/// What is said of a ruleset that nft refused. It stands in the file at the span, or that is the
/// name of the file that holds it. Its lines are shown where they are the user's file's own: the
/// others, of a file that it names or includes, may be somebody's secret.
pub(super) fn refused(ruleset: &str, said: &str, span: Span, source: &Source) -> Diagnostic {
    let fault = Diagnostic::error(Code::Refused, "nft refused the ruleset");
    let faults: Vec<Fault<'_>> = faults(said).collect();
    let places = faults.iter().map(|fault| place(ruleset, fault, span, source));
    match places.collect::<Option<Vec<_>>>() {
        Some(places) if !places.is_empty() => places
            .into_iter()
            .zip(faults)
            .fold(fault, |diagnostic, (span, fault)| diagnostic.at(span, fault.what)),
        // It is in a file of its own, or the file spells it otherwise than line by line.
        Some(_) | None => {
            let written = source.text.get(span.start..span.end).unwrap_or_default();
            let name = Some(written).filter(|it| !it.contains(['\n', '{'])).unwrap_or("ruleset");
            let fault = fault.at(span, "asked for here");
            match faults.is_empty() {
                true => fault.note(said),
                false => faults.iter().fold(fault, |it, fault| it.note(fault.in_words(name))),
            }
        }
    }
}

/// What nft calls its standard input.
const INPUT: &str = "/dev/stdin";

/// What stands in front of a fault in no file.
const NO_FILE: &str = "internal";

impl Fault<'_> {
    fn in_words(&self, name: &str) -> String {
        let Fault { file, line, columns, what } = self;
        let place = format!("{}:{}-{}", line + 1, columns.start + 1, columns.end);
        match *file {
            INPUT => format!("{name}:{place}: {what}"),
            NO_FILE => (*what).to_owned(),
            // What is said of a line may quote it.
            file => {
                format!("{file}:{place}: nft does not take this line of a file that is included")
            }
        }
    }
}

/// The faults that nft tells, as `/dev/stdin:4:9-13: Error: syntax error`.
fn faults(said: &str) -> impl Iterator<Item = Fault<'_>> {
    said.lines().filter_map(|line| {
        let (place, what) = line.split_once(": Error: ")?;
        let mut parts = place.rsplitn(3, ':');
        let columns = parts.next()?;
        let number = parts.next()?.parse::<usize>().ok()?.saturating_sub(1);
        let (first, last) = columns.split_once('-').unwrap_or((columns, columns));
        let columns = first.parse::<usize>().ok()?.saturating_sub(1)..last.parse().ok()?;
        Some(Fault { file: parts.next()?, line: number, columns, what: what.trim() })
    })
}

/// The place of a fault in a file that has the ruleset's lines, each behind the same or another
/// indentation, from the span's first line on.
fn place(ruleset: &str, fault: &Fault<'_>, span: Span, source: &Source) -> Option<Span> {
    if fault.file != INPUT {
        return None;
    }
    let wanted = ruleset.lines().nth(fault.line)?;
    let words = wanted.trim();
    let start = source.text.get(..span.start)?.rfind('\n').map_or(0, |newline| newline + 1);
    let mut lines = source.text[start..].split_inclusive('\n').scan(start, |at, line| {
        let begins = *at;
        *at += line.len();
        Some((begins, line))
    });
    let (begins, line) = lines.nth(fault.line)?;
    let at = begins + line.find(words).filter(|_| !words.is_empty())?;
    let indent = wanted.len() - wanted.trim_start().len();
    let column = |column: usize| at + column.saturating_sub(indent).min(words.len());
    Some(Span::new(column(fault.columns.start), column(fault.columns.end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::render;

    const RULESET: &str = "table inet f {\n  chain c {\n    tcp dprot 80 drop\n  }\n}\n";
    const SAID: &str = "/dev/stdin:3:9-13: Error: syntax error, unexpected string\n\
                        \x20   tcp dprot 80 drop\n        ^^^^^";

    fn shown(text: &str, span: Span) -> String {
        let source = Source { name: "it".to_owned(), text: text.to_owned() };
        let fault = refused(RULESET, SAID, span, &source);
        render::text(&[fault], &source, render::Style { colour: false })
    }

    #[test]
    fn a_fault_is_shown_at_nfts_own_line_and_columns() {
        let indented = RULESET.replace('\n', "\n      ");
        let text = format!("nodes:\n  h1:\n    nft: |\n      {indented}\nlinks: []\n");
        let start = text.find("table").unwrap();
        let expected = "\
error[refused]: nft refused the ruleset
 --> it:6:15
  |
6 |           tcp dprot 80 drop
  |               ^^^^^ syntax error, unexpected string
";
        assert_eq!(shown(&text, Span::new(start, text.len())), expected);
        let text = format!("graph {{ h1 [nft=\"{RULESET}\"] }}");
        let start = text.find("table").unwrap();
        assert!(shown(&text, Span::new(start, start + RULESET.len())).contains(" --> it:3:9\n"));
    }

    #[test]
    fn a_ruleset_that_is_elsewhere_or_spelled_otherwise_is_told_of_as_a_whole() {
        let text = "h1: {nft: {file: rules.nft}}";
        let named = shown(text, Span::new(17, 26));
        let what = "rules.nft:3:9-13: syntax error, unexpected string";
        assert!(named.ends_with(&format!("  |\n  = note: {what}\n")), "{named}");
        let text = format!("nft: {RULESET:?}");
        let folded = shown(&text, Span::new(5, text.len()));
        assert!(folded.contains("= note: ruleset:3:9-13: syntax error"), "{folded}");
        assert!(folded.contains("asked for here"), "{folded}");
    }

    #[test]
    fn a_line_of_an_included_file_is_not_shown() {
        let text = "h1: {nft: 'include \"/etc/shadow\"'}";
        let said = "In file included from /dev/stdin:1:1-22:\n\
                    /etc/shadow:1:5-5: Error: syntax error, unexpected x\nroot:x:1::::::\n    ^\n";
        let source = Source { name: "it".to_owned(), text: text.to_owned() };
        let fault = refused("include \"/etc/shadow\"", said, Span::new(10, 33), &source);
        let notes = ["/etc/shadow:1:5-5: nft does not take this line of a file that is included"];
        assert_eq!(fault.notes, notes);
        let missing =
            refused("x", "internal:0:0-0: Error: No such file", Span::new(10, 33), &source);
        assert_eq!(missing.notes, ["No such file"]);
        let absent = refused("x", "there is no program `nft` here", Span::new(10, 33), &source);
        assert_eq!(absent.notes, ["there is no program `nft` here"]);
    }

    #[test]
    fn a_fault_is_read_as_nft_writes_it() {
        let fault =
            Fault { file: INPUT, line: 2, columns: 8..13, what: "syntax error, unexpected string" };
        assert_eq!(faults(SAID).collect::<Vec<_>>(), [fault]);
        let one = faults("/dev/stdin:1:7: Error: no\nmore").collect::<Vec<_>>();
        assert_eq!(one, [Fault { file: INPUT, line: 0, columns: 6..7, what: "no" }]);
        assert_eq!(faults("nft: no such thing").count(), 0);
    }
}
