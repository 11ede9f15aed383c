//! What the kernel makes of devices and addresses by itself: which devices run and with which MTU, and the
//! routes of addresses.

use super::device::{Address, DeviceIndex, DeviceKind};
use super::evidence::{Evidence, KernelFact};
use super::network::Network;
use crate::compile::{LOCAL, MAIN};
use crate::iproute::RouteKind;
use crate::link::{ETHERNET_MTU, Mtu};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The MTU of `lo`.
const LOOPBACK_MTU: u32 = 65536;
/// The metric of IPv6 routes that the kernel makes for addresses.
const ADDRESS_METRIC: u32 = 256;

/// Adds what the kernel has by itself to what was said.
pub(super) fn complete(network: &mut Network<'_>) {
    let devices = (0..network.devices.len()).map(DeviceIndex);
    for device in devices.clone() {
        if network.devices[device.0].is_loopback() {
            loopback(network, device);
        }
    }
    let mut running = vec![None; network.devices.len()];
    for device in devices.clone() {
        network.devices[device.0].running = runs(network, device, &mut running);
    }
    let mut mtus = vec![None; network.devices.len()];
    for device in devices.clone() {
        network.devices[device.0].mtu = Some(mtu(network, device, &mut mtus));
    }
    for device in devices {
        routes(network, device);
    }
}

fn loopback(network: &mut Network<'_>, device: DeviceIndex) {
    let own = [
        IpNet::from(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8)),
        IpNet::from(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
    ];
    network.devices[device.0].addresses.splice(
        0..0,
        own.map(|net| Address {
            address: net.addr(),
            connected: net.trunc(),
            is_host_scope: true,
            evidence: Evidence::Kernel(KernelFact::Loopback),
        }),
    );
}

/// Whether a device is up and has carrier.
fn runs(network: &Network<'_>, device: DeviceIndex, known: &mut [Option<bool>]) -> bool {
    if let Some(known) = known[device.0] {
        return known;
    }
    // Nothing is stacked on itself.
    known[device.0] = Some(false);
    let this = &network.devices[device.0];
    let below = match this.kind {
        DeviceKind::Loopback => true,
        DeviceKind::Veth(peer) => network.devices[peer.0].up.is_some(),
        DeviceKind::Other(kind) => match (kind.has_ports(), this.parent) {
            (true, _) => this.ports.iter().any(|port| runs(network, *port, known)),
            (false, Some(parent)) => runs(network, parent, known),
            (false, None) => true,
        },
    };
    let runs = this.up.is_some() && below;
    known[device.0] = Some(runs);
    runs
}

fn mtu(network: &Network<'_>, device: DeviceIndex, known: &mut [Option<u32>]) -> u32 {
    if let Some(known) = known[device.0] {
        return known;
    }
    known[device.0] = Some(ETHERNET_MTU);
    let this = &network.devices[device.0];
    let mut below = || this.parent.map_or(ETHERNET_MTU, |parent| mtu(network, parent, known));
    let own = match (this.mtu, this.kind) {
        (Some(mtu), _) => mtu,
        (None, DeviceKind::Loopback) => LOOPBACK_MTU,
        (None, DeviceKind::Veth(_)) => ETHERNET_MTU,
        (None, DeviceKind::Other(kind)) => match kind.mtu() {
            Mtu::Own(mtu) => mtu,
            Mtu::Lower => below(),
            Mtu::Less(headers) => below().saturating_sub(headers),
            Mtu::LeastOfPorts => {
                let ports = this.ports.iter().map(|port| mtu(network, *port, known));
                ports.min().unwrap_or(ETHERNET_MTU)
            }
        },
    };
    known[device.0] = Some(own);
    own
}

/// The routes of a device's addresses. A device that is down has the local ones alone.
fn routes(network: &mut Network<'_>, device: DeviceIndex) {
    let this = &network.devices[device.0];
    let is_up = this.up.is_some();
    let without_v6 = network.nodes[this.node.0].settings.disable_ipv6(this.name);
    let has_link_local = !without_v6 && !this.is_vrf() && !this.is_loopback();
    let vrf = network.vrf_table(device);
    let (local, main) = (vrf.unwrap_or(LOCAL), vrf.unwrap_or(MAIN));
    for address in this.addresses.clone() {
        let (evidence, v4) = (address.evidence, address.address.is_ipv4());
        if !v4 && without_v6 {
            continue;
        }
        network.owners.entry(address.address).or_default().push(device);
        let metric = if v4 { 0 } else { ADDRESS_METRIC };
        let mut add = |kind, net, table, metric| {
            network.add_own_route(device, (kind, net), (table, metric), evidence);
        };
        add(RouteKind::Local, IpNet::from(address.address), local, 0);
        // A node answers for an address that is there, whether or not the interface is up.
        if !is_up {
            continue;
        }
        if v4 && address.address.is_loopback() {
            add(RouteKind::Local, address.connected, local, 0);
            continue;
        }
        let single = address.connected == IpNet::from(address.address);
        if let IpNet::V4(net) = address.connected
            && net.prefix_len() < 31
        {
            add(
                RouteKind::Broadcast,
                IpNet::from(std::net::IpAddr::from(net.broadcast())),
                local,
                0,
            );
        }
        // Of IPv4, an address alone is on no link; of IPv6 its route is there, but for `::1`.
        if !single || !v4 && !address.address.is_loopback() {
            add(RouteKind::Unicast, address.connected, main, metric);
        }
    }
    if has_link_local && is_up {
        let net = IpNet::from(Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64));
        let evidence = Evidence::Kernel(KernelFact::LinkLocal);
        let key = (RouteKind::Unicast, net);
        network.add_own_route(device, key, (main, ADDRESS_METRIC), evidence);
    }
}
