//! A step of the plan as netlink requests.

use super::nexthop::NexthopMessage;
use super::socket::{Mode, Request};
use super::{qdisc, route, rule};
use crate::link::{Kind, LowerDevice};
use crate::plan::{Edit, Family, Op, RuleChange, VethEnd};
use ipnet::IpNet;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};
use rtnetlink::packet_route::link::{
    BridgeVlanInfoFlags, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
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

/// The requests that carry out a step; none for a step that is not done over netlink.
pub(super) fn requests(op: &Op, numbers: &impl Numbers) -> Requests {
    match op {
        Op::Namespace { .. }
        | Op::Sysctl { .. }
        | Op::NoOffload { .. }
        | Op::Filter { .. }
        | Op::Etc { .. }
        | Op::Run { .. } => Vec::new(),
        Op::Veth { ends: [near, far] } => {
            let peer = end(LinkMessageBuilder::<LinkUnspec>::default(), far, numbers).build();
            let veth = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth);
            let near = end(veth, near, numbers).set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
            create(RouteNetlinkMessage::NewLink(near.build()))
        }
        Op::Device { namespace, device } => {
            let lower = device.lower.as_deref().map(|lower| numbers.index(namespace, lower));
            let builder = LinkMessageBuilder::<LinkUnspec>::default()
                .name(&device.name)
                .index(numbers.index(namespace, &device.name))
                .setns_by_fd(numbers.fd(namespace));
            let mut message = mac_of(mtu_of(builder, device.mtu), device.mac).build();
            message.attributes.extend(of_kind(&device.kind, lower));
            create(RouteNetlinkMessage::NewLink(message))
        }
        Op::Enslave { namespace, port, master } => {
            set(LinkUnspec::new_with_index(numbers.index(namespace, port))
                .controller(numbers.index(namespace, master))
                .build())
        }
        Op::BridgeVlan { namespace, device, own, vlan } => {
            let mut flags = BridgeVlanInfoFlags::empty();
            flags.set(BridgeVlanInfoFlags::Pvid, vlan.pvid);
            flags.set(BridgeVlanInfoFlags::Untagged, vlan.untagged);
            let message = LinkBridgeVlan::new(numbers.index(namespace, device));
            let message = if *own { message.bridge_self() } else { message };
            set(message.vlan(vlan.first, flags).build())
        }
        Op::Qdisc { namespace, device, qdisc } => {
            let message = qdisc::message(numbers.index(namespace, device), qdisc);
            vec![(Mode::Create, RouteNetlinkMessage::NewQueueDiscipline(message).into())]
        }
        Op::Up { namespace, device } => {
            set(LinkUnspec::new_with_index(numbers.index(namespace, device)).up().build())
        }
        Op::Address { namespace, device, address } => {
            let message = address_message(numbers.index(namespace, device), *address);
            create(RouteNetlinkMessage::NewAddress(message))
        }
        Op::Rule { change, rule, .. } => {
            let message = rule::message(rule);
            match change {
                RuleChange::Add => create(RouteNetlinkMessage::NewRule(message)),
                RuleChange::Delete => change_to(RouteNetlinkMessage::DelRule(message)),
            }
        }
        Op::NexthopObject { namespace, object } => {
            create(NexthopMessage::new(object, |device| numbers.index(namespace, device)))
        }
        Op::Route { namespace, route } => {
            let message = route::ip(route, |device| numbers.index(namespace, device));
            create(RouteNetlinkMessage::NewRoute(message))
        }
        Op::LabelRoute { namespace, route } => {
            let message = route::label(route, |device| numbers.index(namespace, device));
            create(RouteNetlinkMessage::NewRoute(message))
        }
    }
}

/// The requests that carry out a change to what stands.
pub(super) fn edit(edit: &Edit, numbers: &impl Numbers) -> Requests {
    let index = |namespace: &str, device: &str| numbers.index(namespace, device);
    match edit {
        Edit::Make(op) => requests(op, numbers),
        Edit::Down { namespace, device } => {
            set(LinkUnspec::new_with_index(index(namespace, device)).down().build())
        }
        Edit::NoQueue { namespace, device } => {
            let message = qdisc::root(index(namespace, device));
            change_to(RouteNetlinkMessage::DelQueueDiscipline(message))
        }
        Edit::PutRoute { namespace, route } => {
            let message = route::ip(route, |device| index(namespace, device));
            vec![(Mode::Replace, RouteNetlinkMessage::NewRoute(message).into())]
        }
        Edit::TakeRoute { namespace, route } => {
            let message = route::ip(route, |device| index(namespace, device));
            change_to(RouteNetlinkMessage::DelRoute(message))
        }
        Edit::PutLabelRoute { namespace, route } => {
            let message = route::label(route, |device| index(namespace, device));
            vec![(Mode::Replace, RouteNetlinkMessage::NewRoute(message).into())]
        }
        Edit::TakeLabelRoute { namespace, route } => {
            let message = route::label(route, |device| index(namespace, device));
            change_to(RouteNetlinkMessage::DelRoute(message))
        }
    }
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

fn address_message(index: u32, address: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = address.prefix_len();
    message.header.family = family_of(Family::of(address));
    // With the scope of the whole net, 127.0.0.1 on a VRF device would be chosen as a source.
    if address.addr().is_loopback() {
        message.header.scope = AddressScope::Host;
    }
    message.attributes.push(AddressAttribute::Address(address.addr()));
    match address {
        IpNet::V4(_) => message.attributes.push(AddressAttribute::Local(address.addr())),
        IpNet::V6(_) => {
            message.header.flags = AddressHeaderFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
    }
    message
}

pub(super) fn family_of(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}
