//! What is done with packets for a segment, as netlink attributes, and back.

use crate::document::DeviceName;
use crate::iproute::{Inner, Seg6local};
use rtnetlink::packet_route::route::{RouteSeg6LocalTunnel as Part, Seg6LocalAction, Seg6LocalSrh};
use std::net::Ipv6Addr;

/// The routing header's type that has segments.
const SEGMENTS: u8 = 4;

/// The attributes of an action.
pub(super) fn attributes(
    local: &Seg6local<DeviceName, u32>,
    index: impl Fn(&str) -> u32,
) -> Vec<Part> {
    let (action, argument) = match local {
        Seg6local::End => (Seg6LocalAction::End, None),
        Seg6local::EndX(nexthop) => (Seg6LocalAction::EndX, Some(Part::Nh6(*nexthop))),
        Seg6local::EndT(table) => (Seg6LocalAction::EndT, Some(Part::Table(*table))),
        Seg6local::EndDx2(out) => (Seg6LocalAction::EndDx2, Some(Part::Oif(index(out.as_str())))),
        Seg6local::EndDx6(nexthop) => (Seg6LocalAction::EndDx6, Some(Part::Nh6(*nexthop))),
        Seg6local::EndDx4(nexthop) => (Seg6LocalAction::EndDx4, Some(Part::Nh4(*nexthop))),
        Seg6local::EndDt6(Inner::Table(table)) => {
            (Seg6LocalAction::EndDt6, Some(Part::Table(*table)))
        }
        Seg6local::EndDt6(Inner::Vrf(table)) => {
            (Seg6LocalAction::EndDt6, Some(Part::VrfTable(*table)))
        }
        Seg6local::EndDt4(table) => (Seg6LocalAction::EndDt4, Some(Part::VrfTable(*table))),
        Seg6local::EndDt46(table) => (Seg6LocalAction::EndDt46, Some(Part::VrfTable(*table))),
        Seg6local::EndB6(segments) => {
            // The packet's own segment is visited last; the kernel writes it here.
            let segments = segments.iter().copied().chain([Ipv6Addr::UNSPECIFIED]);
            (Seg6LocalAction::EndB6, Some(Part::Srh(header(segments.collect()))))
        }
        Seg6local::EndB6Encaps(segments) => {
            (Seg6LocalAction::EndB6Encap, Some(Part::Srh(header(segments.clone()))))
        }
    };
    std::iter::once(Part::Action(action)).chain(argument).collect()
}

/// A routing header, in which the first segment to be visited stands last.
fn header(mut segments: Vec<Ipv6Addr>) -> Seg6LocalSrh {
    segments.reverse();
    let last = u8::try_from(segments.len() - 1).expect("a line of a file has so few segments");
    let mut header = Seg6LocalSrh::default();
    header.routing_type = SEGMENTS;
    header.segments_left = last;
    header.first_segment = last;
    header.segments = segments;
    header
}

/// What the kernel shows; `None` for what no route of a lab can have.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
pub(super) fn read<'a>(
    parts: impl Iterator<Item = &'a Part>,
    device: impl Fn(u32) -> Option<DeviceName>,
) -> Option<Seg6local<DeviceName, u32>> {
    let (mut action, mut argument) = (None, None);
    for part in parts {
        match part {
            Part::Action(it) => action = Some(*it),
            Part::Nh4(_)
            | Part::Nh6(_)
            | Part::Table(_)
            | Part::VrfTable(_)
            | Part::Oif(_)
            | Part::Srh(_) => argument = Some(part),
            _ => {}
        }
    }
    Some(match (action?, argument) {
        (Seg6LocalAction::End, None) => Seg6local::End,
        (Seg6LocalAction::EndX, Some(Part::Nh6(nexthop))) => Seg6local::EndX(*nexthop),
        (Seg6LocalAction::EndT, Some(Part::Table(table))) => Seg6local::EndT(*table),
        (Seg6LocalAction::EndDx2, Some(Part::Oif(out))) => Seg6local::EndDx2(device(*out)?),
        (Seg6LocalAction::EndDx6, Some(Part::Nh6(nexthop))) => Seg6local::EndDx6(*nexthop),
        (Seg6LocalAction::EndDx4, Some(Part::Nh4(nexthop))) => Seg6local::EndDx4(*nexthop),
        (Seg6LocalAction::EndDt6, Some(Part::Table(table))) => {
            Seg6local::EndDt6(Inner::Table(*table))
        }
        (Seg6LocalAction::EndDt6, Some(Part::VrfTable(table))) => {
            Seg6local::EndDt6(Inner::Vrf(*table))
        }
        (Seg6LocalAction::EndDt4, Some(Part::VrfTable(table))) => Seg6local::EndDt4(*table),
        (Seg6LocalAction::EndDt46, Some(Part::VrfTable(table))) => Seg6local::EndDt46(*table),
        (Seg6LocalAction::EndB6, Some(Part::Srh(header))) => {
            let mut segments = segments(header);
            segments.pop();
            Seg6local::EndB6(segments)
        }
        (Seg6LocalAction::EndB6Encap, Some(Part::Srh(header))) => {
            Seg6local::EndB6Encaps(segments(header))
        }
        _ => return None,
    })
}

fn segments(header: &Seg6LocalSrh) -> Vec<Ipv6Addr> {
    header.segments.iter().rev().copied().collect()
}
