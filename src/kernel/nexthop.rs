//! Nexthop objects as netlink messages, and back: `linux/nexthop.h`.

use super::family::family_of;
use super::{encap, route};
use crate::compile::{Nexthop, NexthopObject};
use crate::document::DeviceName;
use crate::iproute::{Leads, Resilient};
use crate::plan::Family;
use rtnetlink::packet_core::{
    DecodeError, DefaultNla, Emitable, NLA_F_NESTED, NetlinkDeserializable, NetlinkHeader,
    NetlinkSerializable, Nla, NlasIterator,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{RouteAttribute, RouteLwEnCapType, RouteProtocol};
use std::net::IpAddr;

const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;
const RTM_GETNEXTHOP: u16 = 106;
const NHA_ID: u16 = 1;
const NHA_GROUP: u16 = 2;
const NHA_GROUP_TYPE: u16 = 3;
const NHA_BLACKHOLE: u16 = 4;
const NHA_OIF: u16 = 5;
const NHA_GATEWAY: u16 = 6;
const NHA_ENCAP_TYPE: u16 = 7;
const NHA_ENCAP: u16 = 8;
const NHA_RES_GROUP: u16 = 12;
const NHA_RES_GROUP_BUCKETS: u16 = 1;
const NHA_RES_GROUP_IDLE_TIMER: u16 = 2;
const NHA_RES_GROUP_UNBALANCED_TIMER: u16 = 3;
/// `NEXTHOP_GRP_TYPE_RES`.
const RESILIENT: u16 = 1;
/// `RTNH_F_ONLINK`.
const ONLINK: u32 = 4;
/// `struct nhmsg`: family, scope, protocol, reserved, flags.
const HEADER: usize = 8;
/// The kernel counts times in hundredths of a second, `USER_HZ`.
const SECOND: u32 = 100;

/// A message about a nexthop object.
#[derive(Debug, Clone)]
pub struct NexthopMessage {
    kind: u16,
    bytes: Vec<u8>,
}

impl NexthopMessage {
    /// The message that adds an object.
    pub(super) fn new(object: &NexthopObject, index: impl Fn(&str) -> u32) -> Self {
        let mut all = vec![number(NHA_ID, object.id)];
        let mut flags = 0;
        let family = match &object.leads {
            Leads::Way { v4, way } => {
                if way.onlink {
                    flags = ONLINK;
                }
                all.push(number(NHA_OIF, index(way.dev.as_str())));
                all.extend(way.via.map(|via| match via {
                    IpAddr::V4(via) => DefaultNla::new(NHA_GATEWAY, via.octets().to_vec()),
                    IpAddr::V6(via) => DefaultNla::new(NHA_GATEWAY, via.octets().to_vec()),
                }));
                if let Some(encap) = &way.encap {
                    let [kind, parts] = encap::attributes(encap, &index);
                    all.push(renamed(NHA_ENCAP_TYPE, &kind));
                    all.push(renamed(NHA_ENCAP | NLA_F_NESTED, &parts));
                }
                family(*v4)
            }
            Leads::Blackhole { v4 } => {
                all.push(DefaultNla::new(NHA_BLACKHOLE, Vec::new()));
                family(*v4)
            }
            Leads::Group { members, resilient } => {
                // `struct nexthop_grp`: the number, and the weight counted from 0.
                let member = |(id, weight): &(u32, u16)| {
                    let weight = u8::try_from(*weight - 1).expect("a weight is 1 to 256");
                    [&id.to_ne_bytes()[..], &[weight, 0, 0, 0]].concat()
                };
                all.push(DefaultNla::new(NHA_GROUP, members.iter().flat_map(member).collect()));
                if let Some(Resilient { buckets, idle, unbalanced }) = resilient {
                    all.push(short(NHA_GROUP_TYPE, RESILIENT));
                    let parts = [
                        short(NHA_RES_GROUP_BUCKETS, *buckets),
                        number(NHA_RES_GROUP_IDLE_TIMER, idle * SECOND),
                        number(NHA_RES_GROUP_UNBALANCED_TIMER, unbalanced * SECOND),
                    ];
                    all.push(DefaultNla::new(NHA_RES_GROUP | NLA_F_NESTED, emit(&parts[..])));
                }
                AddressFamily::Unspec
            }
        };
        let protocol = u8::from(route::protocol(object.protocol));
        let mut bytes = vec![family.into(), 0, protocol, 0];
        bytes.extend(u32::to_ne_bytes(flags));
        bytes.extend(emit(all.as_slice()));
        Self { kind: RTM_NEWNEXTHOP, bytes }
    }

    /// The message that deletes an object.
    pub(super) fn deletion(id: u32) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes.extend(emit(&[number(NHA_ID, id)][..]));
        Self { kind: RTM_DELNEXTHOP, bytes }
    }

    /// The question for all objects of a namespace.
    pub(super) fn all() -> Self {
        Self { kind: RTM_GETNEXTHOP, bytes: vec![0; HEADER] }
    }

    /// The object that a message shows; `None` for what no lab has, and for the kernel's own.
    pub(super) fn read(&self, device: impl Fn(u32) -> Option<DeviceName>) -> Option<NexthopObject> {
        let protocol = RouteProtocol::from(*self.bytes.get(2)?);
        let v4 = self.bytes[0] == u8::from(AddressFamily::Inet);
        let flags = word(self.bytes.get(4..HEADER)?)?;
        let (mut id, mut dev, mut via, mut leads) = (None, None, None, None);
        let (mut encap_kind, mut encap, mut resilient, mut is_resilient) =
            (RouteLwEnCapType::None, None, Resilient::default(), false);
        for nla in NlasIterator::new(&self.bytes[HEADER..]) {
            let nla = nla.ok()?;
            let value = nla.value();
            match nla.kind() {
                NHA_ID => id = word(value),
                NHA_OIF => dev = Some(device(word(value)?)?),
                NHA_GATEWAY => {
                    via = match (<[u8; 4]>::try_from(value), <[u8; 16]>::try_from(value)) {
                        (Ok(octets), _) => Some(IpAddr::from(octets)),
                        (_, Ok(octets)) => Some(IpAddr::from(octets)),
                        (Err(_), Err(_)) => None,
                    };
                }
                NHA_BLACKHOLE => leads = Some(Leads::Blackhole { v4 }),
                NHA_ENCAP_TYPE => encap_kind = RouteLwEnCapType::from(half(value)?),
                NHA_ENCAP => encap = Some(value.to_vec()),
                NHA_GROUP => {
                    let members = value
                        .chunks_exact(8)
                        .filter_map(|member| Some((word(&member[..4])?, u16::from(member[4]) + 1)));
                    leads = Some(Leads::Group { members: members.collect(), resilient: None });
                }
                NHA_GROUP_TYPE => is_resilient = half(value)? == RESILIENT,
                NHA_RES_GROUP => resilient = read_resilient(value)?,
                _ => {}
            }
        }
        let leads = match (leads, dev) {
            (Some(Leads::Group { members, .. }), _) => {
                Leads::Group { members, resilient: is_resilient.then_some(resilient) }
            }
            (Some(leads @ (Leads::Blackhole { .. } | Leads::Way { .. })), _) => leads,
            (None, dev) => {
                let encap = encap.and_then(|bytes| encap::parse(encap_kind, bytes, &device));
                let onlink = flags & ONLINK != 0;
                Leads::Way {
                    v4,
                    way: Nexthop { via, dev: dev?, weight: 1, onlink, encap, realms: None },
                }
            }
        };
        let protocol = route::read_protocol(protocol);
        Some(NexthopObject { id: id?, protocol, leads })
    }
}

fn read_resilient(bytes: &[u8]) -> Option<Resilient> {
    let mut resilient = Resilient::default();
    for nla in NlasIterator::new(bytes) {
        let nla = nla.ok()?;
        match nla.kind() {
            NHA_RES_GROUP_BUCKETS => resilient.buckets = half(nla.value())?,
            NHA_RES_GROUP_IDLE_TIMER => resilient.idle = word(nla.value())? / SECOND,
            NHA_RES_GROUP_UNBALANCED_TIMER => resilient.unbalanced = word(nla.value())? / SECOND,
            _ => {}
        }
    }
    Some(resilient)
}

fn family(v4: bool) -> AddressFamily {
    family_of(if v4 { Family::V4 } else { Family::V6 })
}

/// An attribute of a route under the number that it has here.
fn renamed(kind: u16, attribute: &RouteAttribute) -> DefaultNla {
    let mut bytes = vec![0; attribute.value_len()];
    attribute.emit_value(&mut bytes);
    DefaultNla::new(kind, bytes)
}

fn number(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_ne_bytes().to_vec())
}

fn short(kind: u16, value: u16) -> DefaultNla {
    DefaultNla::new(kind, value.to_ne_bytes().to_vec())
}

fn emit(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

fn word(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn half(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

impl NetlinkSerializable for NexthopMessage {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.bytes.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.bytes);
    }
}

impl NetlinkDeserializable for NexthopMessage {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { kind: header.message_type, bytes: payload.to_vec() })
    }
}
