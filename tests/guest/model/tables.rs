//! A random lab of routers whose tables make little sense.

use super::labs::UNLIMITED;
use fastrand::Rng;
use std::fmt::Write;

/// One end of a link: the node, the interface, and the VRF that it is in.
struct End {
    node: usize,
    vrf: Option<&'static str>,
}

/// A router or a host with all that is written of it.
struct Node {
    name: String,
    is_host: bool,
    vrfs: Vec<&'static str>,
    interfaces: Vec<String>,
    routes: Vec<String>,
    rules: Vec<String>,
    mpls: Vec<String>,
    neighbours: Vec<String>,
    sysctls: Vec<String>,
}

struct Tables<'r> {
    rng: &'r mut Rng,
    nodes: Vec<Node>,
    links: Vec<[End; 2]>,
}

const TABLES: [(&str, u32); 2] = [("red", 101), ("blue", 102)];

/// Routers with VRFs whose routes lead in the right direction more often than not, with labels, rules and
/// settings as they come.
pub fn tables(rng: &mut Rng) -> String {
    let mut lab = Tables { rng, nodes: Vec::new(), links: Vec::new() };
    let routers = lab.rng.usize(3..6);
    for at in 0..routers {
        lab.add(format!("r{at}"), false);
        if at > 0 {
            let to = lab.rng.usize(..at);
            lab.link(at, to);
        }
    }
    for _ in 0..lab.rng.usize(1..4) {
        let (near, far) = (lab.rng.usize(..routers), lab.rng.usize(..routers));
        if near != far {
            lab.link(near, far);
        }
    }
    for at in 0..lab.rng.usize(2..4) {
        let to = lab.rng.usize(..routers);
        lab.add(format!("h{at}"), true);
        lab.link(lab.nodes.len() - 1, to);
    }
    for v4 in [true, false] {
        lab.routes(v4);
        for _ in 0..lab.rng.usize(..4) {
            lab.labels(v4);
        }
        lab.rules(v4);
    }
    lab.settings();
    lab.print()
}

impl Tables<'_> {
    fn one_in(&mut self, many: u32) -> bool {
        self.rng.u32(..many) == 0
    }

    fn add(&mut self, name: String, is_host: bool) {
        let some = if is_host { 0 } else { self.rng.usize(..3) };
        let vrfs = TABLES.iter().take(some).map(|(name, _)| *name).collect();
        self.nodes.push(Node {
            name,
            is_host,
            vrfs,
            interfaces: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            mpls: Vec::new(),
            neighbours: Vec::new(),
            sysctls: Vec::new(),
        });
    }

    fn link(&mut self, near: usize, far: usize) {
        let number = self.links.len();
        let ends = [near, far].map(|node| {
            let vrfs = self.nodes[node].vrfs.clone();
            let vrf = vrfs.get(self.rng.usize(..3)).copied();
            End { node, vrf }
        });
        for end in &ends {
            let mut said = Vec::new();
            said.extend(end.vrf.map(|vrf| format!("vrf: {vrf}")));
            if !self.nodes[end.node].is_host && !self.one_in(6) {
                said.push("mpls: true".to_owned());
            }
            if self.one_in(30) {
                said.push("up: false".to_owned());
            }
            let interface = format!("l{number}: {{{}}}", said.join(", "));
            self.nodes[end.node].interfaces.push(interface);
        }
        self.links.push(ends);
    }

    fn address(link: usize, end: usize, v4: bool) -> String {
        match v4 {
            true => format!("10.0.{link}.{}", end + 1),
            false => format!("fd00:0:0:{link:x}::{}", end + 1),
        }
    }

    fn subnet(link: usize, v4: bool) -> String {
        match v4 {
            true => format!("10.0.{link}.0/24"),
            false => format!("fd00:0:0:{link:x}::/64"),
        }
    }

    fn loopback(node: usize, v4: bool) -> String {
        match v4 {
            true => format!("192.0.2.{}", node + 1),
            false => format!("fd00:ff::{:x}", node + 1),
        }
    }

    /// The links of a node, with the end that is its own.
    fn of(&self, node: usize) -> Vec<(usize, usize)> {
        let ends = self.links.iter().enumerate().flat_map(|(link, ends)| {
            ends.iter().enumerate().map(move |(end, it)| (link, end, it.node))
        });
        ends.filter(|(.., of)| *of == node).map(|(link, end, _)| (link, end)).collect()
    }

    /// The link by which a node is nearest to another, and the node's own end.
    fn towards(&self, node: usize, to: usize) -> Option<(usize, usize)> {
        let mut distance = vec![usize::MAX; self.nodes.len()];
        distance[to] = 0;
        for _ in 0..self.nodes.len() {
            for [near, far] in &self.links {
                for (near, far) in [(near.node, far.node), (far.node, near.node)] {
                    if !self.nodes[far].is_host || far == to {
                        distance[near] = distance[near].min(distance[far].saturating_add(1));
                    }
                }
            }
        }
        let links = self.of(node).into_iter();
        links.min_by_key(|(link, end)| distance[self.links[*link][1 - *end].node])
    }

    /// `via ADDRESS dev IF`, and the VRF that the interface is in.
    fn via(&self, (link, end): (usize, usize), v4: bool) -> (String, Option<&'static str>) {
        let via = Self::address(link, 1 - end, v4);
        (format!("via {via} dev l{link}"), self.links[link][end].vrf)
    }

    fn routes(&mut self, v4: bool) {
        let nodes = |link: usize| [0, 1].map(|end| self.links[link][end].node);
        let of_links: Vec<(String, [usize; 2])> =
            (0..self.links.len()).map(|link| (Self::subnet(link, v4), nodes(link))).collect();
        let length = if v4 { 32 } else { 128 };
        let loopbacks = (0..self.nodes.len())
            .map(|node| (format!("{}/{length}", Self::loopback(node, v4)), [node; 2]));
        let all: Vec<(String, [usize; 2])> = of_links.into_iter().chain(loopbacks).collect();
        let wide = if v4 { "10.0.0.0/8" } else { "fd00::/16" };
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_host {
                let Some(way) = self.of(node).first().copied() else { continue };
                if !self.one_in(15) {
                    let route = format!("default {}", self.via(way, v4).0);
                    self.nodes[node].routes.push(route);
                }
                continue;
            }
            for (destination, ends) in &all {
                if !ends.contains(&node) && !self.one_in(6) {
                    self.route(node, destination, ends[0], v4);
                }
            }
            if self.one_in(4) {
                let to = self.rng.usize(..self.nodes.len());
                self.route(node, wide, to, v4);
            }
            if self.one_in(3) {
                let kinds = ["unreachable", "blackhole", "prohibit", "throw"];
                let (kind, at) = (kinds[self.rng.usize(..4)], self.rng.usize(..all.len()));
                let table = self.table(node, None);
                let route = format!("{kind} {}{table} metric 7", all[at].0);
                self.nodes[node].routes.push(route);
            }
        }
        self.nodes.iter_mut().for_each(|node| {
            node.routes.sort();
            node.routes.dedup();
        });
    }

    /// The words for a table: mostly the one that is usual.
    fn table(&mut self, node: usize, usual: Option<&'static str>) -> String {
        let vrfs = self.nodes[node].vrfs.clone();
        let table = match self.rng.u8(..12) {
            0 => return " table 7".to_owned(),
            1 => None,
            2 => vrfs.first().copied(),
            3 => vrfs.last().copied(),
            _ => usual,
        };
        table.map(|vrf| format!(" vrf {vrf}")).unwrap_or_default()
    }

    fn route(&mut self, node: usize, destination: &str, to: usize, v4: bool) {
        let links = self.of(node);
        let mut way = self.towards(node, to);
        if self.one_in(12) {
            way = links.get(self.rng.usize(..links.len())).copied();
        }
        let Some(way) = way else { return };
        let (via, vrf) = self.via(way, v4);
        let table = self.table(node, vrf);
        let mut words = format!("{destination}{table} {via}");
        match self.rng.u8(..16) {
            0 => words += " metric 50",
            1 => {
                let other = links[self.rng.usize(..links.len())];
                if other != way {
                    let other = self.via(other, v4).0;
                    words = format!("{destination}{table} nexthop {via} weight 2 nexthop {other}");
                }
            }
            2 => words += if v4 { " tos 0x10" } else { " metric 9" },
            3 if table.is_empty() && vrf.is_none() => {
                words += &format!(" src {}", Self::loopback(node, v4))
            }
            _ => {}
        }
        self.nodes[node].routes.push(words);
    }

    /// A path of labels towards a destination, with a slip here and there.
    fn labels(&mut self, v4: bool) {
        let routers = self.nodes.iter().filter(|node| !node.is_host).count();
        let (first, last) = (self.rng.usize(..routers), self.rng.usize(..routers));
        if first == last {
            return;
        }
        let link = self.rng.usize(..self.links.len());
        let destination = match self.rng.bool() {
            true => Self::subnet(link, v4),
            false => Self::loopback(last, v4),
        };
        let (mut at, mut label) = (first, self.rng.u32(100..140));
        let two = self.one_in(4);
        let inner = self.rng.u32(100..140);
        for hop in 0..4 {
            let Some(way) = self.towards(at, last) else { return };
            let next = self.links[way.0][1 - way.1].node;
            let (via, vrf) = self.via(way, v4);
            if hop == 0 {
                let table = self.table(at, vrf);
                let stack = if two { format!("{label}/{inner}") } else { label.to_string() };
                let ttl = if self.one_in(5) { " ttl 9" } else { "" };
                let words = format!("{destination}{table} encap mpls {stack}{ttl} {via} metric 5");
                self.nodes[at].routes.push(words);
            } else {
                let via = via.replacen("via", if v4 { "via inet" } else { "via inet6" }, 1);
                let out = self.rng.u32(100..140);
                let words = match (next == last, self.rng.u8(..10)) {
                    (_, 0) => format!("{label} as {out}/{inner} {via}"),
                    (true, 1..6) => format!("{label} {via}"),
                    _ => format!("{label} as {out} {via}"),
                };
                self.say(at, words);
                label = out;
            }
            at = next;
            if at == last || self.nodes[at].is_host {
                break;
            }
        }
        let inside = match self.nodes[at].vrfs.first() {
            Some(vrf) if self.rng.bool() => vrf,
            _ => "lo",
        };
        self.say(at, format!("{label} dev {inside}"));
        if two {
            self.say(at, format!("{inner} dev {inside}"));
        }
    }

    /// A label's route, unless there is one.
    fn say(&mut self, node: usize, words: String) {
        let label = words.split(' ').next().unwrap().to_owned() + " ";
        let known = self.nodes[node].mpls.iter().any(|it| it.starts_with(&label));
        if !known && !self.nodes[node].is_host && !self.one_in(12) {
            self.nodes[node].mpls.push(words);
        }
    }

    fn rules(&mut self, v4: bool) {
        for node in 0..self.nodes.len() {
            if !self.one_in(3) {
                continue;
            }
            for _ in 0..self.rng.usize(1..3) {
                let link = self.rng.usize(..self.links.len());
                let subnet = Self::subnet(link, v4);
                let own = self.of(node)[0].0;
                let selector = match self.rng.u8(..9) {
                    0 => format!("from {subnet}"),
                    1 => format!("to {subnet}"),
                    2 => format!("iif l{own}"),
                    3 => "ipproto udp".to_owned(),
                    4 => "ipproto tcp dport 80".to_owned(),
                    5 => format!("not from {subnet}"),
                    6 => format!("from {subnet} iif l{own}"),
                    7 => "iif lo".to_owned(),
                    _ => "from all".to_owned(),
                };
                let action = match self.rng.u8(..10) {
                    0 => "unreachable".to_owned(),
                    1 => "blackhole".to_owned(),
                    2 => "prohibit".to_owned(),
                    3 => "lookup main suppress_prefixlength 0".to_owned(),
                    4 => "goto 20000".to_owned(),
                    5 => "lookup 7".to_owned(),
                    6 => "lookup main".to_owned(),
                    _ => match self.nodes[node].vrfs.first() {
                        Some(vrf) => format!("lookup {vrf}"),
                        None => "lookup 7".to_owned(),
                    },
                };
                let priority = [self.rng.u32(1..999), self.rng.u32(1002..9000), 40000];
                let priority = priority[self.rng.usize(..3)];
                let priority =
                    if action.starts_with("goto") { priority.min(9000) } else { priority };
                let family = if v4 { "" } else { "-6 " };
                self.nodes[node].rules.push(format!("{family}{selector} {action} pref {priority}"));
                if action.starts_with("goto") {
                    self.nodes[node].rules.push(format!("{family}nop pref 20000"));
                }
            }
        }
        for node in &mut self.nodes {
            let mut seen = std::collections::BTreeSet::new();
            node.rules.retain(|rule| seen.insert(rule.clone()));
        }
    }

    fn settings(&mut self) {
        for node in 0..self.nodes.len() {
            let own = self.of(node)[0].0;
            if self.one_in(4) {
                let (port, value) = (["all", "IF"][self.rng.usize(..2)], self.rng.u8(1..3));
                let port = port.replace("IF", &format!("l{own}"));
                self.set(node, format!("net.ipv4.conf.{port}.rp_filter: {value}"));
            }
            for (many, setting) in [
                (25, "net.ipv4.ip_forward: 0"),
                (25, "net.ipv6.conf.all.forwarding: 0"),
                (15, "net.ipv4.icmp_errors_use_inbound_ifaddr: 1"),
                (10, "net.ipv4.ip_default_ttl: 7"),
                (8, "net.ipv4.conf.all.ignore_routes_with_linkdown: 0"),
            ] {
                if self.one_in(many) {
                    self.set(node, setting.to_owned());
                }
            }
            let has_labels = !self.nodes[node].mpls.is_empty();
            if has_labels && self.one_in(3) {
                self.set(node, "net.mpls.ip_ttl_propagate: 0".to_owned());
            }
            if has_labels && self.one_in(8) {
                self.set(node, format!("net.mpls.conf.l{own}.input: 0"));
            }
            if self.one_in(12) {
                let end = self.of(node)[0].1;
                let address = Self::address(own, 1 - end, true);
                let words = format!("{address} lladdr 02:00:00:00:00:77 dev l{own}");
                self.nodes[node].neighbours.push(words);
            }
        }
    }

    fn set(&mut self, node: usize, setting: String) {
        self.nodes[node].sysctls.push(setting);
    }

    fn print(&mut self) -> String {
        let mut text = "routing: none\nfamily: dual\nnodes:\n".to_owned();
        let quoted = |lines: &[String]| {
            let lines: Vec<String> = lines.iter().map(|line| format!("\"{line}\"")).collect();
            format!("[{}]", lines.join(", "))
        };
        for (at, node) in self.nodes.iter().enumerate() {
            let role = if node.is_host { "host" } else { "router" };
            let loopback = [true, false].map(|v4| Self::loopback(at, v4));
            let vrfs: Vec<String> = node
                .vrfs
                .iter()
                .map(|vrf| {
                    let table = TABLES.iter().find(|(name, _)| name == vrf).unwrap().1;
                    let own = format!("addresses: [10.9.{}.{}/32]", table, at + 1);
                    format!("{vrf}: {{table: {table}, {own}}}")
                })
                .collect();
            let _ = writeln!(
                text,
                "  {}:\n    role: {role}\n    loopback: [{}]\n    vrfs: {{{}}}\n    interfaces: {{{}}}\n    sysctls: {{{UNLIMITED}{}{}}}\n    routes: {}\n    rules: {}\n    mpls: {}\n    neighbours: {}",
                node.name,
                loopback.map(|it| format!("\"{it}\"")).join(", "),
                vrfs.join(", "),
                node.interfaces.join(", "),
                if node.sysctls.is_empty() { "" } else { ", " },
                node.sysctls.join(", "),
                quoted(&node.routes),
                quoted(&node.rules),
                quoted(&node.mpls),
                quoted(&node.neighbours),
            );
        }
        text += "links:\n";
        for link in 0..self.links.len() {
            let [near, far] = &self.links[link];
            let [near, far] = [near.node, far.node].map(|node| &self.nodes[node].name);
            let own = |end| {
                format!(
                    "[{}/24, \"{}/64\"]",
                    Self::address(link, end, true),
                    Self::address(link, end, false)
                )
            };
            let (own, mtu) =
                ([own(0), own(1)], [1500, 1500, 1500, 1400, 1600][self.rng.usize(..5)]);
            let _ = writeln!(
                text,
                "  - {{ends: [\"{near}:l{link}\", \"{far}:l{link}\"], addresses: [{}, {}], mtu: {mtu}}}",
                own[0], own[1]
            );
        }
        text
    }
}
