//! `vti`: packets that policies of IPsec encrypt, over IPv4 (ip-link(8)).

use super::Keys;
use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::tunnel::{self, Outer, OuterAddress};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Value;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVti};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// A tunnel whose packets IPsec encrypts: without states and policies (`ip xfrm`) of its key it carries
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vti {
    /// The outer header.
    pub outer: Outer<Ipv4Addr>,
}

impl LinkKind for Vti {
    const DESCRIPTION: Description = Description {
        word: "vti",
        is_named_in_files: true,
        keys: tunnel::VTI,
        example: &[("kind", "vti"), ("local", "192.0.2.1"), ("remote", "192.0.2.2")],
        lower: LowerDevice::Underlay,
        carries: Carries::Ip,
        reserved: &["ip_vti0"],
        title: "vti tunnels",
        config: "CONFIG_NET_IPVTI",
        module: "ip_vti",
        info: InfoKind::Vti,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        let outer = Outer::parse(keys)?;
        // 0 is none, and is shown so.
        Ok(Self { outer: Outer { key: outer.key.filter(|key| *key != 0), ..outer } })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Vti(data)) = data else { return None };
        read(data).map(|(outer, dev)| (Self { outer }, dev))
    }

    fn sample() -> Self {
        Self { outer: Outer::sample(Ipv4Addr::new(192, 0, 2, 1)) }
    }
}

impl OfKind for Vti {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        self.outer.keys()
    }

    fn words(&self, dev: Option<&str>) -> String {
        self.outer.words(dev)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        Some(InfoData::Vti(attributes(&self.outer, dev)))
    }

    fn identity(&self, dev: Option<&str>) -> Option<String> {
        // The kernel compares keys of GRE alone.
        Outer { key: None, ..self.outer.clone() }.identity(dev)
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: self.outer.key.unwrap_or(0), remote: Some(self.outer.remote.into()) }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(20)
    }
}

/// What the kernel is told of a tunnel, with the index of the device that packets leave through.
fn attributes(outer: &Outer<Ipv4Addr>, dev: Option<u32>) -> Vec<InfoVti> {
    let mut data = vec![InfoVti::Remote(outer.remote.into())];
    data.extend(outer.local.map(|local| InfoVti::Local(local.into())));
    data.extend(dev.map(InfoVti::Link));
    data.extend(outer.key.into_iter().flat_map(|key| [InfoVti::IKey(key), InfoVti::OKey(key)]));
    data
}

/// What the kernel shows of a tunnel; a key of 0 is none there.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn read(data: &[InfoVti]) -> Option<(Outer<Ipv4Addr>, Option<u32>)> {
    let (mut local, mut remote) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
    let (mut key, mut dev) = (None, None);
    for item in data {
        match item {
            InfoVti::Local(it) => local = Ipv4Addr::of(*it)?,
            InfoVti::Remote(it) => remote = Ipv4Addr::of(*it)?,
            InfoVti::OKey(it) => key = Some(*it).filter(|it| *it != 0),
            InfoVti::Link(it) => dev = Some(*it).filter(|it| *it != 0),
            _ => {}
        }
    }
    Some((Outer::read(local, remote, 0, key)?, dev))
}
