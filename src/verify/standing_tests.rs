//! How a lab that stands differs from what was built.

use super::*;
use crate::compile::{Nexthop, Options, Route, compile_source};
use crate::diagnostic::Source;
use crate::document::{Format, LabName};
use crate::iproute::{Attributes, Protocol, RouteKind};
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
    Standing::new(lab, plan, &beside, observed, BTreeSet::new())
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
        each(it, |resource| {
            if let Resource::Veth { ends } = resource {
                ends[0].mtu = Some(1400);
                ends[1].mtu = Some(1300);
            }
            let Resource::Device { device, .. } = resource else { return };
            if let Kind::Vrf(vrf) = &mut device.kind {
                vrf.table = 30;
            } else if let Kind::Vxlan(vxlan) = &mut device.kind {
                vxlan.id = 8;
                vxlan.remote = None;
                device.mtu = Some(1400);
            } else {
                device.kind = Kind::Dummy(Dummy);
            }
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
        it.retain(|it| !matches!(it, Resource::Address { namespace, .. } if namespace == "x-b"));
        each(it, |resource| {
            if let Resource::Veth { ends } = resource {
                ends[1].name = "wan".to_owned();
            } else if let Resource::Up { namespace, device } = resource
                && is_bs(namespace, device)
            {
                *device = "wan".to_owned();
            }
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
        it.retain(|it| {
            let is_of_end = matches!(it,
                Resource::Up { namespace, device } | Resource::Address { namespace, device, .. }
                    if is_bs(namespace, device));
            !is_of_end && !matches!(it, Resource::Veth { .. })
        });
    };
    let gone =
        ["b has no interface eth0", "eth0 of b is down", "b has no address 10.0.0.2/30 on eth0"];
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
        each(it, |resource| {
            if let Resource::Address { namespace, address, .. } = resource
                && namespace == "x-a"
            {
                let moved = match address {
                    IpNet::V4(_) => "10.0.0.3/29",
                    IpNet::V6(_) => "2001:db8::9/64",
                };
                *address = moved.parse().unwrap();
            }
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
        let Cause { deviations, along, changes, mend: _ } = &result.cause;
        assert!(along.is_empty());
        let deviations = deviations.iter().map(Deviation::to_string);
        deviations.chain(changes.iter().map(|it| it.text.clone())).collect::<Vec<_>>()
    });
    let unbuilt = |to: &str| format!("r has the route `blackhole {to}/32`, which was not built");
    let change = || "eth1 of r was brought down".to_owned();
    let expected = [vec![unbuilt("10.3.0.1")], vec![unbuilt("10.2.0.1"), change()], vec![change()]];
    assert_eq!(causes.collect::<Vec<_>>(), expected);
}

#[test]
fn a_route_of_the_kernels_own_that_is_lacking_is_not_gone_by_and_made_again_by_its_deviation() {
    let lab = compiled(ROUTED);
    let mut route = None;
    let plan = lower(&lab).unwrap();
    for resource in plan.resources() {
        if let Resource::Route { route: found, .. } = resource {
            route = Some(Route {
                destination: "10.0.0.0/30".parse().unwrap(),
                attributes: Attributes {
                    protocol: Some(Protocol::KERNEL),
                    ..found.attributes.clone()
                },
                nexthops: [Nexthop::to(found.nexthops[0].dev.clone())].into(),
                ..found.clone()
            });
        }
    }
    let namespace = "x-a".to_owned();
    let lacking = BTreeSet::from([Resource::Route { namespace, route: route.unwrap() }]);
    let beside = beside(&plan).unwrap();
    let mut observed = State::of(&plan);
    observed.resources.extend(beside.resources().cloned());
    observed.resources.retain(|it| {
        it.is_observed() && !matches!(it, Resource::Route { namespace, .. } if namespace == "x-a")
    });
    let standing = Standing::new(&lab, plan, &beside, observed, lacking);
    let lacks = "a has no connected route `10.0.0.0/30 dev eth0`";
    assert_eq!(texts(&standing)[1..], [lacks]);
    let report = Report::of_standing(&lab, &standing);
    let [result] = &report.results[..] else { panic!("{report:?}") };
    assert_eq!(result.verdict, Word::Refuted);
    let cause: Vec<String> = result.cause.deviations.iter().map(Deviation::to_string).collect();
    assert_eq!(cause, [lacks]);
}

#[test]
fn a_ruleset_that_somebody_changed_is_another_one_of_which_nothing_is_known() {
    let text = "
nodes:
  a:
  b: {nft: 'table ip t { chain f { type filter hook input priority 0; tcp dport 81 drop; } }'}
links: [a -- b]
checks: [a -> b]
";
    let changed = |it: &mut BTreeSet<Resource>| {
        let (namespace, ruleset) = ("x-b".to_owned(), "table ip t".to_owned());
        it.insert(Resource::Ruleset { namespace, ruleset });
    };
    let (lab, standing) = altered(text, changed);
    assert_eq!(texts(&standing), ["the nftables ruleset of b was changed"]);
    let report = Report::of_standing(&lab, &standing);
    let [result] = &report.results[..] else { panic!("{report:?}") };
    assert_eq!((result.verdict, result.cause.deviations.len()), (Word::Unknown, 1));
    let (lab, standing) = altered(text, |_| {});
    assert_eq!(Report::of_standing(&lab, &standing).proved, 1);
}
