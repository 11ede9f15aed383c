//! What WireGuard interfaces are told, over generic netlink: `linux/wireguard.h`.

use super::Worker;
use super::socket::{SendError, Socket};
use crate::link::{PeerSettings, PresharedKey, PrivateKey, PublicKey, WireguardSettings};
use ipnet::IpNet;
use netlink_packet_generic::GenlMessage;
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_wireguard::{
    WireguardAddressFamily, WireguardAllowedIp, WireguardAllowedIpAttr, WireguardAttribute,
    WireguardCmd, WireguardDeviceFlags, WireguardMessage, WireguardPeer, WireguardPeerAttribute,
    WireguardPeerFlags,
};
use rtnetlink::packet_core::Emitable;
use std::io;

/// How many bytes of peers go into one message: the length of an attribute has 16 bits, and that of all peers
/// is in one.
const MAX_BYTES: usize = 32 << 10;

/// How many networks of a peer go into one message, each of which has at most 40 bytes there.
const MAX_ALLOWED: usize = 512;

/// Tells an interface of the worker's namespace its settings, in the place of all that it had; or has it
/// forget them.
pub(super) fn configure(
    _in_namespace: &Worker,
    device: &str,
    settings: Option<&WireguardSettings>,
) -> Result<(), SendError> {
    let mut family = Family::open()?;
    messages(device, settings).into_iter().try_for_each(|attributes| family.tell(attributes))
}

/// What is told in each message: the first one takes away what there was, and those behind it add to it.
fn messages(device: &str, settings: Option<&WireguardSettings>) -> Vec<Vec<WireguardAttribute>> {
    let (key, port, mark) = settings.map_or(([0; 32], 0, 0), |settings| {
        (settings.private_key.bytes(), settings.listen_port, settings.fwmark)
    });
    let name = || WireguardAttribute::IfName(device.to_owned());
    let mut messages = vec![vec![
        name(),
        WireguardAttribute::Flags(WireguardDeviceFlags::ReplacePeers),
        WireguardAttribute::PrivateKey(key),
        WireguardAttribute::ListenPort(port),
        WireguardAttribute::Fwmark(mark),
    ]];
    let (mut peers, mut bytes) = (Vec::new(), 0);
    for peer in settings.iter().flat_map(|it| &it.peers).flat_map(of_peer) {
        if bytes + peer.buffer_len() > MAX_BYTES {
            let full = WireguardAttribute::Peers(std::mem::take(&mut peers));
            messages.last_mut().expect("there is the first").push(full);
            messages.push(vec![name()]);
            bytes = 0;
        }
        bytes += peer.buffer_len();
        peers.push(peer);
    }
    messages.last_mut().expect("there is the first").push(WireguardAttribute::Peers(peers));
    messages
}

/// A peer, whose networks may be more than one message holds: then it is there several times.
fn of_peer((key, settings): (&PublicKey, &PeerSettings)) -> Vec<WireguardPeer> {
    let PeerSettings { preshared_key, endpoint, allowed_ips, keepalive } = settings;
    let all: Vec<WireguardAllowedIp> = allowed_ips.iter().map(allowed).collect();
    let mut parts = all.chunks(MAX_ALLOWED);
    let part = |flags, networks: Option<&[WireguardAllowedIp]>| {
        vec![
            WireguardPeerAttribute::PublicKey(key.bytes()),
            WireguardPeerAttribute::Flags(flags),
            WireguardPeerAttribute::AllowedIps(networks.unwrap_or_default().to_vec()),
        ]
    };
    let mut first = part(WireguardPeerFlags::ReplaceAllowedIps, parts.next());
    first.push(WireguardPeerAttribute::PersistentKeepalive(*keepalive));
    first.extend(endpoint.map(WireguardPeerAttribute::Endpoint));
    first.extend(preshared_key.map(|key| WireguardPeerAttribute::PresharedKey(key.bytes())));
    let rest = parts.map(|networks| part(WireguardPeerFlags::UpdateOnly, Some(networks)));
    std::iter::once(first).chain(rest).map(WireguardPeer).collect()
}

fn allowed(net: &IpNet) -> WireguardAllowedIp {
    WireguardAllowedIp(vec![
        WireguardAllowedIpAttr::Family(match net {
            IpNet::V4(_) => WireguardAddressFamily::Ipv4,
            IpNet::V6(_) => WireguardAddressFamily::Ipv6,
        }),
        WireguardAllowedIpAttr::IpAddr(net.addr()),
        WireguardAllowedIpAttr::Cidr(net.prefix_len()),
    ])
}

/// What an interface of the thread's namespace has been told; nothing where that is no key.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
pub(super) fn read(device: &str) -> Result<Option<WireguardSettings>, SendError> {
    let mut family = Family::open()?;
    let message = family
        .message(WireguardCmd::GetDevice, vec![WireguardAttribute::IfName(device.to_owned())]);
    let mut key = None;
    let (mut listen_port, mut fwmark) = (0, 0);
    let mut peers = std::collections::BTreeMap::new();
    // What does not fit one message goes on in the next one.
    for part in family.socket.dump(message)? {
        for attribute in part.payload.attributes {
            match attribute {
                WireguardAttribute::PrivateKey(bytes) => key = Some(PrivateKey::new(bytes)),
                WireguardAttribute::ListenPort(port) => listen_port = port,
                WireguardAttribute::Fwmark(mark) => fwmark = mark,
                WireguardAttribute::Peers(shown) => {
                    for peer in shown {
                        let Some((key, settings)) = read_peer(peer) else { continue };
                        let known: &mut PeerSettings = peers.entry(key).or_default();
                        let PeerSettings { preshared_key, endpoint, allowed_ips, keepalive } =
                            settings;
                        known.preshared_key = known.preshared_key.or(preshared_key);
                        known.endpoint = known.endpoint.or(endpoint);
                        known.allowed_ips.extend(allowed_ips);
                        known.keepalive = known.keepalive.max(keepalive);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(key.map(|private_key| WireguardSettings { private_key, listen_port, fwmark, peers }))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn read_peer(peer: WireguardPeer) -> Option<(PublicKey, PeerSettings)> {
    let mut key = None;
    let mut settings = PeerSettings::default();
    for attribute in peer.0 {
        match attribute {
            WireguardPeerAttribute::PublicKey(bytes) => key = Some(PublicKey::new(bytes)),
            WireguardPeerAttribute::Endpoint(endpoint) => settings.endpoint = Some(endpoint),
            WireguardPeerAttribute::PresharedKey(bytes) => {
                settings.preshared_key = PresharedKey::new(bytes);
            }
            WireguardPeerAttribute::PersistentKeepalive(it) => settings.keepalive = it,
            WireguardPeerAttribute::AllowedIps(all) => {
                settings.allowed_ips.extend(all.into_iter().filter_map(|it| read_allowed(&it)));
            }
            _ => {}
        }
    }
    Some((key?, settings))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn read_allowed(allowed: &WireguardAllowedIp) -> Option<IpNet> {
    let (mut address, mut length) = (None, None);
    for attribute in &allowed.0 {
        match attribute {
            WireguardAllowedIpAttr::IpAddr(it) => address = Some(*it),
            WireguardAllowedIpAttr::Cidr(it) => length = Some(*it),
            _ => {}
        }
    }
    IpNet::new(address?, length?).ok()
}

/// The family of generic netlink, under the number that this kernel has for it.
struct Family {
    socket: Socket,
    number: u16,
}

impl Family {
    fn open() -> Result<Self, SendError> {
        let mut socket = Socket::open_generic()?;
        let name = GenlCtrlAttrs::FamilyName("wireguard".to_owned());
        let question = GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas: vec![name] };
        let answer = socket.ask(GenlMessage::from_payload(question))?;
        let number = answer.payload.nlas.iter().find_map(|it| {
            let GenlCtrlAttrs::FamilyId(number) = it else { return None };
            Some(*number)
        });
        let number = number.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(Self { socket, number })
    }

    fn message(
        &self,
        cmd: WireguardCmd,
        attributes: Vec<WireguardAttribute>,
    ) -> GenlMessage<WireguardMessage> {
        let mut message = GenlMessage::from_payload(WireguardMessage { cmd, attributes });
        message.set_resolved_family_id(self.number);
        message
    }

    fn tell(&mut self, attributes: Vec<WireguardAttribute>) -> Result<(), SendError> {
        let message = self.message(WireguardCmd::SetDevice, attributes);
        self.socket.tell(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    fn networks(count: u128) -> impl Iterator<Item = IpNet> {
        (0..count).map(|number| IpNet::from(std::net::IpAddr::from(Ipv6Addr::from(number))))
    }

    /// The peers of each message, which has to fit one attribute.
    fn told(peers: impl Iterator<Item = (u8, u128)>) -> Vec<Vec<WireguardPeer>> {
        let peer = |(key, count): (u8, u128)| {
            let allowed_ips = networks(count).collect();
            let settings = PeerSettings { allowed_ips, keepalive: 25, ..PeerSettings::default() };
            (PublicKey::new([key; 32]), settings)
        };
        let settings = WireguardSettings {
            private_key: PrivateKey::new([7; 32]),
            listen_port: 51820,
            fwmark: 0,
            peers: peers.map(peer).collect(),
        };
        let messages = messages("wg0", Some(&settings));
        let peers = messages.into_iter().map(|mut message| {
            assert_eq!(message[0], WireguardAttribute::IfName("wg0".to_owned()));
            let Some(WireguardAttribute::Peers(peers)) = message.pop() else {
                panic!("{message:?}")
            };
            assert!(peers.as_slice().buffer_len() <= MAX_BYTES);
            peers
        });
        peers.collect()
    }

    #[test]
    fn networks_of_one_peer_go_into_as_many_messages_as_they_need() {
        let told: Vec<WireguardPeer> = told([(1, 5000)].into_iter()).concat();
        let mut read = PeerSettings::default();
        for (place, peer) in told.iter().enumerate() {
            let flags = if place == 0 {
                WireguardPeerFlags::ReplaceAllowedIps
            } else {
                WireguardPeerFlags::UpdateOnly
            };
            assert!(peer.contains(&WireguardPeerAttribute::Flags(flags)));
            let (key, part) = read_peer(peer.clone()).unwrap();
            assert_eq!(key, PublicKey::new([1; 32]));
            assert_eq!(part.keepalive, if place == 0 { 25 } else { 0 });
            read.allowed_ips.extend(part.allowed_ips);
        }
        assert_eq!(told.len(), 10);
        assert!(read.allowed_ips.into_iter().eq(networks(5000)));
    }

    #[test]
    fn many_peers_go_into_as_many_messages_as_they_need() {
        let told = told((0..=255).map(|key| (key, 300)));
        assert_eq!(told.concat().len(), 256);
        assert_eq!(told.len(), 128);
    }

    #[test]
    fn what_is_empty_is_told_too() {
        assert_eq!(told(std::iter::empty()), [[]]);
        assert_eq!(messages("wg0", None).len(), 1);
    }
}
