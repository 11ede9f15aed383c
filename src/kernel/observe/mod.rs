//! What the kernel holds of a lab, read back over netlink and said in the steps that make it.

mod link;
mod route;

use super::message::family_of;
use super::{Namespace, SendError, Socket, Worker, offload, qdisc, rule, sysctl};
use crate::compile::Rule;
use crate::iproute::RuleAction;
use crate::plan::{Family, Observed, Op, Plan, RuleChange};
use ipnet::IpNet;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use rtnetlink::packet_route::rule::RuleMessage;
use rtnetlink::packet_route::tc::TcMessage;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// The names of one namespace's devices by their indices.
type Devices = BTreeMap<u32, String>;

/// What the kernel holds in the namespaces of a plan. Of settings, which the kernel has thousands
/// of, only those that the plan writes are read.
///
/// # Errors
/// A namespace cannot be read. One that is not there is no error: nothing in it is observed.
pub fn observe(plan: &Plan, worker: &mut Worker) -> io::Result<Observed> {
    let mut ops = BTreeSet::new();
    let planned: BTreeSet<&Op> = plan.steps().map(|step| &step.op).collect();
    let mut ends = link::Ends::default();
    for name in plan.namespaces() {
        let namespace = match Namespace::open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            namespace => namespace?,
        };
        worker.enter(&namespace)?;
        ops.insert(Op::Namespace { namespace: name.to_owned() });
        let mut socket = Socket::open()?;
        let devices = link::read(name, &mut socket, &mut ends, &mut ops)?;
        addresses(name, &mut socket, &devices, &planned, &mut ops)?;
        rules(name, &mut socket, &mut ops)?;
        queues(name, &mut socket, &devices, &mut ops)?;
        route::read(name, &mut socket, &devices, &mut ops)?;
    }
    ends.pair(&mut ops);
    settings(plan, worker, &mut ops)?;
    offloads(plan, worker, &mut ops)?;
    Ok(Observed { ops })
}

fn addresses(
    namespace: &str,
    socket: &mut Socket,
    devices: &Devices,
    planned: &BTreeSet<&Op>,
    ops: &mut BTreeSet<Op>,
) -> Result<(), SendError> {
    let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    for answer in socket.dump(request)? {
        let RouteNetlinkMessage::NewAddress(message) = answer else { continue };
        let Some(device) = devices.get(&message.header.index) else { continue };
        // A veth's far end stands as the peer's address; the local one is this device's.
        let local = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
        let plain = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        });
        let Some(address) = local.or(plain) else { continue };
        let kernels_own =
            message.header.scope == AddressScope::Link || device == "lo" && address.is_loopback();
        let Ok(address) = IpNet::new(address, message.header.prefix_len) else { continue };
        let (namespace, device) = (namespace.to_owned(), device.clone());
        let op = Op::Address { namespace, device, address };
        // A plan may choose a link-local address itself.
        if !kernels_own || planned.contains(&op) {
            ops.insert(op);
        }
    }
    Ok(())
}

/// The lookup of the local table where the kernel puts it by itself.
const KERNELS_LOCAL: (Option<u32>, RuleAction<u32>) = (Some(0), RuleAction::Lookup(255));

fn rules(namespace: &str, socket: &mut Socket, ops: &mut BTreeSet<Op>) -> Result<(), SendError> {
    for v4 in [true, false] {
        let mut request = RuleMessage::default();
        request.header.family = family_of(if v4 { Family::V4 } else { Family::V6 });
        let mut local_at_its_place = false;
        let op = |change, rule| Op::Rule { namespace: namespace.to_owned(), change, rule };
        for answer in socket.dump(RouteNetlinkMessage::GetRule(request))? {
            let RouteNetlinkMessage::NewRule(message) = answer else { continue };
            let Some((rule, kernels_own)) = rule::read(&message) else { continue };
            local_at_its_place |= (rule.priority, rule.action.clone()) == KERNELS_LOCAL;
            if !kernels_own {
                ops.insert(op(RuleChange::Add, rule));
            }
        }
        if !local_at_its_place {
            let (priority, action) = KERNELS_LOCAL;
            ops.insert(op(RuleChange::Delete, Rule { priority, ..Rule::all(v4, action) }));
        }
    }
    Ok(())
}

fn queues(
    namespace: &str,
    socket: &mut Socket,
    devices: &Devices,
    ops: &mut BTreeSet<Op>,
) -> Result<(), SendError> {
    let request = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
    for bytes in socket.dump_bytes(request)? {
        let Some((index, qdisc)) = qdisc::read(&bytes) else { continue };
        if let Some(device) = devices.get(&index) {
            let device = device.clone();
            ops.insert(Op::Qdisc { namespace: namespace.to_owned(), device, qdisc });
        }
    }
    Ok(())
}

/// What devices compute themselves is read of those of which the plan says it: who else does depends
/// on their kind.
fn offloads(plan: &Plan, worker: &mut Worker, ops: &mut BTreeSet<Op>) -> io::Result<()> {
    for step in plan.steps() {
        let Op::NoOffload { namespace, device } = &step.op else { continue };
        let Ok(opened) = Namespace::open(namespace) else { continue };
        worker.enter(&opened)?;
        if offload::is_off(worker, device).unwrap_or(false) {
            ops.insert(step.op.clone());
        }
    }
    Ok(())
}

fn settings(plan: &Plan, worker: &mut Worker, ops: &mut BTreeSet<Op>) -> io::Result<()> {
    for step in plan.steps() {
        let Op::Sysctl { namespace, key, optional, .. } = &step.op else { continue };
        let Ok(opened) = Namespace::open(namespace) else { continue };
        worker.enter(&opened)?;
        match sysctl::read(worker, key) {
            Ok(value) => {
                // The kernel puts tabs where people put spaces.
                let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                let (namespace, key, optional) = (namespace.clone(), key.clone(), *optional);
                ops.insert(Op::Sysctl { namespace, key, value, optional });
            }
            // A kernel that does not know it holds as much of it as is asked for.
            Err(error) if *optional && error.kind() == io::ErrorKind::NotFound => {
                ops.insert(step.op.clone());
            }
            Err(_) => {}
        }
    }
    Ok(())
}
