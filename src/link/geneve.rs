//! `geneve`: a tunnel that carries Ethernet in UDP (RFC 8926).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::{Keys, keys, tunnel, vxlan};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{InfoData, InfoGeneve, InfoKind};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// The port of the standard.
const PORT: u16 = 6081;
/// What a packet gets in addition: the headers of GENEVE, UDP and Ethernet.
const OVERHEAD: u32 = 8 + 8 + 14;

/// A GENEVE device. Its packets leave by the main table alone: the kernel knows no device for them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Geneve {
    /// The network's number, below 2²⁴.
    pub id: u32,
    /// The address of the far end.
    pub remote: IpAddr,
    /// The TTL of the outer packets; 0 is the kernel's.
    pub ttl: u8,
    /// The UDP port of both.
    pub dstport: u16,
}

impl LinkKind for Geneve {
    const DESCRIPTION: Description = Description {
        word: "geneve",
        is_named_in_files: true,
        keys: &[&keys::ID, &keys::REMOTE, &tunnel::TTL, &vxlan::DSTPORT],
        example: &[("kind", "geneve"), ("id", "10"), ("remote", "192.0.2.2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "GENEVE devices",
        config: "CONFIG_GENEVE",
        module: "geneve",
        info: InfoKind::Geneve,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        let (_, remote) = keys.ends()?;
        let ttl = keys.number("ttl").map_or(0, |ttl| ttl.value as u8);
        let dstport = keys.number("dstport").map_or(PORT, |port| port.value as u16);
        Ok(Self { id: keys.id("id", 0, (1 << 24) - 1)?, remote, ttl, dstport })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Geneve(data)) = data else { return None };
        let (mut id, mut remote, mut ttl, mut dstport) = (None, None, 0, 0);
        for item in data {
            match item {
                InfoGeneve::Id(it) => id = Some(*it),
                InfoGeneve::Remote(it) => remote = Some(IpAddr::from(*it)),
                InfoGeneve::Remote6(it) => remote = Some(IpAddr::from(*it)),
                InfoGeneve::Ttl(it) => ttl = *it,
                InfoGeneve::Port(it) => dstport = *it,
                _ => {}
            }
        }
        Some((Self { id: id?, remote: remote?, ttl, dstport }, None))
    }

    fn sample() -> Self {
        Self { id: 10, remote: Ipv4Addr::new(192, 0, 2, 1).into(), ttl: 0, dstport: PORT }
    }
}

impl OfKind for Geneve {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        let Self { id, remote, ttl, dstport } = self;
        let mut keys = vec![("id", Value::Number(*id)), ("remote", Value::Ip(*remote))];
        if *ttl != 0 {
            keys.push(("ttl", Value::Number((*ttl).into())));
        }
        keys.push(("dstport", Value::Number((*dstport).into())));
        keys
    }

    fn words(&self, _: Option<&str>) -> String {
        let Self { id, remote, ttl, dstport } = self;
        let ttl = if *ttl == 0 { String::new() } else { format!(" ttl {ttl}") };
        format!("id {id} remote {remote}{ttl} dstport {dstport}")
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        Some(InfoData::Geneve(vec![
            InfoGeneve::Id(self.id),
            match self.remote {
                IpAddr::V4(remote) => InfoGeneve::Remote(remote),
                IpAddr::V6(remote) => InfoGeneve::Remote6(remote),
            },
            InfoGeneve::Ttl(self.ttl),
            InfoGeneve::Port(self.dstport),
        ]))
    }

    fn identity(&self, _lower: Option<&str>) -> Option<String> {
        let Self { id, remote, ttl: _, dstport } = self;
        Some(format!("{id} {remote} {dstport}"))
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: self.id, remote: Some(self.remote) }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(OVERHEAD + keys::ip_header(self.remote.is_ipv4()))
    }
}
