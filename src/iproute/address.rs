//! Addresses and prefixes as `ip` reads them.

use super::words::not;
use crate::diagnostic::{Code, Diagnostic, Text};
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address; one of IPv4 may lack its last bytes, which are then 0: `10.1` is 10.1.0.0.
pub(super) fn address(word: &Text) -> Result<IpAddr, Diagnostic> {
    read(word.as_str()).ok_or_else(|| not(word, "an address"))
}

/// A prefix whose bits behind its length are 0; of a lone address all bits count.
pub(super) fn prefix(word: &Text, what: &str) -> Result<IpNet, Diagnostic> {
    let (address, length) = match word.as_str().split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word.as_str(), None),
    };
    let net = read(address).and_then(|address| match length {
        None => Some(IpNet::from(address)),
        Some(length) => IpNet::new(address, length_of(address, length)?).ok(),
    });
    let net = net.ok_or_else(|| not(word, what))?;
    if net.trunc() != net {
        return Err(Diagnostic::error(Code::BadValue, format!("{net} has host bits set"))
            .at(word.span, "not a prefix")
            .help(format!("the prefix is {}", net.trunc())));
    }
    Ok(net)
}

/// Whether an address of IPv6 means a node only together with one of its interfaces (RFC 4291, 2.5.6).
pub fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// All addresses of a family.
pub(super) fn everything(v4: bool) -> IpNet {
    let any = if v4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    IpNet::new(any, 0).expect("every family has a prefix of length 0")
}

fn read(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse().map(IpAddr::V6).ok();
    }
    let mut bytes = [0; 4];
    let mut places = bytes.iter_mut();
    for part in text.split('.') {
        // `ip` reads a number that begins with 0 in another base.
        let is_decimal = part == "0" || !part.starts_with('0');
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        *places.next()? = part.parse().ok().filter(|_| is_decimal && digits)?;
    }
    Some(IpAddr::V4(bytes.into()))
}

/// The length behind a `/`, which may be written as a mask.
fn length_of(address: IpAddr, length: &str) -> Option<u8> {
    match (address, length.parse::<u8>()) {
        (_, Ok(length)) => Some(length),
        (IpAddr::V4(address), Err(_)) => {
            let mask: Ipv4Addr = length.parse().ok()?;
            Ipv4Net::with_netmask(address, mask).ok().map(|net| net.prefix_len())
        }
        (IpAddr::V6(_), Err(_)) => None,
    }
}
