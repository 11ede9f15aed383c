//! Who led a packet to where it should not have come.

use super::ask::Site;
use super::labelled;
use super::route::{self, table_of_vrf, whither};
use crate::check::frame::Packet;
use crate::check::path::Trail;
use crate::check::watch::Sighting;
use crate::compile::{Lab, NodeId};
use crate::kernel::on_worker;
use std::net::IpAddr;

/// Whether a packet to this address is at its end at a node: somewhere it has the address.
pub(super) fn is_end(lab: &Lab, node: NodeId, address: IpAddr) -> bool {
    let node = &lab[node];
    let interfaces = node.interfaces.iter().flat_map(|interface| &interface.addresses);
    let vrfs = node.vrfs.iter().flat_map(|vrf| &vrf.addresses);
    interfaces.chain(vrfs).chain(&node.loopback).any(|held| held.value.addr() == address)
}

/// Says at which nodes the way was decided: where the labels were put on and where they led.
pub(super) fn explain(lab: &Lab, trail: &Trail<'_>, destination: IpAddr) -> Vec<String> {
    let arrivals = trail.arrivals();
    let Some((_, before)) = arrivals.split_last() else { return Vec::new() };
    on_worker(|worker| {
        let mut site = Site::new(lab, worker);
        let is_labelled = |sighting: &Sighting| !sighting.packet.labels.is_empty();
        let pushed = before
            .iter()
            .zip(&arrivals[1..])
            .find(|(here, next)| !is_labelled(here) && is_labelled(next))
            .map(|(here, _)| *here);
        let popped = before.iter().copied().rfind(|sighting| is_labelled(sighting));
        let decisive: Vec<&Sighting> = if pushed.is_none() && popped.is_none() {
            before.iter().copied().rfind(|it| it.packet.is_plain()).into_iter().collect()
        } else {
            pushed.into_iter().chain(popped).collect()
        };
        decisive
            .into_iter()
            .flat_map(|sighting| decision(&mut site, sighting, destination))
            .collect()
    })
}

/// What a node says that it does with such a packet, and where that is not what the lab has.
pub(super) fn decision(
    site: &mut Site<'_, '_>,
    sighting: &Sighting,
    destination: IpAddr,
) -> Vec<String> {
    let Ok(mut post) = site.post(sighting.node) else { return Vec::new() };
    let name = &post.node.name;
    if let Some(&label) = sighting.packet.labels.first() {
        let said = post.label(label).ok().and_then(|way| {
            let device = post.device(&way)?;
            Some(match post.node.vrf(device) {
                Some(_) => format!("At {name}, label {label} leads into VRF {device}."),
                None => format!("{name} sends label {label} {}.", whither(&way, device)),
            })
        });
        return said.into_iter().chain(labelled::gone(&mut post, label)).collect();
    }
    let vrf = post.vrf_of(&sighting.interface).map(str::to_owned);
    let Packet { source, outer, .. } = sighting.packet;
    let (source, destination) =
        outer.map_or((source, destination), |outer| (outer.source, outer.destination));
    let said = post.input(destination, source, &sighting.interface).ok().and_then(|way| {
        let table = table_of_vrf(post.node, vrf.as_deref());
        let whither = whither(&way, post.device(&way)?);
        Some(format!("At {name}, {table} sends {destination} {whither}."))
    });
    said.into_iter().chain(route::gone(&mut post, vrf.as_deref(), destination)).collect()
}
