//! A packet's way through compiled tables, without a kernel: every one of equal ways at once.

use std::collections::BTreeSet;
use std::net::IpAddr;
use vrflab::compile::{Interface, InterfaceId, Lab, LabelNexthop, MAIN, Nexthop, Node, NodeId};
use vrflab::document::Role;
use vrflab::iproute::{Label, RouteKind};

/// Where a packet is: at a node, in a table, under labels.
type Place = (NodeId, u32, Vec<Label>);

/// The nodes in which packets from a node to an address end; `None` among them is one that is lost.
pub fn ends(lab: &Lab, from: NodeId, to: IpAddr) -> BTreeSet<Option<NodeId>> {
    walk(lab, (from, MAIN), to).ends
}

/// The nodes that packets from a table of a node to an address come by, or end in.
pub fn visits(lab: &Lab, from: (NodeId, u32), to: IpAddr) -> BTreeSet<NodeId> {
    walk(lab, from, to).done.into_iter().map(|(node, ..)| node).collect()
}

fn walk(lab: &Lab, (from, table): (NodeId, u32), to: IpAddr) -> Walk<'_> {
    let mut walk =
        Walk { lab, to, under: Vec::new(), done: BTreeSet::new(), ends: BTreeSet::new() };
    walk.arrive((from, table, Vec::new()));
    walk
}

struct Walk<'a> {
    lab: &'a Lab,
    to: IpAddr,
    /// The places on the way here, for circles.
    under: Vec<Place>,
    done: BTreeSet<Place>,
    ends: BTreeSet<Option<NodeId>>,
}

impl Walk<'_> {
    fn arrive(&mut self, place: Place) {
        assert!(!self.under.contains(&place), "a circle to {}: {:?}", self.to, self.under);
        if !self.done.insert(place.clone()) {
            return;
        }
        self.under.push(place.clone());
        let (node, table, labels) = place;
        match labels.split_first() {
            None => self.routed(node, table),
            Some((top, rest)) => self.switched(node, *top, rest),
        }
        self.under.pop();
    }

    fn switched(&mut self, id: NodeId, top: Label, rest: &[Label]) {
        let node = &self.lab[id];
        let route = node.label_routes.iter().find(|it| it.value.label.number() == top.number());
        let Some(route) = route else {
            self.ends.insert(None);
            return;
        };
        for LabelNexthop { swap, via, dev } in &route.value.nexthops {
            let labels = [swap, rest].concat();
            match (node.vrf(dev.as_str()), via) {
                (Some(vrf), None) => self.arrive((id, vrf.table, labels)),
                (None, None) => self.arrive((id, MAIN, labels)),
                (_, Some(via)) => self.send(node, id, dev.as_str(), *via, labels),
            }
        }
    }

    fn routed(&mut self, id: NodeId, table: u32) {
        let node = &self.lab[id];
        // What is down has no address that packets come to, and no subnet.
        let mine = (0..node.interfaces.len()).map(InterfaceId);
        let mine = mine.filter(|port| self.lab.carries(id, *port));
        let mine = mine.map(|port| &node.interfaces[port.0]);
        let mine = mine.filter(|port| node.table_of(port) == table);
        let on_lo = node.loopback.iter().filter(|_| table == MAIN);
        if mine
            .clone()
            .flat_map(|it| &it.addresses)
            .chain(on_lo)
            .any(|it| it.value.addr() == self.to)
        {
            self.ends.insert(Some(id));
            return;
        }
        // Whoever only sends takes nothing on for others.
        if self.under.len() > 1 && !node.forwarding {
            self.ends.insert(None);
            return;
        }
        let carries = |port: &Interface| {
            let place = node.interface(port.name.as_str()).unwrap();
            self.lab.carries(id, place)
        };
        let connected = mine
            .filter(|port| carries(port))
            .flat_map(|port| port.addresses.iter().map(move |net| (port, net.value)))
            .filter(|(_, net)| net.contains(&self.to))
            .max_by_key(|(_, net)| net.prefix_len());
        let routes = node.routes.iter().map(|route| &route.value);
        let route = routes
            .filter(|route| route.table == table && route.destination.contains(&self.to))
            .min_by_key(|route| (u8::MAX - route.destination.prefix_len(), route.metric));
        match (connected, route) {
            (Some((port, net)), route)
                if route.is_none_or(|it| it.destination.prefix_len() <= net.prefix_len()) =>
            {
                self.send(node, id, port.name.as_str(), self.to, Vec::new());
            }
            (_, Some(route)) => match route.kind {
                RouteKind::Unicast => {
                    for nexthop in route.nexthops.iter() {
                        self.step(node, id, nexthop);
                    }
                }
                RouteKind::Throw => self.arrive((id, MAIN, Vec::new())),
                RouteKind::Local
                | RouteKind::Broadcast
                | RouteKind::Multicast
                | RouteKind::Anycast
                | RouteKind::Unreachable
                | RouteKind::Blackhole
                | RouteKind::Prohibit => {
                    self.ends.insert(None);
                }
            },
            (_, None) => {
                self.ends.insert(None);
            }
        }
    }

    fn step(&mut self, node: &Node, id: NodeId, nexthop: &Nexthop) {
        match (node.vrf(nexthop.dev.as_str()), nexthop.via) {
            (Some(vrf), None) => self.arrive((id, vrf.table, Vec::new())),
            (_, via) => {
                let via = via.unwrap_or(self.to).to_canonical();
                self.send(node, id, nexthop.dev.as_str(), via, nexthop.labels().to_vec());
            }
        }
    }

    /// Over a link, or a LAN, to whoever has the address there.
    fn send(&mut self, node: &Node, id: NodeId, dev: &str, via: IpAddr, labels: Vec<Label>) {
        let out = node.interface(dev).unwrap();
        let mut has: Vec<(NodeId, InterfaceId)> = self.on_wire(id, out);
        has.retain(|(far, port)| {
            let port = &self.lab[*far].interfaces[port.0];
            port.addresses.iter().any(|address| address.value.addr() == via)
        });
        if has.is_empty() {
            self.ends.insert(None);
        }
        for (far, port) in has {
            let table = self.lab[far].table_of(&self.lab[far].interfaces[port.0]);
            self.arrive((far, table, labels.clone()));
        }
    }

    /// The ports that frames from an interface come to, through switches.
    fn on_wire(&self, id: NodeId, out: InterfaceId) -> Vec<(NodeId, InterfaceId)> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![(id, out)];
        while let Some((node, out)) = open.pop() {
            if !self.lab.carries(node, out) || !seen.insert((node, out)) {
                continue;
            }
            let Some((far, port)) = self.lab.peer(node, out) else { continue };
            match self.lab[far].role {
                Role::Switch => {
                    let ports = 0..self.lab[far].interfaces.len();
                    open.extend(
                        ports.map(InterfaceId).filter(|it| *it != port).map(|it| (far, it)),
                    );
                }
                Role::Host | Role::Router | Role::Ce | Role::Pe | Role::P => {
                    found.push((far, port))
                }
            }
        }
        found
    }
}
