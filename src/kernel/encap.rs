//! What a packet is put into, as netlink attributes, and back.

use super::seg6local;
use crate::compile::Encap;
use crate::document::DeviceName;
use crate::iproute::{Label, Seg6, Seg6Mode as Mode, Tunnel};
use rtnetlink::packet_core::{DefaultNla, Emitable, NlaBuffer, ParseableParametrized};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    MplsLabel, RouteAttribute, RouteIp6Tunnel, RouteIp6TunnelFlags, RouteIpTunnel,
    RouteIpTunnelFlags, RouteLwEnCapType, RouteLwTunnelEncap, RouteMplsIpTunnel, RouteSeg6IpTunnel,
    RouteType, Seg6Header, Seg6Mode,
};
use std::net::Ipv6Addr;

/// The attributes of a route, or of one way on of several.
pub(super) fn attributes(encap: &Encap, index: impl Fn(&str) -> u32) -> [RouteAttribute; 2] {
    let (kind, parts) = match encap {
        Encap::Mpls { labels, ttl } => {
            let mut parts = vec![RouteMplsIpTunnel::Destination(stack(labels))];
            parts.extend(ttl.map(RouteMplsIpTunnel::Ttl));
            (RouteLwEnCapType::Mpls, parts.into_iter().map(RouteLwTunnelEncap::Mpls).collect())
        }
        Encap::Seg6(Seg6 { mode, segments }) => {
            let mut header = Seg6Header::default();
            header.segments.clone_from(segments);
            header.mode = match mode {
                Mode::Inline => Seg6Mode::Inline,
                Mode::Encap => Seg6Mode::Encap,
                Mode::L2encap => Seg6Mode::Other(L2ENCAP),
                Mode::EncapRed => Seg6Mode::Other(ENCAP_RED),
                Mode::L2encapRed => Seg6Mode::Other(L2ENCAP_RED),
            };
            if *mode == Mode::Inline {
                // The packet's own destination is visited last; the kernel writes it here.
                header.segments.push(Ipv6Addr::UNSPECIFIED);
            }
            let part = RouteLwTunnelEncap::Seg6(RouteSeg6IpTunnel::Seg6(header));
            (RouteLwEnCapType::Seg6, vec![part])
        }
        Encap::Seg6local(local) => {
            let parts = seg6local::attributes(local, index);
            (
                RouteLwEnCapType::Seg6Local,
                parts.into_iter().map(RouteLwTunnelEncap::Seg6Local).collect(),
            )
        }
        Encap::Ip(tunnel) => {
            let mut parts = vec![RouteIpTunnel::Destination(tunnel.destination)];
            parts.extend(tunnel.id.map(RouteIpTunnel::Id));
            parts.extend(tunnel.source.map(RouteIpTunnel::Source));
            parts.extend(tunnel.ttl.map(RouteIpTunnel::Ttl));
            parts.extend(tunnel.tos.map(RouteIpTunnel::Tos));
            parts.extend(tunnel.key.then_some(RouteIpTunnel::Flags(RouteIpTunnelFlags::Key)));
            (RouteLwEnCapType::Ip, parts.into_iter().map(RouteLwTunnelEncap::Ip).collect())
        }
        Encap::Ip6(tunnel) => {
            let mut parts = vec![RouteIp6Tunnel::Destination(tunnel.destination)];
            parts.extend(tunnel.id.map(RouteIp6Tunnel::Id));
            parts.extend(tunnel.source.map(RouteIp6Tunnel::Source));
            parts.extend(tunnel.ttl.map(RouteIp6Tunnel::Hoplimit));
            parts.extend(tunnel.tos.map(RouteIp6Tunnel::Tc));
            parts.extend(tunnel.key.then_some(RouteIp6Tunnel::Flags(RouteIp6TunnelFlags::Key)));
            (RouteLwEnCapType::Ip6, parts.into_iter().map(RouteLwTunnelEncap::Ip6).collect())
        }
    };
    [RouteAttribute::EncapType(kind), RouteAttribute::Encap(parts)]
}

/// `SEG6_IPTUN_MODE_L2ENCAP`.
const L2ENCAP: u32 = 2;
/// `SEG6_IPTUN_MODE_ENCAP_RED`.
const ENCAP_RED: u32 = 3;
/// `SEG6_IPTUN_MODE_L2ENCAP_RED`.
const L2ENCAP_RED: u32 = 4;

/// `RTA_ENCAP`.
const RTA_ENCAP: u16 = 22;

/// What the kernel shows; `None` for what no route of a lab can have.
///
/// The library reads these attributes where they stand in a route, but not in one of several ways on
/// nor in a nexthop object, where it does not look for their kind.
pub(super) fn read(
    kind: RouteLwEnCapType,
    parts: &[RouteLwTunnelEncap],
    device: impl Fn(u32) -> Option<DeviceName>,
) -> Option<Encap> {
    let mut bytes = vec![0; parts.buffer_len()];
    parts.emit(&mut bytes);
    parse(kind, bytes, device)
}

/// [`read`], of the attributes as they stand in a message.
pub(super) fn parse(
    kind: RouteLwEnCapType,
    parts: Vec<u8>,
    device: impl Fn(u32) -> Option<DeviceName>,
) -> Option<Encap> {
    let attribute = [DefaultNla::new(RTA_ENCAP, parts)];
    let mut bytes = vec![0; attribute.as_slice().buffer_len()];
    attribute.as_slice().emit(&mut bytes);
    let attribute = NlaBuffer::new_checked(bytes.as_slice()).ok()?;
    let of_a_route = (AddressFamily::Inet, RouteType::Unicast, kind);
    let attribute = RouteAttribute::parse_with_param(&attribute, of_a_route).ok()?;
    let RouteAttribute::Encap(parts) = attribute else { return None };
    of_parts(&parts, device)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn of_parts(
    parts: &[RouteLwTunnelEncap],
    device: impl Fn(u32) -> Option<DeviceName>,
) -> Option<Encap> {
    let mut read = None;
    for part in parts {
        match part {
            RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Destination(found)) => {
                read = Some(Encap::Mpls { labels: labels(found), ttl: None });
            }
            RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Ttl(found)) => {
                if let Some(Encap::Mpls { ttl, .. }) = &mut read {
                    *ttl = Some(*found);
                }
            }
            RouteLwTunnelEncap::Seg6(RouteSeg6IpTunnel::Seg6(header)) => {
                let mut segments = header.segments.clone();
                let mode = match header.mode {
                    Seg6Mode::Encap => Mode::Encap,
                    Seg6Mode::Inline => {
                        segments.pop();
                        Mode::Inline
                    }
                    Seg6Mode::Other(L2ENCAP) => Mode::L2encap,
                    Seg6Mode::Other(ENCAP_RED) => Mode::EncapRed,
                    Seg6Mode::Other(L2ENCAP_RED) => Mode::L2encapRed,
                    _ => return None,
                };
                read = Some(Encap::Seg6(Seg6 { mode, segments }));
            }
            RouteLwTunnelEncap::Seg6Local(_) => {
                let parts = parts.iter().filter_map(|part| {
                    let RouteLwTunnelEncap::Seg6Local(part) = part else { return None };
                    Some(part)
                });
                return Some(Encap::Seg6local(seg6local::read(parts, device)?));
            }
            RouteLwTunnelEncap::Ip(_) => return Some(Encap::Ip(tunnel4(parts)?)),
            RouteLwTunnelEncap::Ip6(_) => return Some(Encap::Ip6(tunnel6(parts)?)),
            _ => {}
        }
    }
    read
}

/// The kernel shows zeros for what nobody said.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn tunnel4(parts: &[RouteLwTunnelEncap]) -> Option<Tunnel<std::net::Ipv4Addr>> {
    let mut destination = None;
    let (mut id, mut source, mut ttl, mut tos, mut key) = (None, None, None, None, false);
    for part in parts {
        let RouteLwTunnelEncap::Ip(part) = part else { return None };
        match part {
            RouteIpTunnel::Id(number) => id = Some(*number).filter(|it| *it != 0),
            RouteIpTunnel::Destination(address) => destination = Some(*address),
            RouteIpTunnel::Source(address) => {
                source = Some(*address).filter(|it| !it.is_unspecified())
            }
            RouteIpTunnel::Ttl(number) => ttl = Some(*number).filter(|it| *it != 0),
            RouteIpTunnel::Tos(number) => tos = Some(*number).filter(|it| *it != 0),
            RouteIpTunnel::Flags(flags) => key = flags.contains(RouteIpTunnelFlags::Key),
            _ => {}
        }
    }
    Some(Tunnel { id, destination: destination?, source, ttl, tos, key })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
fn tunnel6(parts: &[RouteLwTunnelEncap]) -> Option<Tunnel<Ipv6Addr>> {
    let mut destination = None;
    let (mut id, mut source, mut ttl, mut tos, mut key) = (None, None, None, None, false);
    for part in parts {
        let RouteLwTunnelEncap::Ip6(part) = part else { return None };
        match part {
            RouteIp6Tunnel::Id(number) => id = Some(*number).filter(|it| *it != 0),
            RouteIp6Tunnel::Destination(address) => destination = Some(*address),
            RouteIp6Tunnel::Source(address) => {
                source = Some(*address).filter(|it| !it.is_unspecified())
            }
            RouteIp6Tunnel::Hoplimit(number) => ttl = Some(*number).filter(|it| *it != 0),
            RouteIp6Tunnel::Tc(number) => tos = Some(*number).filter(|it| *it != 0),
            RouteIp6Tunnel::Flags(flags) => key = flags.contains(RouteIp6TunnelFlags::Key),
            _ => {}
        }
    }
    Some(Tunnel { id, destination: destination?, source, ttl, tos, key })
}

/// A stack as it stands on the wire: the last label says that it is the last.
pub(super) fn stack(labels: &[Label]) -> Vec<MplsLabel> {
    let last = labels.len().saturating_sub(1);
    labels.iter().enumerate().map(|(at, label)| wire(label.number(), at == last)).collect()
}

/// The labels of a stack.
pub(super) fn labels(stack: &[MplsLabel]) -> Vec<Label> {
    stack.iter().filter_map(|label| Label::new(label.label)).collect()
}

pub(super) fn wire(number: u32, last: bool) -> MplsLabel {
    MplsLabel { label: number, traffic_class: 0, bottom_of_stack: last, ttl: 0 }
}
