//! The kernels of the nodes, as far as a diagnosis asks them.

use super::Flow;
use super::leak::is_end;
use crate::check::frame::Outer;
use crate::check::path::Trail;
use crate::check::tunnel::print;
use crate::compile::{Lab, Node, NodeId};
use crate::kernel::{
    Direction, InterfaceState, Lookup, Namespace, Origin, RouteQuery, Way, Worker, interfaces,
    sysctl,
};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// All nodes of a lab, each to be asked in its turn.
pub(super) struct Site<'a, 'w> {
    pub(super) lab: &'a Lab,
    worker: &'w mut Worker,
}

/// One node that is being asked: the worker is in its namespace.
pub(super) struct Post<'a> {
    pub(super) lab: &'a Lab,
    pub(super) id: NodeId,
    pub(super) node: &'a Node,
    pub(super) interfaces: BTreeMap<String, InterfaceState>,
    lookup: Lookup,
}

impl<'a, 'w> Site<'a, 'w> {
    pub(super) fn new(lab: &'a Lab, worker: &'w mut Worker) -> Self {
        Self { lab, worker }
    }

    /// Goes to a node.
    pub(super) fn post(&mut self, id: NodeId) -> io::Result<Post<'a>> {
        let node = &self.lab[id];
        self.worker.enter(&Namespace::open(&node.namespace)?)?;
        let interfaces = interfaces(self.worker)?;
        Ok(Post { lab: self.lab, id, node, interfaces, lookup: Lookup::open()? })
    }

    /// A setting of the node that was gone to last.
    pub(super) fn setting(&self, key: &str) -> Option<String> {
        sysctl::read(self.worker, key).ok()
    }

    /// What becomes of a packet after it was seen for the last time.
    pub(super) fn after(&mut self, flow: Flow, trail: &Trail<'_>) -> Vec<String> {
        let Some(last) = trail.last() else { return Vec::new() };
        if let Some(Outer { source, destination, .. }) = last.packet.outer
            && last.direction == Direction::Incoming
            && is_end(self.lab, last.node, destination)
        {
            let (name, tunnels) = (&self.lab[last.node].name, print(&last.packet.tunnels));
            return vec![format!(
                "At {name} the {tunnels} from {source} to {destination} ends, and no interface \
                 takes the packet out of it."
            )];
        }
        let flow = flow.at(last);
        let arrival = trail.arrivals().into_iter().rfind(|arrival| arrival.node == last.node);
        let label = arrival.and_then(|arrival| arrival.packet.labels.first().copied());
        let post = match self.post(last.node) {
            Ok(post) => post,
            Err(error) => {
                return vec![format!("{} cannot be asked: {error}.", self.lab[last.node].name)];
            }
        };
        let is_vrf = post.node.vrf(&last.interface).is_some();
        match last.direction {
            Direction::Outgoing if is_vrf => self.in_vrf(post, flow, &last.interface, label),
            Direction::Outgoing => self.on_the_wire(&post, flow, &last.interface),
            Direction::Incoming | Direction::Passing => {
                if last.packet.labels.is_empty() {
                    self.forward(post, flow, &last.interface)
                } else {
                    self.labelled(post, flow, &last.interface, &last.packet.labels)
                }
            }
        }
    }
}

impl Post<'_> {
    /// Where the kernel would send a packet of its own, in a VRF or in none.
    pub(super) fn output(&mut self, to: IpAddr, vrf: Option<&str>) -> Result<Way, Errno> {
        self.output_from(to, None, vrf)
    }

    /// The same of one from an address.
    pub(super) fn output_from(
        &mut self,
        to: IpAddr,
        source: Option<IpAddr>,
        vrf: Option<&str>,
    ) -> Result<Way, Errno> {
        let origin = match vrf {
            None => Origin::Here,
            Some(vrf) => Origin::Bound(self.interfaces.get(vrf).ok_or(Errno::ENODEV)?.index),
        };
        self.lookup.route(RouteQuery { destination: to, source, origin })
    }

    /// What the kernel would do with a packet that comes in through a port.
    pub(super) fn input(&mut self, to: IpAddr, from: IpAddr, port: &str) -> Result<Way, Errno> {
        let port = self.interfaces.get(port).ok_or(Errno::ENODEV)?.index;
        let origin = Origin::Interface(port);
        self.lookup.route(RouteQuery { destination: to, source: Some(from), origin })
    }

    /// What the kernel would do with a label.
    pub(super) fn label(&mut self, label: u32) -> Result<Way, Errno> {
        self.lookup.label(label)
    }

    /// The name of the interface that a way leaves through.
    pub(super) fn device(&self, way: &Way) -> Option<&str> {
        let named = self.interfaces.iter().find(|(_, state)| Some(state.index) == way.interface);
        named.map(|(name, _)| name.as_str())
    }

    /// The VRF that a port is in.
    pub(super) fn vrf_of(&self, port: &str) -> Option<&str> {
        if self.node.vrf(port).is_some() {
            return self.node.vrf(port).map(|vrf| vrf.name.as_str());
        }
        let interface = &self.node.interfaces[self.node.interface(port)?.0];
        self.node.vrf_of(interface).map(|vrf| vrf.name.as_str())
    }

    /// Whether an interface is there and up.
    pub(super) fn is_up(&self, name: &str) -> bool {
        self.interfaces.get(name).is_some_and(|state| state.up)
    }
}
