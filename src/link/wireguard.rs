//! `wireguard`: IP in an encrypted tunnel over UDP (wg(8)).

use super::Keys;
use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::wireguard_key::{PresharedKey, PrivateKey, PublicKey};
use crate::diagnostic::{Code, Diagnostic, Span, Text};
use crate::iproute::{Words, not};
use crate::vocabulary::{Key, Shape, Value, key};
use ipnet::IpNet;
use rtnetlink::packet_route::link::{InfoData, InfoKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

static PRIVATE_KEY: Key = key(
    "private-key",
    Shape::Line,
    "The private key of a WireGuard interface, in base64; made of the lab's, the node's and the interface's names if absent, which protects nothing.",
);
static LISTEN_PORT: Key = key(
    "listen-port",
    Shape::Number(1, 65535),
    "The UDP port of a WireGuard interface; 51820, or the next that is free in the node, if absent.",
);
static FWMARK: Key = key(
    "fwmark",
    Shape::Number(1, u32::MAX),
    "The mark of a WireGuard interface's outer packets, by which a rule can have them routed in a VRF.",
);
static TABLE: Key = key(
    "table",
    Shape::Line,
    "Where routes to the `allowed-ips` of the file go: a table, a VRF, or `off` for none; the interface's own table if absent.",
);
static PEERS: Key = key(
    "peers",
    Shape::List(&Shape::Line),
    "The peers of a WireGuard interface: a node, `node:interface` or a public key, and what follows in `wg set … peer`: `endpoint`, `allowed-ips`, `persistent-keepalive`, `preshared-key`.",
);

/// The MTU that the kernel gives one: 1500 less the headers of IPv6 and UDP, and those of WireGuard.
const MTU: u32 = 1420;

/// A WireGuard interface, as far as it is known: what the file leaves out is filled in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Wireguard {
    /// Its key.
    pub private_key: Option<PrivateKey>,
    /// Whether the file says its key.
    pub has_own_key: bool,
    /// The UDP port.
    pub listen_port: Option<u16>,
    /// The mark of outer packets; 0 is none.
    pub fwmark: u32,
    /// Where routes to what the file allows go.
    pub table: Option<Text>,
    /// The peers.
    pub peers: Vec<Peer>,
}

/// A peer of an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peer {
    /// Where it stands in the file.
    pub span: Span,
    /// Who it is.
    pub name: PeerName,
    /// Its public key.
    pub key: Option<PublicKey>,
    /// A key that it and the interface share.
    pub preshared_key: Option<PresharedKey>,
    /// Where it takes packets.
    pub endpoint: Option<SocketAddr>,
    /// What is sent to it, and accepted from it; none where the file leaves it out.
    pub allowed_ips: Option<BTreeSet<IpNet>>,
    /// After how many seconds without a packet it is sent one; 0 is never.
    pub keepalive: u16,
}

/// Who a peer is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PeerName {
    /// A node of the lab, and its interface where it is said.
    Node(Text, Option<Text>),
    /// Somebody else.
    Key(PublicKey),
}

/// What the kernel is told of an interface beside its making.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireguardSettings {
    /// The interface's own key.
    pub private_key: PrivateKey,
    /// The UDP port.
    pub listen_port: u16,
    /// The mark of outer packets; 0 is none.
    pub fwmark: u32,
    /// The peers.
    pub peers: BTreeMap<PublicKey, PeerSettings>,
}

/// What the kernel is told of a peer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PeerSettings {
    /// A key that it and the interface share.
    pub preshared_key: Option<PresharedKey>,
    /// Where it takes packets; where its last packet came from as soon as there is one.
    pub endpoint: Option<SocketAddr>,
    /// What is sent to it, and accepted from it.
    pub allowed_ips: BTreeSet<IpNet>,
    /// After how many seconds without a packet it is sent one; 0 is never.
    pub keepalive: u16,
}

impl LinkKind for Wireguard {
    const DESCRIPTION: Description = Description {
        word: "wireguard",
        is_named_in_files: true,
        keys: &[&PRIVATE_KEY, &LISTEN_PORT, &FWMARK, &TABLE, &PEERS],
        example: &[("kind", "wireguard"), ("peers", "r2")],
        lower: LowerDevice::Socket,
        carries: Carries::Ip,
        reserved: &[],
        title: "WireGuard interfaces",
        config: "CONFIG_WIREGUARD",
        module: "wireguard",
        info: InfoKind::Wireguard,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        let private_key = match keys.line("private-key") {
            None => None,
            // What was meant for a key is not repeated.
            Some(text) => Some(PrivateKey::parse(text.as_str()).ok_or_else(|| {
                Diagnostic::error(Code::BadValue, "`private-key` is no key of WireGuard")
                    .at(text.span, "not 32 bytes in base64")
                    .help("`wg genkey` makes one, and without the key vrflab does")
            })?),
        };
        Ok(Self {
            private_key,
            has_own_key: private_key.is_some(),
            listen_port: keys.number("listen-port").map(|port| port.value as u16),
            fwmark: keys.number("fwmark").map_or(0, |mark| mark.value),
            table: keys.line("table").cloned(),
            peers: keys.lines("peers").iter().map(Peer::parse).collect::<Result<_, _>>()?,
        })
    }

    /// What it is told is no part of what shows the device.
    fn read(_: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        Some((Self::default(), None))
    }

    fn sample() -> Self {
        Self::default()
    }
}

impl OfKind for Wireguard {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        let Self { private_key, has_own_key, listen_port, fwmark, table, peers } = self;
        let line = |text: String| Value::Line(Text::filled(text));
        let private_key = private_key.filter(|_| *has_own_key);
        let private_key = private_key.map(|key| ("private-key", line(key.to_base64())));
        let port = listen_port.map(|port| ("listen-port", Value::Number(port.into())));
        let mark = (*fwmark != 0).then_some(("fwmark", Value::Number(*fwmark)));
        let table = table.as_ref().map(|table| ("table", Value::Line(table.clone())));
        let peers = peers.iter().map(|peer| Text::filled(peer.to_string())).collect();
        let keys = [private_key, port, mark, table, Some(("peers", Value::Lines(peers)))];
        keys.into_iter().flatten().collect()
    }

    fn words(&self, _: Option<&str>) -> String {
        String::new()
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        None
    }

    fn medium(&self) -> Medium {
        Medium::Peers
    }

    fn mtu(&self) -> Mtu {
        Mtu::Own(MTU)
    }
}

impl Wireguard {
    /// What the kernel is told of it beside its making; nothing where it is not complete.
    pub fn settings(&self) -> Option<WireguardSettings> {
        let Self { private_key, has_own_key: _, listen_port, fwmark, table: _, peers } = self;
        let peers = peers.iter().map(|peer| {
            let allowed_ips = peer.allowed_ips.clone().unwrap_or_default();
            let Peer { endpoint, keepalive, preshared_key, .. } = *peer;
            Some((peer.key?, PeerSettings { preshared_key, endpoint, allowed_ips, keepalive }))
        });
        Some(WireguardSettings {
            private_key: (*private_key)?,
            listen_port: (*listen_port)?,
            fwmark: *fwmark,
            peers: peers.collect::<Option<_>>()?,
        })
    }
}

impl Peer {
    /// Reads who a peer is, and what follows in `wg set … peer`.
    fn parse(line: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(line);
        words.take("peer");
        let name = words.next().unwrap_or_else(|| line.clone());
        let peer_name = PeerName::parse(&name)?;
        let mut peer = Self {
            span: name.span,
            key: match &peer_name {
                PeerName::Node(..) => None,
                PeerName::Key(key) => Some(*key),
            },
            name: peer_name,
            preshared_key: None,
            endpoint: None,
            allowed_ips: None,
            keepalive: 0,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "endpoint" => {
                    let what = "an address and a port, such as 192.0.2.1:51820";
                    peer.endpoint = Some(words.value(what, &word)?);
                }
                "allowed-ips" => {
                    let list = words.expect("prefixes", &word)?;
                    let nets = list.as_str().split(',').map(|net| prefix(net, &list));
                    peer.allowed_ips = Some(nets.collect::<Result<_, _>>()?);
                }
                "persistent-keepalive" if words.take("off") => peer.keepalive = 0,
                "persistent-keepalive" => {
                    peer.keepalive = words.number("a number of seconds, or `off`", &word)?;
                }
                "preshared-key" => {
                    let key = words.expect("a key", &word)?;
                    let read = PresharedKey::parse(key.as_str());
                    // What was meant for a key is not repeated.
                    peer.preshared_key = Some(read.ok_or_else(|| {
                        let title = "`preshared-key` is no key of WireGuard";
                        Diagnostic::error(Code::BadValue, title)
                            .at(key.span, "not 32 bytes in base64")
                            .help("`wg genpsk` makes one")
                    })?);
                }
                _ => {
                    let what =
                        "`endpoint`, `allowed-ips`, `persistent-keepalive` or `preshared-key`";
                    return Err(not(&word, what));
                }
            }
        }
        if let (PeerName::Key(_), None) = (&peer.name, &peer.allowed_ips) {
            return Err(Diagnostic::error(Code::BadValue, "a peer by its key needs `allowed-ips`")
                .at(name.span, "no node of the lab, whose addresses are known")
                .help("`KEY endpoint 192.0.2.1:51820 allowed-ips 10.9.0.0/16`"));
        }
        Ok(peer)
    }
}

/// A prefix that is allowed; an address stands for itself alone.
fn prefix(text: &str, list: &Text) -> Result<IpNet, Diagnostic> {
    let net = text.parse().map(|net: IpNet| net.trunc());
    net.or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()))
        .map_err(|_| not(list, "prefixes with `,` between them"))
}

impl PeerName {
    fn parse(word: &Text) -> Result<Self, Diagnostic> {
        // No node's name has the `=` that a key ends with.
        if word.as_str().ends_with('=') {
            let key = PublicKey::parse(word.as_str());
            return key.map(Self::Key).ok_or_else(|| not(word, "a public key in base64"));
        }
        let node = |end| word.slice(0, end);
        Ok(match word.as_str().find(':') {
            Some(at) => Self::Node(node(at), Some(word.slice(at + 1, word.as_str().len()))),
            None => Self::Node(node(word.as_str().len()), None),
        })
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerName::Node(node, None) => write!(f, "{node}"),
            PeerName::Node(node, Some(interface)) => write!(f, "{node}:{interface}"),
            PeerName::Key(key) => key.fmt(f),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { span: _, name, key: _, preshared_key, endpoint, allowed_ips, keepalive } = self;
        name.fmt(f)?;
        if let Some(key) = preshared_key {
            write!(f, " preshared-key {}", key.to_base64())?;
        }
        words(f, *endpoint, allowed_ips.as_ref(), *keepalive)
    }
}

/// What follows a peer's name in `wg set … peer`.
fn words(
    f: &mut fmt::Formatter<'_>,
    endpoint: Option<SocketAddr>,
    allowed_ips: Option<&BTreeSet<IpNet>>,
    keepalive: u16,
) -> fmt::Result {
    if let Some(endpoint) = endpoint {
        write!(f, " endpoint {endpoint}")?;
    }
    if let Some(allowed) = allowed_ips.filter(|allowed| !allowed.is_empty()) {
        let allowed: Vec<String> = allowed.iter().map(IpNet::to_string).collect();
        write!(f, " allowed-ips {}", allowed.join(","))?;
    }
    match keepalive {
        0 => Ok(()),
        keepalive => write!(f, " persistent-keepalive {keepalive}"),
    }
}

impl WireguardSettings {
    /// The settings as the kernel keeps them: where a peer takes packets changes with where its own come
    /// from.
    pub fn as_kept(&self) -> Self {
        let mut kept = self.clone();
        kept.peers.values_mut().for_each(|peer| peer.endpoint = None);
        kept
    }

    /// What stands behind the interface in `wg set`; `file` names the file of a key: of the interface's own,
    /// or of the one that it shares with the peer of this number, counted from 1.
    pub fn words(&self, file: impl Fn(Option<usize>) -> String) -> String {
        let Self { private_key: _, listen_port, fwmark, peers } = self;
        let own = file(None);
        let mut words = format!("private-key {own} listen-port {listen_port} fwmark {fwmark:#x}");
        for (number, (key, peer)) in (1..).zip(peers) {
            words += &format!(" peer {key}");
            if peer.preshared_key.is_some() {
                words += &format!(" preshared-key {}", file(Some(number)));
            }
            words += &peer.to_string();
        }
        words
    }
}

/// What follows a peer's name in `wg set … peer`, without the key that is shared.
impl fmt::Display for PeerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { preshared_key: _, endpoint, allowed_ips, keepalive } = self;
        words(f, *endpoint, Some(allowed_ips), *keepalive)
    }
}
