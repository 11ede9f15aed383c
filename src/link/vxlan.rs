//! `vxlan`: a tunnel that carries Ethernet in UDP (RFC 7348).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::{Keys, keys, tunnel};
use crate::diagnostic::{Code, Diagnostic, Text};
use crate::iproute;
use crate::vocabulary::{Choice, Key, Shape, Value, key, words};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVxlan, VxlanDf as KernelDf};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

pub(super) static DSTPORT: Key = key(
    "dstport",
    Shape::Number(1, 65535),
    "The UDP port of a VXLAN or GENEVE; that of the standard if absent.",
);

static FAR_ENDS: Key = key(
    REMOTES,
    Shape::List(&Shape::Line),
    "The far ends of a VXLAN that get what is for addresses that it does not know.",
);
static GROUP: Key =
    key("group", Shape::Ip, "The multicast group that a VXLAN floods to, through its `dev`.");
static LEARNING: Key =
    key("learning", Shape::Flag, "Whether a VXLAN learns where MAC addresses are.");
static EXTERNAL: Key = key(
    "external",
    Shape::Flag,
    "Whether a VXLAN has several VNIs, which `tunnel_info` of its VLANs at a bridge or routes say.",
);
static TOS: Key =
    key("tos", Shape::Line, "The type of service of a VXLAN's outer packets, or `inherit`.");
static DF: Key = key(
    "df",
    Shape::OneOf(words::<Fragmenting>),
    "Whether a VXLAN's outer packets may be cut into fragments.",
);

/// The key for several far ends, each of which is an entry of the forwarding database.
pub const REMOTES: &str = "remotes";
/// The port of the standard; the kernel's own is an older one.
const PORT: u16 = 4789;
/// What a packet gets in addition: the headers of VXLAN, UDP and Ethernet.
const OVERHEAD: u32 = 8 + 8 + 14;
/// The type of service that stands for that of the packet inside.
const INHERIT: u8 = 1;

/// A VXLAN device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vxlan {
    /// The network's number, below 2²⁴; 0 where it has several.
    pub id: u32,
    /// Whether a packet's network is said from outside.
    pub external: bool,
    /// The address of this end.
    pub local: Option<IpAddr>,
    /// Where frames to addresses that are not known go: the far end, or a multicast group. Without it
    /// they go where entries of the forwarding database say.
    pub remote: Option<IpAddr>,
    /// The UDP port of both.
    pub dstport: u16,
    /// Whether it learns where MAC addresses are.
    pub learning: bool,
    /// The TTL of the outer packets; 0 is the kernel's.
    pub ttl: u8,
    /// The type of service of the outer packets; 1 is that of the packet inside.
    pub tos: u8,
    /// Whether the outer packets may be cut.
    pub df: Fragmenting,
}

/// Whether a tunnel's outer packets may be cut into fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fragmenting {
    /// They may.
    Unset,
    /// They must not.
    Set,
    /// As the packet inside.
    Inherit,
}

impl Fragmenting {
    const ALL: [(&'static str, Self, KernelDf); 3] = [
        ("unset", Self::Unset, KernelDf::Unset),
        ("set", Self::Set, KernelDf::Set),
        ("inherit", Self::Inherit, KernelDf::Inherit),
    ];

    fn entry(self) -> (&'static str, Self, KernelDf) {
        *Self::ALL.iter().find(|(_, it, _)| *it == self).expect("every one is in the list")
    }
}

impl Choice for Fragmenting {
    fn words() -> Vec<(&'static str, Self)> {
        Self::ALL.iter().map(|(word, it, _)| (*word, *it)).collect()
    }
}

impl Vxlan {
    /// Whether the outer packets are of IPv4.
    pub fn is_over_ipv4(&self) -> bool {
        self.remote.or(self.local).is_none_or(|address| address.is_ipv4())
    }

    /// What is not as the kernel has it by itself, by the words of `ip`.
    fn options(&self) -> Vec<(&'static str, String)> {
        let Self { id: _, external: _, local: _, remote: _, dstport: _, learning: _, ttl, tos, df } =
            self;
        let mut options = Vec::new();
        if *ttl != 0 {
            options.push(("ttl", ttl.to_string()));
        }
        match *tos {
            0 => {}
            INHERIT => options.push((TOS.name, "inherit".to_owned())),
            tos => options.push((TOS.name, format!("{tos:#x}"))),
        }
        if *df != Fragmenting::Unset {
            options.push((DF.name, df.entry().0.to_owned()));
        }
        options
    }
}

/// The far end or the group, all addresses of one family.
fn ends(keys: &Keys<'_>) -> Result<(Option<IpAddr>, Option<IpAddr>), Diagnostic> {
    let (local, remote, group) = (keys.ip("local"), keys.ip("remote"), keys.ip(GROUP.name));
    let remotes = keys.ips(REMOTES)?;
    let wrong = |title: &str| Diagnostic::error(Code::BadValue, title);
    if let (Some(remote), Some(group)) = (remote, group) {
        let error = wrong("a VXLAN floods to a far end or to a group");
        return Err(error.at(group.span, "the group").beside(remote.span, "the far end"));
    }
    for far in [remote].into_iter().flatten().chain(remotes.iter().copied()) {
        if far.value.is_multicast() {
            let error = wrong("a multicast group is no far end").at(far.span, "");
            return Err(error.help("write it as `group`"));
        }
    }
    if let Some(group) = group {
        if !group.value.is_multicast() {
            return Err(wrong(&format!("{group} is no multicast group")).at(group.span, ""));
        }
        if keys.line("dev").is_none() {
            return Err(keys.missing("dev").note("a group is joined through an interface"));
        }
    }
    let first = remote.or(group).or(local);
    for other in [local].into_iter().flatten().chain(remotes) {
        if let Some(first) = first.filter(|it| it.value.is_ipv4() != other.value.is_ipv4()) {
            return Err(wrong("the ends of `vxlan` are of two families")
                .at(other.span, "this one")
                .beside(first.span, "and this one"));
        }
        if first.is_none() && other.value.is_ipv6() {
            return Err(keys
                .missing("local")
                .note("the kernel goes by it where far ends are of IPv6"));
        }
    }
    Ok((local.map(|it| it.value), remote.or(group).map(|it| it.value)))
}

impl LinkKind for Vxlan {
    const DESCRIPTION: Description = Description {
        word: "vxlan",
        is_named_in_files: true,
        keys: &[
            &keys::ID,
            &EXTERNAL,
            &keys::LOCAL,
            &keys::REMOTE,
            &FAR_ENDS,
            &GROUP,
            &keys::DEV,
            &DSTPORT,
            &LEARNING,
            &tunnel::TTL,
            &TOS,
            &DF,
        ],
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
        let (local, remote) = ends(keys)?;
        let external = keys.flag(EXTERNAL.name);
        for key in ["id", "remote", GROUP.name].into_iter().filter(|_| external) {
            if let Some(span) = keys.span(key) {
                let title = format!("a VXLAN with `external` has no `{key}`");
                return Err(Diagnostic::error(Code::BadValue, title).at(span, "").help(
                    "`tunnel_info id VNI` of its `vlans` says the VNIs, `remotes` their far ends",
                ));
            }
        }
        let tos = match keys.line(TOS.name) {
            None => 0,
            Some(word) if word.as_str() == "inherit" => INHERIT,
            Some(word) => iproute::type_of_service(word)?,
        };
        Ok(Self {
            id: if external { 0 } else { keys.id("id", 0, (1 << 24) - 1)? },
            external,
            local,
            remote,
            dstport: keys.number("dstport").map_or(PORT, |port| port.value as u16),
            learning: !keys.is_off(LEARNING.name),
            ttl: keys.number("ttl").map_or(0, |ttl| ttl.value as u8),
            tos,
            df: keys.choice(DF.name)?.unwrap_or(Fragmenting::Unset),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Vxlan(data)) = data else { return None };
        let (mut id, mut dev) = (None, None);
        let mut read = Self { dstport: 0, learning: false, ..Self::sample() };
        read.remote = None;
        for item in data {
            match item {
                InfoVxlan::Id(it) => id = Some(*it),
                InfoVxlan::CollectMetadata(it) => read.external = *it,
                InfoVxlan::Group(it) => read.remote = Some(IpAddr::from(*it)),
                InfoVxlan::Group6(it) => read.remote = Some(IpAddr::from(*it)),
                InfoVxlan::Local(it) => read.local = Some(IpAddr::from(*it)),
                InfoVxlan::Local6(it) => read.local = Some(IpAddr::from(*it)),
                InfoVxlan::Port(it) => read.dstport = *it,
                InfoVxlan::Link(it) => dev = Some(*it).filter(|it| *it != 0),
                InfoVxlan::Learning(it) => read.learning = *it,
                InfoVxlan::Ttl(it) => read.ttl = *it,
                InfoVxlan::Tos(it) => read.tos = *it,
                InfoVxlan::Df(it) => {
                    let known = Fragmenting::ALL.iter().find(|(_, _, kernel)| kernel == it);
                    read.df = known.map_or(Fragmenting::Unset, |(_, df, _)| *df);
                }
                _ => {}
            }
        }
        Some((Self { id: id?, ..read }, dev))
    }

    fn sample() -> Self {
        Self {
            id: 10,
            external: false,
            local: None,
            remote: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
            dstport: PORT,
            learning: true,
            ttl: 0,
            tos: 0,
            df: Fragmenting::Unset,
        }
    }
}

impl OfKind for Vxlan {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        let mut keys = vec![match self.external {
            true => (EXTERNAL.name, Value::Flag(true)),
            false => ("id", Value::Number(self.id)),
        }];
        keys.extend(self.local.map(|local| ("local", Value::Ip(local))));
        keys.extend(self.remote.map(|remote| match remote.is_multicast() {
            true => (GROUP.name, Value::Ip(remote)),
            false => ("remote", Value::Ip(remote)),
        }));
        keys.push(("dstport", Value::Number(self.dstport.into())));
        if !self.learning {
            keys.push((LEARNING.name, Value::Flag(false)));
        }
        let options = self.options().into_iter();
        keys.extend(options.map(|(key, value)| (key, Value::Line(Text::filled(value)))));
        keys
    }

    fn words(&self, dev: Option<&str>) -> String {
        let mut words = match self.external {
            true => EXTERNAL.name.to_owned(),
            false => format!("id {}", self.id),
        };
        if let Some(local) = self.local {
            words += &format!(" local {local}");
        }
        if let Some(remote) = self.remote {
            let word = if remote.is_multicast() { GROUP.name } else { "remote" };
            words += &format!(" {word} {remote}");
        }
        if let Some(dev) = dev {
            words += &format!(" dev {dev}");
        }
        words += &format!(" dstport {}", self.dstport);
        words += match (self.external, self.learning) {
            (_, false) => " nolearning",
            // `ip` turns it off with the one.
            (true, true) => " learning",
            (false, true) => "",
        };
        self.options()
            .into_iter()
            .fold(words, |words, (key, value)| words + " " + key + " " + &value)
    }

    fn data(&self, dev: Option<u32>) -> Option<InfoData> {
        let Self { id, external, local, remote, dstport, learning, ttl, tos, df } = self;
        let mut data = vec![
            match external {
                true => InfoVxlan::CollectMetadata(true),
                false => InfoVxlan::Id(*id),
            },
            InfoVxlan::Port(*dstport),
            InfoVxlan::Learning(*learning),
            InfoVxlan::Ttl(*ttl),
            InfoVxlan::Tos(*tos),
        ];
        if *df != Fragmenting::Unset {
            data.push(InfoVxlan::Df(df.entry().2));
        }
        data.extend(dev.map(InfoVxlan::Link));
        data.extend(remote.map(|remote| match remote {
            IpAddr::V4(remote) => InfoVxlan::Group(remote),
            IpAddr::V6(remote) => InfoVxlan::Group6(remote),
        }));
        data.extend(local.map(|local| match local {
            IpAddr::V4(local) => InfoVxlan::Local(local),
            IpAddr::V6(local) => InfoVxlan::Local6(local),
        }));
        Some(InfoData::Vxlan(data))
    }

    fn identity(&self, _lower: Option<&str>) -> Option<String> {
        Some(format!("{} {} {}", self.id, self.dstport, self.is_over_ipv4()))
    }

    fn medium(&self) -> Medium {
        Medium::Tunnel { id: self.id, remote: self.remote }
    }

    fn mtu(&self) -> Mtu {
        Mtu::Less(OVERHEAD + keys::ip_header(self.is_over_ipv4()))
    }
}
