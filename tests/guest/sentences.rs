//! Random sentences of the grammars of ip-route(8), ip-rule(8), ip-nexthop(8), tc-netem(8) and
//! tc-tbf(8): what `ip` and `tc` take a file takes, what they and the kernel refuse it refuses, and
//! both leave the same in the kernel.

use crate::grammar::{Dice, label, object, queue, route, rule};
use crate::oracle::{errors, refusals};
use crate::standing::read;
use std::fmt::Write;
use vrflab::document::Format;
use vrflab::plan::Resource;

/// What a file refuses though `ip` takes it, with the reason.
const WITH_REASON: &[&str] = &["a rule that does nothing"];

/// All sentences of one run.
#[derive(Default, Clone)]
struct Run {
    /// In a file each stands behind its kind, in the order of the kinds.
    lines: Vec<(Kind, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Queue(&'static str),
    Object(bool),
    Group,
    Route(bool),
    Rule(bool),
    Label,
}

impl Run {
    fn of(seed: u64, size: usize) -> Self {
        let mut dice = Dice(seed);
        let mut lines = Vec::new();
        for _ in 0..size {
            let (kind, sentence) = queue(&mut dice);
            lines.push((Kind::Queue(kind), sentence));
        }
        for number in 0..size {
            let v4 = dice.percent(50);
            let sentence = object(&mut dice, number, v4);
            let kind = if sentence.contains("group") { Kind::Group } else { Kind::Object(v4) };
            lines.push((kind, sentence));
        }
        for number in 0..4 * size {
            let v4 = dice.percent(60);
            lines.push((Kind::Route(v4), route(&mut dice, number, v4)));
        }
        for number in 0..2 * size {
            let v4 = dice.percent(60);
            lines.push((Kind::Rule(v4), rule(&mut dice, number, v4)));
        }
        for number in 0..size {
            lines.push((Kind::Label, label(&mut dice, number)));
        }
        Self { lines }
    }

    /// The file with those sentences that `keep` has, and the line on which each of them stands.
    fn text(&self, keep: impl Fn(usize) -> bool) -> (String, Vec<usize>) {
        let mut text = "routing: none\nnodes:\n  a:\n    vrfs: {red: 10}\n    loopback: [10.9.0.1/32, 'fd09::1/128']\n    \
                        sysctls: {net.mpls.platform_labels: 100000}\n    interfaces:\n      \
                        e0: {kind: dummy, addresses: [10.0.0.1/24, 'fd00::1/64']}\n      \
                        r0: {kind: dummy, vrf: red, addresses: [10.1.0.1/30, 'fd10::1/64']}\n"
            .to_owned();
        let mut places = Vec::new();
        let heads = [
            "",
            "    nexthops:\n      - id 1 via 10.0.0.2 dev e0\n      - id 2 via fd00::2 dev e0\n      - id 3 via 10.0.0.2 dev e0\n      - id 4 via 10.0.0.3 dev e0\n",
            "    routes:\n",
            "    rules:\n      - nop priority 32000\n",
            "    mpls:\n",
        ];
        let mut head = 0;
        let mut line = text.lines().count();
        for (number, (kind, sentence)) in self.lines.iter().enumerate() {
            let (section, family) = match kind {
                Kind::Queue(_) => (0, ""),
                Kind::Object(v4) => (1, if *v4 { "-4 " } else { "-6 " }),
                Kind::Route(v4) => (2, if *v4 { "-4 " } else { "-6 " }),
                Kind::Rule(v4) => (3, if *v4 { "-4 " } else { "-6 " }),
                Kind::Group => (1, ""),
                Kind::Label => (4, ""),
            };
            while head < section {
                head += 1;
                text.push_str(heads[head]);
                line += heads[head].lines().count();
            }
            line += 1;
            places.push(line);
            match (kind, keep(number)) {
                (Kind::Queue(queue), true) => {
                    writeln!(text, "      q{number}: {{kind: dummy, {queue}: '{sentence}'}}")
                        .unwrap()
                }
                (Kind::Queue(_), false) => {
                    writeln!(text, "      q{number}: {{kind: dummy}}").unwrap()
                }
                (_, true) => writeln!(text, "      - '{family}{sentence}'").unwrap(),
                (_, false) => {}
            }
        }
        text.push_str("links: [a -- b]\n");
        (text, places)
    }

    /// What `ip` and `tc` say to each.
    fn ask(&self, namespace: &str) -> Vec<Option<String>> {
        let mut answers = vec![None; self.lines.len()];
        let kinds = [
            (Kind::Queue("netem"), "tc", "", "qdisc add dev"),
            (Kind::Queue("tbf"), "tc", "", "qdisc add dev"),
            (Kind::Object(true), "ip", "-4", "nexthop add"),
            (Kind::Object(false), "ip", "-6", "nexthop add"),
            (Kind::Group, "ip", "", "nexthop add"),
            (Kind::Route(true), "ip", "-4", "route add"),
            (Kind::Route(false), "ip", "-6", "route add"),
            (Kind::Rule(true), "ip", "-4", "rule add"),
            (Kind::Rule(false), "ip", "-6", "rule add"),
            (Kind::Label, "ip", "-M", "route add"),
        ];
        for (kind, program, option, verb) in kinds {
            let of_kind = self.lines.iter().enumerate().filter(|(_, (it, _))| *it == kind);
            let (numbers, sentences): (Vec<usize>, Vec<String>) = of_kind
                .map(|(number, (_, sentence))| {
                    let Kind::Queue(queue) = kind else { return (number, sentence.clone()) };
                    (number, format!("q{number} root handle 1: {queue} {sentence}"))
                })
                .unzip();
            let mut command = vec![program, "-n", namespace];
            command.extend((!option.is_empty()).then_some(option));
            for (number, answer) in numbers.into_iter().zip(refusals(&command, verb, &sentences)) {
                answers[number] = answer;
            }
        }
        answers
    }
}

#[test]
fn ip_and_a_file_take_the_same_sentences_and_make_the_same_of_them() {
    let told = |name: &str, otherwise: u64| {
        std::env::var(name).ok().map_or(otherwise, |it| it.parse().expect("a number"))
    };
    let seed = told("VRFLAB_SENTENCES_SEED", 1);
    let size = usize::try_from(told("VRFLAB_SENTENCES", 25)).unwrap();
    let run = Run::of(seed, size);
    let (bare, _) = run.text(|_| false);
    let (base, said) = read(&bare, Format::Yaml, "sentences");
    assert!(said.is_empty(), "{said:?}");
    let base = base.up();
    let by_them = run.ask("sentences-a");

    let (all, places) = run.text(|_| true);
    let errors = errors(&all);
    let by_us: Vec<Option<&String>> = places.iter().map(|line| errors.get(line)).collect();
    let mut wrong = String::new();
    for (number, (kind, sentence)) in run.lines.iter().enumerate() {
        let with_reason = |error: &&String| WITH_REASON.iter().any(|reason| error.contains(reason));
        let both = by_them[number].is_some() == by_us[number].is_some();
        if !both && by_us[number].is_none_or(|error| !with_reason(&error)) {
            let (them, us) = (&by_them[number], by_us[number]);
            writeln!(wrong, "{kind:?} {sentence}\n  they: {them:?}\n  we: {us:?}").unwrap();
        }
    }
    let refused = by_them.iter().flatten().count();
    println!("seed {seed}: {} sentences, {refused} refused", run.lines.len());
    assert!(wrong.is_empty(), "seed {seed}, {} sentences:\n{wrong}", run.lines.len());
    assert!(refused > 0 && refused < run.lines.len() / 2, "{refused} are refused");

    let (taken, _) = run.text(|number| by_us[number].is_none());
    let (whole, _) = read(&taken, Format::Yaml, "sentences");
    // The settings are those of the sentences, and `ip` makes none.
    base.holds_but_for(&whole.plan, |it| matches!(it, Resource::Sysctl { .. }));
    drop(base);
    whole.up().holds_what_it_says();
}
