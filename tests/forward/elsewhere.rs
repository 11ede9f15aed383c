//! Probes to an address that somebody else takes in than the node that has it.

use crate::compiled;
use std::collections::BTreeSet;
use vrflab::compile::Lab;
use vrflab::iproute::RouteKind;
use vrflab::plan::{Resource, State, lower};
use vrflab::verify::{Report, Standing, beside};

/// A host, a router and a server; `router` is said of the router.
fn lab(router: &str) -> Lab {
    let text = format!(
        "nodes:
  h1: {{role: host}}
  r: {{role: router{router}}}
  s1: {{role: host}}
links:
  - {{ends: [h1, r:a], addresses: [10.0.1.1/24, 10.0.1.254/24]}}
  - {{ends: [r:b, s1], addresses: [10.0.2.254/24, 10.0.2.2/24]}}
checks: [h1 -> 10.0.2.2 tcp 80, h1 -> 10.0.2.2 udp 53, h1 -> 10.0.2.2 tcp 80 refused, h1 -> 10.0.2.2, h1 -> s1, h1 !> 10.0.2.2 tcp 80]
"
    );
    compiled("elsewhere.yaml", text)
}

/// What is judged of each check of the lab where the router has also a route that another lab's has, and why.
fn judged(lab: &Lab, other: &Lab) -> Vec<String> {
    let plan = lower(lab).unwrap();
    let is_local = |it: &&Resource| matches!(it, Resource::Route { route, .. } if route.kind == RouteKind::Local);
    let theirs = lower(other).unwrap();
    let beside = beside(&plan).unwrap();
    let mut observed = State::of(&plan);
    observed.resources.extend(beside.resources().cloned());
    observed.resources.extend(theirs.resources().filter(is_local).cloned());
    observed.resources.retain(Resource::is_observed);
    let standing = Standing::new(lab, plan, &beside, observed, BTreeSet::new());
    let report = Report::of_standing(lab, &standing);
    let said = report.results.iter().map(|result| {
        let causes = result.cause.deviations.iter().map(|it| format!("; {it}"));
        let reason = result.reason.as_deref().map(|it| format!(": {it}")).unwrap_or_default();
        format!("{:?}{reason}{}", result.verdict, causes.collect::<String>())
    });
    said.collect()
}

const LOCAL: &str = ", routes: [local 10.0.2.2/32 dev lo table 255]";

#[test]
fn what_a_server_is_to_answer_is_lost_at_a_node_that_has_not_the_address_and_an_echo_is_not() {
    let route = "r has the route `local 10.0.2.2/32 dev lo`, which was not built";
    let at = |place: &str| format!("Refuted: the probe arrives at r, not at {place}; {route}");
    let (elsewhere, not_there) = (at("10.0.2.2"), at("s1"));
    let wanted = [&elsewhere, &elsewhere, "Proved", "Proved", &not_there, "Proved"];
    assert_eq!(judged(&lab(""), &lab(LOCAL)), wanted);
}

#[test]
fn where_commands_run_a_server_may_be_there() {
    let said = judged(&lab(", run: [sleep infinity]"), &lab(LOCAL));
    assert_eq!(said[..2], ["Proved", "Proved"]);
}
