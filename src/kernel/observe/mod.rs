//! What the kernel holds of a lab, read back over netlink.

mod ends;
mod link;
mod own;
mod route;

pub use own::{LackingRoute, lacking_routes};

use super::family::family_of;
use super::nft_tables::{nft_generation, nft_tables};
use super::{
    Home, Namespace, SendError, Socket, Worker, class, neighbour, offload, qdisc, rule, sysctl,
    wireguard,
};
use crate::compile::{LOCAL, Rule};
use crate::document::DeviceName;
use crate::iproute::{FdbEntry, Leaf, RuleAction};
use crate::link::Kind;
use crate::plan::{Family, Plan, Qdisc, Resource, State};
use ipnet::IpNet;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use rtnetlink::packet_route::rule::RuleMessage;
use rtnetlink::packet_route::tc::TcMessage;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

/// The names of one namespace's devices by their indices.
type Devices = BTreeMap<u32, String>;

/// What the kernel holds in the namespaces of a plan. Of settings, which the kernel has thousands
/// of, only those that the plan writes are read.
///
/// # Errors
/// A namespace cannot be read. One that is not there is no error: nothing in it is observed.
pub fn observe(plan: &Plan, worker: &mut Worker) -> io::Result<State> {
    observe_all(&[plan], worker)
}

/// What nft has loaded, by the names of its tables, in the namespaces of a plan where that is not what the plan has:
/// it gives them no ruleset, or somebody has changed what is loaded since the lab's directory notes that it is the
/// plan's. Commands in a namespace may do that.
///
/// # Errors
/// A namespace cannot be read. One that is not there is no error.
pub fn foreign_rulesets(
    plan: &Plan,
    home: &Home,
    worker: &mut Worker,
) -> io::Result<Vec<Resource>> {
    let of = |is: fn(&Resource) -> bool| -> BTreeSet<&str> {
        plan.resources().filter(|it| is(it)).map(Resource::namespace).collect()
    };
    let planned = of(|it| matches!(it, Resource::Ruleset { .. }));
    let programs = of(|it| matches!(it, Resource::Command { .. }));
    let mut found = Vec::new();
    for name in plan.namespaces() {
        let namespace = match Namespace::open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            namespace => namespace?,
        };
        worker.enter(&namespace)?;
        let is_changed = match home.noted_ruleset(name)? {
            Some(noted) if planned.contains(name) => nft_generation(worker)? != Some(noted),
            Some(_) | None => false,
        };
        if planned.contains(name) && (!is_changed || programs.contains(name)) {
            continue;
        }
        let tables = nft_tables(worker)?;
        if is_changed || !tables.is_empty() {
            let (namespace, ruleset) = (name.to_owned(), tables.join("; "));
            found.push(Resource::Ruleset { namespace, ruleset });
        }
    }
    Ok(found)
}

/// [`observe`], of the namespaces and settings of several plans.
///
/// # Errors
/// As [`observe`].
pub fn observe_all(plans: &[&Plan], worker: &mut Worker) -> io::Result<State> {
    let mut resources = Vec::new();
    let planned: BTreeSet<&Resource> = plans.iter().flat_map(|plan| plan.resources()).collect();
    let names: BTreeSet<&str> = plans.iter().flat_map(|plan| plan.namespaces()).collect();
    let planned_in = by_namespace(&planned);
    let nothing = BTreeSet::new();
    let mut ends = Vec::new();
    for name in names {
        let planned = planned_in.get(name).unwrap_or(&nothing);
        let namespace = match Namespace::open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            namespace => namespace?,
        };
        worker.enter(&namespace)?;
        let mut held = BTreeSet::from([Resource::Namespace { namespace: name.to_owned() }]);
        let mut socket = Socket::open()?;
        let devices = link::read(name, &mut socket, planned, &mut ends, &mut held)?;
        told(name, &mut held)?;
        addresses(name, &mut socket, &devices, planned, &mut held)?;
        neighbours(name, &mut socket, &devices, &mut held)?;
        rules(name, &mut socket, planned, &mut held)?;
        queues(name, &mut socket, &devices, &mut held)?;
        route::read(name, &mut socket, &devices, &mut held)?;
        settings(name, planned, worker, &mut held);
        offloads(name, planned, worker, &mut held);
        resources.extend(held);
    }
    resources.extend(ends::pair(&ends, worker)?);
    Ok(State { resources: resources.into_iter().collect() })
}

/// What is planned, by the namespaces that hold it.
fn by_namespace<'a>(planned: &BTreeSet<&'a Resource>) -> BTreeMap<&'a str, BTreeSet<&'a Resource>> {
    let mut by_namespace: BTreeMap<&str, BTreeSet<&Resource>> = BTreeMap::new();
    for resource in planned {
        for namespace in resource.namespaces() {
            by_namespace.entry(namespace).or_default().insert(resource);
        }
    }
    by_namespace
}

/// Reads what the WireGuard interfaces of a namespace have been told.
fn told(namespace: &str, resources: &mut BTreeSet<Resource>) -> Result<(), SendError> {
    let interfaces = resources.iter().filter_map(|resource| {
        let Resource::Device { namespace: here, device } = resource else { return None };
        let is_one = here == namespace && device.kind.as_wireguard().is_some();
        is_one.then(|| device.name.clone())
    });
    for device in interfaces.collect::<Vec<_>>() {
        if let Some(settings) = wireguard::read(&device)? {
            let namespace = namespace.to_owned();
            resources.insert(Resource::Wireguard { namespace, device, settings });
        }
    }
    Ok(())
}

fn addresses(
    namespace: &str,
    socket: &mut Socket,
    devices: &Devices,
    planned: &BTreeSet<&Resource>,
    resources: &mut BTreeSet<Resource>,
) -> Result<(), SendError> {
    let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    for answer in socket.dump(request)? {
        let RouteNetlinkMessage::NewAddress(message) = answer else { continue };
        let Some(device) = devices.get(&message.header.index) else { continue };
        // What is at the far end stands in the place of the address where both are there.
        let local = message.attributes.iter().find_map(|attribute| {
            let AddressAttribute::Local(address) = attribute else { return None };
            Some(*address)
        });
        let plain = message.attributes.iter().find_map(|attribute| {
            let AddressAttribute::Address(address) = attribute else { return None };
            Some(*address)
        });
        let Some(address) = local.or(plain) else { continue };
        let kernels_own =
            message.header.scope == AddressScope::Link || device == "lo" && address.is_loopback();
        let length = message.header.prefix_len;
        let far = plain.filter(|far| *far != address);
        let Ok(peer) = far.map(|far| IpNet::new(far, length)).transpose() else { continue };
        let address = match peer {
            Some(_) => Ok(IpNet::from(address)),
            None => IpNet::new(address, length),
        };
        let Ok(address) = address else { continue };
        let (namespace, device) = (namespace.to_owned(), device.clone());
        let held = Resource::Address { namespace, device, address, peer };
        // A plan may choose a link-local address itself.
        if !kernels_own || planned.contains(&held) {
            resources.insert(held);
        }
    }
    Ok(())
}

fn neighbours(
    here: &str,
    socket: &mut Socket,
    devices: &Devices,
    resources: &mut BTreeSet<Resource>,
) -> Result<(), SendError> {
    for proxies in [false, true] {
        let request = RouteNetlinkMessage::GetNeighbour(neighbour::request(proxies));
        for answer in socket.dump(request)? {
            let RouteNetlinkMessage::NewNeighbour(message) = answer else { continue };
            let device = devices.get(&message.header.ifindex);
            let device = device.and_then(|name| DeviceName::new(name.as_str()));
            let read = device.and_then(|device| neighbour::read(&message, device));
            resources.extend(
                read.map(|neighbour| Resource::Neighbour { namespace: here.to_owned(), neighbour }),
            );
        }
    }
    let request = RouteNetlinkMessage::GetNeighbour(neighbour::fdb_request());
    // A VXLAN's far end is an entry too.
    let ends: BTreeSet<(String, IpAddr)> =
        resources.iter().filter_map(|it| end(here, it)).collect();
    let minding = resources.iter().filter_map(|resource| {
        let Resource::Device { namespace, device } = resource else { return None };
        let minds = device.kind.as_bridge().is_some_and(|bridge| bridge.vlan_filtering);
        (namespace == here && minds).then(|| device.name.clone())
    });
    let minding: BTreeSet<String> = minding.collect();
    for answer in socket.dump(request)? {
        let RouteNetlinkMessage::NewNeighbour(message) = answer else { continue };
        let Some(device) = devices.get(&message.header.ifindex).cloned() else { continue };
        let minds = |bridge: u32| devices.get(&bridge).is_some_and(|it| minding.contains(it));
        let Some(entry) = neighbour::read_fdb(&message, minds) else { continue };
        let is_end = |dst| entry == FdbEntry::flood(dst) && ends.contains(&(device.clone(), dst));
        if !entry.dst().is_some_and(is_end) {
            resources.insert(Resource::Fdb { namespace: here.to_owned(), device, entry });
        }
    }
    Ok(())
}

/// The name of a VXLAN and its far end.
fn end(here: &str, resource: &Resource) -> Option<(String, IpAddr)> {
    let Resource::Device { namespace, device } = resource else { return None };
    let Kind::Vxlan(vxlan) = &device.kind else { return None };
    (namespace == here).then_some((device.name.clone(), vxlan.remote?))
}

/// The lookup of the local table where the kernel puts it by itself, which a plan may take away.
const KERNELS_LOCAL: (Option<u32>, RuleAction<u32>) = (Some(0), RuleAction::Lookup(LOCAL));

fn rules(
    namespace: &str,
    socket: &mut Socket,
    planned: &BTreeSet<&Resource>,
    resources: &mut BTreeSet<Resource>,
) -> Result<(), SendError> {
    for family in [Family::V4, Family::V6] {
        let mut request = RuleMessage::default();
        request.header.family = family_of(family);
        for answer in socket.dump(RouteNetlinkMessage::GetRule(request))? {
            let RouteNetlinkMessage::NewRule(message) = answer else { continue };
            let Some((rule, kernels_own)) = rule::read(&message) else { continue };
            let is_local = (rule.priority, rule.action.clone()) == KERNELS_LOCAL;
            let rule = if kernels_own { Rule { protocol: None, ..rule } } else { rule };
            let rule = Resource::Rule { namespace: namespace.to_owned(), rule };
            // Its others are there unless somebody deletes them, and are shown to who asks.
            if !kernels_own || is_local || planned.contains(&rule) {
                resources.insert(rule);
            }
        }
    }
    Ok(())
}

fn queues(
    namespace: &str,
    socket: &mut Socket,
    devices: &Devices,
    resources: &mut BTreeSet<Resource>,
) -> Result<(), SendError> {
    let request = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
    let (mut filtered, mut shared) = (Vec::new(), Vec::new());
    for bytes in socket.dump_bytes(request)? {
        let Some((index, qdisc)) = qdisc::read(&bytes) else { continue };
        if let Some(device) = devices.get(&index) {
            if qdisc == Qdisc::Ingress {
                filtered.push((index, device));
            }
            if let Qdisc::Leaf { leaf: Leaf::Htb(_), behind } = qdisc {
                shared.push((index, device, qdisc.place().major(), behind));
            }
            let device = device.clone();
            resources.insert(Resource::Qdisc { namespace: namespace.to_owned(), device, qdisc });
        }
    }
    for (index, device) in filtered {
        let request = RouteNetlinkMessage::GetTrafficFilter(qdisc::filters(index));
        for bytes in socket.dump_bytes(request)? {
            let Some(qdisc) = qdisc::read_filter(&bytes) else { continue };
            let (namespace, device) = (namespace.to_owned(), device.clone());
            resources.insert(Resource::Qdisc { namespace, device, qdisc });
        }
    }
    for (index, device, major, behind) in shared {
        let classes = RouteNetlinkMessage::GetTrafficClass(class::classes(index));
        let classes = socket.dump_bytes(classes)?;
        let filters = RouteNetlinkMessage::GetTrafficFilter(class::filters(index, major));
        let filters = socket.dump_bytes(filters)?;
        let classes = classes.iter().filter_map(|bytes| class::read_class(bytes, major, behind));
        let filters = filters.iter().filter_map(|bytes| class::read_filter(bytes, behind));
        resources.extend(classes.chain(filters).map(|qdisc| {
            let (namespace, device) = (namespace.to_owned(), device.clone());
            Resource::Qdisc { namespace, device, qdisc }
        }));
    }
    Ok(())
}

/// What devices compute themselves is read of those of which the plan says it: who else does depends
/// on their kind.
fn offloads(
    here: &str,
    planned: &BTreeSet<&Resource>,
    worker: &Worker,
    held: &mut BTreeSet<Resource>,
) {
    for resource in planned {
        let Resource::NoOffload { namespace, device } = resource else { continue };
        if namespace == here && offload::is_off(worker, device).unwrap_or(false) {
            held.insert((*resource).clone());
        }
    }
}

fn settings(
    here: &str,
    planned: &BTreeSet<&Resource>,
    worker: &Worker,
    held: &mut BTreeSet<Resource>,
) {
    for resource in planned {
        let Resource::Sysctl { namespace, key, optional, .. } = resource else { continue };
        if namespace != here {
            continue;
        }
        match sysctl::read(worker, key) {
            Ok(value) => {
                // The kernel puts tabs where people put spaces.
                let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                let (namespace, key, optional) = (namespace.clone(), key.clone(), *optional);
                held.insert(Resource::Sysctl { namespace, key, value, optional });
            }
            // A kernel that does not know it holds as much of it as is asked for.
            Err(error) if *optional && error.kind() == io::ErrorKind::NotFound => {
                held.insert((*resource).clone());
            }
            Err(_) => {}
        }
    }
}
