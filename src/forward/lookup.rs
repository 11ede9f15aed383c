//! Looking up a route: the rules in their order, and the tables that they name.

use super::device::{DeviceIndex, NodeIndex};
use super::evidence::{Absent, Evidence, KernelFact};
use super::network::Network;
use super::node::{Node, RuleEntry};
use super::outcome::{DropReason, Unmodelled};
use super::packet::Packet;
use super::table::{Entry, EntryTarget};
use crate::compile::{Encap, LOCAL, Rule};
use crate::iproute::{Metric, RouteKind, RuleAction};
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

/// Stands for the address that the kernel has made of a device's MAC address.
pub(super) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

/// By what a route is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub destination: IpAddr,
    pub source: Option<IpAddr>,
    /// The interface that the packet came in through; `lo` for what the node itself sends.
    pub iif: DeviceIndex,
    /// The interface that it has to leave through.
    pub oif: Option<DeviceIndex>,
    /// The interface that an IPv6 route is rather to lead through than another that is as good.
    pub near: Option<DeviceIndex>,
    /// The VRF that it is in.
    pub vrf: Option<DeviceIndex>,
    pub tos: u8,
    pub mark: u32,
    /// The protocol's number and the ports; none where the kernel looks up without them.
    pub protocol: Option<u8>,
    pub ports: Option<(u16, u16)>,
}

impl Flow {
    /// By what a packet's route is looked up.
    pub(super) fn of(packet: &Packet, iif: DeviceIndex, vrf: Option<DeviceIndex>) -> Self {
        Self {
            destination: packet.destination,
            source: Some(packet.source),
            iif,
            oif: None,
            near: None,
            vrf,
            tos: packet.tos,
            mark: packet.mark,
            protocol: Some(packet.protocol.number(packet.is_v4())),
            ports: packet.protocol.ports(),
        }
    }
}

/// A route that was found.
#[derive(Debug, Clone)]
pub(super) struct Found<'a> {
    pub kind: RouteKind,
    pub source: Option<IpAddr>,
    /// Where it leads, with each one's share; empty for `local` routes of a table's own.
    pub nexthops: Vec<(Lead<'a>, f64)>,
    /// The rule and the route.
    pub evidence: [Evidence<'a>; 2],
}

/// One way on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lead<'a> {
    pub device: DeviceIndex,
    pub via: Option<IpAddr>,
    pub encap: Option<&'a Encap>,
    /// The MTU that the route says, and the route.
    pub mtu: Option<(u32, Evidence<'a>)>,
}

/// Why no route was found, or one that lets nothing pass.
#[derive(Debug, Clone)]
pub(super) struct Refusal<'a> {
    pub reason: RefusalReason,
    pub evidence: Vec<Evidence<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalReason {
    NoRoute,
    /// By a route.
    HostUnreachable,
    /// By a rule.
    NetUnreachable,
    Prohibited,
    Blackhole,
    Unknown(Unmodelled),
}

impl RefusalReason {
    /// The reason where no ICMP error tells it, or why the model cannot say.
    pub(super) fn silent(self) -> Result<DropReason, Unmodelled> {
        match self {
            RefusalReason::NoRoute => Ok(DropReason::NoRoute),
            RefusalReason::HostUnreachable | RefusalReason::NetUnreachable => {
                Ok(DropReason::Unreachable)
            }
            RefusalReason::Prohibited => Ok(DropReason::Prohibited),
            RefusalReason::Blackhole => Ok(DropReason::Blackhole),
            RefusalReason::Unknown(why) => Err(why),
        }
    }
}

impl<'a> Network<'a> {
    /// The route of a flow. Where programs run that may add one, that there is none is not known.
    pub(super) fn route(&self, at: NodeIndex, flow: &Flow) -> Result<Found<'a>, Refusal<'a>> {
        let node = &self.nodes[at.0];
        self.look_up_rules(node, flow).map_err(|refusal| match refusal.reason {
            RefusalReason::NoRoute
            | RefusalReason::HostUnreachable
            | RefusalReason::NetUnreachable
                if node.has_programs =>
            {
                Refusal { reason: RefusalReason::Unknown(Unmodelled::Programs), ..refusal }
            }
            RefusalReason::NoRoute
            | RefusalReason::HostUnreachable
            | RefusalReason::NetUnreachable
            | RefusalReason::Prohibited
            | RefusalReason::Blackhole
            | RefusalReason::Unknown(_) => refusal,
        })
    }

    /// The route of a flow of the node's own. IPv4 has none out of a VRF or an interface that is down.
    pub(super) fn own_route(&self, at: NodeIndex, flow: &Flow) -> Result<Found<'a>, Refusal<'a>> {
        let bound = flow.oif.or(flow.vrf).map(|device| &self.devices[device.0]);
        match bound.filter(|device| flow.destination.is_ipv4() && device.up.is_none()) {
            Some(_) => {
                let evidence = vec![Evidence::Absent(Absent::Device)];
                Err(Refusal { reason: RefusalReason::NoRoute, evidence })
            }
            None => self.route(at, flow),
        }
    }

    /// Whether who sends a packet by a route is told that there is none: IPv6 leads nothing to `lo` but what is
    /// to the node itself (`fib6_is_reject`).
    pub(super) fn discards(&self, packet: &Packet, found: &Found<'_>) -> bool {
        let is_loopback = |(lead, _): &(Lead<'_>, f64)| self.devices[lead.device.0].is_loopback();
        !packet.is_v4() && found.nexthops.first().is_some_and(is_loopback)
    }

    fn look_up_rules(&self, node: &Node<'a>, flow: &Flow) -> Result<Found<'a>, Refusal<'a>> {
        let v4 = flow.destination.is_ipv4();
        let mut least = 0;
        for entry in node.rules.iter().filter(|entry| entry.rule.v4 == v4) {
            if entry.priority < least {
                continue;
            }
            let refused = |reason| Err(Refusal { reason, evidence: vec![entry.evidence] });
            match self.fits(entry.rule, flow) {
                Some(true) => {}
                Some(false) => continue,
                None => return refused(RefusalReason::Unknown(Unmodelled::RuleSelector)),
            }
            let table = match &entry.rule.action {
                RuleAction::Lookup(table) => Some(*table),
                RuleAction::Vrf => flow.vrf.and_then(|vrf| self.devices[vrf.0].vrf_table()),
                RuleAction::Goto(priority) => {
                    least = *priority;
                    None
                }
                RuleAction::Nop => None,
                RuleAction::Unreachable => return refused(RefusalReason::NetUnreachable),
                RuleAction::Blackhole => return refused(RefusalReason::Blackhole),
                RuleAction::Prohibit => return refused(RefusalReason::Prohibited),
            };
            if let Some(answer) = table.and_then(|table| self.look_up(node, entry, table, flow)) {
                return answer;
            }
        }
        let evidence = vec![Evidence::Absent(Absent::Route)];
        Err(Refusal { reason: RefusalReason::NoRoute, evidence })
    }

    /// What a table says; nothing where the next rule is asked.
    fn look_up(
        &self,
        node: &Node<'a>,
        rule: &RuleEntry<'a>,
        table: u32,
        flow: &Flow,
    ) -> Option<Result<Found<'a>, Refusal<'a>>> {
        if table == LOCAL && self.is_for_link(flow) {
            let evidence = [rule.evidence, Evidence::Kernel(KernelFact::LinkLocal)];
            let (kind, nexthops) = (RouteKind::Local, Vec::new());
            return Some(Ok(Found { kind, source: None, nexthops, evidence }));
        }
        let v4 = flow.destination.is_ipv4();
        let table = node.tables.get(&(v4, table))?;
        let mut matching: Vec<(u8, &Entry<'a>)> = table.matching(flow.destination).collect();
        if let Some(near) = flow.near {
            let leads_there = |entry: &Entry<'a>| {
                self.alive(node, entry, flow).iter().any(|(lead, _)| lead.device == near)
            };
            matching.sort_by_key(|(length, entry)| {
                (Reverse(*length), entry.metric, !leads_there(entry))
            });
        }
        for (length, entry) in matching {
            if entry.tos.is_some_and(|tos| tos != flow.tos & 0x1c) {
                continue;
            }
            let evidence = [rule.evidence, entry.evidence];
            let refused = |reason| Some(Err(Refusal { reason, evidence: evidence.to_vec() }));
            let suppressed = rule.rule.suppress_prefixlength.is_some_and(|most| length <= most);
            match entry.kind {
                RouteKind::Unicast
                | RouteKind::Local
                | RouteKind::Broadcast
                | RouteKind::Multicast
                | RouteKind::Anycast => {}
                RouteKind::Unreachable => return refused(RefusalReason::HostUnreachable),
                RouteKind::Blackhole => return refused(RefusalReason::Blackhole),
                RouteKind::Prohibit => return refused(RefusalReason::Prohibited),
                RouteKind::Throw => return None,
            }
            if let EntryTarget::Said(route) = entry.leads
                && route.object.is_some_and(|object| node.blackholes.contains(&object))
            {
                return refused(RefusalReason::Blackhole);
            }
            let nexthops = self.alive(node, entry, flow);
            let is_own = entry.kind == RouteKind::Local;
            if nexthops.is_empty() && !is_own {
                continue;
            }
            // What a rule suppresses is as if the table had nothing.
            if suppressed {
                return None;
            }
            let (kind, source) = (entry.kind, entry.source);
            return Some(Ok(Found { kind, source, nexthops, evidence }));
        }
        None
    }

    /// Whether what comes in is for the interface itself: to its link-local address, or to a group.
    fn is_for_link(&self, flow: &Flow) -> bool {
        let IpAddr::V6(to) = flow.destination else { return false };
        (to == LINK_LOCAL || to.is_multicast()) && !self.devices[flow.iif.0].is_loopback()
    }

    /// The ways on that the kernel takes into account, with their shares.
    fn alive(&self, node: &Node<'a>, entry: &Entry<'a>, flow: &Flow) -> Vec<(Lead<'a>, f64)> {
        let v4 = flow.destination.is_ipv4();
        let all: Vec<(Lead<'a>, u16)> = match entry.leads {
            EntryTarget::Device(device) => {
                vec![(Lead { device, via: None, encap: None, mtu: None }, 1)]
            }
            EntryTarget::Said(route) => {
                let mtu = route.attributes.metrics.get(&Metric::Mtu);
                let mtu = mtu.map(|said| (said.number, entry.evidence));
                let lead = |nexthop: &'a crate::compile::Nexthop| {
                    let device = *node.devices.get(nexthop.dev.as_str())?;
                    let encap = nexthop.encap.as_ref();
                    Some((Lead { device, via: nexthop.via, encap, mtu }, nexthop.weight.max(1)))
                };
                route.nexthops.iter().filter_map(lead).collect()
            }
        };
        let is_own =
            matches!(entry.leads, EntryTarget::Device(_)) && entry.kind == RouteKind::Local;
        let counts = |lead: &Lead<'_>| {
            let device = &self.devices[lead.device.0];
            // The kernel takes no route away that is to the node itself.
            let is_alive = is_own
                || device.running
                || device.up.is_some() && !node.settings.ignores_linkdown(v4, device.name);
            is_alive && flow.oif.is_none_or(|oif| oif == lead.device)
        };
        let alive: Vec<_> = all.into_iter().filter(|(lead, _)| counts(lead)).collect();
        let whole: f64 = alive.iter().map(|(_, weight)| f64::from(*weight)).sum();
        alive.into_iter().map(|(lead, weight)| (lead, f64::from(weight) / whole)).collect()
    }

    /// Whether a rule is for a flow; nothing where that cannot be said.
    fn fits(&self, rule: &Rule, flow: &Flow) -> Option<bool> {
        let Rule {
            v4: _,
            priority: _,
            not,
            from,
            to,
            iif,
            oif,
            fwmark,
            tos,
            ipproto,
            sport,
            dport,
            uidrange,
            tunnel,
            dscp,
            action,
            suppress_prefixlength: _,
            suppress_ifgroup,
            // They are counted by, and change nothing else.
            realms: _,
            protocol: _,
        } = rule;
        if uidrange.is_some() || tunnel.is_some() || suppress_ifgroup.is_some() {
            return None;
        }
        let is_named = |device: DeviceIndex, name: &str| self.devices[device.0].name == name;
        // An IPv6 packet is the VRF device's by the time that rules are asked, one of IPv4 is the port's.
        let through = match flow.destination {
            IpAddr::V4(_) => flow.iif,
            IpAddr::V6(_) => self.vrf_of(flow.iif).unwrap_or(flow.iif),
        };
        let within = |range: (u16, u16), port: u16| (range.0..=range.1).contains(&port);
        let fits = from.is_none_or(|net| match flow.source {
            Some(source) => net.contains(&source),
            None => net.prefix_len() == 0,
        }) && to.is_none_or(|net| net.contains(&flow.destination))
            && iif.as_ref().is_none_or(|name| is_named(through, name.as_str()))
            && oif
                .as_ref()
                .is_none_or(|name| flow.oif.is_some_and(|device| is_named(device, name.as_str())))
            && fwmark.is_none_or(|(mark, mask)| flow.mark & mask == mark)
            && tos.is_none_or(|tos| flow.tos & 0x1c == tos)
            && dscp.is_none_or(|dscp| flow.tos >> 2 == dscp)
            && ipproto.is_none_or(|protocol| flow.protocol == Some(protocol))
            && sport.is_none_or(|range| flow.ports.is_some_and(|it| within(range, it.0)))
            && dport.is_none_or(|range| flow.ports.is_some_and(|it| within(range, it.1)))
            && (*action != RuleAction::Vrf || flow.vrf.is_some());
        Some(fits != *not)
    }
}
