//! Whatever of a lab is deleted, each check that no longer holds for it names that and nothing else, alone and
//! together with another fault.

use crate::lab;
use std::collections::BTreeSet;
use vrflab::compile::Lab;
use vrflab::plan::{Action, Model, Resource, State, lower};
use vrflab::verify::{Report, Standing, Word, beside};

/// How many things are deleted of each lab, from all parts of its plan.
const OF_EACH: usize = 8;

/// What is done to a kernel: something goes, or a setting is another one.
fn fault(resource: &Resource) -> Option<Action> {
    if let Resource::Sysctl { namespace, key, value, optional } = resource {
        let decides = ["/forwarding", "/input", "ip_forward", "platform_labels"];
        let is_on = value != "0" && decides.iter().any(|end| key.ends_with(end));
        let (namespace, key, value) = (namespace.clone(), key.clone(), "0".to_owned());
        let resource = Resource::Sysctl { namespace, key, value, optional: *optional };
        return is_on.then_some(Action::Replace { resource, before: None });
    }
    let goes = matches!(
        resource,
        Resource::Route { .. }
            | Resource::MplsRoute { .. }
            | Resource::Rule { .. }
            | Resource::Address { .. }
            | Resource::Up { .. }
            | Resource::Master { .. }
            | Resource::Veth { .. }
    );
    goes.then(|| Action::Delete(resource.clone()))
}

/// What is said of a lab with these faults: how many checks they break, and what is wrong with that.
fn judged(name: &str, lab: &Lab, whole: &State, faults: &[Action]) -> (usize, Vec<String>) {
    let plan = lower(lab).unwrap();
    let beside = beside(&plan).unwrap();
    let mut model = Model::of(whole);
    for fault in faults {
        // What one fault took along, the other cannot.
        let _gone = model.apply(fault);
    }
    let mut observed = model.state();
    observed.resources.retain(Resource::is_observed);
    let standing = Standing::new(lab, plan, &beside, observed, BTreeSet::new());
    let report = Report::of_standing(lab, &standing);
    let refuted = report.results.iter().filter(|result| result.verdict == Word::Refuted);
    let keys: BTreeSet<_> = faults.iter().map(|fault| fault.resource().key()).collect();
    let wrong = refuted.clone().filter_map(|result| {
        let named = result.cause.deviations.iter().map(|it| it.found.resource());
        let is_right = !result.cause.deviations.is_empty()
            && named.into_iter().all(|it| keys.contains(&it.key()));
        let faults: Vec<String> = faults.iter().map(Action::to_string).collect();
        (!is_right).then(|| {
            let cause: Vec<String> =
                result.cause.deviations.iter().map(ToString::to_string).collect();
            format!("{name}: after {faults:?} {} says {cause:?}", result.check)
        })
    });
    (refuted.clone().count(), wrong.collect())
}

/// That of a lab each check names what breaks it, and that more than so many of them break.
fn each_check_names_its_fault(name: &str, many: usize) {
    let lab = lab(&format!("labs/{name}"));
    let plan = lower(&lab).unwrap();
    let mut whole = State::of(&plan);
    whole.resources.extend(beside(&plan).unwrap().resources().cloned());
    let faults: Vec<Action> = plan.resources().filter_map(fault).collect();
    let step = (faults.len() / OF_EACH).max(1);
    let chosen: Vec<Action> = faults.into_iter().step_by(step).collect();
    let (mut broken, mut wrong) = (0, Vec::new());
    let mut judge = |faults: &[Action]| {
        let (count, also) = judged(name, &lab, &whole, faults);
        broken += count;
        wrong.extend(also);
    };
    chosen.iter().for_each(|fault| judge(std::slice::from_ref(fault)));
    chosen.windows(2).step_by(2).for_each(judge);
    assert!(wrong.is_empty(), "{} of {broken}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(broken > many, "{broken}");
}

#[test]
fn each_check_of_the_l3vpn_that_a_fault_breaks_names_the_fault() {
    each_check_names_its_fault("l3vpn.dot", 90);
}

#[test]
fn each_check_of_several_vpns_that_a_fault_breaks_names_the_fault() {
    each_check_names_its_fault("vpns.dot", 40);
}

#[test]
fn each_check_of_leaking_vrfs_that_a_fault_breaks_names_the_fault() {
    each_check_names_its_fault("leak.dot", 10);
}

#[test]
fn each_check_of_a_ring_that_a_fault_breaks_names_the_fault() {
    each_check_names_its_fault("ring.dot", 20);
}
