//! Interfaces that no link makes: what they are made of, and whose ports.

use super::bridges::BRIDGE;
use super::interface::{Interface, InterfaceKind, Lower};
use super::lab::{InterfaceId, Node, NodeId};
use super::lookup::no_interface;
use super::{Draft, bonds, bridges, queues, takers};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned, Text};
use crate::document::{DeviceName, Interface as Written, Role};
use crate::link::{Dummy, ETHERNET_MTU, Keys, Kind, KindName, LowerDevice, Medium, Mtu};
use crate::topology;
use crate::vocabulary::{Given, Value};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// Adds a node's interfaces that no link makes, and makes ports of those that are to be some.
pub(super) fn add(draft: &mut Draft, id: NodeId, node: &topology::Node, errors: &mut Diagnostics) {
    let mut added = Vec::new();
    for interface in &node.interfaces {
        let written = &interface.written;
        match draft.lab[id].interface(interface.name.value.as_str()) {
            Some(place) if draft.lab[id].interfaces[place.0].kind.is_bridge() => {
                switch(&mut draft.lab[id].interfaces[place.0], node, written, errors);
            }
            Some(_) => made_by_link(interface, errors),
            None => added.extend(one(draft, id, interface, errors).map(|it| (it, written))),
        }
    }
    // Parents may stand behind their children in the file.
    for (place, written) in &added {
        match kind(&draft.lab[id], *place, node, written, errors) {
            Ok(kind) => draft.lab[id].interfaces[place.0].kind = kind,
            Err(error) => errors.push(error),
        }
    }
    for (place, written) in &added {
        if draft.lab[id].interfaces[place.0].kind.has_ports() {
            ports(&mut draft.lab[id], *place, written, errors);
        }
    }
    let node_lab = &draft.lab[id];
    let is_port = |place: InterfaceId| node_lab.bridge_of(place).is_some();
    let passed = node_lab.passed_through();
    for place in (0..node_lab.interfaces.len()).map(InterfaceId) {
        if is_port(place) || passed.contains_key(&place) {
            draft.unaddressed.remove(&(id, place));
        }
    }
    // The ports of a switch have been looked at already.
    let made = node_lab.interfaces.iter().enumerate().filter(|_| node_lab.role != Role::Switch);
    for (_, interface) in made.filter(|(place, _)| is_port(InterfaceId(*place))) {
        if let Some(address) = interface.addresses.first() {
            errors.push(
                Diagnostic::error(Code::BadValue, "a port of a bridge has no addresses")
                    .at(address.span, format!("{} is a port", interface.name))
                    .help("give the address to the bridge"),
            );
        }
    }
    for (place, written) in &added {
        let interface = &draft.lab[id].interfaces[place.0];
        let joins = match interface.kind.of_device().map(Kind::medium) {
            None | Some(Medium::Alone | Medium::Bridge { vlan_filtering: true }) => false,
            Some(
                Medium::Bridge { vlan_filtering: false }
                | Medium::Bond
                | Medium::Tagged(_)
                | Medium::Untagged
                | Medium::Whole
                | Medium::Tunnel { .. }
                | Medium::Peers,
            ) => true,
        };
        let node = &draft.lab[id];
        let port = node.bridge_of(*place).is_some() || passed.contains_key(place);
        if joins && !port && written.addresses.is_none() {
            draft.unaddressed.insert((id, *place));
        }
    }
    let lab_node = &mut draft.lab[id];
    told_apart(lab_node, errors);
    bridges::ports(lab_node, node, errors);
    bonds::ports(lab_node, node, errors);
    takers::check(lab_node, errors);
    let (order, whole) = lab_node.stacked();
    if let Some(in_cycle) = order.get(whole) {
        let span = lab_node.interfaces[in_cycle.0].span;
        errors.push(
            Diagnostic::error(Code::BadValue, "interfaces form a cycle")
                .at(span, "this one is stacked on itself in the end")
                .note("a lower device is there before what is stacked on it, and a port before its bridge is whole"),
        );
        // Whoever goes down from child to parent comes to an end.
        for (place, _) in added {
            lab_node.interfaces[place.0].kind = InterfaceKind::device(Kind::Dummy(Dummy));
        }
    }
}

/// Refuses interfaces that the kernel takes for one.
fn told_apart(node: &Node, errors: &mut Diagnostics) {
    let mut known: HashMap<(KindName, String), &Interface> = HashMap::new();
    for interface in &node.interfaces {
        let InterfaceKind::Device { kind, lower } = &interface.kind else { continue };
        let lower = lower.as_ref().map(|lower| node.lower_name(lower).as_str());
        let Some(identity) = kind.identity(lower) else { continue };
        let Some(first) = known.insert((kind.name(), identity), interface) else { continue };
        let word = kind.name().word();
        let title =
            format!("the kernel takes `{}` and `{}` for one {word}", first.name, interface.name);
        errors.push(
            Diagnostic::error(Code::DuplicateInterface, title)
                .at(interface.span, "this one")
                .beside(first.span, "and this one")
                .note("the kernel refuses the second"),
        );
    }
}

fn made_by_link(interface: &topology::Interface, errors: &mut Diagnostics) {
    let Written { kind, own, .. } = &interface.written;
    let kind = kind.map(|kind| ("kind", kind.span));
    let own = own.iter().map(|given| (given.key, given.value.span));
    if let Some((word, span)) = kind.into_iter().chain(own).next() {
        errors.push(
            Diagnostic::error(
                Code::DuplicateInterface,
                format!("interface `{}` is made by a link", interface.name.value),
            )
            .at(span, format!("so it has no `{word}` of its own")),
        );
    }
}

/// What is said of the bridge that a switch is.
fn switch(
    bridge: &mut Interface,
    node: &topology::Node,
    written: &Written,
    errors: &mut Diagnostics,
) {
    let addresses = written.addresses.as_ref().and_then(|it| it.first());
    let kind = written.kind.map(|kind| ("kind", kind.span));
    let own = written.own.iter().map(|given| (given.key, given.value.span));
    // Its ports are the switch's links.
    let bridges = KindName::Bridge.description().keys.iter().map(|key| key.name);
    let known: Vec<&str> = bridges.filter(|key| *key != "ports").collect();
    let foreign = own.filter(|(key, _)| !known.contains(key));
    let foreign = kind.into_iter().chain(foreign);
    let other = addresses.map(|it| ("addresses", it.span));
    let other = other.or(written.vrf.as_ref().map(|it| ("vrf", it.span)));
    for (key, span) in foreign.chain(other) {
        errors.push(
            Diagnostic::error(Code::BadValue, format!("the bridge of a switch has no `{key}`"))
                .at(span, format!("`{BRIDGE}` is there by the node's role")),
        );
    }
    let name = bridge.name.clone();
    let kind = Spanned::filled(KindName::Bridge);
    match parse(&name, node, written, kind) {
        Ok(kind) => bridge.kind = InterfaceKind::device(kind),
        Err(error) => errors.push(error),
    }
    (bridge.mtu, bridge.mac) = (written.mtu, written.mac);
    bridge.up = written.up.is_none_or(|up| up.value);
}

/// What an interface is, from its keys; whether its bridges run STP a node may say for all of them.
fn parse(
    interface: &DeviceName,
    node: &topology::Node,
    written: &Written,
    kind: Spanned<KindName>,
) -> Result<Kind, Diagnostic> {
    let mut given = written.own.clone();
    let of_node = node.stp.filter(|_| !given.iter().any(|given| given.key == "stp"));
    given.extend(of_node.map(|stp| {
        let value = Spanned::new(Value::Flag(stp.value), stp.span);
        Given { key: "stp", value }
    }));
    kind.value.parse(&Keys { interface: interface.as_str(), kind, given: &given })
}

/// Adds an interface that no link makes; of what kind it is is not known yet.
fn one(
    draft: &mut Draft,
    id: NodeId,
    interface: &topology::Interface,
    errors: &mut Diagnostics,
) -> Option<InterfaceId> {
    let (name, written) = (&interface.name, &interface.written);
    if written.kind.is_none() {
        let node = &draft.lab[id].name;
        errors.push(
            Diagnostic::error(
                Code::UnknownInterface,
                format!("no link makes interface `{}` of `{node}`", name.value),
            )
            .at(name.span, "used by no link")
            .help_in(|notation| {
                let dummy = notation.interface(name.value.as_str(), &[("kind", "dummy")]);
                format!("name it at a link's end, or say its `kind`, as in {dummy}")
            }),
        );
        return None;
    }
    let taken = |kind: &KindName| kind.description().reserved.contains(&name.value.as_str());
    if let Some(kind) = KindName::ALL.iter().copied().find(taken) {
        let module = kind.description().module;
        errors.push(
            Diagnostic::error(
                Code::BadName,
                format!(
                    "`{}` is reserved: the kernel creates an interface of that name",
                    name.value
                ),
            )
            .at(name.span, "")
            .note(format!("every namespace has one where the module {module} is there")),
        );
    }
    if let Some(offload) = written.offload.filter(|offload| !offload.value) {
        let title = format!("`{}` is no end of a link, and cannot do without offload", name.value);
        errors.push(
            Diagnostic::error(Code::BadValue, title)
                .at(offload.span, "")
                .note("of other devices the kernel answers EOPNOTSUPP"),
        );
    }
    let place = InterfaceId(draft.lab[id].interfaces.len());
    if let Some(vrf) = &written.vrf {
        draft.want(id, place, vrf, true);
    }
    draft.lab[id].interfaces.push(Interface {
        addresses: written.addresses.clone().unwrap_or_default(),
        mtu: written.mtu,
        mac: written.mac,
        mpls: written.mpls.is_some_and(|mpls| mpls.value),
        netem: written.netem.clone(),
        tbf: written.tbf.clone(),
        traffic: queues::completed(written.traffic.clone(), errors),
        offload: written.offload.unwrap_or(Spanned::filled(true)),
        up: written.up.is_none_or(|up| up.value),
        ..Interface::plain(name.value.clone(), name.span, InterfaceKind::device(Kind::Dummy(Dummy)))
    });
    Some(place)
}

/// What an interface is, and what it rests on.
fn kind(
    node: &Node,
    place: InterfaceId,
    topology: &topology::Node,
    written: &Written,
    errors: &mut Diagnostics,
) -> Result<InterfaceKind, Diagnostic> {
    let said = written.kind.expect("an interface without a kind was not added");
    let interface = &node.interfaces[place.0].name;
    let keys = Keys { interface: interface.as_str(), kind: said, given: &written.own };
    for (key, span) in keys.foreign() {
        let word = said.value.word();
        errors.push(
            Diagnostic::error(Code::BadValue, format!("`{word}` has no key `{key}`"))
                .at(span, "not of its kind"),
        );
    }
    if let Some(mac) = written.mac.filter(|_| !said.value.description().takes_mac()) {
        let title = format!("`{}` has no MAC address of its own", said.value.word());
        errors.push(Diagnostic::error(Code::BadValue, title).at(mac.span, ""));
    }
    let kind = parse(interface, topology, written, said)?;
    let lower = said.value.description().lower;
    let name = lower.key().and_then(|key| keys.line(key));
    let vrf = |name: &Text| {
        let vrf = topology.vrfs.named(name.as_str())?;
        (lower == LowerDevice::Underlay).then(|| Lower::Vrf(vrf.name.value.clone()))
    };
    let lower = match (name, lower) {
        (None, LowerDevice::None | LowerDevice::Underlay | LowerDevice::Socket) => None,
        (None, LowerDevice::Parent) => return Err(keys.missing("parent")),
        (Some(name), _) => {
            let interface = node.interface(name.as_str()).map(Lower::Interface);
            Some(interface.or_else(|| vrf(name)).ok_or_else(|| no_interface(node, name))?)
        }
    };
    // The kernel has a VXLAN stacked on what its outer packets leave through.
    if let (Kind::Vxlan(_), Some(Lower::Vrf(below)), Some(vrf)) = (&kind, &lower, &written.vrf)
        && below.as_str() == vrf.as_str()
    {
        let title = format!("`{interface}` cannot be in the VRF that its `dev` names");
        return Err(Diagnostic::error(Code::BadValue, title)
            .at(vrf.span, "")
            .note("the kernel answers EBUSY to a port that is stacked on its own master")
            .help(format!(
                "for outer packets in VRF `{vrf}`, say an interface of that VRF as `dev`"
            )));
    }
    Ok(InterfaceKind::Device { kind, lower })
}

/// Makes the ports of a bridge.
fn ports(node: &mut Node, bridge: InterfaceId, written: &Written, errors: &mut Diagnostics) {
    let master = &node.interfaces[bridge.0];
    let (bridge, is_bond) = (master.name.clone(), !master.kind.is_bridge());
    let word =
        |interface: &Interface| interface.kind.of_device().map_or("link", |it| it.name().word());
    let of_master = word(master);
    for name in written.ports() {
        let Some(port) = node.interface(name.as_str()) else {
            errors.push(no_interface(node, name));
            continue;
        };
        let interface = &mut node.interfaces[port.0];
        let fault = if interface.kind.is_bridge() || (is_bond && interface.kind.has_ports()) {
            Some(format!("a {} cannot be a port of a {of_master}", word(interface)))
        } else {
            let master = interface.master.as_ref();
            master.map(|other| format!("`{name}` is a port of `{}` already", other.value))
        };
        match fault {
            Some(fault) => {
                errors.push(Diagnostic::error(Code::BadValue, fault).at(name.span, ""));
            }
            None => interface.master = Some(Spanned::new(bridge.clone(), name.span)),
        }
    }
}

/// Says those MTUs that the kernel would choose otherwise than for any interface.
pub(super) fn mtus(node: &mut Node, errors: &mut Diagnostics) {
    let mtu = |interface: &Interface| interface.mtu.map_or(ETHERNET_MTU, |mtu| mtu.value);
    let ports_of = node.ports();
    // A parent's first, so that its children have the same.
    for place in node.lower_first() {
        let interface = &node.interfaces[place.0];
        let ports = ports_of.get(&place).into_iter().flatten().map(|port| &node.interfaces[port.0]);
        let kind = match interface.kind.of_device() {
            Some(kind) if interface.mtu.is_none() => kind,
            Some(_) | None => continue,
        };
        let below = interface.kind.lower().map(|lower| &node.interfaces[lower.0]);
        let chosen = match kind.mtu() {
            Mtu::Own(own) => own,
            Mtu::Lower => below.map_or(ETHERNET_MTU, mtu),
            Mtu::Less(overhead) => below.map_or(ETHERNET_MTU, mtu).saturating_sub(overhead),
            // The ports of a switch have no VLANs above them.
            Mtu::LeastOfPorts if node.role == Role::Switch => continue,
            Mtu::LeastOfPorts => ports.map(mtu).min().unwrap_or(ETHERNET_MTU),
        };
        if chosen != ETHERNET_MTU {
            node.interfaces[place.0].mtu = Some(Spanned::filled(chosen));
        }
    }
    bonds::mtus(node, errors);
}

impl Node {
    /// The bridge that an interface is a port of.
    pub fn bridge_of(&self, place: InterfaceId) -> Option<InterfaceId> {
        let master: &DeviceName = &self.interfaces[place.0].master.as_ref()?.value;
        self.interface(master.as_str())
    }

    /// The ports of each bridge and bond.
    pub(super) fn ports(&self) -> BTreeMap<InterfaceId, Vec<InterfaceId>> {
        let mut ports: BTreeMap<InterfaceId, Vec<InterfaceId>> = BTreeMap::new();
        for port in (0..self.interfaces.len()).map(InterfaceId) {
            if let Some(bridge) = self.bridge_of(port) {
                ports.entry(bridge).or_default().push(port);
            }
        }
        ports
    }

    /// The interfaces, each behind those that it is stacked on, its ports among them; else in the
    /// file's order. Those of a cycle, if there is one, come last.
    pub fn lower_first(&self) -> Vec<InterfaceId> {
        self.stacked().0
    }

    /// [`Node::lower_first`], and how many of them are stacked on none that comes later.
    fn stacked(&self) -> (Vec<InterfaceId>, usize) {
        let mut above: Vec<Vec<usize>> = vec![Vec::new(); self.interfaces.len()];
        let mut waiting_for = vec![0; self.interfaces.len()];
        for (place, interface) in self.interfaces.iter().enumerate() {
            if let Some(lower) = interface.kind.lower() {
                above[lower.0].push(place);
                waiting_for[place] += 1;
            }
            if let Some(bridge) = self.bridge_of(InterfaceId(place)) {
                above[place].push(bridge.0);
                waiting_for[bridge.0] += 1;
            }
        }
        let free = (0..self.interfaces.len()).filter(|place| waiting_for[*place] == 0);
        let mut free: BinaryHeap<Reverse<usize>> = free.map(Reverse).collect();
        let mut order = Vec::with_capacity(self.interfaces.len());
        while let Some(Reverse(place)) = free.pop() {
            order.push(InterfaceId(place));
            for above in &above[place] {
                waiting_for[*above] -= 1;
                if waiting_for[*above] == 0 {
                    free.push(Reverse(*above));
                }
            }
        }
        let whole = order.len();
        let in_cycle = (0..self.interfaces.len()).filter(|place| waiting_for[*place] > 0);
        order.extend(in_cycle.map(InterfaceId));
        (order, whole)
    }
}
