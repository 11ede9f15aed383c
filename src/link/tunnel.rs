//! What IP tunnels have in common: the outer header.

use super::{Keys, keys};
use crate::diagnostic::{Code, Diagnostic};
use crate::vocabulary::{Key, Shape, Value, key};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) static TTL: Key =
    key("ttl", Shape::Number(1, 255), "The TTL of a tunnel's outer packets.");
pub(super) static KEY: Key =
    key("key", Shape::Number(0, u32::MAX), "The number that both ends of a tunnel put on packets.");

/// The keys of a tunnel whose packets have no number.
pub(super) const PLAIN: &[&Key] = &[&keys::LOCAL, &keys::REMOTE, &keys::DEV, &TTL];
/// The keys of a tunnel without a TTL of its own.
pub(super) const VTI: &[&Key] = &[&keys::LOCAL, &keys::REMOTE, &keys::DEV, &KEY];
/// The keys of a tunnel whose packets may have a number.
pub(super) const NUMBERED: &[&Key] = &[&keys::LOCAL, &keys::REMOTE, &keys::DEV, &TTL, &KEY];

/// The headers that Linux puts before an IPv6 packet that must not be put into another tunnel more
/// than four times (RFC 2473, section 6.6): the IPv6 header and its options.
pub(super) const IPV6_HEADERS: u32 = 40 + 8;
/// That limit, which `ip` sets unless it is told otherwise.
pub(super) const ENCAP_LIMIT: u8 = 4;

/// The outer header of a tunnel's packets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Outer<A> {
    /// The address of this end.
    pub local: Option<A>,
    /// The address of the far end.
    pub remote: A,
    /// The time to live; 0 takes that of the packet inside.
    pub ttl: u8,
    /// The number on the packets of both directions.
    pub key: Option<u32>,
}

/// An address of the one family that a tunnel's outer header is of.
pub trait OuterAddress: Copy + Display + Into<IpAddr> + Eq {
    /// What tunnels of the family are given for a TTL by `ip` where nothing is said.
    const TTL: u8;
    /// What the kernel shows for an address that is not said.
    const UNSAID: Self;
    /// What the family is called.
    const NAME: &'static str;
    /// The address, if it is of the family.
    fn of(address: IpAddr) -> Option<Self>;
}

impl OuterAddress for Ipv4Addr {
    const TTL: u8 = 0;
    const UNSAID: Self = Ipv4Addr::UNSPECIFIED;
    const NAME: &'static str = "IPv4";

    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }
    }
}

impl OuterAddress for Ipv6Addr {
    const TTL: u8 = 64;
    const UNSAID: Self = Ipv6Addr::UNSPECIFIED;
    const NAME: &'static str = "IPv6";

    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address),
        }
    }
}

impl<A: OuterAddress> Outer<A> {
    /// The header that a file's keys say.
    pub(super) fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        let of = |key: &str| {
            let Some(address) = keys.ip(key) else { return Ok(None) };
            A::of(address.value).map(Some).ok_or_else(|| {
                let word = keys.kind.value.word();
                Diagnostic::error(
                    Code::BadValue,
                    format!("the ends of `{word}` must be {} addresses", A::NAME),
                )
                .at(address.span, format!("`{key}`"))
            })
        };
        let (local, remote) = (of("local")?, of("remote")?.ok_or_else(|| keys.missing("remote"))?);
        let ttl = keys.number("ttl").map_or(A::TTL, |ttl| ttl.value as u8);
        Ok(Self { local, remote, ttl, key: keys.number("key").map(|key| key.value) })
    }

    /// The header that the kernel shows; none of a tunnel to nowhere, as are those that it makes itself
    /// in every namespace.
    pub(super) fn read(local: A, remote: A, ttl: u8, key: Option<u32>) -> Option<Self> {
        let said = |address: A| Some(address).filter(|address| *address != A::UNSAID);
        Some(Self { local: said(local), remote: said(remote)?, ttl, key })
    }

    /// One that a kernel takes.
    pub(super) fn sample(remote: A) -> Self {
        Self { local: None, remote, ttl: A::TTL, key: None }
    }

    /// The keys that say it in a file.
    pub(super) fn keys(&self) -> Vec<(&'static str, Value)> {
        let Self { local, remote, ttl, key } = self;
        let mut keys = Vec::new();
        keys.extend(local.map(|local| ("local", Value::Ip(local.into()))));
        keys.push(("remote", Value::Ip((*remote).into())));
        if *ttl != A::TTL {
            keys.push(("ttl", Value::Number((*ttl).into())));
        }
        keys.extend(key.map(|key| ("key", Value::Number(key))));
        keys
    }

    /// The words of `ip` for it.
    pub(super) fn words(&self, dev: Option<&str>) -> String {
        let Self { local, remote, ttl, key } = self;
        let mut words = Vec::new();
        words.extend(local.map(|local| format!("local {local}")));
        words.push(format!("remote {remote}"));
        words.extend(dev.map(|dev| format!("dev {dev}")));
        if *ttl != A::TTL {
            words.push(format!("ttl {ttl}"));
        }
        words.extend(key.map(|key| format!("key {key}")));
        words.join(" ")
    }

    /// What the kernel tells it by from other tunnels.
    pub(super) fn identity(&self, dev: Option<&str>) -> Option<String> {
        let Self { local, remote, ttl: _, key } = self;
        Some(Self { local: *local, remote: *remote, ttl: A::TTL, key: *key }.words(dev))
    }

    /// The bytes that its number takes in a GRE header.
    pub(super) fn key_length(&self) -> u32 {
        if self.key.is_some() { 4 } else { 0 }
    }
}
