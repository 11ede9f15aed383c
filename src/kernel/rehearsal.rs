//! Steps that can be tried where nobody sees it, before anything of a lab is made.

use super::refused::{Reason, Refused};
use super::socket::{Mode, Socket};
use super::{Worker, program, sysctl};
use crate::plan::Resource;
use rtnetlink::LinkVeth;
use rtnetlink::packet_route::RouteNetlinkMessage;
use std::collections::BTreeSet;
use std::io;

/// Settings of one interface stand below one of these.
const BY_INTERFACE: [&str; 2] = ["conf", "neigh"];

/// Tries the rulesets and settings of one namespace, in their order, in another one that ends at once.
/// Returns those that are refused, by their place among these, with why. The worker ends in such a
/// namespace.
///
/// `devices` are those that the namespace will have. What the kernel says of an interface's settings
/// is told by those of `lo`, and their values are not tried: the interface is not there.
///
/// # Errors
/// No namespace can be made here.
pub fn rehearse(
    worker: &mut Worker,
    devices: &BTreeSet<&str>,
    resources: &[&Resource],
) -> io::Result<Vec<(usize, Reason)>> {
    let _scratch = worker.unshare()?;
    if resources.iter().any(|it| matches!(it, Resource::Ruleset { .. })) {
        stand_ins(devices)?;
    }
    let mut refused = Vec::new();
    for (place, resource) in resources.iter().enumerate() {
        let tried = if let Resource::Ruleset { ruleset, .. } = resource {
            program::check_ruleset(worker, ruleset)
        } else if let Resource::Sysctl { key, value, optional: false, .. } = resource {
            set(worker, devices, key, value)
        } else {
            Ok(())
        };
        refused.extend(tried.err().map(|Refused { refusal, .. }| (place, refusal)));
    }
    Ok(refused)
}

/// Makes interfaces of these names: nft looks up those that a ruleset names.
fn stand_ins(devices: &BTreeSet<&str>) -> io::Result<()> {
    let mut socket = Socket::open()?;
    for (place, device) in devices.iter().filter(|device| **device != "lo").enumerate() {
        let pair = LinkVeth::new(device, &format!("vrflab.{place}")).build();
        socket.send(vec![(Mode::Create, RouteNetlinkMessage::NewLink(pair))])?;
    }
    Ok(())
}

fn set(worker: &Worker, devices: &BTreeSet<&str>, key: &str, value: &str) -> Result<(), Refused> {
    let parts: Vec<&str> = key.split('/').collect();
    let interface = parts.iter().position(|part| BY_INTERFACE.contains(part)).map(|at| at + 1);
    let lo = interface.filter(|at| parts.get(*at).is_some_and(|name| devices.contains(name)));
    match lo {
        None => Ok(sysctl::write(worker, key, value)?),
        Some(at) => {
            let mut of_lo = parts;
            of_lo[at] = "lo";
            sysctl::look_up(worker, &of_lo.join("/")).map_err(Refused::from)
        }
    }
}
