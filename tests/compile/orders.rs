//! A plan on a kernel in memory: in every order that its graph allows, backwards, and from any state
//! to any other.

use crate::networks::{lab, lab_of_yaml, plain, vpns};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use vrflab::compile::{Lab, Options, compile_source};
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};
use vrflab::iproute::{FdbPlace, Leads, NeighbourEntry, RouteKind};
use vrflab::plan::{Action, Model, Plan, Resource, State, Step, Strength, between, lower};

/// Numbers that look like chance, the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Every lab of the project, but those of hundreds of nodes.
fn labs() -> Vec<(PathBuf, Plan)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut labs = Vec::new();
    for folder in ["labs", "labs/zoo", "tests/guest", "tests/guest/vpn"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let Some(format) = Format::of_name(&name) else { continue };
            let source = Source {
                name: path.to_str().unwrap().to_owned(),
                text: fs::read_to_string(&path).unwrap(),
            };
            let name = LabName::new("lab").unwrap();
            let (lab, said) = compile_source(&source, format, &name, &Options::default());
            let lab: Lab = lab.unwrap_or_else(|| panic!("{}: {said:?}", path.display()));
            let plan = lower(&lab).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if plan.steps().len() < 20_000 {
                labs.push((path, plan));
            }
        }
    }
    labs.sort_by(|one, other| one.0.cmp(&other.0));
    labs
}

/// What there is after actions.
fn after<'a>(mut model: Model<'a>, actions: impl IntoIterator<Item = &'a Action>) -> Model<'a> {
    for action in actions {
        model.apply(action).unwrap_or_else(|refusal| panic!("{refusal}"));
    }
    model
}

fn actions(plan: &Plan) -> impl Iterator<Item = &Action> {
    plan.steps().map(|step| &step.action)
}

fn is_command(action: &Action) -> bool {
    matches!(action.resource(), Resource::Command { .. })
}

/// The steps in some order in which each stands behind all that comes before it.
fn shuffled<'a>(plan: &'a Plan, dice: &mut Dice) -> Vec<&'a Action> {
    let steps: Vec<&Action> = actions(plan).collect();
    let graph = plan.graph();
    let mut waiting: Vec<usize> = Vec::new();
    let mut followers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for place in 0..steps.len() {
        let edges = graph.edges_to(place);
        waiting.push(edges.len());
        edges.iter().for_each(|edge| followers.entry(edge.from).or_default().push(place));
    }
    let mut order = Vec::new();
    let (mut last, mut ready): (Vec<usize>, Vec<usize>) = (0..steps.len())
        .filter(|place| waiting[*place] == 0)
        .partition(|it| is_command(steps[*it]));
    loop {
        if ready.is_empty() {
            ready.append(&mut last);
        }
        if ready.is_empty() {
            break;
        }
        let place = ready.swap_remove(dice.below(ready.len()));
        order.push(steps[place]);
        for follower in followers.get(&place).into_iter().flatten() {
            waiting[*follower] -= 1;
            if waiting[*follower] == 0 {
                let list = if is_command(steps[*follower]) { &mut last } else { &mut ready };
                list.push(*follower);
            }
        }
    }
    assert_eq!(order.len(), steps.len(), "the graph has no circle");
    order
}

fn orders_agree(plan: &Plan, dice: &mut Dice, name: &str) {
    let expected = after(Model::default(), actions(plan));
    assert!(expected.state() == State::of(plan), "{name}");
    let other = after(Model::default(), shuffled(plan, dice));
    assert!(expected == other, "{name}: {}", expected.difference(&other));
}

fn ends_in_nothing(plan: &Plan, name: &str) {
    let back: Vec<Action> = actions(plan).map(Action::inverse).collect();
    let model = after(Model::default(), actions(plan));
    let left = after(model, back.iter().rev()).state();
    assert_eq!(left.resources.iter().next(), None, "{name}");
}

/// Leads from one state to what a plan makes, and sees that it is there.
fn leads(from: &State, plan: &Plan, name: &str) {
    let to = State::of(plan);
    let change = between(from, &to, &[plan]).unwrap_or_else(|error| panic!("{name}: {error}"));
    let there = after(Model::of(from), actions(&change)).state();
    let missing: Vec<_> = to.resources.difference(&there.resources).take(3).collect();
    let extra: Vec<_> = there.resources.difference(&to.resources).take(3).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{name}: no {missing:#?}, but {extra:#?}");
}

/// Some of what several states hold, as far as one kernel can hold it at once.
fn mixed(states: &[&State], dice: &mut Dice) -> State {
    let leave_out = 2 + dice.below(8);
    let mut keys = BTreeSet::new();
    let mut devices = BTreeSet::new();
    let mut resources = BTreeSet::new();
    let first = dice.below(states.len());
    for (turn, resource) in states
        .iter()
        .cycle()
        .skip(first)
        .take(states.len())
        .enumerate()
        .flat_map(|(turn, state)| state.resources.iter().map(move |resource| (turn, resource)))
    {
        let names = resource.devices();
        let is_free =
            names.iter().all(|name| !devices.contains(name)) && !keys.contains(&resource.key());
        // More of one than of the other, so that something stands on what is there.
        if is_free && !dice.one_in(if turn == 0 { leave_out * 4 } else { leave_out }) {
            keys.insert(resource.key());
            devices.extend(names);
            resources.insert(resource.clone());
        }
    }
    State { resources }.without_unmet(|_| false)
}

#[test]
fn every_order_of_a_labs_steps_that_the_graph_allows_ends_in_one_state() {
    let mut dice = Dice(0x5eed);
    for (path, plan) in labs() {
        orders_agree(&plan, &mut dice, &path.display().to_string());
    }
}

#[test]
fn the_first_address_of_a_subnet_stays_the_first_in_every_order() {
    let text = "routing: none\nnodes: {a: {interfaces: {d0: {kind: dummy, addresses: [10.0.0.9/24, \
                10.0.0.1/24, 10.0.0.5/24]}}}}\n";
    let plan = lower(&lab_of_yaml(text)).unwrap();
    let mut dice = Dice(0xadd);
    (0..32).for_each(|_| orders_agree(&plan, &mut dice, text));
}

#[test]
fn the_steps_of_a_lab_taken_back_leave_nothing() {
    for (path, plan) in labs() {
        ends_in_nothing(&plan, &path.display().to_string());
    }
}

#[test]
fn nothing_is_done_where_a_lab_is_as_it_should_be() {
    for (path, plan) in labs() {
        let state = State::of(&plan);
        let change = between(&state, &state, &[&plan]).unwrap();
        assert_eq!(actions(&change).next(), None, "{}", path.display());
    }
}

#[test]
fn a_lab_is_made_of_any_part_of_it_and_of_nothing() {
    let mut dice = Dice(0x1ab);
    for (path, plan) in labs() {
        let name = path.display().to_string();
        let part = mixed(&[&State::of(&plan)], &mut dice);
        leads(&part, &plan, &name);
        leads(&State::default(), &plan, &name);
    }
}

/// The state with some of it in another form, as if somebody had edited it or the file.
fn disturbed(state: &State, dice: &mut Dice) -> State {
    let mut resources = state.resources.clone();
    for resource in &state.resources {
        let mut other = resource.clone();
        match &mut other {
            Resource::Sysctl { value, .. } => {
                *value = if dice.one_in(2) { "7" } else { "1048575" }.to_owned();
            }
            Resource::Veth { ends } => ends[0].mtu = Some(1400),
            Resource::Device { device, .. } => device.mtu = Some(1400),
            Resource::Wireguard { settings, .. } => settings.fwmark ^= 1,
            Resource::BridgeVlan { vlan, .. } => vlan.untagged = !vlan.untagged,
            Resource::Rule { rule, .. } => rule.priority = Some(rule.priority.unwrap_or(0) + 7),
            Resource::NexthopObject { object, .. } => match &mut object.leads {
                Leads::Way { way, .. } => way.onlink = !way.onlink,
                Leads::Blackhole { v4 } => *v4 = !*v4,
                Leads::Group { members, .. } => members.truncate(1),
            },
            Resource::Ruleset { ruleset, .. } => ruleset.push('#'),
            Resource::EtcFile { text, .. } => text.push('#'),
            Resource::Command { line, .. } => line.push('#'),
            Resource::Route { route, .. } => match dice.one_in(2) {
                true => route.metric = Some(route.metric.unwrap_or(0) + 7),
                false => route.kind = RouteKind::Blackhole,
            },
            Resource::MplsRoute { route, .. } => route.ttl_propagate = Some(false),
            Resource::Neighbour { neighbour, .. } => match &mut neighbour.entry {
                NeighbourEntry::Static { router, .. } => *router = !*router,
                NeighbourEntry::Proxy => {}
            },
            Resource::Fdb { entry, .. } => match &mut entry.place {
                FdbPlace::Tunnel { vni, .. } => *vni = Some(77),
                FdbPlace::Port { .. } => {}
            },
            Resource::Mtu { mtu, .. } => *mtu += 100,
            Resource::BridgePort { port, .. } => port.cost = Some(7),
            Resource::Namespace { .. }
            | Resource::Master { .. }
            | Resource::Qdisc { .. }
            | Resource::NoOffload { .. }
            | Resource::Up { .. }
            | Resource::Address { .. } => {}
        }
        if dice.one_in(8) {
            resources.remove(resource);
            let is_free = resources.iter().all(|known| known.key() != other.key());
            // What is no other form of it is left out.
            if is_free && other != *resource {
                resources.insert(other);
            }
        }
    }
    State { resources }.without_unmet(|_| false)
}

#[test]
fn a_lab_is_mended_whatever_was_edited_in_it() {
    let mut dice = Dice(0xed17);
    for (path, plan) in labs().into_iter().filter(|(_, plan)| plan.steps().len() < 1500) {
        let edited = disturbed(&State::of(&plan), &mut dice);
        leads(&edited, &plan, &path.display().to_string());
    }
}

#[test]
fn a_lab_becomes_any_other() {
    let labs: Vec<_> = labs().into_iter().filter(|(_, plan)| plan.steps().len() < 1500).collect();
    for ((path, plan), (_, other)) in labs.iter().skip(1).zip(&labs) {
        leads(&State::of(other), plan, &path.display().to_string());
    }
}

#[test]
fn a_step_without_what_it_needs_is_named() {
    let plan = lower(&lab("graph { a -- b }")).unwrap();
    let without_pair = plan.steps().filter(|step| step.action.resource().devices().is_empty());
    let error = Plan::new(without_pair.cloned()).unwrap_err();
    assert_eq!(error.strength, Strength::Hard);
    assert_eq!(
        error.to_string(),
        "the step `ip -n lab-a link set dev eth0 up` needs what nothing before it makes: the device \
         eth0 of lab-a"
    );
    let mut steps: Vec<Step> = plan.steps().cloned().collect();
    let up = steps.iter().position(|it| it.action.to_string().contains("eth0 up")).unwrap();
    let step = steps.remove(up);
    steps.push(step);
    let error = Plan::new(steps).unwrap_err();
    assert_eq!(error.strength, Strength::Soft);
    assert_eq!(
        error.to_string(),
        "the step `ip -n lab-a addr add 172.16.0.0/31 dev eth0` stands before what makes eth0 of lab-a, \
         up"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_order_of_a_networks_steps_ends_in_one_state(text in prop_oneof![plain(), vpns()], seed in 1u64..) {
        let plan = lower(&lab(&text)).unwrap();
        orders_agree(&plan, &mut Dice(seed), &text);
        ends_in_nothing(&plan, &text);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_network_is_made_of_any_mixture_of_itself_and_others(
        texts in prop_oneof![(plain(), plain()), (vpns(), vpns()), (plain(), vpns())],
        seed in 1u64..,
    ) {
        let (one, other) = (lower(&lab(&texts.0)).unwrap(), lower(&lab(&texts.1)).unwrap());
        let (from, to) = (State::of(&one), State::of(&other));
        let name = format!("{}\n{}", texts.0, texts.1);
        leads(&from, &other, &name);
        let mut dice = Dice(seed);
        for states in [&[&from, &to][..], &[&to]] {
            leads(&mixed(states, &mut dice), &other, &name);
        }
    }
}

#[test]
fn a_vlan_that_is_to_be_down_goes_down_again_when_the_device_below_comes_up() {
    let text = "routing: none\nnodes: {a: {interfaces: {d: {kind: dummy}, down: {kind: vlan, id: 7, parent: \
                d, up: false, addresses: [\"fd00::1/64\"]}, inner: {kind: vlan, id: 8, parent: down}}}}\n";
    let plan = lower(&lab_of_yaml(text)).unwrap();
    let mut dice = Dice(0xd0d0);
    (0..32).for_each(|_| orders_agree(&plan, &mut dice, text));
    ends_in_nothing(&plan, text);
    let mut cut = State::of(&plan);
    assert!(
        cut.resources
            .iter()
            .all(|it| !matches!(it, Resource::Up { device, .. } if device == "down"))
    );
    cut.resources.retain(|it| !matches!(it, Resource::Up { device, .. } if device == "d"));
    leads(&cut, &plan, text);
}
