//! The way that the kernels' own lookups give a packet: one is asked at each node, and nothing is sent.

use crate::compile::{self, Check, Lab, MAIN, NodeId};
use crate::kernel::{
    InterfaceState, Lookup, Namespace, Origin, RouteQuery, Way, Worker, interfaces,
};
use crate::verify::with_labels;
use nix::errno::Errno;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// How many nodes are asked: where lookups lead in a circle, nothing else ends them.
const MAX_STEPS: usize = 64;
/// The number of the protocol.
const TCP: u8 = 6;
/// The source port that the lookups are made with; rules seldom go by it.
const SOURCE_PORT: u16 = 40000;

/// What a node's kernel says that it does with a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NodeLookup {
    /// The node.
    pub node: String,
    /// The question, as the `ip` command that asks it.
    pub command: String,
    /// The answer in words.
    pub answer: String,
    /// What that means for the packet.
    pub verdict: LookupVerdict,
}

/// What an answer means for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupVerdict {
    /// It is sent on.
    SentOn,
    /// It is the node's own.
    TakenIn,
    /// There is no way for it.
    Refused,
}

/// What the kernels say of a probe and of the answer to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RoundTripLookups {
    /// Of the probe.
    pub request: Vec<NodeLookup>,
    /// Of the answer, where the probe comes to somebody.
    pub reply: Vec<NodeLookup>,
}

/// Asks the kernels on a packet's way, from the first to the one that takes it in or has no way on.
#[derive(Debug)]
pub(super) struct LookupWalk<'l> {
    lab: &'l Lab,
    worker: &'l mut Worker,
    interfaces: BTreeMap<NodeId, BTreeMap<String, InterfaceState>>,
    found: Vec<NodeLookup>,
}

/// A packet where it is looked up.
#[derive(Debug, Clone)]
struct Step {
    node: NodeId,
    origin: StepOrigin,
    to: IpAddr,
    source: Option<IpAddr>,
    labels: Vec<u32>,
    flow: Flow,
    tos: u8,
    /// What the packet has in its sender's namespace alone.
    mark: u32,
}

/// The number of a protocol, and its ports.
type Flow = Option<(u8, Option<(u16, u16)>)>;

/// A kernel's answer, and the same in words.
type Asked = Result<(Way, String), Errno>;

/// Where a packet comes from, by the name of the device.
#[derive(Debug, Clone)]
enum StepOrigin {
    Here,
    Bound(String),
    Interface(String),
}

impl<'l> LookupWalk<'l> {
    /// One whose kernels are entered by a worker.
    pub fn new(lab: &'l Lab, worker: &'l mut Worker) -> Self {
        Self { lab, worker, interfaces: BTreeMap::new(), found: Vec::new() }
    }

    /// The lookups on the way of a check's probe to an address, and of the answer.
    pub fn round_trip(&mut self, check: &Check, to: IpAddr) -> io::Result<RoundTripLookups> {
        let bound = check.device().map(|it| StepOrigin::Bound(it.as_str().to_owned()));
        let first = Step {
            node: check.from.node,
            origin: bound.unwrap_or(StepOrigin::Here),
            to,
            source: check.sends.from,
            labels: Vec::new(),
            flow: Some(check.flow(to, SOURCE_PORT)),
            tos: check.sends.tos,
            mark: check.sends.mark,
        };
        let last = self.walk(first)?;
        let request = std::mem::take(&mut self.found);
        if let Some(last) = last
            && let Some(source) = last.source
        {
            let node = &self.lab[last.node];
            let vrf = match &last.origin {
                StepOrigin::Here => None,
                StepOrigin::Bound(device) | StepOrigin::Interface(device) => {
                    let port = node.interface(device).map(|id| &node.interfaces[id.0]);
                    node.vrf(device).or_else(|| node.vrf_of(port?))
                }
            };
            let bound = vrf.map(|vrf| StepOrigin::Bound(vrf.name.to_string()));
            let origin = bound.unwrap_or(StepOrigin::Here);
            let flow =
                last.flow.map(|(number, ports)| (number, ports.map(|(from, to)| (to, from))));
            // What a server sends has a type of service of its own.
            let tos = if check.protocol() == compile::Protocol::Echo { last.tos } else { 0 };
            let (source, to) = (Some(to), source);
            self.walk(Step { origin, to, source, flow, tos, mark: 0, ..last })?;
        }
        Ok(RoundTripLookups { request, reply: std::mem::take(&mut self.found) })
    }

    /// Asks on and on; returns where the packet is taken in, if it is.
    fn walk(&mut self, mut step: Step) -> io::Result<Option<Step>> {
        for _ in 0..MAX_STEPS {
            self.enter(step.node)?;
            let (command, answer) = self.ask(&step)?;
            let way = match answer {
                Ok((way, answer)) => {
                    let verdict = match way.local {
                        true => LookupVerdict::TakenIn,
                        false => LookupVerdict::SentOn,
                    };
                    self.found(step.node, command, answer, verdict);
                    way
                }
                Err(errno) => {
                    self.found(step.node, command, in_words(errno), LookupVerdict::Refused);
                    return Ok(None);
                }
            };
            step.source = step.source.or(way.source);
            if way.local {
                return Ok(Some(step));
            }
            match self.next(step, &way) {
                Some(next) => step = next,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Asks the node that was entered: the command that does so, the answer, and the answer in words.
    fn ask(&self, step: &Step) -> io::Result<(String, Asked)> {
        let mut lookup = Lookup::open()?;
        if let Some(label) = step.labels.first() {
            let answer = lookup.label(*label);
            let answer = answer.map(|way| (way.clone(), self.whither(step.node, &way)));
            return Ok((format!("ip -f mpls route get {label}"), answer));
        }
        let (device, by) = match &step.origin {
            StepOrigin::Here => (None, String::new()),
            StepOrigin::Bound(device) => (Some(device), format!(" oif {device}")),
            StepOrigin::Interface(device) => (Some(device), format!(" iif {device}")),
        };
        let source = step.source.map(|it| format!(" from {it}")).unwrap_or_default();
        let tos = Some(step.tos).filter(|tos| *tos != 0).map(|tos| format!(" tos {tos:#x}"));
        let mark = Some(step.mark).filter(|mark| *mark != 0).map(|mark| format!(" mark {mark:#x}"));
        let (tos, mark) = (tos.unwrap_or_default(), mark.unwrap_or_default());
        let flow = match step.flow {
            Some((protocol, Some((from, to)))) => {
                let protocol = if protocol == TCP { "tcp" } else { "udp" };
                let from = Some(from).filter(|port| *port != SOURCE_PORT);
                let from = from.map(|port| format!(" sport {port}")).unwrap_or_default();
                format!(" ipproto {protocol}{from} dport {to}")
            }
            Some((_, None)) | None => String::new(),
        };
        let command = format!("ip route get {}{source}{tos}{by}{mark}{flow}", step.to);
        let index = |device: &str| self.interfaces[&step.node].get(device).map(|it| it.index);
        let origin = match (&step.origin, device.map(|device| index(device))) {
            (_, Some(None)) => return Ok((command, Err(Errno::ENODEV))),
            (_, None) => Origin::Here,
            (StepOrigin::Interface(_), Some(Some(index))) => Origin::Interface(index),
            (StepOrigin::Here | StepOrigin::Bound(_), Some(Some(index))) => Origin::Bound(index),
        };
        let Step { to: destination, source, flow, tos, mark, .. } = *step;
        let query = RouteQuery { destination, source, origin, flow, tos, mark };
        let answer = lookup.route(query).map(|way| {
            let by = lookup.matched(query).ok().filter(|_| !way.local);
            let by = by.map(|by| {
                let destination = match by.destination.prefix_len() {
                    0 => "default".to_owned(),
                    _ => by.destination.to_string(),
                };
                match by.table.or(way.table).filter(|table| *table != MAIN) {
                    Some(table) => format!("{destination} of table {table} "),
                    None => format!("{destination} "),
                }
            });
            let whither = match way.local {
                true => "an address of its own".to_owned(),
                false => self.whither(step.node, &way),
            };
            let answer = by.unwrap_or_default() + &whither;
            (way, answer)
        });
        Ok((command, answer))
    }

    /// Where a packet comes to by an answer, if the lab says what is there.
    fn next(&mut self, step: Step, way: &Way) -> Option<Step> {
        let device = self.name(step.node, way.interface?)?;
        let labels = match step.labels.split_first() {
            Some((_, behind)) => [&way.labels[..], behind].concat(),
            None => way.labels.clone(),
        };
        let node = &self.lab[step.node];
        // What is popped to `lo` or to a VRF is looked up again at the same node.
        if device == "lo" || node.vrf(&device).is_some() {
            let origin = StepOrigin::Interface(device);
            return (!step.labels.is_empty()).then_some(Step { origin, labels, ..step });
        }
        let (node, port) = self.holder(step.node, &device, way.gateway.unwrap_or(step.to))?;
        Some(Step { node, origin: StepOrigin::Interface(port), labels, mark: 0, ..step })
    }

    /// Who on the link of a device has an address, as the kernels have it.
    fn holder(&mut self, node: NodeId, device: &str, address: IpAddr) -> Option<(NodeId, String)> {
        let interface = self.lab[node].interface(device)?;
        self.lab.neighbours(node, interface).into_iter().find_map(|(next, port)| {
            let port = self.lab[next].interfaces[port.0].name.as_str();
            self.enter(next).ok()?;
            let state = self.interfaces[&next].get(port)?;
            state.addresses.contains(&address).then(|| (next, port.to_owned()))
        })
    }

    /// Enters a node's namespace, and reads its interfaces the first time.
    fn enter(&mut self, node: NodeId) -> io::Result<()> {
        self.worker.enter(&Namespace::open(&self.lab[node].namespace)?)?;
        if let std::collections::btree_map::Entry::Vacant(entry) = self.interfaces.entry(node) {
            entry.insert(interfaces(self.worker)?);
        }
        Ok(())
    }

    fn name(&self, node: NodeId, index: u32) -> Option<String> {
        let mut interfaces = self.interfaces[&node].iter();
        interfaces.find(|(_, it)| it.index == index).map(|(name, _)| name.clone())
    }

    /// Where an answer leads, in words.
    fn whither(&self, node: NodeId, way: &Way) -> String {
        let gateway = way.gateway.map(|gateway| format!("via {gateway} ")).unwrap_or_default();
        let device = way.interface.and_then(|index| self.name(node, index));
        let device = device.map(|device| format!("dev {device}")).unwrap_or_default();
        let labels = with_labels(&way.labels);
        let redirected = match way.redirected {
            true => ", learnt from a redirect, which `ip route flush cache` forgets",
            false => "",
        };
        format!("{gateway}{device}{labels}{redirected}")
    }

    fn found(&mut self, node: NodeId, command: String, answer: String, verdict: LookupVerdict) {
        let node = self.lab[node].name.to_string();
        self.found.push(NodeLookup { node, command, answer, verdict });
    }
}

/// What a refusal means: the source validation's has another number since Linux 6.13.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an errno without words of ours is said in its own"
)]
fn in_words(errno: Errno) -> String {
    match errno {
        Errno::EXDEV => format!("{}: source validation refuses it", errno.desc()),
        Errno::EINVAL => {
            format!("{}: a blackhole route, source validation or the source itself", errno.desc())
        }
        errno => errno.desc().to_owned(),
    }
}
