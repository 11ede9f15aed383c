//! The addresses in the labels at an edge's ends, and the subnets in those of edges and switches.

use super::super::address::{ANYCAST, HostPart, PEER};
use super::super::decode;
use super::super::tree::Tree;
use super::lexer::{Id, Style};
use crate::diagnostic::Text;
use ipnet::IpNet;
use std::net::Ipv6Addr;

/// The addresses of a label, or `None` where it is only a label: HTML, or nothing in it looks like
/// an address. One that looks like an address and is none stays in, so that it is refused.
pub(super) fn addresses(label: &Id) -> Option<Tree> {
    if label.style == Style::Html {
        return None;
    }
    let mut found: Vec<Text> = Vec::new();
    let (mut is_behind_one, mut wants_peer) = (false, false);
    for word in words(&label.text) {
        let (is_one, word_is_peer) = (looks_like_one(&word), word.as_str() == PEER);
        match found.last_mut() {
            Some(last)
                if wants_peer || is_behind_one && matches!(word.as_str(), ANYCAST | PEER) =>
            {
                *last = Text::new(format!("{last} {word}"), last.span.with(word.span));
            }
            Some(_) | None => found.extend(is_one.then_some(word)),
        }
        wants_peer = is_behind_one && word_is_peer;
        is_behind_one = is_one;
    }
    let found: Vec<Tree> = found.into_iter().map(Tree::Scalar).collect();
    (!found.is_empty()).then_some(Tree::List(found, label.text.span))
}

/// The subnets of an edge's or a switch's label, or `None` where it is only a label. What has the bits of
/// a host is an address that somebody drew there, and no subnet.
pub(super) fn subnets(label: &Id) -> Option<Tree> {
    if label.style == Style::Html {
        return None;
    }
    let is_subnet = |word: &Text| {
        let net = word.value.parse::<IpNet>();
        net.is_ok_and(|net| {
            net == net.trunc() && (1..net.max_prefix_len()).contains(&net.prefix_len())
        })
    };
    let found = words(&label.text).into_iter().filter(is_subnet).map(Tree::Scalar);
    let found: Vec<Tree> = found.collect();
    (!found.is_empty()).then_some(Tree::List(found, label.text.span))
}

/// The words between white space, commas, semicolons and Graphviz's ends of lines.
fn words(text: &Text) -> Vec<Text> {
    let value = text.as_str();
    let mut words = Vec::new();
    let mut start = 0;
    let mut chars = value.char_indices().peekable();
    while let Some((at, it)) = chars.next() {
        let end_of_line =
            it == '\\' && matches!(chars.peek(), Some((_, 'n' | 'l' | 'r' | 'N' | 'L' | 'R')));
        if end_of_line || it.is_whitespace() || matches!(it, ',' | ';') {
            words.push(text.slice(start, at));
            start = at + it.len_utf8();
            if end_of_line {
                chars.next();
                start += 1;
            }
        }
    }
    words.push(text.slice(start, value.len()));
    words.retain(|word| !word.value.is_empty());
    words
}

/// Whether whoever wrote this meant an address: what is one, numbers with at least two dots or
/// with one and a length, and what has an IPv6 address's colons and a length.
fn looks_like_one(word: &Text) -> bool {
    if decode::address(word).is_ok() || HostPart::parse(word.as_str()).is_some() {
        return true;
    }
    let (ip, length) = match word.value.split_once('/') {
        Some((ip, length)) => (ip, Some(length)),
        None => (word.as_str(), None),
    };
    let dots = ip.matches('.').count();
    let numbers = ip.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && ip.bytes().any(|byte| byte.is_ascii_digit());
    let colons = ip.matches(':').count();
    let hex = ip.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    numbers && (dots >= 2 || dots == 1 && length.is_some())
        || ip.parse::<Ipv6Addr>().is_ok()
        || hex && colons >= 2 && length.is_some()
}
