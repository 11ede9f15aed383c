//! What a kernel has in the place of what was built.

use crate::plan::{Key, Resource, VethEnd};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Where something can be in the place of something else that the kernel tells apart from it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seat<'a> {
    /// Among the addresses of a family that a device has.
    Addresses { namespace: &'a str, device: &'a str, v4: bool },
    /// At the other side of an end of a link.
    Opposite { namespace: &'a str, name: &'a str },
}

/// What of `extra` is in the place of each that is missing, by its place there: what has the same key, or an
/// address that was moved within its subnet, or a link of which one end has another name.
pub(super) fn counterparts(missing: &[Resource], extra: &[Resource]) -> Vec<Option<usize>> {
    let by_key: BTreeMap<Key<'_>, usize> =
        extra.iter().enumerate().map(|(place, it)| (it.key(), place)).collect();
    let mut found: Vec<Option<usize>> =
        missing.iter().map(|it| by_key.get(&it.key()).copied()).collect();
    let mut taken = vec![false; extra.len()];
    found.iter().flatten().for_each(|place| taken[*place] = true);
    let mut by_seat: BTreeMap<Seat<'_>, Vec<usize>> = BTreeMap::new();
    for (place, resource) in extra.iter().enumerate() {
        for seat in seats(resource) {
            by_seat.entry(seat).or_default().push(place);
        }
    }
    for (built, found) in missing.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
        let candidates = seats(built).into_iter().filter_map(|seat| by_seat.get(&seat)).flatten();
        let mut free = candidates.copied().filter(|place| !taken[*place]);
        *found = free.find(|place| is_moved(built, &extra[*place]));
        found.iter().for_each(|place| taken[*place] = true);
    }
    found
}

fn seats(resource: &Resource) -> Vec<Seat<'_>> {
    match resource {
        Resource::Address { namespace, device, address, .. } => {
            vec![Seat::Addresses { namespace, device, v4: address.addr().is_ipv4() }]
        }
        Resource::Veth { ends } => ends
            .iter()
            .map(|it| Seat::Opposite { namespace: &it.namespace, name: &it.name })
            .collect(),
        Resource::Namespace { .. }
        | Resource::Sysctl { .. }
        | Resource::Device { .. }
        | Resource::Wireguard { .. }
        | Resource::Master { .. }
        | Resource::BridgeVlan { .. }
        | Resource::BridgePort { .. }
        | Resource::Mtu { .. }
        | Resource::Qdisc { .. }
        | Resource::NoOffload { .. }
        | Resource::Up { .. }
        | Resource::Fdb { .. }
        | Resource::Neighbour { .. }
        | Resource::Rule { .. }
        | Resource::NexthopObject { .. }
        | Resource::Ruleset { .. }
        | Resource::EtcFile { .. }
        | Resource::Command { .. }
        | Resource::Route { .. }
        | Resource::MplsRoute { .. } => Vec::new(),
    }
}

/// Whether of two things in one seat the one is the other, moved.
fn is_moved(built: &Resource, found: &Resource) -> bool {
    match [on_link(built), on_link(found)] {
        [Some(built), Some(found)] => built.contains(&found) || found.contains(&built),
        _ => renamed(built, found).is_some(),
    }
}

/// What is on the link of an address.
fn on_link(resource: &Resource) -> Option<IpNet> {
    let Resource::Address { address, peer, .. } = resource else { return None };
    Some(peer.unwrap_or(*address).trunc())
}

/// The end of a link that has another name, as it was built and as it is.
pub(super) fn renamed<'r>(
    built: &'r Resource,
    found: &'r Resource,
) -> Option<(&'r VethEnd, &'r VethEnd)> {
    let (Resource::Veth { ends: built }, Resource::Veth { ends: found }) = (built, found) else {
        return None;
    };
    let sides = |ends: &'r [VethEnd; 2]| [(&ends[0], &ends[1]), (&ends[1], &ends[0])];
    sides(built).into_iter().find_map(|(kept, built)| {
        let is_it = |(near, far): &(&VethEnd, &VethEnd)| {
            place(near) == place(kept) && far.namespace == built.namespace && far.name != built.name
        };
        sides(found).into_iter().find(is_it).map(|(_, found)| (built, found))
    })
}

fn place(end: &VethEnd) -> (&str, &str) {
    (&end.namespace, &end.name)
}
