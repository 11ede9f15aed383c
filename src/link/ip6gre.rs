//! `ip6gre`: IP and MPLS in GRE over IPv6.

use super::Keys;
use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::tunnel::{self, Outer};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{GreIOFlags, InfoData, InfoGre6, InfoKind};
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;

/// A GRE tunnel over IPv6.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ip6gre {
    /// The outer header.
    pub outer: Outer<Ipv6Addr>,
}

impl LinkKind for Ip6gre {
    const DESCRIPTION: Description = Description {
        word: "ip6gre",
        is_named_in_files: true,
        keys: tunnel::NUMBERED,
        example: &[("kind", "ip6gre"), ("local", "2001:db8::1"), ("remote", "2001:db8::2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ip,
        reserved: &["ip6gre0"],
        title: "ip6gre tunnels",
        config: "CONFIG_IPV6_GRE",
        module: "ip6_gre",
        info: InfoKind::GreTun6,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { outer: Outer::parse(keys)? })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::GreTun6(data)) = data else { return None };
        read(data).map(|(outer, dev)| (Self { outer }, dev))
    }

    fn sample() -> Self {
        Self { outer: Outer::sample(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)) }
    }
}

impl OfKind for Ip6gre {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        self.outer.keys()
    }

    fn words(&self, dev: Option<&str>) -> String {
        self.outer.words(dev)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        Some(InfoData::GreTun6(attributes(&self.outer, dev)))
    }

    fn identity(&self, dev: Option<&str>) -> Option<String> {
        // No key is key 0 to the kernel.
        let key = self.outer.key.or(Some(0));
        Outer { key, ..self.outer.clone() }.identity(dev)
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: self.outer.key.unwrap_or(0), remote: Some(self.outer.remote.into()) }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(tunnel::IPV6_HEADERS + 4 + self.outer.key_length())
    }
}

/// What the kernel is told of a tunnel, with the index of the device that packets leave through.
pub(super) fn attributes(outer: &Outer<Ipv6Addr>, dev: Option<u32>) -> Vec<InfoGre6> {
    let mut data = vec![InfoGre6::Remote(outer.remote), InfoGre6::Ttl(outer.ttl)];
    data.push(InfoGre6::EncapLimit(tunnel::ENCAP_LIMIT));
    data.extend(outer.local.map(InfoGre6::Local));
    data.extend(dev.map(InfoGre6::Link));
    if let Some(key) = outer.key {
        let flags = GreIOFlags::Key;
        data.extend([InfoGre6::IFlags(flags), InfoGre6::OFlags(flags)]);
        data.extend([InfoGre6::IKey(key), InfoGre6::OKey(key)]);
    }
    data
}

/// What the kernel shows of a tunnel.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
pub(super) fn read(data: &[InfoGre6]) -> Option<(Outer<Ipv6Addr>, Option<u32>)> {
    let (mut local, mut remote) = (Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
    let (mut ttl, mut key, mut has_key, mut dev) = (0, 0, false, None);
    for item in data {
        match item {
            InfoGre6::Local(it) => local = *it,
            InfoGre6::Remote(it) => remote = *it,
            InfoGre6::Ttl(it) => ttl = *it,
            InfoGre6::OKey(it) => key = *it,
            InfoGre6::OFlags(flags) => has_key = flags.contains(GreIOFlags::Key),
            InfoGre6::Link(it) => dev = Some(*it).filter(|it| *it != 0),
            _ => {}
        }
    }
    Some((Outer::read(local, remote, ttl, has_key.then_some(key))?, dev))
}
