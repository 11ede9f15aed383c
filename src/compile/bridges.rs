//! What the file says of bridges' ports: their VLANs and their flags.

use super::interface::Interface;
use super::lab::{InterfaceId, Node};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned};
use crate::document::{DeviceName, Interface as Written};
use crate::iproute::{FdbEntry, FdbPlace, Vlan};
use crate::link::{BridgePort, DEFAULT_PVID, Keys, Kind, KindName, REMOTES};
use crate::topology;
use crate::vocabulary::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The bridge inside a switch.
pub(super) const BRIDGE: &str = "br0";

/// How many ports the kernel's bridge takes (`BR_MAX_PORTS` of `net/bridge/br_private.h`).
const MOST_PORTS: usize = 1023;

/// Gives the ports of a node's bridges what the file says of them.
pub(super) fn ports(node: &mut Node, topology: &topology::Node, errors: &mut Diagnostics) {
    flags(node, topology, errors);
    vlans(node, topology, errors);
    fdb(node, topology, errors);
    limit(node, errors);
}

/// What ports are told.
fn flags(node: &mut Node, topology: &topology::Node, errors: &mut Diagnostics) {
    for written in &topology.interfaces {
        let Some(port) = &written.written.bridge_port else { continue };
        let Some(place) = node.interface(written.name.value.as_str()) else { continue };
        let bridge = node.bridge_of(place).map(|it| &node.interfaces[it.0]);
        if !bridge.is_some_and(|bridge| bridge.kind.is_bridge()) {
            let title = format!("`{}` is no port of a bridge", written.name.value);
            errors.push(Diagnostic::error(Code::BadValue, title).at(port.span, "said of a port"));
        } else if !port.value.is_plain() {
            node.interfaces[place.0].bridge_port = Some(port.clone());
        }
    }
}

/// Where MAC addresses are.
fn fdb(node: &mut Node, topology: &topology::Node, errors: &mut Diagnostics) {
    for said in &topology.interfaces {
        let name = said.name.value.as_str();
        let Some(place) = node.interface(name) else { continue };
        let interface = &node.interfaces[place.0];
        let vxlan = match interface.kind.of_device() {
            Some(Kind::Vxlan(vxlan)) => Some(vxlan),
            Some(_) | None => None,
        };
        // What cannot be read was told of with the interface.
        let is_vxlan = said.written.kind.is_some_and(|kind| kind.value == KindName::Vxlan);
        if is_vxlan && vxlan.is_none() {
            continue;
        }
        let bridge = node.bridge_of(place).map(|it| &node.interfaces[it.0]);
        let kind = said.written.kind.unwrap_or(Spanned::filled(KindName::Vxlan));
        let keys = Keys { interface: name, kind, given: &said.written.own };
        let remotes = keys.ips(REMOTES).unwrap_or_default().into_iter();
        let external = vxlan.is_some_and(|vxlan| vxlan.external);
        let vlans = interface.vlans.iter().flat_map(|vlan| vlan.value.each());
        let vnis: Vec<Option<u32>> = match external {
            true => vlans.filter_map(|vlan| vlan.tunnel.map(Some)).collect(),
            false => vec![None],
        };
        let remotes = remotes.flat_map(|far| {
            let entry = far.map(FdbEntry::flood);
            let of = |vni: &Option<u32>| match vni {
                Some(vni) => entry.map(|entry| entry.of_vni(*vni)),
                None => entry,
            };
            vnis.iter().map(of).collect::<Vec<_>>()
        });
        let mut entries: Vec<Spanned<FdbEntry>> = Vec::new();
        let key = |entry: &FdbEntry| {
            let many = entry.dst().filter(|_| entry.is_of_many());
            let vlan = match entry.place {
                FdbPlace::Port { vlan } => vlan,
                FdbPlace::Tunnel { .. } => None,
            };
            (entry.lladdr, many, vlan, entry.src_vni(), entry.dst().is_some())
        };
        // What the device floods to is an entry that the kernel makes with it.
        let far = ["remote", "group"]
            .into_iter()
            .find_map(|key| keys.ip(key))
            .filter(|_| vxlan.is_some());
        let own = far.map(|far| (key(&FdbEntry::flood(far.value)), far.span));
        let mut spans: BTreeMap<_, _> = own.into_iter().collect();
        let kept = |entry: FdbEntry| match vxlan {
            Some(vxlan) => entry.as_kept((vxlan.id, vxlan.dstport)),
            None => entry,
        };
        for entry in remotes.chain(said.written.fdb.iter().copied()) {
            let entry = entry.map(kept);
            let fault = match (entry.value.place, vxlan) {
                (FdbPlace::Tunnel { src_vni, .. }, Some(vxlan))
                    if src_vni.is_some() != vxlan.external =>
                {
                    Some(match vxlan.external {
                        true => format!("`{name}` has several VNIs: say `src_vni`"),
                        false => format!("`{name}` has one VNI"),
                    })
                }
                (FdbPlace::Tunnel { dst, .. }, Some(vxlan)) => (dst.is_ipv4()
                    != vxlan.is_over_ipv4())
                .then(|| format!("the packets of `{name}` are of the other family")),
                (FdbPlace::Tunnel { .. }, None) => Some(format!("`{name}` is no VXLAN")),
                (FdbPlace::Port { vlan }, _) => match bridge.filter(|it| it.kind.is_bridge()) {
                    None => Some(format!("`{name}` is no port of a bridge")),
                    Some(bridge) => match (bridge.minds_vlans(), vlan) {
                        (false, None) => None,
                        (false, Some(_)) => {
                            Some(format!("bridge `{}` is not VLAN-aware", bridge.name))
                        }
                        (true, None) => {
                            Some(format!("bridge `{}` is VLAN-aware: say a `vlan`", bridge.name))
                        }
                        (true, Some(id)) => {
                            let mut carried =
                                interface.vlans.iter().flat_map(|vlan| vlan.value.ids());
                            (!carried.any(|it| it == id))
                                .then(|| format!("`{name}` does not carry VLAN {id}"))
                        }
                    },
                },
            };
            let first = spans.get(&key(&entry.value)).copied();
            if let Some(fault) = fault {
                errors.push(Diagnostic::error(Code::BadValue, fault).at(entry.span, ""));
            } else if let Some(first) = first {
                let title = format!("two entries for {} at `{name}`", entry.value.lladdr);
                errors.push(
                    Diagnostic::error(Code::DuplicateKey, title)
                        .at(entry.span, "the second one")
                        .beside(first, "the first one"),
                );
            } else {
                spans.insert(key(&entry.value), entry.span);
                entries.push(entry);
            }
        }
        node.interfaces[place.0].fdb = entries;
    }
}

/// The VLAN of those ports of a bridge that say none.
fn default_vlans(bridge: &DeviceName, topology: &topology::Node) -> Vec<Spanned<Vlan>> {
    let written = topology.interfaces.named(bridge.as_str());
    let own = written.into_iter().flat_map(|it| &it.written.own);
    let said = own.into_iter().find(|given| given.key == DEFAULT_PVID).map(|it| &it.value);
    match said.map(|said| (&said.value, said.span)) {
        Some((Value::Number(0), _)) => Vec::new(),
        Some((Value::Number(id), span)) => {
            let id = *id as u16;
            vec![Spanned::new(Vlan { first: id, last: id, ..Vlan::PLAIN }, span)]
        }
        Some((Value::Flag(_) | Value::Line(_) | Value::Ip(_) | Value::Lines(_), _)) | None => {
            vec![Spanned::filled(Vlan::PLAIN)]
        }
    }
}

/// Gives the ports of bridges that mind VLANs theirs; the plain one where nothing is said.
fn vlans(node: &mut Node, topology: &topology::Node, errors: &mut Diagnostics) {
    let filters = Interface::minds_vlans;
    let said: HashMap<&DeviceName, &Written> =
        topology.interfaces.iter().map(|it| (&it.name.value, &it.written)).collect();
    for place in 0..node.interfaces.len() {
        let interface = &node.interfaces[place];
        let bridge = node.bridge_of(InterfaceId(place)).map(|it| &node.interfaces[it.0]);
        let minds = filters(interface) || bridge.is_some_and(filters);
        let written = said.get(&interface.name).and_then(|it| it.vlans.as_ref());
        if let (false, Some(first)) = (minds, written.and_then(|vlans| vlans.first())) {
            errors.push(
                Diagnostic::error(Code::BadValue, "VLANs where nobody minds them")
                    .at(first.span, format!("{} is no port of such a bridge", interface.name))
                    .help_in(|notation| {
                        let keys = [("kind", "bridge"), ("vlan_filtering", "true")];
                        format!(
                            "its bridge needs `vlan_filtering`, as in {}",
                            notation.interface("br0", &keys)
                        )
                    }),
            );
        }
        let external = match interface.kind.of_device() {
            Some(Kind::Vxlan(vxlan)) => vxlan.external,
            Some(_) | None => false,
        };
        let said = written.into_iter().flatten();
        if let Some(vlan) = said.clone().find(|vlan| !external && vlan.value.tunnel.is_some()) {
            errors.push(
                Diagnostic::error(Code::BadValue, "`tunnel_info` of a port without VNIs")
                    .at(vlan.span, format!("`{}` is no VXLAN with `external`", interface.name)),
            );
        }
        let mut vnis: BTreeSet<u32> = BTreeSet::new();
        for vlan in said {
            let mut tunnels = vlan.value.each().filter_map(|vlan| vlan.tunnel);
            if let Some(vni) = tunnels.find(|vni| !vnis.insert(*vni)) {
                let title = format!("two VLANs of one port have the VNI {vni}");
                errors.push(Diagnostic::error(Code::BadValue, title).at(vlan.span, "again"));
            }
        }
        let mut known: BTreeSet<u16> = BTreeSet::new();
        let mut pvid = false;
        for vlan in written.into_iter().flatten() {
            if !vlan.value.ids().all(|id| known.insert(id)) || (pvid && vlan.value.pvid) {
                let what = if vlan.value.pvid { "`pvid`, or a VLAN," } else { "a VLAN" };
                let title = format!("{what} twice on one port");
                errors.push(Diagnostic::error(Code::BadValue, title).at(vlan.span, "again"));
            }
            pvid |= vlan.value.pvid;
        }
        if minds {
            let bridge = bridge.unwrap_or(interface).name.clone();
            node.interfaces[place].vlans =
                written.cloned().unwrap_or_else(|| default_vlans(&bridge, topology));
            // Without it the kernel takes no VNI for a VLAN.
            if external && !vnis.is_empty() {
                let port = &mut node.interfaces[place].bridge_port;
                let said = port.take().unwrap_or(Spanned::filled(BridgePort::default()));
                *port = Some(said.map(BridgePort::with_vlan_tunnel));
            }
        }
    }
}

/// Reports a bridge with more ports than the kernel takes.
fn limit(node: &Node, errors: &mut Diagnostics) {
    let counts = node.ports().into_iter().map(|(bridge, ports)| (bridge, ports.len()));
    for (bridge, count) in counts.filter(|(_, count)| *count > MOST_PORTS) {
        let bridge = &node.interfaces[bridge.0];
        errors.push(
            Diagnostic::error(
                Code::TooManyPorts,
                format!("bridge `{}` of `{}` has {count} ports", bridge.name, node.name),
            )
            .at(bridge.span.or(node.span), format!("the kernel's bridge takes {MOST_PORTS}"))
            .help("join several switches by links"),
        );
    }
}
