//! The forwarding model beside the kernel: random labs with random faults, of which the model says before
//! what becomes of packets, and in which packets are then followed.
//!
//! `ci/model MINUTES` goes on for so long; each lab is told by its seed.

mod compare;
mod fault;
mod labs;
mod lans;
mod probes;
mod tables;
mod tunnels;

use crate::standing::{Alone, Built, Standing};
use compare::{Comparison, compare};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use vrflab::check;
use vrflab::compile::{Options, compile_source};
use vrflab::diagnostic::{Severity, Source};
use vrflab::document::{Format, LabName};
use vrflab::executor::{self, apply};
use vrflab::forward::Network;
use vrflab::kernel::{Home, Machine, observe, on_worker};
use vrflab::plan::{Resource, State, between, lower};
use vrflab::verify::probe_of;

/// How many pairs of one lab are compared in one turn, and how many turns there are.
const PAIRS: usize = 120;
const TURNS: usize = 2;

/// The labs of which the kernel is asked at each run.
const SEEDS: [u64; 3] = [2, 4, 7];

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    labs: usize,
    compared: usize,
    /// Of how many the model does not say it, by the reason.
    unknown: BTreeMap<String, usize>,
    differ: Vec<String>,
    /// By what became of packets.
    ends: BTreeMap<String, usize>,
}

#[test]
fn the_model_says_what_the_kernel_does() {
    let mut tally = Tally::default();
    let seeds = std::env::var("VRFLAB_MODEL_SEED").ok().and_then(|seed| seed.parse().ok());
    match (std::env::var("VRFLAB_MODEL_MINUTES"), seeds) {
        (Ok(minutes), first) => {
            let minutes: u64 = minutes.parse().unwrap();
            let end = Instant::now() + Duration::from_secs(60 * minutes);
            let mut seed = first.unwrap_or(0);
            while Instant::now() < end {
                lab(seed, &mut tally);
                seed += 1;
            }
        }
        (Err(_), Some(seed)) => lab(seed, &mut tally),
        (Err(_), None) => SEEDS.into_iter().for_each(|seed| lab(seed, &mut tally)),
    }
    let unknown: usize = tally.unknown.values().sum();
    println!(
        "{} labs, {} compared, {unknown} unknown {:?}, {} differ: {:?}",
        tally.labs,
        tally.compared,
        tally.unknown,
        tally.differ.len(),
        tally.ends
    );
    assert!(tally.differ.is_empty(), "{}", tally.differ.join("\n"));
    assert!(tally.compared > unknown);
}

/// Builds the lab of a seed, breaks it, and compares.
fn lab(seed: u64, tally: &mut Tally) {
    let mut rng = Rng::with_seed(seed);
    let text = labs::any(&mut rng);
    let name = LabName::new(format!("model-{}", std::process::id())).unwrap();
    let source = Source { name: format!("seed {seed}"), text };
    let options = Options { name: Some(name.clone()), ..Options::default() };
    let (lab, said) = compile_source(&source, Format::Yaml, &name, &options);
    let errors: Vec<_> = said.iter().filter(|it| it.severity == Severity::Error).collect();
    let Some(lab) = lab.filter(|_| errors.is_empty()) else {
        println!("seed {seed} is no lab: {}", errors.first().unwrap().title);
        return;
    };
    let plan = lower(&lab).unwrap();
    std::fs::write("/proc/sys/net/ipv4/route/error_cost", "0").unwrap();
    for limit in ["msgs_per_sec", "msgs_burst"] {
        let _ = std::fs::write(format!("/proc/sys/net/ipv4/icmp_{limit}"), "100000");
    }
    let built = Built { lab, plan };
    // Gateways are looked up by the rules too, so some of them are refused.
    let lock = executor::build(&built.plan, built.record(), built.lock(), &mut Alone);
    let Ok(lock) = lock.map_err(|error| println!("seed {seed} is not built: {error}")) else {
        return;
    };
    drop(lock);
    let standing = Standing(built);
    tally.labs += 1;
    let faults = broken(&standing, &mut rng);
    let Built { lab, plan } = &standing.0;
    let mut state = on_worker(|worker| observe(plan, worker)).unwrap();
    // A kernel is not asked for rulesets.
    let unasked = plan.resources().filter(|it| matches!(it, Resource::Ruleset { .. }));
    state.resources.extend(unasked.cloned());
    let network = Network::of_standing(&state, plan);
    let known = tally.differ.len();
    let mut pairs = probes::pairs(lab, &mut rng).into_iter();
    for _ in 0..TURNS {
        let mut sent = Vec::new();
        let mut checks = Vec::new();
        for pair in pairs.by_ref().take(PAIRS) {
            let mut check = probes::check(lab, &pair, probes::sends(&pair, &mut rng));
            let exchanges = network.exchange(&probe_of(lab, &check, pair.to));
            check.expect = probes::expected(&exchanges);
            checks.push(check);
            sent.push((pair.to, exchanges));
        }
        let report = check::run(lab, &checks, |_, _| {}).unwrap();
        for (((to, exchanges), check), result) in sent.iter().zip(&checks).zip(&report.results) {
            let probe = probe_of(lab, check, *to);
            match compare(lab, &probe, exchanges, &result.probes[0]) {
                Comparison::Agrees => tally.compared += 1,
                Comparison::Unknown(why) => *tally.unknown.entry(why).or_default() += 1,
                Comparison::Differs(why) => {
                    tally.compared += 1;
                    let line = format!("seed {seed}: {}\n{why}", check.text);
                    println!("{line}");
                    tally.differ.push(line);
                }
            }
            for exchange in exchanges {
                let end = format!("{:?}", exchange.request.end);
                let end = end.split(' ').next().unwrap().to_owned();
                *tally.ends.entry(end).or_default() += 1;
            }
        }
    }
    if tally.differ.len() > known {
        println!("seed {seed} is\n{}\nwith {faults:#?}", source.text);
    }
}

/// Brings faults into a lab, and says which.
fn broken(standing: &Standing, rng: &mut Rng) -> Vec<String> {
    let Built { lab, plan } = &standing.0;
    let there = on_worker(|worker| observe(plan, worker)).unwrap();
    let mut whole = there.clone();
    let unseen = State::of(plan).resources.into_iter().filter(|it| !it.is_observed());
    whole.resources.extend(unseen);
    let (wanted, mut said) = fault::any(&whole, rng);
    let steps: Vec<_> = between(&whole, &wanted, &[plan]).unwrap().steps().cloned().collect();
    let namespaces = lab.nodes.iter().map(|node| node.namespace.clone()).collect();
    on_worker(|worker| {
        let home = Home::of(vrflab::state::directory(&lab.name));
        let mut machine = Machine::standing(worker, home, namespaces);
        apply(&steps, &standing.0.record().footprint.mark, &mut machine, &|| false)
    })
    // What the kernel does not take is no fault; what there is is read from it.
    .unwrap_or_else(|stopped| said.push(format!("but for {stopped:?}")));
    said
}
