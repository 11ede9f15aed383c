//! Single values: numbers, flags, words, addresses.

use super::super::address::{ANYCAST, Address, EndAddress, HostPart, PEER};
use super::super::tree::Tree;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned, Text, nearest};
use crate::iproute::Words;
use crate::vocabulary::{Choice, Shape};
use ipnet::IpNet;
use std::net::IpAddr;

/// A number without bounds of its own.
pub(super) const ANY: Shape = Shape::Number(0, u32::MAX);

/// What a value of this shape is, in words that follow "must be".
pub(super) fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Flag => "`true` or `false`",
        Shape::Number(..) => "a number",
        Shape::OneOf(_) => "one word",
        Shape::Line => "a string",
        Shape::Address | Shape::EndAddress | Shape::Loopback | Shape::Ip => "an address",
        Shape::Mac => "a MAC address",
        Shape::List(_) => "a list",
        Shape::Link => "a link",
        Shape::End => "an end of a link",
        Shape::Named(_) | Shape::Map(_) => "a map",
    }
}

/// A value that is not of the kind that its key has.
pub(super) fn wrong(name: &str, value: &Tree, expected: &str) -> Diagnostic {
    let title = format!("`{name}` must be {expected}, not {}", value.what());
    Diagnostic::error(Code::WrongType, title).at(value.span(), "")
}

/// The values of a list that can be read; one value stands for a list of one, `~` for none.
pub(super) fn list<T>(
    name: &str,
    value: &Tree,
    errors: &mut Diagnostics,
    read: &mut impl FnMut(&Text) -> Result<T, Diagnostic>,
) -> Vec<T> {
    let items = match value {
        Tree::Null(_) => return Vec::new(),
        Tree::Scalar(_) => std::slice::from_ref(value),
        Tree::List(items, _) => items,
        Tree::Map(..) => {
            errors.push(wrong(name, value, "a list"));
            return Vec::new();
        }
    };
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Tree::Scalar(text) => list.extend(errors.keep(read(text))),
            Tree::Null(_) | Tree::List(..) | Tree::Map(..) => {
                errors.push(wrong(name, item, "a list of single values"));
            }
        }
    }
    list
}

/// A flag, in any of the spellings that YAML has had for it.
pub(super) fn flag(text: &Text) -> Result<Spanned<bool>, Diagnostic> {
    let value = match text.as_str().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => true,
        "false" | "no" | "off" => false,
        _ => {
            let title = format!("`{text}` is neither `true` nor `false`");
            return Err(Diagnostic::error(Code::WrongType, title).at(text.span, ""));
        }
    };
    Ok(Spanned::new(value, text.span))
}

/// A number in its bounds.
pub(super) fn number(name: &str, text: &Text, shape: &Shape) -> Result<Spanned<u32>, Diagnostic> {
    let (least, most) =
        if let Shape::Number(least, most) = shape { (*least, *most) } else { (0, u32::MAX) };
    let digits = !text.value.is_empty() && text.value.bytes().all(|byte| byte.is_ascii_digit());
    match text.value.parse() {
        Ok(value) if digits && (least..=most).contains(&value) => {
            Ok(Spanned::new(value, text.span))
        }
        _ if digits => Err(Diagnostic::error(Code::BadValue, format!("`{name}` cannot be {text}"))
            .at(text.span, "")
            .help(format!("a value from {least} to {most}"))),
        _ => Err(Diagnostic::error(
            Code::WrongType,
            format!("`{name}` must be a number, not `{text}`"),
        )
        .at(text.span, "")
        .help(format!("a whole number from {least} to {most}, in decimal"))),
    }
}

/// One of the words.
pub(super) fn choice<C: Choice>(
    name: &str,
    text: &Text,
    shape: &Shape,
) -> Result<Spanned<C>, Diagnostic> {
    if let Some((_, value)) = C::words().into_iter().find(|(word, _)| *word == text.as_str()) {
        return Ok(Spanned::new(value, text.span));
    }
    let fault =
        Diagnostic::error(Code::BadValue, format!("`{name}` cannot be `{text}`")).at(text.span, "");
    let words = if let Shape::OneOf(words) = shape { words() } else { Vec::new() };
    let all = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    Err(match nearest(text.as_str(), words) {
        Some(word) => fault.help(format!("did you mean `{word}`? The values are {all}")),
        None => fault.help(format!("it can be {all}")),
    })
}

/// An address with its prefix length.
pub(in super::super) fn address(text: &Text) -> Result<Spanned<IpNet>, Diagnostic> {
    match (text.value.parse(), text.value.parse::<IpAddr>()) {
        (Ok(address), _) => Ok(Spanned::new(address, text.span)),
        (Err(_), Ok(bare)) => Err(HostPart::whole(bare).without_subnet(text.span)),
        (Err(_), Err(_)) => Err(not_an_address(text)),
    }
}

/// An address and the word that may stand behind it.
fn with_word(
    text: &Text,
    read: impl FnOnce(&Text) -> Result<Address, Diagnostic>,
) -> Result<Spanned<Address>, Diagnostic> {
    let (address, anycast) = without_word(text);
    Ok(Spanned::new(Address { anycast, ..read(&address)? }, text.span))
}

/// An address with the length of its subnet, or with a peer.
fn with_peer(text: &Text) -> Result<Address, Diagnostic> {
    let mut words = Words::new(text);
    let own = words.next().filter(|_| words.take(PEER));
    let Some(own) = own else { return Ok(address(text)?.value.into()) };
    let fault = |word: &Text, why: &str| {
        let title = format!("`{text}` is not an address with a peer");
        Diagnostic::error(Code::BadValue, title)
            .at(word.span, why)
            .help("as in `10.0.0.1 peer 10.0.0.2/32`")
    };
    let net: IpAddr = own.value.parse().map_err(|_| fault(&own, "an address without a length"))?;
    let word = words.next().ok_or_else(|| fault(text, "the peer is missing"))?;
    if let Some(more) = words.next() {
        return Err(fault(&more, "nothing stands behind the peer but `anycast`"));
    }
    let peer: IpNet = match word.value.parse::<IpAddr>() {
        Ok(bare) => bare.into(),
        Err(_) => word.value.parse().map_err(|_| fault(&word, "not an address"))?,
    };
    match (net, peer) {
        (IpAddr::V4(_), IpNet::V4(_)) => {}
        (IpAddr::V6(_), IpNet::V6(peer)) if peer.prefix_len() == peer.max_prefix_len() => {}
        (IpAddr::V6(_), IpNet::V6(_)) => return Err(fault(&word, "of IPv6 it is one address")),
        (IpAddr::V4(_), IpNet::V6(_)) | (IpAddr::V6(_), IpNet::V4(_)) => {
            return Err(fault(&word, "of the other family"));
        }
    }
    if let Some(what) = unfit(peer.addr()) {
        return Err(fault(&word, what));
    }
    Ok(Address { peer: Some(peer).filter(|peer| peer.addr() != net), ..IpNet::from(net).into() })
}

/// What stands before the word, and whether that is there.
fn without_word(text: &Text) -> (Text, bool) {
    let address = text.value.trim_end().strip_suffix(ANYCAST);
    let address = address.filter(|address| address.ends_with(char::is_whitespace));
    let end = address.map(|address| address.trim_end().len());
    (text.slice(0, end.unwrap_or(text.value.len())), end.is_some())
}

/// An address at the end of a link, whole or the part that the link's subnet leaves open.
pub(super) fn at_an_end(text: &Text) -> Result<Spanned<EndAddress>, Diagnostic> {
    let (part, anycast) = without_word(text);
    let address = match HostPart::parse(part.as_str()) {
        Some(part) => EndAddress::Part(part, anycast),
        None => EndAddress::Whole(on_a_link(text)?.value),
    };
    Ok(Spanned::new(address, text.span))
}

/// A subnet whose addresses interfaces can have.
pub(super) fn subnet(text: &Text) -> Result<Spanned<IpNet>, Diagnostic> {
    let subnet = address(text)?;
    if let Some(what) = unfit(subnet.value.addr()).filter(|_| subnet.value.prefix_len() > 0) {
        let title = format!("`{text}` cannot be the subnet of a link");
        return Err(Diagnostic::error(Code::BadValue, title).at(text.span, what));
    }
    let whole = subnet.value.trunc();
    if whole != subnet.value {
        let title = format!("{text} is an address in {whole}, not a subnet");
        return Err(Diagnostic::error(Code::BadValue, title)
            .at(text.span, "")
            .help(format!("the subnet is {whole}; addresses stand at the ends of the link")));
    }
    Ok(subnet)
}

/// An address with its prefix length that an interface can have, other than `lo` and VRF devices.
pub(super) fn on_a_link(text: &Text) -> Result<Spanned<Address>, Diagnostic> {
    let address = with_word(text, with_peer)?;
    let Some(what) = unfit(address.value.addr()) else { return Ok(address) };
    let title = format!("`{text}` cannot be the address of an interface");
    let fault = Diagnostic::error(Code::BadValue, title).at(text.span, what);
    Err(match address.value.addr().is_loopback() {
        true => fault.help(
            "what a node says to itself goes over its `lo`, whose addresses are the key `loopback`",
        ),
        false => fault.note("the kernel neither sends to it nor takes it for a source"),
    })
}

/// What makes an address one that no interface but `lo` can have.
fn unfit(address: IpAddr) -> Option<&'static str> {
    match address {
        // Of 240.0.0.0/4 Linux makes no difference but for the last address.
        IpAddr::V4(it) if it.is_multicast() => Some("a multicast address"),
        IpAddr::V4(it) if it.is_loopback() => Some("a loopback address"),
        IpAddr::V4(it) if it.is_broadcast() || it.octets()[0] == 0 => Some("no address of a host"),
        IpAddr::V6(it) if it.is_multicast() => Some("a multicast address"),
        IpAddr::V6(it) if it.is_loopback() => Some("a loopback address"),
        IpAddr::V6(it) if it.is_unspecified() => Some("no address of a host"),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// An address without a length.
pub(super) fn ip(text: &Text) -> Result<Spanned<IpAddr>, Diagnostic> {
    text.value.parse().map(|address| Spanned::new(address, text.span)).map_err(|_| {
        Diagnostic::error(Code::BadValue, format!("`{text}` is not an address without a length"))
            .at(text.span, "")
            .help("as in 10.1.1.1 or 2001:db8::1")
    })
}

/// An address for which no prefix length means the address alone.
pub(super) fn loopback(text: &Text) -> Result<Spanned<Address>, Diagnostic> {
    with_word(text, |text| match text.value.parse::<IpAddr>() {
        Ok(bare) => Ok(IpNet::from(bare).into()),
        Err(_) => Ok(address(text)?.value.into()),
    })
}

fn not_an_address(text: &Text) -> Diagnostic {
    let fault =
        Diagnostic::error(Code::BadValue, format!("`{text}` is not an address")).at(text.span, "");
    let Some((ip, length)) = text.value.split_once('/') else {
        return fault.help("addresses are written as 10.1.1.1/24 or 2001:db8::1/64");
    };
    match ip.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => match length.parse::<IpAddr>().map(ipnet::ip_mask_to_prefix) {
            Ok(Ok(length)) => fault.help(format!("write the mask as a length: {ip}/{length}")),
            Ok(Err(_)) | Err(_) => fault.note("an IPv4 prefix is 0 to 32 bits long"),
        },
        Ok(IpAddr::V6(_)) => fault.note("an IPv6 prefix is 0 to 128 bits long"),
        Err(_) if ip.contains(':') => {
            fault.note("what stands before the `/` is not an IPv6 address")
        }
        Err(_) => {
            fault.note("an IPv4 address is four numbers from 0 to 255, without leading zeros")
        }
    }
}

/// A unicast MAC address.
pub(super) fn mac(text: &Text) -> Result<Spanned<[u8; 6]>, Diagnostic> {
    let fault = |why: &str| {
        let title = format!("`{text}` cannot be an interface's MAC address");
        Err(Diagnostic::error(Code::BadValue, title).at(text.span, "").help(why))
    };
    let mut bytes = [0; 6];
    let mut parts = text.value.split([':', '-']);
    for byte in &mut bytes {
        let part = parts.next().unwrap_or_default();
        let hex = part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
        match u8::from_str_radix(part, 16) {
            Ok(value) if hex => *byte = value,
            _ => return fault("six bytes in hexadecimal, as in 02:00:00:00:00:01"),
        }
    }
    if parts.next().is_some() {
        return fault("six bytes in hexadecimal, as in 02:00:00:00:00:01");
    }
    if bytes[0] & 1 == 1 {
        return fault("the lowest bit of the first byte marks a group; make the byte even");
    }
    if bytes == [0; 6] {
        return fault("not all bytes can be zero");
    }
    Ok(Spanned::new(bytes, text.span))
}
