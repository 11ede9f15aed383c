//! Random faults of a lab that stands.

use fastrand::Rng;
use vrflab::iproute::Label;
use vrflab::plan::{Action, Resource, State};

/// The state with up to three faults, and what they are.
pub fn any(state: &State, rng: &mut Rng) -> (State, Vec<String>) {
    let mut wanted = state.clone();
    let mut said = Vec::new();
    for _ in 0..rng.usize(..4) {
        let there: Vec<&Resource> = wanted.resources.iter().filter(|it| is_breakable(it)).collect();
        let Some(broken) = rng.choice(there).cloned() else { break };
        wanted.resources.remove(&broken);
        let otherwise = changed(broken.clone(), rng);
        said.push(match &otherwise {
            Some(changed) => Action::Add(changed.clone()).to_string(),
            None => Action::Delete(broken).to_string(),
        });
        wanted.resources.extend(otherwise);
    }
    (wanted.without_unmet(|_| false), said)
}

/// Another of the same kind in the place of one; nothing where it only goes.
fn changed(resource: Resource, rng: &mut Rng) -> Option<Resource> {
    match resource {
        Resource::Sysctl { namespace, key, value, optional } => {
            let value = if value == "0" { "1" } else { "0" }.to_owned();
            Some(Resource::Sysctl { namespace, key, value, optional })
        }
        Resource::Mtu { namespace, device, mtu: _ } => {
            Some(Resource::Mtu { namespace, device, mtu: 1300 })
        }
        Resource::MplsRoute { namespace, mut route } if rng.bool() => {
            let swap = route.nexthops.first_mut().map(|nexthop| &mut nexthop.swap)?;
            let label = swap.first_mut()?;
            *label = Label::new(label.number() + 1)?;
            Some(Resource::MplsRoute { namespace, route })
        }
        _ => None,
    }
}

/// What may go or change by itself, with all that needs it.
fn is_breakable(resource: &Resource) -> bool {
    match resource {
        Resource::Up { .. }
        | Resource::Address { .. }
        | Resource::Rule { .. }
        | Resource::Route { .. }
        | Resource::MplsRoute { .. }
        | Resource::Master { .. }
        | Resource::Mtu { .. }
        | Resource::Neighbour { .. }
        | Resource::BridgeVlan { .. } => true,
        Resource::Sysctl { key, .. } => {
            // What is said of interfaces to come does nothing to those that are there.
            let known = ["forwarding", "ip_forward", "rp_filter", "input", "ttl_propagate"];
            !key.contains("default") && known.iter().any(|word| key.ends_with(word))
        }
        Resource::Namespace { .. }
        | Resource::Veth { .. }
        | Resource::Device { .. }
        | Resource::Wireguard { .. }
        | Resource::BridgePort { .. }
        | Resource::Fdb { .. }
        | Resource::Qdisc { .. }
        | Resource::NoOffload { .. }
        | Resource::NexthopObject { .. }
        | Resource::EtcFile { .. }
        | Resource::Ruleset { .. }
        | Resource::Command { .. } => false,
    }
}
