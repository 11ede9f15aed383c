//! One thing that is done to the kernel.

use super::Resource;

/// One thing that is done. A build, a change, a repair, a rollback and a teardown are all made of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A resource is made whose place is free.
    Add(Resource),
    /// A resource is made in the place of the one that has its key, where there is one.
    Replace {
        /// What is there afterwards.
        resource: Resource,
        /// What was there, of which this is another form.
        before: Option<Box<Resource>>,
    },
    /// A resource is taken away.
    Delete(Resource),
}

/// How an action is carried out, which says what it can be sent together with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By itself, through files, a program or a socket of its own.
    Single,
    /// In a process that stays, one for each namespace.
    Process,
    /// Over netlink, through one socket for the devices of all namespaces.
    Devices,
    /// Over netlink, through its namespace's own socket.
    Configuration,
}

impl Action {
    /// What is made, or taken away.
    pub fn resource(&self) -> &Resource {
        match self {
            Action::Add(resource)
            | Action::Replace { resource, before: _ }
            | Action::Delete(resource) => resource,
        }
    }

    /// What is there afterwards.
    pub fn made(&self) -> Option<&Resource> {
        match self {
            Action::Add(resource) | Action::Replace { resource, before: _ } => Some(resource),
            Action::Delete(_) => None,
        }
    }

    /// The namespace in which it is done; that of a veth pair's first end.
    pub fn namespace(&self) -> &str {
        self.resource().namespace()
    }

    /// The action that takes this one back. What the kernel does by itself in its wake, such as
    /// dropping a deleted device's addresses, is not part of it.
    pub fn inverse(&self) -> Action {
        match self {
            Action::Add(resource) | Action::Replace { resource, before: None } => {
                Action::Delete(resource.clone())
            }
            Action::Replace { resource, before: Some(before) } => {
                let (resource, before) = (Resource::clone(before), Some(resource.clone().into()));
                Action::Replace { resource, before }
            }
            Action::Delete(resource) => Action::Add(resource.clone()),
        }
    }

    /// How it is carried out.
    pub fn transport(&self) -> Transport {
        let is_made = self.made().is_some();
        match self.resource() {
            Resource::Namespace { .. }
            | Resource::Sysctl { .. }
            | Resource::NoOffload { .. }
            | Resource::Wireguard { .. }
            | Resource::Ruleset { .. }
            | Resource::EtcFile { .. } => Transport::Single,
            Resource::Command { .. } if is_made => Transport::Process,
            Resource::Command { .. } => Transport::Single,
            Resource::Veth { .. } if is_made => Transport::Devices,
            Resource::Device { device, .. } if is_made && !device.is_made_inside() => {
                Transport::Devices
            }
            Resource::Veth { .. }
            | Resource::Device { .. }
            | Resource::Master { .. }
            | Resource::BridgeVlan { .. }
            | Resource::BridgePort { .. }
            | Resource::Mtu { .. }
            | Resource::Fdb { .. }
            | Resource::Neighbour { .. }
            | Resource::Qdisc { .. }
            | Resource::Up { .. }
            | Resource::Address { .. }
            | Resource::Rule { .. }
            | Resource::NexthopObject { .. }
            | Resource::Route { .. }
            | Resource::MplsRoute { .. } => Transport::Configuration,
        }
    }
}
