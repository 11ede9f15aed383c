//! The keys that a file gives for one interface.

use super::KindName;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned, Text, nearest};
use crate::iproute;
use crate::vocabulary::{Choice, Given, Key, Shape, Value, key};
use std::net::IpAddr;

/// The keys of an interface that its kind reads.
///
/// Values are of their keys' shapes already.
#[derive(Debug)]
pub struct Keys<'a> {
    /// The interface's name, for examples.
    pub interface: &'a str,
    /// Its kind, where the file says it.
    pub kind: Spanned<KindName>,
    /// What is given.
    pub given: &'a [Given],
}

impl Keys<'_> {
    fn find(&self, key: &str) -> Option<&Spanned<Value>> {
        self.given.iter().find(|given| given.key == key).map(|given| &given.value)
    }

    /// A flag; false where nothing is said.
    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.find(key).map(|it| &it.value), Some(Value::Flag(true)))
    }

    /// Whether a flag is said to be off.
    pub(super) fn is_off(&self, key: &str) -> bool {
        matches!(self.find(key).map(|it| &it.value), Some(Value::Flag(false)))
    }

    /// Where a key's value stands.
    pub(super) fn span(&self, key: &str) -> Option<Span> {
        self.find(key).map(|it| it.span)
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Option<Spanned<u32>> {
        self.find(key).and_then(|it| match it.value {
            Value::Number(number) => Some(Spanned::new(number, it.span)),
            Value::Flag(_) | Value::Line(_) | Value::Ip(_) | Value::Lines(_) => None,
        })
    }

    /// An address.
    pub fn ip(&self, key: &str) -> Option<Spanned<IpAddr>> {
        self.find(key).and_then(|it| match it.value {
            Value::Ip(address) => Some(Spanned::new(address, it.span)),
            Value::Flag(_) | Value::Number(_) | Value::Line(_) | Value::Lines(_) => None,
        })
    }

    /// Addresses, one a line.
    pub fn ips(&self, key: &str) -> Result<Vec<Spanned<IpAddr>>, Diagnostic> {
        let lines: &[Text] = match self.find(key).map(|it| &it.value) {
            Some(Value::Lines(lines)) => lines,
            Some(Value::Flag(_) | Value::Number(_) | Value::Line(_) | Value::Ip(_)) | None => &[],
        };
        let read = |line: &Text| {
            let address = line.as_str().parse();
            let address = address.map_err(|_| iproute::not(line, "an address without a length"))?;
            Ok(Spanned::new(address, line.span))
        };
        lines.iter().map(read).collect()
    }

    /// A line.
    pub fn line(&self, key: &str) -> Option<&Text> {
        self.find(key).and_then(|it| match &it.value {
            Value::Line(text) => Some(text),
            Value::Flag(_) | Value::Number(_) | Value::Ip(_) | Value::Lines(_) => None,
        })
    }

    /// Lines.
    pub(super) fn lines(&self, key: &str) -> &[Text] {
        match self.find(key).map(|it| &it.value) {
            Some(Value::Lines(lines)) => lines,
            Some(Value::Flag(_) | Value::Number(_) | Value::Line(_) | Value::Ip(_)) | None => &[],
        }
    }

    /// One of a few words, of which other kinds may have others.
    pub(super) fn choice<C: Choice>(&self, key: &str) -> Result<Option<C>, Diagnostic> {
        let Some(text) = self.line(key) else { return Ok(None) };
        let known = C::words();
        if let Some((_, value)) = known.iter().find(|(word, _)| *word == text.as_str()) {
            return Ok(Some(*value));
        }
        let words = || known.iter().map(|(word, _)| *word);
        let all = words().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let fault = Diagnostic::error(Code::BadValue, format!("`{key}` cannot be `{text}`"))
            .at(text.span, "");
        Err(match nearest(text.as_str(), words()) {
            Some(word) => fault.help(format!("did you mean `{word}`? The values are {all}")),
            None => fault.help(format!("it can be {all}")),
        })
    }

    /// A number that an interface of the kind needs, in these bounds.
    pub(super) fn id(&self, key: &str, least: u32, most: u32) -> Result<u32, Diagnostic> {
        let id = self.number(key).ok_or_else(|| self.missing(key))?;
        match (least..=most).contains(&id.value) {
            true => Ok(id.value),
            false => {
                let word = self.kind.value.word();
                Err(Diagnostic::error(Code::BadValue, format!("no {word} has the {key} {id}"))
                    .at(id.span, format!("up to {most}")))
            }
        }
    }

    /// The two ends of a tunnel, the far one said and both of one family.
    pub(super) fn ends(&self) -> Result<(Option<IpAddr>, IpAddr), Diagnostic> {
        let remote = self.ip("remote").ok_or_else(|| self.missing("remote"))?;
        let local = self.ip("local");
        if let Some(other) = local.filter(|it| it.value.is_ipv4() != remote.value.is_ipv4()) {
            let word = self.kind.value.word();
            let title = format!("the ends of `{word}` are of two families");
            return Err(Diagnostic::error(Code::BadValue, title)
                .at(other.span, "this one")
                .beside(remote.span, "and this one"));
        }
        Ok((local.map(|it| it.value), remote.value))
    }

    /// What is said where a key is missing that the kind needs.
    pub fn missing(&self, key: &str) -> Diagnostic {
        let description = self.kind.value.description();
        Diagnostic::error(Code::BadValue, format!("`{}` needs `{key}`", description.word))
            .at(self.kind.span, "")
            .help_in(|notation| {
                format!("as in {}", notation.interface(self.interface, description.example))
            })
    }

    /// The keys that are given and are none of the kind's.
    pub fn foreign(&self) -> impl Iterator<Item = (&'static str, Span)> {
        let own = self.kind.value.description().keys;
        let given = self.given.iter();
        given
            .filter(|given| !own.iter().any(|key| key.name == given.key))
            .map(|given| (given.key, given.value.span))
    }
}

/// The bytes of an outer IP header without options.
pub(super) fn ip_header(v4: bool) -> u32 {
    if v4 { 20 } else { 40 }
}

pub(super) static ID: Key = key("id", Shape::Number(0, u32::MAX), "The number of a VLAN or VXLAN.");
pub(super) static PARENT: Key =
    key("parent", Shape::Line, "The interface beneath a VLAN or macvlan.");
pub(super) static DEV: Key =
    key("dev", Shape::Line, "The interface that a tunnel's packets leave through.");
pub(super) static LOCAL: Key = key("local", Shape::Ip, "The near end of a tunnel.");
pub(super) static REMOTE: Key = key("remote", Shape::Ip, "The far end of a tunnel.");
pub(super) static PORTS: Key =
    key("ports", Shape::List(&Shape::Line), "The ports of a bridge or a bond.");
