//! An action as a netlink request.

use super::family::family_of;
use super::nexthop::NexthopMessage;
use super::socket::{Mode, Request};
use super::{neighbour, qdisc, route, rule};
use crate::iproute::Vlan;
use crate::link::{BridgePort, ETHERNET_MTU, Kind, LowerDevice};
use crate::plan::{Action, Family, QueuePlace, Resource, VethEnd};
use ipnet::IpNet;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};
use rtnetlink::packet_route::link::{
    AfSpecBridge, BridgeVlanInfoFlags, BridgeVlanTunnelInfo, InfoData, InfoKind, InfoPortData,
    InfoPortKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::tc::TcHandle;
use rtnetlink::{LinkBridgeVlan, LinkMessageBuilder, LinkUnspec, LinkVeth};
use std::os::fd::RawFd;

/// Finds the numbers that the kernel has for the plan's names.
pub(super) trait Numbers {
    /// The index of a device.
    fn index(&self, namespace: &str, device: &str) -> u32;
    /// An open file of a namespace.
    fn fd(&self, namespace: &str) -> RawFd;
}

type Requests = Vec<(Mode, Request)>;

/// The request that carries out an action; none for one that is not done over netlink.
pub(super) fn requests(action: &Action, numbers: &impl Numbers) -> Requests {
    let mode = match action {
        Action::Add(_) => Mode::Create,
        Action::Replace { .. } => Mode::Replace,
        Action::Delete(resource) => return deletion(resource, numbers),
    };
    let resource = action.resource();
    match resource {
        Resource::Namespace { .. }
        | Resource::Sysctl { .. }
        | Resource::NoOffload { .. }
        | Resource::Wireguard { .. }
        | Resource::Ruleset { .. }
        | Resource::EtcFile { .. }
        | Resource::Command { .. } => Vec::new(),
        Resource::Veth { ends: [near, far] } => {
            let peer = end(LinkMessageBuilder::<LinkUnspec>::default(), far, numbers).build();
            let veth = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth);
            let near = end(veth, near, numbers).set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
            create(RouteNetlinkMessage::NewLink(near.build()))
        }
        Resource::Device { namespace, device } => {
            let lower = device.lower.as_deref().map(|lower| numbers.index(namespace, lower));
            let builder = LinkMessageBuilder::<LinkUnspec>::default()
                .name(&device.name)
                .index(numbers.index(namespace, &device.name))
                .setns_by_fd(numbers.fd(namespace));
            let mut message = mac_of(mtu_of(builder, device.mtu), device.mac).build();
            message.attributes.extend(of_kind(&device.kind, lower));
            create(RouteNetlinkMessage::NewLink(message))
        }
        Resource::Master { namespace, port, master } => {
            set(LinkUnspec::new_with_index(numbers.index(namespace, port))
                .controller(numbers.index(namespace, master))
                .build())
        }
        Resource::BridgeVlan { namespace, device, own, vlan } => {
            set(vlan_message(numbers.index(namespace, device), *own, *vlan))
        }
        Resource::BridgePort { namespace, device, port } => {
            port_message(numbers.index(namespace, device), port)
        }
        Resource::Mtu { namespace, device, mtu } => {
            set(LinkUnspec::new_with_index(numbers.index(namespace, device)).mtu(*mtu).build())
        }
        Resource::Qdisc { namespace, device, qdisc } => {
            let message = qdisc::message(numbers.index(namespace, device), qdisc);
            create(match qdisc.place() {
                QueuePlace::Police | QueuePlace::Filter { .. } => {
                    RouteNetlinkMessage::NewTrafficFilter(message)
                }
                QueuePlace::Class { .. } => RouteNetlinkMessage::NewTrafficClass(message),
                QueuePlace::Behind(_) | QueuePlace::Ingress => {
                    RouteNetlinkMessage::NewQueueDiscipline(message)
                }
            })
        }
        Resource::Up { namespace, device } => {
            set(LinkUnspec::new_with_index(numbers.index(namespace, device)).up().build())
        }
        Resource::Address { namespace, device, address, peer } => {
            let message = address_message(numbers.index(namespace, device), *address, *peer);
            vec![(mode, RouteNetlinkMessage::NewAddress(message).into())]
        }
        Resource::Fdb { namespace, device, entry } => {
            let message = neighbour::fdb(numbers.index(namespace, device), entry);
            let mode = if entry.is_of_many() { Mode::Append } else { mode };
            vec![(mode, RouteNetlinkMessage::NewNeighbour(message).into())]
        }
        Resource::Neighbour { namespace, neighbour } => {
            let index = numbers.index(namespace, neighbour.dev.as_str());
            let message = neighbour::message(index, neighbour);
            vec![(mode, RouteNetlinkMessage::NewNeighbour(message).into())]
        }
        Resource::Rule { rule, .. } => create(RouteNetlinkMessage::NewRule(rule::message(rule))),
        Resource::NexthopObject { namespace, object } => {
            let message = NexthopMessage::new(object, |device| numbers.index(namespace, device));
            vec![(mode, message.into())]
        }
        Resource::Route { namespace, route } => {
            let message = route::ip(route, |device| numbers.index(namespace, device));
            vec![(mode, RouteNetlinkMessage::NewRoute(message).into())]
        }
        Resource::MplsRoute { namespace, route } => {
            let message = route::label(route, |device| numbers.index(namespace, device));
            vec![(mode, RouteNetlinkMessage::NewRoute(message).into())]
        }
    }
}

/// The request that deletes a resource.
fn deletion(resource: &Resource, numbers: &impl Numbers) -> Requests {
    let index = |namespace: &str, device: &str| numbers.index(namespace, device);
    let link = |namespace: &str, device: &str| {
        let message = LinkUnspec::new_with_index(index(namespace, device)).build();
        delete(RouteNetlinkMessage::DelLink(message))
    };
    match resource {
        Resource::Namespace { .. }
        | Resource::Sysctl { .. }
        | Resource::NoOffload { .. }
        | Resource::Wireguard { .. }
        | Resource::Ruleset { .. }
        | Resource::EtcFile { .. }
        | Resource::Command { .. } => Vec::new(),
        // The other end goes with it.
        Resource::Veth { ends: [VethEnd { namespace, name, .. }, _] } => link(namespace, name),
        Resource::Device { namespace, device } => link(namespace, &device.name),
        Resource::Master { namespace, port, master: _ } => {
            set(LinkUnspec::new_with_index(index(namespace, port)).nocontroller().build())
        }
        Resource::BridgeVlan { namespace, device, own, vlan } => delete(
            RouteNetlinkMessage::DelLink(vlan_message(index(namespace, device), *own, *vlan)),
        ),
        Resource::BridgePort { namespace, device, port: _ } => {
            port_message(index(namespace, device), &BridgePort::default())
        }
        Resource::Mtu { namespace, device, mtu: _ } => {
            set(LinkUnspec::new_with_index(index(namespace, device)).mtu(ETHERNET_MTU).build())
        }
        Resource::Qdisc { namespace, device, qdisc } => {
            let mut message = qdisc::place(index(namespace, device), qdisc);
            if let QueuePlace::Behind(_) = qdisc.place() {
                // Whoever made it may have left its handle to the kernel; its place says enough.
                message.header.handle = TcHandle::default();
            }
            delete(match qdisc.place() {
                QueuePlace::Police | QueuePlace::Filter { .. } => {
                    RouteNetlinkMessage::DelTrafficFilter(message)
                }
                QueuePlace::Class { .. } => RouteNetlinkMessage::DelTrafficClass(message),
                QueuePlace::Behind(_) | QueuePlace::Ingress => {
                    RouteNetlinkMessage::DelQueueDiscipline(message)
                }
            })
        }
        Resource::Up { namespace, device } => {
            set(LinkUnspec::new_with_index(index(namespace, device)).down().build())
        }
        Resource::Address { namespace, device, address, peer } => {
            let message = address_message(index(namespace, device), *address, *peer);
            delete(RouteNetlinkMessage::DelAddress(message))
        }
        Resource::Fdb { namespace, device, entry } => {
            let message = neighbour::fdb(index(namespace, device), entry);
            delete(RouteNetlinkMessage::DelNeighbour(message))
        }
        Resource::Neighbour { namespace, neighbour } => {
            let index = index(namespace, neighbour.dev.as_str());
            delete(RouteNetlinkMessage::DelNeighbour(neighbour::message(index, neighbour)))
        }
        Resource::Rule { rule, .. } => delete(RouteNetlinkMessage::DelRule(rule::message(rule))),
        Resource::NexthopObject { object, .. } => delete(NexthopMessage::deletion(object.id)),
        Resource::Route { namespace, route } => {
            let mut message = route::ip(route, |device| index(namespace, device));
            // What a user has put there by hand says as little of who did so as what a lab has.
            if route.attributes.protocol.is_none() {
                message.header.protocol = RouteProtocol::Unspec;
            }
            delete(RouteNetlinkMessage::DelRoute(message))
        }
        Resource::MplsRoute { namespace, route } => {
            let message = route::label(route, |device| index(namespace, device));
            delete(RouteNetlinkMessage::DelRoute(message))
        }
    }
}

fn vlan_message(index: u32, own: bool, vlan: Vlan) -> LinkMessage {
    let mut flags = BridgeVlanInfoFlags::empty();
    flags.set(BridgeVlanInfoFlags::Pvid, vlan.pvid);
    flags.set(BridgeVlanInfoFlags::Untagged, vlan.untagged);
    let message = LinkBridgeVlan::new(index);
    let message = if own { message.bridge_self() } else { message };
    let message = message.vlan(vlan.first, flags);
    let Some(vni) = vlan.tunnel else { return message.build() };
    let tunnel = vec![BridgeVlanTunnelInfo::Id(vni), BridgeVlanTunnelInfo::Vid(vlan.first)];
    message.append_af_spec(AfSpecBridge::VlanTunnelInfo(tunnel)).build()
}

/// The request that tells a port of a bridge what it is to be.
fn port_message(index: u32, port: &BridgePort) -> Requests {
    let mut message = LinkUnspec::new_with_index(index).build();
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(InfoPortData::BridgePort(port.data())),
    ]));
    // Unlike the request that sets a link, this one hands on what is for the bridge.
    change_to(RouteNetlinkMessage::NewLink(message))
}

/// What the kernel is told of a device's kind, and of the index of the device below.
pub(super) fn of_kind(kind: &Kind, lower: Option<u32>) -> Vec<LinkAttribute> {
    let description = kind.description();
    let parent = lower.filter(|_| description.lower == LowerDevice::Parent);
    let mut info = vec![LinkInfo::Kind(description.info.clone())];
    info.extend(kind.data(lower).map(LinkInfo::Data));
    parent.map(LinkAttribute::Link).into_iter().chain([LinkAttribute::LinkInfo(info)]).collect()
}

/// The requests that mark a new namespace: the mark is the alias of its `lo`.
pub(super) fn mark(text: &str) -> Requests {
    set(LinkUnspec::new_with_index(LOOPBACK).alias(text).build())
}

/// The index that `lo` has in every namespace.
pub(super) const LOOPBACK: u32 = 1;

fn set(message: LinkMessage) -> Requests {
    change_to(RouteNetlinkMessage::SetLink(message))
}

fn create(message: impl Into<Request>) -> Requests {
    vec![(Mode::Create, message.into())]
}

fn delete(message: impl Into<Request>) -> Requests {
    vec![(Mode::Delete, message.into())]
}

fn change_to(message: impl Into<Request>) -> Requests {
    vec![(Mode::Change, message.into())]
}

fn end<T>(
    builder: LinkMessageBuilder<T>,
    end: &VethEnd,
    numbers: &impl Numbers,
) -> LinkMessageBuilder<T> {
    let builder = builder
        .name(&end.name)
        .index(numbers.index(&end.namespace, &end.name))
        .setns_by_fd(numbers.fd(&end.namespace))
        .append_extra_attribute(LinkAttribute::NumTxQueues(1))
        .append_extra_attribute(LinkAttribute::NumRxQueues(1));
    mac_of(mtu_of(builder, end.mtu), end.mac)
}

fn mtu_of<T>(builder: LinkMessageBuilder<T>, mtu: Option<u32>) -> LinkMessageBuilder<T> {
    match mtu {
        Some(mtu) => builder.mtu(mtu),
        None => builder,
    }
}

fn mac_of<T>(builder: LinkMessageBuilder<T>, mac: Option<[u8; 6]>) -> LinkMessageBuilder<T> {
    match mac {
        Some(mac) => builder.address(mac.to_vec()),
        None => builder,
    }
}

fn address_message(index: u32, address: IpNet, peer: Option<IpNet>) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = peer.unwrap_or(address).prefix_len();
    message.header.family = family_of(Family::of(address));
    // With the scope of the whole net, 127.0.0.1 on a VRF device would be chosen as a source.
    if address.addr().is_loopback() {
        message.header.scope = AddressScope::Host;
    }
    message.attributes.push(AddressAttribute::Address(peer.unwrap_or(address).addr()));
    if peer.is_some() || address.addr().is_ipv4() {
        message.attributes.push(AddressAttribute::Local(address.addr()));
    }
    match address {
        IpNet::V4(_) => {}
        IpNet::V6(_) => {
            message.header.flags = AddressHeaderFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
    }
    message
}
