//! LANs whose members are in different subnets.

use crate::compile::lab::Lab;
use crate::compile::layout::{Layout, Port};
use crate::compile::segment::Segment;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use ipnet::IpNet;
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::MAX_NAMED;

pub(super) fn check(layout: &Layout, lab: &Lab, diagnostics: &mut Diagnostics) {
    // The two ends of a link are compared with each other.
    for segment in layout.segments.iter().filter(|it| !it.point_to_point && it.ports.len() > 1) {
        for ipv4 in [true, false] {
            let groups = groups(lab, segment, ipv4);
            if groups.len() > 1 {
                diagnostics.push(warning(lab, &groups));
            }
        }
    }
}

/// A member of a LAN, by one of its addresses.
type Member = (Port, Spanned<IpNet>);

/// The members with addresses of a family, those together that find each other.
fn groups(lab: &Lab, segment: &Segment, ipv4: bool) -> Vec<Vec<Member>> {
    let mut members: Vec<Vec<Member>> = Vec::new();
    for port in &segment.ports {
        let addresses = lab[port.0].interfaces[port.1.0].addresses.iter();
        // What has no subnet is reached by routes of its own.
        let nets = addresses.map(|address| address.map(|address| address.net));
        let in_subnets = nets.filter(|net| {
            let net = net.value;
            net.addr().is_ipv4() == ipv4
                && net.prefix_len() < net.max_prefix_len()
                && !matches!(net, IpNet::V6(net) if net.addr().is_unicast_link_local())
        });
        let member: Vec<Member> = in_subnets.map(|net| (*port, net)).collect();
        members.extend(Some(member).filter(|member| !member.is_empty()));
    }
    let all =
        || members.iter().enumerate().flat_map(|(at, of)| of.iter().map(move |it| (at, it.1)));
    let mut first: HashMap<IpNet, usize> = HashMap::new();
    all().for_each(|(at, net)| {
        first.entry(net.value.trunc()).or_insert(at);
    });
    let lengths: BTreeSet<u8> = first.keys().map(IpNet::prefix_len).collect();
    let mut joined = UnionFind::new(members.len());
    for (at, net) in all() {
        // Whoever has the longer prefix is in the shorter one's subnet; it must be so the other way
        // round too.
        for length in lengths.range(net.value.prefix_len()..) {
            let Ok(inner) = IpNet::new(net.value.addr(), *length) else { continue };
            if let Some(other) = first.get(&inner.trunc()) {
                joined.union(at, *other);
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<Member>> = BTreeMap::new();
    let mut order: Vec<usize> = Vec::new();
    for (at, member) in members.iter().enumerate() {
        let root = joined.find(at);
        if !groups.contains_key(&root) {
            order.push(root);
        }
        groups.entry(root).or_default().extend(member);
    }
    order.into_iter().filter_map(|root| groups.remove(&root)).collect()
}

fn warning(lab: &Lab, groups: &[Vec<Member>]) -> Diagnostic {
    // Most are right.
    let most = (0..groups.len()).rev().max_by_key(|place| groups[*place].len()).unwrap_or(0);
    let text = |(port, net): &Member| format!("`{}` is in {}", lab[port.0].name, net.value.trunc());
    let place = |(port, net): &Member| {
        let interface = &lab[port.0].interfaces[port.1.0];
        net.span.or(interface.span).or(lab[port.0].span)
    };
    let warning = Diagnostic::warning(
        Code::SubnetMismatch,
        format!("the members of this LAN are in {} different subnets", groups.len()),
    );
    let others = groups.iter().enumerate().filter(|(at, _)| *at != most);
    let odd: Vec<&Member> = others.filter_map(|(_, group)| group.first()).collect();
    let Some((first, rest)) = odd.split_first() else { return warning };
    let warning = warning.at(place(first), text(first));
    let rest = rest.iter().take(MAX_NAMED - 2).copied().chain(groups[most].first());
    rest.fold(warning, |warning, member| {
        let span: Span = place(member);
        warning.beside(span, text(member))
    })
    .note("they do not find each other on their link, unless one of them is in both")
}
