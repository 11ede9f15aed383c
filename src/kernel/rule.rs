//! Policy rules as netlink messages, and back.

use super::family::family_of;
use super::route;
use crate::compile::Rule;
use crate::document::DeviceName;
use crate::iproute::{RuleAction, RuleProtocol};
use crate::plan::Family;
use ipnet::IpNet;
use rtnetlink::packet_core::{DefaultNla, Nla};
use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::rule::{
    RuleAction as Kind, RuleAttribute, RuleFlags, RuleMessage, RulePortRange, RuleUidRange,
};
use std::net::IpAddr;

/// `FRA_DSCP`, of Linux 6.13.
const FRA_DSCP: u16 = 25;

/// The message that adds or deletes a rule.
pub(super) fn message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = family_of(if rule.v4 { Family::V4 } else { Family::V6 });
    header.src_len = rule.from.map_or(0, |net| net.prefix_len());
    header.dst_len = rule.to.map_or(0, |net| net.prefix_len());
    header.tos = rule.tos.unwrap_or(0);
    if rule.not {
        header.flags |= RuleFlags::Invert;
    }
    let mut all = vec![RuleAttribute::Priority(rule.priority.unwrap_or(0))];
    match rule.action {
        RuleAction::Lookup(table) => {
            header.action = Kind::ToTable;
            // Tables past 255 stand in the attribute alone.
            header.table = u8::try_from(table).unwrap_or(0);
            all.push(RuleAttribute::Table(table));
        }
        RuleAction::Vrf => {
            header.action = Kind::ToTable;
            all.push(RuleAttribute::L3MDev(true));
        }
        RuleAction::Goto(priority) => {
            header.action = Kind::Goto;
            all.push(RuleAttribute::Goto(priority));
        }
        RuleAction::Unreachable => header.action = Kind::Unreachable,
        RuleAction::Blackhole => header.action = Kind::Blackhole,
        RuleAction::Prohibit => header.action = Kind::Prohibit,
        RuleAction::Nop => header.action = Kind::Nop,
    }
    all.extend(rule.from.map(|net| RuleAttribute::Source(net.addr())));
    all.extend(rule.to.map(|net| RuleAttribute::Destination(net.addr())));
    all.extend(rule.iif.as_ref().map(|name| RuleAttribute::Iifname(name.to_string())));
    all.extend(rule.oif.as_ref().map(|name| RuleAttribute::Oifname(name.to_string())));
    if let Some((mark, mask)) = rule.fwmark {
        all.extend([RuleAttribute::FwMark(mark), RuleAttribute::FwMask(mask)]);
    }
    all.extend(rule.ipproto.map(|it| RuleAttribute::IpProtocol(IpProtocol::from(it))));
    let ports = |(start, end)| RulePortRange { start, end };
    all.extend(rule.sport.map(|it| RuleAttribute::SourcePortRange(ports(it))));
    all.extend(rule.dport.map(|it| RuleAttribute::DestinationPortRange(ports(it))));
    all.extend(
        rule.uidrange.map(|(start, end)| RuleAttribute::UidRange(RuleUidRange { start, end })),
    );
    all.extend(
        rule.suppress_prefixlength.map(|it| RuleAttribute::SuppressPrefixLen(u32::from(it))),
    );
    all.extend(rule.suppress_ifgroup.map(RuleAttribute::SuppressIfGroup));
    all.extend(rule.tunnel.map(RuleAttribute::TunId));
    all.extend(rule.dscp.map(|it| RuleAttribute::Other(DefaultNla::new(FRA_DSCP, vec![it]))));
    all.extend(rule.realms.map(|it| RuleAttribute::Realm(route::realms(it))));
    all.extend(rule.protocol.map(|it| RuleAttribute::Protocol(it.number().into())));
    message.attributes = all;
    message
}

/// A rule as the kernel shows it, and whether the kernel made it itself; `None` for what no rule of a
/// lab can be.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
pub(super) fn read(message: &RuleMessage) -> Option<(Rule, bool)> {
    let v4 = message.header.family == family_of(Family::V4);
    let mut table = u32::from(message.header.table);
    let mut rule = Rule::all(v4, RuleAction::Nop);
    rule.priority = Some(0);
    rule.not = message.header.flags.contains(RuleFlags::Invert);
    rule.tos = Some(message.header.tos).filter(|tos| *tos != 0);
    let mut kernels_own = false;
    let mut goto = 0;
    let mut of_a_vrf = false;
    let mut mark = (0, 0);
    let prefix = |address: &IpAddr, length| IpNet::new(*address, length).ok();
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(number) => rule.priority = Some(*number),
            RuleAttribute::Table(number) => table = *number,
            RuleAttribute::Protocol(protocol) => {
                kernels_own = *protocol == RouteProtocol::Kernel;
                rule.protocol = RuleProtocol::new((*protocol).into());
            }
            RuleAttribute::L3MDev(set) => of_a_vrf = *set,
            // The kernel shows -1 for what nobody said.
            RuleAttribute::SuppressIfGroup(group) => {
                rule.suppress_ifgroup = Some(*group).filter(|group| *group != u32::MAX);
            }
            RuleAttribute::TunId(number) => rule.tunnel = Some(*number).filter(|it| *it != 0),
            RuleAttribute::Realm(realms) => rule.realms = Some(route::read_realms(*realms)),
            RuleAttribute::Other(nla) if nla.kind() == FRA_DSCP => {
                let mut point = [0];
                if nla.value_len() == point.len() {
                    nla.emit_value(&mut point);
                    rule.dscp = Some(point[0]);
                }
            }
            RuleAttribute::Source(from) => rule.from = prefix(from, message.header.src_len),
            RuleAttribute::Destination(to) => rule.to = prefix(to, message.header.dst_len),
            RuleAttribute::Iifname(name) => rule.iif = DeviceName::new(name.as_str()),
            RuleAttribute::Oifname(name) => rule.oif = DeviceName::new(name.as_str()),
            RuleAttribute::Goto(priority) => goto = *priority,
            RuleAttribute::FwMark(number) => mark.0 = *number,
            RuleAttribute::FwMask(number) => mark.1 = *number,
            RuleAttribute::IpProtocol(protocol) => {
                rule.ipproto = Some(u8::from(*protocol));
            }
            RuleAttribute::SourcePortRange(ports) => rule.sport = Some((ports.start, ports.end)),
            RuleAttribute::DestinationPortRange(ports) => {
                rule.dport = Some((ports.start, ports.end));
            }
            RuleAttribute::UidRange(users) => rule.uidrange = Some((users.start, users.end)),
            RuleAttribute::SuppressPrefixLen(length) => {
                rule.suppress_prefixlength = u8::try_from(*length).ok();
            }
            _ => {}
        }
    }
    rule.fwmark = Some(mark).filter(|(_, mask)| *mask != 0);
    rule.action = match message.header.action {
        Kind::ToTable if of_a_vrf => RuleAction::Vrf,
        Kind::ToTable => RuleAction::Lookup(table),
        Kind::Goto => RuleAction::Goto(goto),
        Kind::Unreachable => RuleAction::Unreachable,
        Kind::Blackhole => RuleAction::Blackhole,
        Kind::Prohibit => RuleAction::Prohibit,
        Kind::Nop => RuleAction::Nop,
        _ => return None,
    };
    Some((rule, kernels_own))
}
