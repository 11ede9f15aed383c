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
use std::io;

/// How many peers are told of in one message: an attribute holds 64 KiB.
const PEERS: usize = 64;

/// Tells an interface of the worker's namespace its settings, in the place of all that it had; or has it
/// forget them.
pub(super) fn configure(
    _in_namespace: &Worker,
    device: &str,
    settings: Option<&WireguardSettings>,
) -> Result<(), SendError> {
    let mut family = Family::open()?;
    let (key, port, mark) = settings.map_or(([0; 32], 0, 0), |settings| {
        (settings.private_key.bytes(), settings.listen_port, settings.fwmark)
    });
    let mut attributes = vec![
        WireguardAttribute::IfName(device.to_owned()),
        WireguardAttribute::Flags(WireguardDeviceFlags::ReplacePeers),
        WireguardAttribute::PrivateKey(key),
        WireguardAttribute::ListenPort(port),
        WireguardAttribute::Fwmark(mark),
    ];
    let peers: Vec<_> = settings.iter().flat_map(|it| &it.peers).map(of_peer).collect();
    let mut rest = peers.chunks(PEERS);
    attributes.push(WireguardAttribute::Peers(rest.next().unwrap_or_default().to_vec()));
    family.tell(attributes)?;
    rest.try_for_each(|peers| {
        family.tell(vec![
            WireguardAttribute::IfName(device.to_owned()),
            WireguardAttribute::Peers(peers.to_vec()),
        ])
    })
}

fn of_peer((key, settings): (&PublicKey, &PeerSettings)) -> WireguardPeer {
    let PeerSettings { preshared_key, endpoint, allowed_ips, keepalive } = settings;
    let allowed = allowed_ips.iter().map(|net| {
        WireguardAllowedIp(vec![
            WireguardAllowedIpAttr::Family(match net {
                IpNet::V4(_) => WireguardAddressFamily::Ipv4,
                IpNet::V6(_) => WireguardAddressFamily::Ipv6,
            }),
            WireguardAllowedIpAttr::IpAddr(net.addr()),
            WireguardAllowedIpAttr::Cidr(net.prefix_len()),
        ])
    });
    let mut all = vec![
        WireguardPeerAttribute::PublicKey(key.bytes()),
        WireguardPeerAttribute::Flags(WireguardPeerFlags::ReplaceAllowedIps),
        WireguardPeerAttribute::PersistentKeepalive(*keepalive),
        WireguardPeerAttribute::AllowedIps(allowed.collect()),
    ];
    all.extend(endpoint.map(WireguardPeerAttribute::Endpoint));
    all.extend(preshared_key.map(|key| WireguardPeerAttribute::PresharedKey(key.bytes())));
    WireguardPeer(all)
}

/// What an interface of the thread's namespace has been told; nothing where that is no key.
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
        let number = answer.payload.nlas.iter().find_map(|it| match it {
            GenlCtrlAttrs::FamilyId(number) => Some(*number),
            _ => None,
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
