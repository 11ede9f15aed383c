//! In which order kinds of resources come and go.

use super::Resource;
use super::resource::interface_of;
use crate::iproute::Leads;

/// The order in which kinds of resources are made.
pub(super) fn stage(resource: &Resource) -> u8 {
    match resource {
        Resource::Namespace { .. } => 0,
        Resource::Sysctl { key, .. } if interface_of(key).is_none() => 1,
        Resource::Veth { .. } => 2,
        Resource::Device { device, .. } if device.lower.is_none() => 3,
        Resource::Mtu { .. } => 4,
        Resource::Device { .. } => 5,
        Resource::Sysctl { .. } => 6,
        Resource::NoOffload { .. } => 7,
        Resource::EtcFile { .. } => 8,
        Resource::Ruleset { .. } => 9,
        Resource::Master { .. } => 10,
        Resource::BridgeVlan { .. } | Resource::BridgePort { .. } | Resource::Fdb { .. } => 11,
        Resource::Qdisc { qdisc, .. } if qdisc.above().is_none() => 12,
        Resource::Qdisc { .. } => 13,
        Resource::Up { .. } => 14,
        Resource::Address { .. } | Resource::Neighbour { .. } => 15,
        Resource::Route { route, .. } if route.is_on_link() => 16,
        Resource::NexthopObject { object, .. } => match object.leads {
            Leads::Way { .. } | Leads::Blackhole { .. } => 17,
            Leads::Group { .. } => 18,
        },
        Resource::Route { .. } => 19,
        Resource::Rule { .. } => 20,
        // Peers are spoken to at once, and not again for seconds if nothing leads to them yet.
        Resource::MplsRoute { .. } | Resource::Wireguard { .. } => 21,
        Resource::Command { .. } => 22,
    }
}

/// The order in which kinds of resources are deleted: what takes much along first, and else what stands
/// on others before them.
pub(super) fn stage_of_deletion(resource: &Resource) -> u8 {
    match resource {
        Resource::Command { .. } => 0,
        // What the kernel cannot be asked for is known to be gone if it was deleted.
        Resource::EtcFile { .. } | Resource::Ruleset { .. } => 1,
        Resource::Device { device, .. } if device.lower.is_some() => 2,
        // The kernel takes a namespace apart in its own time, and an end of a link that is elsewhere with it.
        Resource::Veth { .. } => 3,
        Resource::Namespace { .. } => 4,
        Resource::Device { .. } => 5,
        Resource::Sysctl { .. }
        | Resource::NoOffload { .. }
        | Resource::Wireguard { .. }
        | Resource::Master { .. }
        | Resource::BridgeVlan { .. }
        | Resource::BridgePort { .. }
        | Resource::Mtu { .. }
        | Resource::Fdb { .. }
        | Resource::Neighbour { .. }
        | Resource::Qdisc { .. }
        | Resource::Up { .. }
        | Resource::Address { .. }
        | Resource::Route { .. }
        | Resource::NexthopObject { .. }
        | Resource::Rule { .. }
        | Resource::MplsRoute { .. } => u8::MAX - stage(resource),
    }
}
