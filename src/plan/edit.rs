//! What leads a lab that stands from one plan to another.

use super::observed::as_kept;
use super::{Observed, Op, Plan, Qdisc};
use crate::compile::{LabelRoute, Route};
use crate::iproute::IncomingLabel;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One change to a lab that stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// A step of the plan is carried out (again).
    Make(Op),
    /// A device is brought down.
    Down {
        /// Where.
        namespace: String,
        /// The device.
        device: String,
    },
    /// A device loses its queues.
    NoQueue {
        /// Where.
        namespace: String,
        /// The device.
        device: String,
    },
    /// A route is put where none is, or one of its place.
    PutRoute {
        /// Where.
        namespace: String,
        /// The route.
        route: Route,
    },
    /// A route is taken away.
    TakeRoute {
        /// Where.
        namespace: String,
        /// The route.
        route: Route,
    },
    /// A label route is put where none is, or one of its label.
    PutLabelRoute {
        /// Where.
        namespace: String,
        /// The route.
        route: LabelRoute,
    },
    /// A label route is taken away.
    TakeLabelRoute {
        /// Where.
        namespace: String,
        /// The route.
        route: LabelRoute,
    },
}

/// What is changed, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    /// Devices that come up, their queues and room for labels: what follows may need them, and the
    /// kernel makes some of it by itself.
    pub devices: Vec<Edit>,
    /// Addresses and routes.
    pub routes: Vec<Edit>,
    /// Devices that go down, and room for labels that goes, after nothing uses them any more.
    pub last: Vec<Edit>,
}

/// What leads from `before` to `after`. In the namespaces of `healed` everything that `after` says and
/// the kernel has lost is made again too; elsewhere only what the plans differ in is touched, so that
/// whatever a user changed by hand stays.
pub fn edits(before: &Plan, after: &Plan, observed: &Observed, healed: &BTreeSet<String>) -> Edits {
    let objects: Vec<Op> = after
        .steps()
        .map(|step| &step.op)
        .filter(|op| matches!(op, Op::NexthopObject { .. }))
        .cloned()
        .collect();
    let set = |plan: &Plan| plan.steps().map(|step| as_kept(step.op.clone())).collect();
    let (before, after): (BTreeSet<Op>, BTreeSet<Op>) = (set(before), set(after));
    let there: BTreeSet<Op> = observed.ops.iter().cloned().map(as_kept).collect();
    let wanted =
        |op: &&Op| !there.contains(op) && (healed.contains(op.namespace()) || !before.contains(op));
    let gone = |op: &&Op| !after.contains(op) && there.contains(op);
    let settings: BTreeMap<(&String, &String), &str> = there
        .iter()
        .filter_map(|op| match op {
            Op::Sysctl { namespace, key, value, .. } => Some(((namespace, key), value.as_str())),
            _ => None,
        })
        .collect();
    let mut edits = Edits::default();
    // Groups stand behind their members in the plan.
    edits.routes.extend(objects.into_iter().filter(|op| wanted(&op)).map(Edit::Make));
    for op in after.iter().filter(wanted) {
        match op {
            Op::Up { .. } => edits.devices.push(Edit::Make(op.clone())),
            // Room for labels comes before them, and goes after them: with it the kernel would take
            // away those that do not fit.
            Op::Sysctl { namespace, key, value, .. } => {
                let number = |value: &str| value.parse::<u64>().ok();
                let current = settings.get(&(namespace, key)).copied();
                let less = current.and_then(number) > number(value);
                let phase = if less { &mut edits.last } else { &mut edits.devices };
                phase.push(Edit::Make(op.clone()));
            }
            Op::Address { .. } => edits.routes.push(Edit::Make(op.clone())),
            Op::Route { namespace, route } => edits
                .routes
                .push(Edit::PutRoute { namespace: namespace.clone(), route: route.clone() }),
            Op::LabelRoute { namespace, route } => edits
                .routes
                .push(Edit::PutLabelRoute { namespace: namespace.clone(), route: route.clone() }),
            _ => {}
        }
    }
    queues(&before, &after, &there, &mut edits.devices);
    let places: BTreeSet<Place> = after.iter().filter_map(Place::of).collect();
    for op in before.iter().filter(gone) {
        let replaced = Place::of(op).is_some_and(|place| places.contains(&place));
        match op {
            Op::Up { namespace, device } => {
                edits.last.push(Edit::Down { namespace: namespace.clone(), device: device.clone() })
            }
            Op::Route { namespace, route } if !replaced => edits
                .routes
                .push(Edit::TakeRoute { namespace: namespace.clone(), route: route.clone() }),
            Op::LabelRoute { namespace, route } if !replaced => edits
                .routes
                .push(Edit::TakeLabelRoute { namespace: namespace.clone(), route: route.clone() }),
            _ => {}
        }
    }
    edits.routes.sort_by_key(stage);
    edits
}

/// The order of the plan: addresses and what is on a link hold the gateways of what comes after them.
fn stage(edit: &Edit) -> u8 {
    match edit {
        Edit::Make(Op::Address { .. }) => 0,
        Edit::PutRoute { route, .. } if route.is_on_link() => 1,
        Edit::Make(_) => 2,
        Edit::PutRoute { .. }
        | Edit::PutLabelRoute { .. }
        | Edit::TakeRoute { .. }
        | Edit::TakeLabelRoute { .. }
        | Edit::Down { .. }
        | Edit::NoQueue { .. } => 3,
    }
}

/// Where the kernel has one route at the most.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Ip(&'a str, IpNet, u32, Option<u32>),
    Label(&'a str, IncomingLabel),
}

impl<'a> Place<'a> {
    fn of(op: &'a Op) -> Option<Self> {
        match op {
            Op::Route { namespace, route } => {
                Some(Place::Ip(namespace, route.destination, route.table, route.metric))
            }
            Op::LabelRoute { namespace, route } => Some(Place::Label(namespace, route.label)),
            _ => None,
        }
    }
}

/// The queues of those devices of which the plans say other ones.
fn queues(
    before: &BTreeSet<Op>,
    after: &BTreeSet<Op>,
    there: &BTreeSet<Op>,
    edits: &mut Vec<Edit>,
) {
    let of = |ops: &BTreeSet<Op>| {
        let mut all: BTreeMap<(String, String), Vec<Qdisc>> = BTreeMap::new();
        for op in ops {
            if let Op::Qdisc { namespace, device, qdisc } = op {
                all.entry((namespace.clone(), device.clone())).or_default().push(qdisc.clone());
            }
        }
        all
    };
    let (before, after, there) = (of(before), of(after), of(there));
    for place in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        if before.get(place) == after.get(place) {
            continue;
        }
        let (namespace, device) = place.clone();
        if there.contains_key(place) {
            edits.push(Edit::NoQueue { namespace, device });
        }
        for qdisc in after.get(place).into_iter().flatten().cloned() {
            let (namespace, device) = place.clone();
            edits.push(Edit::Make(Op::Qdisc { namespace, device, qdisc }));
        }
    }
}

impl Edit {
    /// The namespace that is changed.
    pub fn namespace(&self) -> &str {
        match self {
            Edit::Make(op) => op.namespace(),
            Edit::Down { namespace, .. }
            | Edit::NoQueue { namespace, .. }
            | Edit::PutRoute { namespace, .. }
            | Edit::TakeRoute { namespace, .. }
            | Edit::PutLabelRoute { namespace, .. }
            | Edit::TakeLabelRoute { namespace, .. } => namespace,
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = |namespace: &String, route: &Route, verb| {
            let op = Op::Route { namespace: namespace.clone(), route: route.clone() };
            op.to_string().replacen("route add", verb, 1)
        };
        let label = |namespace: &String, route: &LabelRoute, verb| {
            let op = Op::LabelRoute { namespace: namespace.clone(), route: route.clone() };
            op.to_string().replacen("route add", verb, 1)
        };
        match self {
            Edit::Make(op) => write!(f, "{op}"),
            Edit::Down { namespace, device } => {
                write!(f, "ip -n {namespace} link set dev {device} down")
            }
            Edit::NoQueue { namespace, device } => {
                write!(f, "tc -n {namespace} qdisc del dev {device} root")
            }
            Edit::PutRoute { namespace, route: it } => {
                f.write_str(&route(namespace, it, "route replace"))
            }
            Edit::TakeRoute { namespace, route: it } => {
                f.write_str(&route(namespace, it, "route del"))
            }
            Edit::PutLabelRoute { namespace, route: it } => {
                f.write_str(&label(namespace, it, "route replace"))
            }
            Edit::TakeLabelRoute { namespace, route: it } => {
                f.write_str(&label(namespace, it, "route del"))
            }
        }
    }
}
