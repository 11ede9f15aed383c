//! What shows that the sender of a `!>` can send at all, where no other check of the run does.

use crate::compile::{
    Arrival, Arrow, Check, Expect, InterfaceId, Lab, MAIN, Sender, Sends, Target,
};
use std::net::IpAddr;

/// How many neighbours are asked.
const MOST: usize = 4;

/// Checks that the neighbours of senders answer them: of those senders whose `!>` stands beside no
/// `->` to another node.
pub(super) fn missing(lab: &Lab, checks: &[Check]) -> Vec<Check> {
    let mut controls: Vec<Check> = Vec::new();
    for check in checks.iter().filter(|check| check.expect == Expect::Lost) {
        let is_there = |other: &Check| other.from == check.from && vouches(lab, other);
        if !checks.iter().chain(&controls).any(is_there) {
            controls.extend(of(lab, check));
        }
    }
    controls
}

/// Whether a check that holds shows that its sender's packets leave it.
pub(super) fn vouches(lab: &Lab, check: &Check) -> bool {
    let own = |address: &IpAddr| {
        let mut holders = lab.holders(*address).into_iter();
        holders.any(|(node, ..)| node == check.from.node)
    };
    let stays = match &check.to {
        Target::Node { node, .. } => *node == check.from.node,
        Target::Address(address) => own(address),
        Target::OnLink { address, interface } => {
            let mut owners = super::holder::on_link(lab, check.from.node, interface, *address);
            owners.any(|(node, _)| node == check.from.node)
        }
    };
    check.expect.arrow() == Arrow::Reaches && !stays
}

fn of(lab: &Lab, check: &Check) -> Vec<Check> {
    let node = &lab[check.from.node];
    let vrf = check.from.vrf.as_ref().and_then(|vrf| node.vrf(vrf.as_str()));
    let table = vrf.map_or(MAIN, |vrf| vrf.table);
    let asked = (0..node.interfaces.len()).map(InterfaceId).filter_map(|id| {
        let interface = &node.interfaces[id.0];
        (node.table_of(interface) == table).then(|| neighbour(lab, &check.from, id, check))?
    });
    let control = |address: IpAddr| Check {
        span: check.span,
        text: format!("{} -> {address}", super::verdict::sender(lab, check)),
        from: check.from.clone(),
        to: Target::Address(address),
        sends: Sends::default(),
        expect: Expect::Arrives(Arrival::default()),
    };
    asked.take(MOST).map(control).collect()
}

/// An address of a neighbour on an interface, in one of the interface's own subnets and, where there
/// is one, of the family that the check is about.
fn neighbour(lab: &Lab, from: &Sender, id: InterfaceId, check: &Check) -> Option<IpAddr> {
    let subnets = &lab[from.node].interfaces[id.0].addresses;
    let is_near = |address: &IpAddr| subnets.iter().any(|subnet| subnet.value.contains(address));
    let is_ipv6 = check.to.addresses().first().is_some_and(IpAddr::is_ipv6);
    lab.neighbours(from.node, id)
        .into_iter()
        .flat_map(|(node, port)| &lab[node].interfaces[port.0].addresses)
        .map(|held| held.value.addr())
        .filter(is_near)
        .max_by_key(|address| address.is_ipv6() == is_ipv6)
}
