//! Queues on interfaces: what is printed `tc` takes, and the kernel holds it as it was meant.

use crate::standing::{Built, read};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};
use vrflab::diagnostic::{Code, Span, Text};
use vrflab::document::Format;
use vrflab::executor::{self, Change};
use vrflab::iproute::{Filter, Htb, HtbClass, Leaf, Netem, Police, Share, Tbf};
use vrflab::kernel::{observe, on_worker};
use vrflab::plan::{Action, Difference, Plan, Qdisc, Resource, Step, differences};

fn lab(text: &str, name: &str) -> Built {
    let (built, said) = read(text, Format::Dot, name);
    assert!(said.is_empty(), "{said:?}");
    built
}

/// In what the kernel differs from a plan, as lines.
fn wrong(plan: &Plan) -> Vec<String> {
    let observed = on_worker(|worker| observe(plan, worker)).unwrap();
    let line = |difference| match difference {
        Difference::Missing(it) => format!("- {}", Action::Add(it)),
        Difference::Extra(it) => format!("+ {}", Action::Add(it)),
    };
    differences(plan, &observed).into_iter().map(line).collect()
}

fn some(count: usize, strategy: impl Strategy<Value = String>) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn tc_takes_what_is_printed_and_the_kernel_holds_it() {
    let mut queues = Vec::new();
    for line in some(30, crate::queues::netem()) {
        let mut netem = Netem::parse(&Text::filled(line)).unwrap();
        // Which `tc` forgets where nothing else has one.
        netem.duplicate.correlation = Share::default();
        queues.push(Qdisc::Netem(netem));
    }
    for line in some(20, crate::queues::tbf()) {
        let tbf = Tbf::parse(&Text::filled(line)).unwrap();
        queues.push(Qdisc::Tbf { tbf, behind_netem: false });
    }
    for line in LEAVES {
        let leaf = Leaf::parse(&Text::filled(line)).unwrap();
        queues.push(Qdisc::Leaf { leaf, behind: 0 });
    }
    // One interface for each, and one for what comes in.
    let links = "a -- b; ".repeat(queues.len() + 1);
    let standing = lab(&format!("graph {{ {links} }}"), "queues").up();
    let police = Police::parse(&Text::filled("rate 3mbit burst 17kb")).unwrap();
    let last = queues.len();
    let mut shared = vec![Qdisc::Ingress, Qdisc::Police(police)];
    let leaf = Leaf::parse(&Text::filled("htb default 1 r2q 20")).unwrap();
    shared.push(Qdisc::Leaf { leaf, behind: 0 });
    for (id, line) in (1..).zip(some(20, crate::queues::class())) {
        let class = HtbClass { id, ..HtbClass::parse(&Text::filled(line)).unwrap() };
        let quantum = class.quantum.or(Some(Htb { default: 1, r2q: 20 }.quantum(class.rate)));
        shared.push(Qdisc::Class { class: HtbClass { quantum, ..class }, behind: 0 });
    }
    for (prio, line) in (1..).zip(some(30, crate::queues::filter())) {
        let filter = Filter::parse(&Text::filled(line)).unwrap();
        shared.push(Qdisc::Filter { filter, prio, behind: 0 });
    }
    let told = queues.into_iter().enumerate().chain(shared.into_iter().map(|it| (last, it))).map(
        |(at, qdisc)| Resource::Qdisc {
            namespace: "queues-a".to_owned(),
            device: format!("eth{at}"),
            qdisc,
        },
    );
    let told: Vec<Action> = told.map(Action::Add).collect();
    let commands: Vec<String> = told.iter().map(Action::to_string).collect();
    let script = format!("set -e\n{}", commands.join("\n"));
    let done = Command::new("sh").args(["-xc", &script]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // Queues come before their devices are up.
    let mut steps: Vec<Step> = standing.0.plan.steps().cloned().collect();
    let is_up = |step: &Step| matches!(step.action.resource(), Resource::Up { .. });
    let up = steps.iter().position(is_up).unwrap();
    steps.splice(up..up, told.into_iter().map(|action| Step { action, span: Span::NONE }));
    let wrong = wrong(&Plan::new(steps).unwrap());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Queues that have none behind them.
const LEAVES: [&str; 5] = [
    "fq_codel",
    "fq_codel limit 100 flows 64 target 3ms interval 50ms quantum 300 noecn",
    "fq_codel target 777us interval 12345us",
    "prio",
    "prio bands 5 priomap 4 2 2 2 1 2 0 0 1 1 1 1 1 1 1 3",
];

const POLICED: &str = "
nodes:
  r:
    role: router
    interfaces:
      eth0: {police: rate 200kbit burst 4kb}
      eth1: {qdisc: prio}
  h: {interfaces: {eth0: {tbf: rate 50mbit burst 32kb latency 50ms, qdisc: fq_codel limit 100}}}
  k: {interfaces: {eth0: {netem: delay 1ms, tbf: rate 50mbit burst 32kb latency 50ms, qdisc: fq_codel}}}
links: [r:eth0 -- h:eth0, r:eth1 -- k:eth0]
checks: [h -> k count 60 size 1000 loss > 30%, k -> r count 60 size 1000 loss < 5%]
";

#[test]
fn what_is_too_much_is_dropped_on_its_way_in_and_a_delay_leaves_the_queues_that_are_there() {
    let (built, said) = read(POLICED, Format::Yaml, "policed");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();

    // As `vrflab impair` does it, and takes it back.
    let slow = POLICED.replace("{qdisc: prio}", "{qdisc: prio, netem: delay 2ms}");
    let slow = read(&slow, Format::Yaml, "policed").0.plan;
    let plan = &standing.0.plan;
    let namespaces: Vec<String> = plan.namespaces().into_iter().map(str::to_owned).collect();
    let (lock, healed) = (standing.0.lock(), BTreeSet::new());
    for (before, after) in [(plan, &slow), (&slow, plan)] {
        let change = Change { mark: "", namespaces: &namespaces, before, after, healed: &healed };
        executor::change(&lock, &change, &|| false).unwrap();
        standing.holds(after);
    }
    drop(lock);
    let id = standing.lab().node("r").unwrap();
    let namespace = &standing.lab()[id].namespace;
    let words = ["-n", namespace, "filter", "del", "dev", "eth0", "ingress"];
    assert!(Command::new("tc").args(words).status().unwrap().success());
    assert!(!standing.check("h -> k").ok);
}

#[test]
fn queues_of_a_lab_are_there_as_it_says() {
    for (at, line) in some(12, crate::queues::netem()).into_iter().enumerate() {
        let buckets = some(12, crate::queues::tbf());
        let text = format!(
            "graph {{ routing=none; a -- b [netem=\"{line}\", tailtbf=\"{}\"]; b -- c [headtbf=\"{}\", offload=false] }}",
            buckets[at],
            buckets[11 - at]
        );
        let standing = lab(&text, "queued").up();
        let wrong = wrong(&standing.0.plan);
        assert!(wrong.is_empty(), "{text}\n{wrong:#?}");
    }
}

#[test]
fn a_delay_on_a_link_acts_both_ways_and_a_rate_on_one() {
    let (built, said) = read(
        "graph { a -- b [netem=\"delay 300ms\"]
           c -- d [tailnetem=\"delay 300ms\"]
           e -- f [tailtbf=\"rate 10mbit burst 5kb latency 50ms\", netem=\"loss 0%\"] }",
        Format::Dot,
        "delayed",
    );
    assert_eq!(said.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::Disconnected]);
    let standing = built.up();
    let there = |from: &str, to: &str| {
        let socket = |node| standing.within(node, |_| UdpSocket::bind("0.0.0.0:7").unwrap());
        let (near, far) = (socket(from), socket(to));
        let id = standing.lab().node(to).unwrap();
        let address = standing.lab()[id].interfaces[0].addresses[0].value.addr();
        // The first finds the neighbour.
        let mut taken = Duration::ZERO;
        for _ in 0..2 {
            let start = Instant::now();
            near.send_to(b"there", (address, 7)).unwrap();
            far.recv(&mut [0; 5]).unwrap();
            taken = start.elapsed();
        }
        taken.as_millis()
    };
    for (from, to, times) in [
        ("a", "b", 300..600),
        ("b", "a", 300..600),
        ("c", "d", 300..600),
        ("d", "c", 0..300),
        ("e", "f", 0..300),
    ] {
        let taken = there(from, to);
        assert!(times.contains(&taken), "{from} -> {to}: {taken} ms");
    }
}
