//! A lab that stands: what its kernel holds, in what that differs from what was built, and what was changed on
//! purpose.

use super::change::{Change, Changes, Undone};
use super::deviation::{Deviation, Found};
use crate::compile::Lab;
use crate::diagnostic::Span;
use crate::forward::{End, Network, Outcome};
use crate::plan::{Difference, Key, Plan, PlanError, Resource, State, Step};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

/// What a lab was built by, what its kernel holds, and in what the two differ.
#[derive(Debug)]
pub struct Standing {
    plan: Plan,
    state: State,
    deviations: Vec<Deviation>,
    changes: Changes,
    /// What each change is when it is taken back, and behind them what all are together.
    undone: OnceLock<Vec<Undone>>,
}

/// The places in the file of what was built.
#[derive(Debug, Default)]
pub(super) struct Intention<'n> {
    places: BTreeMap<Key<'n>, Span>,
}

/// What decides about packets and is no part of a plan: settings of which it does not speak, with the values that
/// they have when it is carried out, and the kernel's own rules. A kernel that is compared with the plan has to
/// be asked for them.
///
/// # Errors
/// Never, for what is there when a plan is carried out.
pub fn beside(plan: &Plan) -> Result<Plan, PlanError> {
    let said: BTreeSet<Key<'_>> = plan.resources().map(Resource::key).collect();
    let network = Network::of_plan(plan);
    let settings = network.settings().into_iter().map(|setting| {
        let (namespace, key, value) = (setting.namespace, setting.key, setting.value.to_string());
        // A kernel without it does as it would with the default.
        Resource::Sysctl { namespace, key, value, optional: true }
    });
    let rules = network.own_rules().into_iter();
    let rules = rules.map(|(at, rule)| Resource::Rule { namespace: at.to_owned(), rule });
    let unsaid = settings.chain(rules).filter(|it| !said.contains(&it.key()));
    Plan::upon(&State::of(plan), unsaid.map(|it| Step::add(it, Span::NONE)))
}

impl Standing {
    /// A lab, its plan, what was asked for [beside] it, and what was observed of all that.
    pub fn new(lab: &Lab, plan: Plan, beside: &Plan, observed: State) -> Self {
        let mut planned = State::of(&plan);
        planned.resources.extend(beside.resources().cloned());
        let mut differences = planned.differences(&observed);
        // What a node's own programs add is no deviation.
        let programs = lab.nodes.iter().filter(|node| !node.run.is_empty());
        let programs: BTreeSet<&str> = programs.map(|node| node.namespace.as_str()).collect();
        differences.retain(|difference| match difference {
            Difference::Missing(_) => true,
            Difference::Extra(it) => it.namespaces().all(|at| !programs.contains(at)),
        });
        let names: HashMap<&str, &str> =
            lab.nodes.iter().map(|node| (node.namespace.as_str(), node.name.as_str())).collect();
        let name = |namespace: &str| (*names.get(namespace).unwrap_or(&namespace)).to_owned();
        let is_there = |namespace: &str, device: &str| has_device(&observed, namespace, device);
        let deviations = Deviation::all(differences, name, is_there);
        let mut state = observed;
        // A kernel is not asked for rulesets, and that is no reason to take packets to pass. What programs
        // have added is among what was observed.
        let unasked =
            plan.resources().filter(|resource| matches!(resource, Resource::Ruleset { .. }));
        state.resources.extend(unasked.cloned());
        let (changes, undone) = (Changes::default(), OnceLock::new());
        Self { plan, state, deviations, changes, undone }
    }

    /// The same, with what was changed since it came up; that is part of the lab and its plan.
    pub fn with_changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }

    /// The network as the kernel has it.
    pub fn network(&self) -> Network<'_> {
        Network::with_own_rules(&self.state.resources, &self.plan)
    }

    /// The network as it was built.
    pub fn planned(&self) -> Network<'_> {
        Network::of_plan(&self.plan)
    }

    /// What the kernel holds.
    pub(super) fn observed(&self) -> impl Iterator<Item = &Resource> {
        self.state.resources.iter()
    }

    /// Whether something is left of a device, by its namespace and name.
    pub(super) fn has_device(&self, namespace: &str, device: &str) -> bool {
        has_device(&self.state, namespace, device)
    }

    /// What was built.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All in which the kernel differs from what was built.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// What was changed on purpose since it came up.
    pub(super) fn changes(&self) -> impl ExactSizeIterator<Item = &Change> {
        self.changes.each.iter().map(|(change, _)| change)
    }

    /// The network as the kernel has it, but for some deviations that are mended and some changes that are taken
    /// back.
    pub(super) fn mended(&self, which: &[usize], changes: &[usize]) -> Network<'_> {
        let mended = || which.iter().map(|place| &self.deviations[*place].found);
        let gone = mended().flat_map(Found::keys).map(|key| (key, None));
        let built = mended().filter_map(Found::built).map(|it| (it.key(), Some(it)));
        // What a change brought about is not built without it.
        let undone = self.undone(changes).flat_map(Undone::outcome);
        let outcome: BTreeMap<Key<'_>, Option<&Resource>> =
            gone.chain(built).chain(undone).collect();
        let stays = self.state.resources.iter().filter(|it| !outcome.contains_key(&it.key()));
        Network::with_own_rules(stays.chain(outcome.values().copied().flatten()), &self.plan)
    }

    /// What some changes are when they are taken back.
    fn undone(&self, changes: &[usize]) -> impl Iterator<Item = &Undone> {
        let Changes { each, without } = &self.changes;
        // Those that are taken back together can be more than each alone: routes led round both of two links.
        let are_all = !changes.is_empty() && changes.len() == each.len();
        let undone = self.undone.get_or_init(|| {
            let labs = each.iter().map(|(_, without)| without).chain(without);
            labs.map(|without| Undone::of(&self.plan, without)).collect()
        });
        let some = if are_all { &[] } else { changes };
        some.iter().map(|place| &undone[*place]).chain(undone.last().filter(|_| are_all))
    }

    pub(super) fn intention(&self) -> Intention<'_> {
        let steps = self.plan.steps();
        let places = steps.map(|step| (step.action.resource().key(), step.span)).collect();
        Intention { places }
    }
}

impl Intention<'_> {
    /// Whether there is one: whether the network was observed.
    pub fn is_there(&self) -> bool {
        !self.places.is_empty()
    }

    /// The place in the file of something that was observed; nothing where it was not built.
    pub fn place(&self, resource: &Resource) -> Option<Span> {
        self.places.get(&resource.key()).copied()
    }
}

/// Whether a device is up or has an address: of an end of a link that is not joined to the other there is nothing
/// else to be seen.
fn has_device(state: &State, namespace: &str, name: &str) -> bool {
    let mut resources = state.resources.iter();
    resources.any(|resource| {
        if let Resource::Up { namespace: at, device }
        | Resource::Address { namespace: at, device, .. } = resource
        {
            (at.as_str(), device.as_str()) == (namespace, name)
        } else {
            false
        }
    })
}

/// The namespace where a packet ends.
pub(super) fn end_of<'a>(outcome: &Outcome<'a>) -> Option<&'a str> {
    match outcome.end {
        End::Delivered { namespace: at, .. }
        | End::Rejected { by: at, .. }
        | End::Dropped { at, .. }
        | End::Loop { at }
        | End::Unknown { at, .. } => Some(at),
        End::Refused { .. } => outcome.hops.first().map(|hop| hop.namespace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Options, compile_source};
    use crate::diagnostic::Source;
    use crate::document::{Format, LabName};
    use crate::iproute::RouteKind;
    use crate::link::{Dummy, Kind};
    use crate::plan::lower;
    use crate::verify::{Cause, Report, Word};
    use ipnet::IpNet;
    use std::sync::Arc;

    const LAB: &str = "
nodes:
  h1:
  fw: {role: router, nft: 'table inet t { chain f { type filter hook forward priority 0; iifname eth0 drop; } }'}
  h2: {run: bird}
links: [h1 -- fw, fw -- h2]
checks: [h1 -> h2, h1 -> fw]
";

    fn compiled(text: &str) -> Lab {
        let source = Source { name: "x.yaml".to_owned(), text: text.to_owned() };
        let name = LabName::new("x").unwrap();
        let (lab, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
        lab.unwrap_or_else(|| panic!("{said:?}"))
    }

    /// How a lab stands where something is another way than it was built.
    fn stand(lab: &Lab, alter: impl FnOnce(&mut BTreeSet<Resource>)) -> Standing {
        let plan = lower(lab).unwrap();
        let beside = beside(&plan).unwrap();
        let mut observed = State::of(&plan);
        observed.resources.extend(beside.resources().cloned());
        observed.resources.retain(Resource::is_observed);
        alter(&mut observed.resources);
        Standing::new(lab, plan, &beside, observed)
    }

    fn altered(text: &str, alter: impl FnOnce(&mut BTreeSet<Resource>)) -> (Lab, Standing) {
        let lab = compiled(text);
        let standing = stand(&lab, alter);
        (lab, standing)
    }

    fn texts(standing: &Standing) -> Vec<String> {
        standing.deviations().iter().map(Deviation::to_string).collect()
    }

    #[test]
    fn a_ruleset_that_no_kernel_is_asked_for_stays_unknown_and_what_programs_add_is_no_deviation() {
        let up = |namespace: &str| {
            let (namespace, device) = (namespace.to_owned(), "added".to_owned());
            Resource::Up { namespace, device }
        };
        let (lab, standing) = altered(LAB, |it| it.extend([up("x-h1"), up("x-h2")]));
        assert_eq!(texts(&standing), ["added of h1 is up, which was not built"]);
        let report = Report::of_standing(&lab, &standing);
        assert_eq!((report.proved, report.refuted, report.unknown), (0, 0, 2));
    }

    const DEVICES: &str = "
nodes:
  a:
    vrfs: {red: 10}
    interfaces:
      vx: {kind: vxlan, id: 7, remote: 10.0.0.2, addresses: [10.8.0.1/24]}
      tag: {kind: vlan, id: 5, parent: eth0}
  b:
links:
  - {ends: [a, b], addresses: [10.0.0.1/30, 10.0.0.2/30]}
";

    /// Changes what some resources are.
    fn each(resources: &mut BTreeSet<Resource>, change: impl Fn(&mut Resource)) {
        let all = std::mem::take(resources).into_iter();
        resources.extend(all.map(|mut resource| {
            change(&mut resource);
            resource
        }));
    }

    #[test]
    fn of_a_device_that_is_another_one_it_is_said_in_what() {
        let (_, standing) = altered(DEVICES, |it| {
            each(it, |resource| match resource {
                Resource::Device { device, .. } => match &mut device.kind {
                    Kind::Vrf(vrf) => vrf.table = 30,
                    Kind::Vxlan(vxlan) => {
                        vxlan.id = 8;
                        vxlan.remote = None;
                        device.mtu = Some(1400);
                    }
                    _ => device.kind = Kind::Dummy(Dummy),
                },
                Resource::Veth { ends } => {
                    ends[0].mtu = Some(1400);
                    ends[1].mtu = Some(1300);
                }
                _ => {}
            });
        });
        let said = [
            "eth0 of a has MTU 1400, not 1500; its far end eth0 has MTU 1300, not 1500",
            "red of a has table 30, not 10",
            "tag of a is of kind `dummy`, not `vlan`",
            "vx of a has id 8, not 7, and no remote, and was built with 10.0.0.2, and MTU 1400, \
             not 1450",
        ];
        assert_eq!(texts(&standing), said);
    }

    #[test]
    fn an_end_of_a_link_that_is_called_otherwise_or_elsewhere_is_the_one_that_is_named() {
        let is_bs = |namespace: &str, name: &str| (namespace, name) == ("x-b", "eth0");
        let rename = |it: &mut BTreeSet<Resource>| {
            it.retain(
                |it| !matches!(it, Resource::Address { namespace, .. } if namespace == "x-b"),
            );
            each(it, |resource| match resource {
                Resource::Veth { ends } => ends[1].name = "wan".to_owned(),
                Resource::Up { namespace, device } if is_bs(namespace, device) => {
                    *device = "wan".to_owned();
                }
                _ => {}
            });
        };
        let renamed = [
            "eth0 of b is called wan",
            "eth0 of b is down",
            "b has no address 10.0.0.2/30 on eth0",
            "wan of b is up, which was not built",
        ];
        assert_eq!(texts(&altered(DEVICES, rename).1), renamed);
        let take = |it: &mut BTreeSet<Resource>| {
            it.retain(|it| match it {
                Resource::Veth { .. } => false,
                Resource::Up { namespace, device }
                | Resource::Address { namespace, device, .. } => !is_bs(namespace, device),
                _ => true,
            });
        };
        let gone = [
            "b has no interface eth0",
            "eth0 of b is down",
            "b has no address 10.0.0.2/30 on eth0",
        ];
        assert_eq!(texts(&altered(DEVICES, take).1), gone);
    }

    const ROUTED: &str = "
nodes:
  a: {routes: [default via 10.0.0.2]}
  b: {role: router}
links:
  - {ends: [a, b], addresses: [[10.0.0.1/30, 2001:db8::1/64], [10.0.0.2/30, 2001:db8::2/64]]}
checks: [a -> b]
";

    #[test]
    fn an_address_that_was_moved_is_deleted_before_it_is_added_and_what_goes_with_it_comes_after() {
        let (lab, standing) = altered(ROUTED, |it| {
            each(it, |resource| match resource {
                Resource::Address { namespace, address, .. } if namespace == "x-a" => {
                    let moved = match address {
                        IpNet::V4(_) => "10.0.0.3/29",
                        IpNet::V6(_) => "2001:db8::9/64",
                    };
                    *address = moved.parse().unwrap();
                }
                _ => {}
            });
        });
        let moved = [
            "a has the address 10.0.0.3/29 on eth0, not the address 10.0.0.1/30 on eth0",
            "a has the address 2001:db8::9/64 on eth0, not the address 2001:db8::1/64 on eth0",
        ];
        assert_eq!(texts(&standing), moved);
        let all: Vec<&Deviation> = standing.deviations().iter().collect();
        let commands = [
            "ip addr del 10.0.0.3/29 dev eth0",
            "ip addr del 2001:db8::9/64 dev eth0",
            "ip addr add 10.0.0.1/30 dev eth0",
            "ip addr add 2001:db8::1/64 dev eth0 nodad",
            "ip route add default via 10.0.0.2 dev eth0",
        ];
        let commands = commands.map(|command| format!("vrflab exec x a -- {command}"));
        assert_eq!(standing.repairs(&lab, &all).unwrap(), commands);
    }

    const CHANGED: &str = "
routing: none
nodes:
  h1: {routes: [default via 10.1.0.2]}
  r: {role: router}
  h2: {routes: [default via 10.2.0.2]}
  h3: {routes: [default via 10.3.0.2]}
links:
  - {ends: [h1, r], addresses: [10.1.0.1/24, 10.1.0.2/24]}
  - {ends: [h2, r], addresses: [[10.2.0.1/24, 10.2.0.3/24], 10.2.0.2/24]}
  - {ends: [h3, r], addresses: [10.3.0.1/24, 10.3.0.2/24]}
checks: [h1 -> 10.3.0.1, h1 -> 10.2.0.1, h1 -> 10.2.0.3]
";

    #[test]
    fn a_check_is_blamed_on_a_change_a_deviation_or_both_by_what_it_takes_to_let_it_hold() {
        let blackhole = |to: &str| {
            let plan = lower(&compiled(CHANGED)).unwrap();
            let is_route = |it: &&Resource| matches!(it, Resource::Route { .. });
            let mut route = plan.resources().find(is_route).unwrap().clone();
            if let Resource::Route { namespace, route } = &mut route {
                "x-r".clone_into(namespace);
                (route.kind, route.nexthops) = (RouteKind::Blackhole, Arc::default());
                route.destination = to.parse().unwrap();
            }
            route
        };
        let mut down = compiled(CHANGED);
        let router = down.node("r").unwrap();
        *down[router].adjustable("eth1").unwrap().up = false;
        let standing = stand(&down, |it| {
            it.extend(["10.3.0.1/32", "10.2.0.1/32"].map(blackhole));
        });
        let change = Change { text: "eth1 of r was brought down".to_owned(), undo: Vec::new() };
        let each = vec![(change, compiled(CHANGED))];
        let standing = standing.with_changes(Changes { each, without: Some(compiled(CHANGED)) });
        let report = Report::of_standing(&down, &standing);
        let causes = report.results.iter().map(|result| {
            assert_eq!((result.verdict, &result.advice), (Word::Refuted, &None), "{result:?}");
            let Cause { deviations, along, changes } = &result.cause;
            assert!(along.is_empty());
            let deviations = deviations.iter().map(Deviation::to_string);
            deviations.chain(changes.iter().map(|it| it.text.clone())).collect::<Vec<_>>()
        });
        let unbuilt =
            |to: &str| format!("r has the route `blackhole {to}/32`, which was not built");
        let change = || "eth1 of r was brought down".to_owned();
        let expected =
            [vec![unbuilt("10.3.0.1")], vec![unbuilt("10.2.0.1"), change()], vec![change()]];
        assert_eq!(causes.collect::<Vec<_>>(), expected);
    }
}
