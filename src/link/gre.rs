//! `gre`: IP and MPLS in GRE over IPv4 (RFC 2784, RFC 2890).

use super::Keys;
use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::tunnel::{self, Outer};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{GreIOFlags, InfoData, InfoGre, InfoKind};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// A GRE tunnel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gre {
    /// The outer header.
    pub outer: Outer<Ipv4Addr>,
}

impl LinkKind for Gre {
    const DESCRIPTION: Description = Description {
        word: "gre",
        is_named_in_files: true,
        keys: tunnel::NUMBERED,
        example: &[("kind", "gre"), ("local", "192.0.2.1"), ("remote", "192.0.2.2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ip,
        reserved: &["gre0"],
        title: "gre tunnels",
        config: "CONFIG_NET_IPGRE",
        module: "ip_gre",
        info: InfoKind::GreTun,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { outer: Outer::parse(keys)? })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::GreTun(data)) = data else { return None };
        read(data).map(|(outer, dev)| (Self { outer }, dev))
    }

    fn sample() -> Self {
        Self { outer: Outer::sample(Ipv4Addr::new(192, 0, 2, 1)) }
    }
}

impl OfKind for Gre {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        self.outer.keys()
    }

    fn words(&self, dev: Option<&str>) -> String {
        self.outer.words(dev)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        Some(InfoData::GreTun(attributes(&self.outer, dev)))
    }

    fn identity(&self, dev: Option<&str>) -> Option<String> {
        self.outer.identity(dev)
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: self.outer.key.unwrap_or(0), remote: Some(self.outer.remote.into()) }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(20 + 4 + self.outer.key_length())
    }
}

/// What the kernel is told of a tunnel, with the index of the device that packets leave through.
pub(super) fn attributes(outer: &Outer<Ipv4Addr>, dev: Option<u32>) -> Vec<InfoGre> {
    let mut data = vec![InfoGre::Remote(outer.remote), InfoGre::Ttl(outer.ttl)];
    data.extend(outer.local.map(InfoGre::Local));
    data.extend(dev.map(InfoGre::Link));
    if let Some(key) = outer.key {
        let flags = GreIOFlags::Key;
        data.extend([InfoGre::IFlags(flags), InfoGre::OFlags(flags)]);
        data.extend([InfoGre::IKey(key), InfoGre::OKey(key)]);
    }
    // As `ip` does where a TTL is said or not: outer packets are not cut.
    data.push(InfoGre::PathMTUDiscovery(true));
    data
}

/// What the kernel shows of a tunnel.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
pub(super) fn read(data: &[InfoGre]) -> Option<(Outer<Ipv4Addr>, Option<u32>)> {
    let (mut local, mut remote) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
    let (mut ttl, mut key, mut has_key, mut dev) = (0, 0, false, None);
    for item in data {
        match item {
            InfoGre::Local(it) => local = *it,
            InfoGre::Remote(it) => remote = *it,
            InfoGre::Ttl(it) => ttl = *it,
            InfoGre::OKey(it) => key = *it,
            InfoGre::OFlags(flags) => has_key = flags.contains(GreIOFlags::Key),
            InfoGre::Link(it) => dev = Some(*it).filter(|it| *it != 0),
            _ => {}
        }
    }
    Some((Outer::read(local, remote, ttl, has_key.then_some(key))?, dev))
}
