//! Small labs for tests, built with `ip` so that nothing of the program that makes labs is trusted.

use ipnet::IpNet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use vrflab::check::{CheckResult, Report};
use vrflab::compile::{
    Allocations, Check, Imports, Interface, InterfaceId, InterfaceKind, Lab, Link, Node, NodeId,
    Vrf, read_check,
};
use vrflab::diagnostic::{Span, Spanned, Text};
use vrflab::document::{DeviceName, LabName, NodeName, Role, Traffic};
use vrflab::link::{Bridge, Kind};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A line for the standard input of a program.
struct Step {
    runner: String,
    line: String,
}

/// A lab that stands until it is dropped.
pub struct Bench {
    pub lab: Lab,
}

impl Bench {
    /// Builds a lab. A line is one of
    ///
    /// ```text
    /// h1 host                                   a node and its role
    /// pe1 vrf blue 10                           a VRF of a node
    /// h1:eth0 10.0.0.1/24 - r1:eth0 10.0.0.2/24,2001:db8::2/64 blue    a link, `blue` being r1's VRF
    /// h1: route add default via 10.0.0.2        what `ip` is told in a node
    /// h1: sysctl net/ipv4/ip_forward 1
    /// ```
    pub fn new(lines: &str) -> Self {
        let prefix =
            format!("chk-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let lab = Lab {
            name: LabName::new(prefix.clone()).unwrap(),
            netns: "{lab}-{node}".to_owned(),
            nodes: Vec::new(),
            links: Vec::new(),
            checks: Vec::new(),
            sample: None,
            allocations: Allocations::default(),
        };
        let mut bench = Self { lab };
        let mut steps = Vec::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [node, command @ ..] if node.ends_with(':') => {
                    let node = bench.id(node.trim_end_matches(':'));
                    steps.push(bench.command(node, command));
                }
                [node, "vrf", name, table] => {
                    let id = bench.id(node);
                    let vrf = Vrf {
                        name: DeviceName::new(*name).unwrap(),
                        span: Span::NONE,
                        table: table.parse().unwrap(),
                        addresses: Vec::new(),
                        imports: Imports::default(),
                        fallthrough: false,
                        mtu: None,
                        netem: None,
                        tbf: None,
                        traffic: Traffic::default(),
                        up: true,
                    };
                    bench.lab[id].vrfs.push(vrf);
                    let add = format!("link add name {name} up type vrf table {table}");
                    steps.push(bench.command(id, &add.split(' ').collect::<Vec<_>>()));
                }
                [node, role] => {
                    steps.extend(bench.node(&prefix, node, role));
                }
                _ => steps.extend(bench.link(line)),
            }
        }
        Self::run_steps(&steps);
        bench
    }

    fn node(&mut self, prefix: &str, name: &str, role: &str) -> Vec<Step> {
        let role = match role {
            "host" => Role::Host,
            "router" => Role::Router,
            "ce" => Role::Ce,
            "pe" => Role::Pe,
            "p" => Role::P,
            "switch" => Role::Switch,
            _ => panic!("role {role}"),
        };
        let forwarding = !matches!(role, Role::Host | Role::Switch);
        let namespace = format!("{prefix}-{name}");
        self.lab.nodes.push(Node {
            name: NodeName::new(name).unwrap(),
            span: Span::NONE,
            namespace: namespace.clone(),
            role,
            forwarding,
            loopback: Vec::new(),
            vrfs: Default::default(),
            interfaces: Default::default(),
            nexthops: Vec::new(),
            tables: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            label_routes: Vec::new(),
            neighbours: Vec::new(),
            local_rule: Spanned::filled(0),
            early_sysctls: Vec::new(),
            late_sysctls: Vec::new(),
            nft: None,
            etc: Vec::new(),
            run: Vec::new(),
        });
        let id = NodeId(self.lab.nodes.len() - 1);
        let add = Step { runner: "ip -batch -".to_owned(), line: format!("netns add {namespace}") };
        let mut steps = vec![add, self.command(id, &["link", "set", "lo", "up"])];
        let on = if forwarding { "1" } else { "0" };
        for (key, value) in [
            ("net/ipv4/conf/all/rp_filter", "0"),
            ("net/ipv4/conf/default/rp_filter", "0"),
            ("net/ipv6/conf/default/accept_dad", "0"),
            ("net/ipv4/ip_forward", on),
            ("net/ipv6/conf/all/forwarding", on),
        ] {
            steps.push(self.command(id, &["sysctl", key, value]));
        }
        if role == Role::Switch {
            steps.push(self.command(id, &["link", "add", "name", "br0", "up", "type", "bridge"]));
            let bridge = Bridge::plain(false);
            self.interface(id, "br0", InterfaceKind::device(Kind::Bridge(bridge)));
        }
        steps
    }

    fn interface(&mut self, node: NodeId, name: &str, kind: InterfaceKind) -> InterfaceId {
        let name = DeviceName::new(name).unwrap();
        self.lab[node].interfaces.push(Interface::plain(name, Span::NONE, kind));
        InterfaceId(self.lab[node].interfaces.len() - 1)
    }

    fn link(&mut self, line: &str) -> Vec<Step> {
        let link = self.lab.links.len();
        let ends: Vec<Vec<&str>> =
            line.split(" - ").map(|end| end.split_whitespace().collect()).collect();
        let mut made = Vec::new();
        for (end, words) in ends.iter().enumerate() {
            let (node, device) = words[0].split_once(':').unwrap();
            let node = self.id(node);
            made.push((node, self.interface(node, device, InterfaceKind::Veth { link, end })));
        }
        let name = |(node, interface): (NodeId, InterfaceId)| {
            let node = &self.lab[node];
            format!("name {} netns {}", node.interfaces[interface.0].name, node.namespace)
        };
        let line = format!("link add {} type veth peer {}", name(made[0]), name(made[1]));
        let mut steps = vec![Step { runner: "ip -batch -".to_owned(), line }];
        for (words, &(node, interface)) in ends.iter().zip(&made) {
            let device = self.lab[node].interfaces[interface.0].name.to_string();
            let master = match words.get(2) {
                Some(vrf) => Some((*vrf).to_owned()),
                None => (self.lab[node].role == Role::Switch).then(|| "br0".to_owned()),
            };
            if let Some(master) = master {
                steps.push(self.command(node, &["link", "set", &device, "master", &master]));
                self.lab[node].interfaces[interface.0].master =
                    Some(Spanned::filled(DeviceName::new(master).unwrap()));
            }
            steps.push(self.command(node, &["link", "set", &device, "up"]));
            for address in words.get(1).into_iter().flat_map(|list| list.split(',')) {
                steps.push(self.command(node, &["address", "add", address, "dev", &device]));
                let address: IpNet = address.parse().unwrap();
                self.lab[node].interfaces[interface.0]
                    .addresses
                    .push(Spanned::filled(address.into()));
            }
        }
        self.lab.links.push(Link { span: Span::NONE, ends: [made[0], made[1]], cost: 1 });
        steps
    }

    fn command(&self, node: NodeId, words: &[&str]) -> Step {
        let namespace = &self.lab[node].namespace;
        match words {
            ["sysctl", key, value] => Step {
                runner: format!("ip netns exec {namespace} sh -e"),
                line: format!("echo {value} > /proc/sys/{key}"),
            },
            // In a batch, the family stands before it and not in its lines.
            words => {
                let family = match words {
                    ["-6", ..] => 1,
                    ["-f", _, ..] => 2,
                    _ => 0,
                };
                let (family, words) = words.split_at(family);
                let runner = format!("ip -n {namespace} {} -batch -", family.join(" "));
                Step { runner, line: words.join(" ") }
            }
        }
    }

    /// Runs the steps in order, neighbours of one kind in one process.
    fn run_steps(steps: &[Step]) {
        for steps in steps.chunk_by(|a, b| a.runner == b.runner) {
            let mut words = steps[0].runner.split_whitespace();
            let mut command = Command::new(words.next().unwrap());
            let mut child = command.args(words).stdin(Stdio::piped()).spawn().unwrap();
            let text: String = steps.iter().map(|step| format!("{}\n", step.line)).collect();
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success(), "{}: {text}", steps[0].runner);
        }
    }

    pub fn id(&self, name: &str) -> NodeId {
        self.lab.node(name).unwrap_or_else(|| panic!("no node {name}"))
    }

    /// Changes the lab while it stands: lines as of [`Bench::new`] that begin with a node and `:`.
    pub fn change(&self, lines: &str) {
        let mut steps = Vec::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (node, command) = line.split_once(": ").unwrap();
            let command: Vec<&str> = command.split_whitespace().collect();
            steps.push(self.command(self.id(node), &command));
        }
        Self::run_steps(&steps);
    }

    /// Reads checks, a line each.
    pub fn checks(&self, lines: &str) -> Vec<Check> {
        lines
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|l| self.check(l))
            .collect()
    }

    fn check(&self, line: &str) -> Check {
        let check = read_check(&self.lab, &Text::filled(line));
        check.unwrap_or_else(|wrong| panic!("{line}: {wrong:?}"))
    }

    /// Makes the checks.
    pub fn run(&self, lines: &str) -> Report {
        let checks = self.checks(lines);
        let report = vrflab::check::run(&self.lab, &checks, |_, _| {}).unwrap();
        assert_eq!(report.results.len(), checks.len());
        report
    }

    /// Makes one check.
    pub fn one(&self, line: &str) -> CheckResult {
        self.run(line).results.remove(0)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for node in &self.lab.nodes {
            // Where building it failed half-way, some are not there.
            let _ = Command::new("ip").args(["netns", "del", &node.namespace]).status();
        }
    }
}

/// What a failed check says, in one text.
pub fn words(result: &CheckResult) -> String {
    let reason = result.reason.iter().map(String::as_str);
    reason.chain(result.explanation.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
}
