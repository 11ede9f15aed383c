//! Random faults of a lab that stands.

use fastrand::Rng;
use ipnet::IpNet;
use vrflab::iproute::{Chance, Label, Loss, Netem, Share};
use vrflab::plan::{Action, Qdisc, Resource, State};

/// The state with up to three faults, and what they are.
pub fn any(state: &State, rng: &mut Rng) -> (State, Vec<String>) {
    let mut wanted = state.clone();
    let mut said = Vec::new();
    for _ in 0..rng.usize(..4) {
        if rng.u8(..6) == 0 {
            let more = if rng.bool() { lost(&wanted, rng) } else { twice(&wanted, rng) };
            said.extend(more.iter().map(|it| Action::Add(it.clone()).to_string()));
            wanted.resources.extend(more);
            continue;
        }
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

/// What loses all that leaves through some interface.
fn lost(state: &State, rng: &mut Rng) -> Option<Resource> {
    let up = state.resources.iter().filter_map(|resource| {
        let Resource::Up { namespace, device } = resource else { return None };
        (device != "lo").then_some((namespace, device))
    });
    let (namespace, device) = rng.choice(up.collect::<Vec<_>>())?;
    let loss = Some(Loss::Random(Chance { share: Share::ALL, ..Chance::default() }));
    let qdisc = Qdisc::Netem(Netem { loss, ..Netem::default() });
    Some(Resource::Qdisc { namespace: namespace.clone(), device: device.clone(), qdisc })
}

/// An address of one interface at another that is in its subnet, too.
fn twice(state: &State, rng: &mut Rng) -> Option<Resource> {
    let all: Vec<_> = state.resources.iter().filter_map(address).collect();
    let near = rng.choice(&all)?;
    let is_far = |far: &&(&String, &String, &IpNet)| far.2.contains(near.2) && far.2 != near.2;
    let (namespace, device, _) = rng.choice(all.iter().filter(is_far).collect::<Vec<_>>())?;
    let (namespace, device) = (namespace.to_string(), device.to_string());
    Some(Resource::Address { namespace, device, address: *near.2, peer: None })
}

fn address(resource: &Resource) -> Option<(&String, &String, &IpNet)> {
    let Resource::Address { namespace, device, address, peer: None } = resource else {
        return None;
    };
    Some((namespace, device, address))
}

/// Another of the same kind in the place of one; nothing where it only goes.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest only goes")]
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
