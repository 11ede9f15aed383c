//! `vxlan`: a tunnel that carries Ethernet in UDP (RFC 7348).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::{Keys, keys};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::{Key, Shape, Value, key};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVxlan};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

pub(super) static DSTPORT: Key = key(
    "dstport",
    Shape::Number(1, 65535),
    "The UDP port of a VXLAN or GENEVE; that of the standard if absent.",
);

/// The port of the standard; the kernel's own is an older one.
const PORT: u16 = 4789;
/// What a packet gets in addition: the headers of VXLAN, UDP and Ethernet.
const OVERHEAD: u32 = 8 + 8 + 14;

/// A VXLAN device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vxlan {
    /// The network's number, below 2²⁴.
    pub id: u32,
    /// The address of this end.
    pub local: Option<IpAddr>,
    /// The address of the far end.
    pub remote: IpAddr,
    /// The UDP port of both.
    pub dstport: u16,
}

impl LinkKind for Vxlan {
    const DESCRIPTION: Description = Description {
        word: "vxlan",
        is_named_in_files: true,
        keys: &[&keys::ID, &keys::LOCAL, &keys::REMOTE, &keys::DEV, &DSTPORT],
        example: &[("kind", "vxlan"), ("id", "10"), ("local", "10.0.0.1"), ("remote", "10.0.0.2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "VXLAN devices",
        config: "CONFIG_VXLAN",
        module: "vxlan",
        info: InfoKind::Vxlan,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        let (local, remote) = keys.ends()?;
        let dstport = keys.number("dstport").map_or(PORT, |port| port.value as u16);
        Ok(Self { id: keys.id("id", 0, (1 << 24) - 1)?, local, remote, dstport })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Vxlan(data)) = data else { return None };
        let (mut id, mut local, mut remote, mut dstport, mut dev) = (None, None, None, 0, None);
        for item in data {
            match item {
                InfoVxlan::Id(it) => id = Some(*it),
                InfoVxlan::Group(it) => remote = Some(IpAddr::from(*it)),
                InfoVxlan::Group6(it) => remote = Some(IpAddr::from(*it)),
                InfoVxlan::Local(it) => local = Some(IpAddr::from(*it)),
                InfoVxlan::Local6(it) => local = Some(IpAddr::from(*it)),
                InfoVxlan::Port(it) => dstport = *it,
                InfoVxlan::Link(it) => dev = Some(*it).filter(|it| *it != 0),
                _ => {}
            }
        }
        Some((Self { id: id?, local, remote: remote?, dstport }, dev))
    }

    fn sample() -> Self {
        let remote = Ipv4Addr::new(192, 0, 2, 1).into();
        Self { id: 10, local: None, remote, dstport: PORT }
    }
}

impl OfKind for Vxlan {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        let Self { id, local, remote, dstport } = self;
        let local = local.map(|local| ("local", Value::Ip(local)));
        let others =
            [("remote", Value::Ip(*remote)), ("dstport", Value::Number((*dstport).into()))];
        std::iter::once(("id", Value::Number(*id))).chain(local).chain(others).collect()
    }

    fn words(&self, dev: Option<&str>) -> String {
        let Self { id, local, remote, dstport } = self;
        let local = local.map_or(String::new(), |local| format!(" local {local}"));
        let dev = dev.map_or(String::new(), |dev| format!(" dev {dev}"));
        format!("id {id}{local} remote {remote}{dev} dstport {dstport}")
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        let mut data = vec![InfoVxlan::Id(self.id), InfoVxlan::Port(self.dstport)];
        data.extend(dev.map(InfoVxlan::Link));
        data.push(match self.remote {
            IpAddr::V4(remote) => InfoVxlan::Group(remote),
            IpAddr::V6(remote) => InfoVxlan::Group6(remote),
        });
        data.extend(self.local.map(|local| match local {
            IpAddr::V4(local) => InfoVxlan::Local(local),
            IpAddr::V6(local) => InfoVxlan::Local6(local),
        }));
        Some(InfoData::Vxlan(data))
    }

    fn identity(&self, _lower: Option<&str>) -> Option<String> {
        let Self { id, local: _, remote, dstport } = self;
        Some(format!("{id} {dstport} {}", remote.is_ipv4()))
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: self.id, remote: self.remote }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(OVERHEAD + keys::ip_header(self.remote))
    }
}
