//! How long a large lab takes from its DOT text to its plan, and how many routes it then has.
//!
//! `cargo bench --bench compile`; the lines before the table tell what each lab holds and the memory
//! that it took.

#![allow(clippy::print_stdout)]

use divan::Bencher;
use divan::counter::ItemsCount;
use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};
use vrflab::diagnostic::{Diagnostics, Source};
use vrflab::document::{self, Format, LabName};
use vrflab::plan::{Plan, Resource, lower};
use vrflab::{compile, topology};

fn main() {
    for (name, text) in [
        ("mesh(10000)", mesh(500, 10_000)),
        ("routers(1000)", mesh(1000, 1000)),
        ("fat_tree(32)", fat_tree(32)),
        ("vpns(200, 1000)", vpns(200, 1000)),
    ] {
        let before = spent();
        let (plan, times) = stages(&text);
        let spent = spent() - before;
        let routes = count(&plan, |it| matches!(it, Resource::Route { .. }));
        let labels = count(&plan, |it| matches!(it, Resource::MplsRoute { .. }));
        let nodes = plan.namespaces().len();
        let steps = plan.steps().len();
        println!(
            "{name}: {nodes} nodes, {steps} steps, {routes} routes and {labels} label routes; the \
             most memory so far was {} MiB; file, graph, compiler and plan took \
             {times:.0?}, {spent} ms of the processor's time",
            peak()
        );
    }
    divan::main();
}

/// What the plan of a text is.
fn plan(text: &str) -> Plan {
    stages(text).0
}

/// The plan of a text, and how long the file, the graph, the compiler and the plan took.
fn stages(text: &str) -> (Plan, [Duration; 4]) {
    let source = Source { name: "lab.dot".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").expect("a lab's name");
    let mut clock = Clock(Instant::now());
    let (document, said) = document::parse(&source, Some(Format::Dot));
    let mut said = Diagnostics::from(said);
    let parsed = clock.lap();
    let topology = topology::resolve(document.expect("a document"), None, &name, &mut said);
    let resolved = clock.lap();
    let lab =
        compile::compile(topology, &compile::Options::default(), &mut said).expect("few routes");
    let compiled = clock.lap();
    let said = said.into_sorted();
    assert!(said.is_empty(), "{said:?}");
    let plan = lower(&lab).expect("a lab is a plan");
    (plan, [parsed, resolved, compiled, clock.lap()])
}

struct Clock(Instant);

impl Clock {
    fn lap(&mut self) -> Duration {
        let start = std::mem::replace(&mut self.0, Instant::now());
        self.0 - start
    }
}

fn count(plan: &Plan, is: impl Fn(&Resource) -> bool) -> usize {
    plan.resources().filter(|it| is(it)).count()
}

/// The most memory that this process has had, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|it| it.parse().ok());
    kib.unwrap_or(0u64) / 1024
}

/// The processor's time that this process has had, in milliseconds.
fn spent() -> u64 {
    let text = fs::read_to_string("/proc/self/schedstat").expect("a process has a schedule");
    let spent = text.split_whitespace().next().and_then(|it| it.parse::<u64>().ok());
    spent.unwrap_or(0) / 1_000_000
}

fn measure(bencher: Bencher, text: &str) {
    bencher.counter(ItemsCount::new(text.matches(" -- ").count())).bench(|| plan(text));
}

#[divan::bench(args = [1250, 2500, 5000, 10_000], sample_count = 5)]
fn nodes_in_a_sparse_mesh(bencher: Bencher, nodes: usize) {
    measure(bencher, &mesh(nodes / 20, nodes));
}

#[divan::bench(args = [250, 500, 1000], sample_count = 3)]
fn routers_alone(bencher: Bencher, routers: usize) {
    measure(bencher, &mesh(routers, routers));
}

#[divan::bench(args = [8, 16, 32], sample_count = 3)]
fn fat_tree_of_routers(bencher: Bencher, k: usize) {
    measure(bencher, &fat_tree(k));
}

#[divan::bench(args = [250, 500, 1000], sample_count = 3)]
fn vpns_on_two_hundred_edges(bencher: Bencher, vpns: usize) {
    measure(bencher, &self::vpns(200, vpns));
}

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        // Xorshift, by Marsaglia.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Routers each joined to an earlier one, and half as many links again across; hosts for the rest.
fn mesh(routers: usize, nodes: usize) -> String {
    let mut chance = Chance(42);
    let mut text = String::from("graph mesh {\n node [role=router]\n");
    for router in 1..routers {
        let _ = writeln!(text, " r{router} -- r{}", chance.below(router));
    }
    for _ in 0..routers / 2 {
        let (near, far) = (chance.below(routers), chance.below(routers));
        if near != far {
            let _ = writeln!(text, " r{near} -- r{far}");
        }
    }
    text.push_str(" node [role=host]\n");
    for host in routers..nodes {
        let _ = writeln!(text, " h{host} -- r{}", chance.below(routers));
    }
    text.push_str("}\n");
    text
}

/// A fat tree of switches with `k` ports each, all of them routers: 5k²/4.
fn fat_tree(k: usize) -> String {
    let half = k / 2;
    let mut text = String::from("graph fat_tree {\n node [role=router]\n");
    for pod in 0..k {
        for upper in 0..half {
            for other in 0..half {
                let _ = writeln!(text, " a{pod}_{upper} -- e{pod}_{other}");
                let _ = writeln!(text, " c{upper}_{other} -- a{pod}_{upper}");
            }
        }
    }
    text.push_str("}\n");
    text
}

/// Edges around a core of a tenth as many routers, and VPNs with five sites each.
fn vpns(edges: usize, vpns: usize) -> String {
    let mut chance = Chance(7);
    let core = edges / 10;
    let mut text = String::from("graph vpns {\n node [role=p]\n");
    for p in 0..core {
        let _ = writeln!(text, " p{p} -- p{}", (p + 1) % core);
        let _ = writeln!(text, " p{p} -- p{}", (p + 3) % core);
    }
    text.push_str(" node [role=pe]\n");
    for pe in 0..edges {
        let _ = writeln!(text, " pe{pe} -- p{}", pe % core);
        let _ = writeln!(text, " pe{pe} -- p{}", (pe + 1) % core);
    }
    for vpn in 0..vpns {
        for site in 0..5 {
            let pe = chance.below(edges);
            let _ = writeln!(text, " c{vpn}_{site} [role=ce]; h{vpn}_{site} [role=host]");
            let _ = writeln!(text, " c{vpn}_{site} -- pe{pe} [vrf=v{vpn}]");
            let _ = writeln!(text, " h{vpn}_{site} -- c{vpn}_{site}");
        }
    }
    text.push_str("}\n");
    text
}
