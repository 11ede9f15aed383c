//! Random LANs: switches that mind VLANs or do not, hosts and routers behind them, and slips in both.

use super::labs::{UNLIMITED, ruleset};
use fastrand::Rng;
use std::fmt::Write;

/// The VLANs, each with a subnet of its number.
const VLANS: [u16; 2] = [10, 20];

struct Switch {
    filters: bool,
    interfaces: Vec<String>,
}

struct Lans<'r> {
    rng: &'r mut Rng,
    switches: Vec<Switch>,
    nodes: Vec<String>,
    links: Vec<String>,
    /// How many addresses of the subnets are taken.
    taken: u16,
}

/// Switches in a row with hosts in two VLANs, and routers that have both.
pub fn lans(rng: &mut Rng) -> String {
    let mut lab =
        Lans { rng, switches: Vec::new(), nodes: Vec::new(), links: Vec::new(), taken: 0 };
    for at in 0..lab.rng.usize(1..4) {
        let filters = !lab.one_in(4);
        let own = if filters { "vlan_filtering: true" } else { "" };
        lab.switches.push(Switch { filters, interfaces: vec![format!("br0: {{{own}}}")] });
        if at > 0 {
            let before = lab.rng.usize(..at);
            let (near, far) = (lab.trunk(at), lab.trunk(before));
            lab.links.push(format!("ends: [\"{near}\", \"{far}\"]"));
        }
    }
    let routers = lab.rng.usize(1..3);
    (0..routers).for_each(|at| lab.router(at));
    if routers == 2 {
        lab.links.push("{ends: [\"r0:up\", \"r1:up\"], addresses: [[10.0.1.1/24, \"fd00:0:0:1::1/64\"], [10.0.1.2/24, \"fd00:0:0:1::2/64\"]]}".to_owned());
    }
    for at in 0..lab.rng.usize(3..6) {
        lab.host(at);
    }
    lab.print()
}

impl Lans<'_> {
    fn one_in(&mut self, many: u32) -> bool {
        self.rng.u32(..many) == 0
    }

    fn vlan(&mut self) -> u16 {
        VLANS[self.rng.usize(..2)]
    }

    /// Addresses in the subnet of a VLAN: others than before, but for a slip.
    fn fresh(&mut self, vlan: u16) -> String {
        if !self.one_in(12) {
            self.taken += 1;
        }
        self.addresses(vlan)
    }

    fn addresses(&self, vlan: u16) -> String {
        let own = self.taken.max(1);
        format!("[10.0.{vlan}.{own}/24, \"fd00:0:0:{vlan}::{own}/64\"]")
    }

    /// A new port of a switch, in which a VLAN stands for the one that frames without a tag belong to.
    fn port(&mut self, switch: usize, vlans: String) -> String {
        let isolated = self.one_in(8);
        let own = &mut self.switches[switch];
        let name = format!("p{}", own.interfaces.len());
        let mut said = Vec::new();
        said.extend(own.filters.then(|| format!("vlans: [{vlans}]")));
        said.extend(isolated.then(|| "bridge_port: isolated on".to_owned()));
        own.interfaces.push(format!("{name}: {{{}}}", said.join(", ")));
        format!("s{switch}:{name}")
    }

    /// A port for all VLANs, or one of them.
    fn trunk(&mut self, switch: usize) -> String {
        let vlans = match self.rng.u8(..10) {
            0 => "10",
            1 => "10 pvid untagged, 20",
            _ => "10, 20",
        };
        self.port(switch, vlans.to_owned())
    }

    fn router(&mut self, at: usize) {
        let switch = self.rng.usize(..self.switches.len());
        let port = self.trunk(switch);
        self.links.push(format!("ends: [\"r{at}:eth0\", \"{port}\"]"));
        let with_vrf = self.one_in(2);
        let mut interfaces = vec!["eth0: {addresses: ~}".to_owned()];
        if !self.switches[switch].filters && self.one_in(2) {
            interfaces[0] = format!("eth0: {{addresses: {}}}", self.fresh(VLANS[0]));
        }
        for vlan in VLANS {
            let own = 254 - at;
            let vrf = if with_vrf && vlan == 20 { ", vrf: red" } else { "" };
            interfaces.push(format!(
                "eth0.{vlan}: {{kind: vlan, id: {vlan}, parent: eth0{vrf}, addresses: [10.0.{vlan}.{own}/24, \"fd00:0:0:{vlan}::{own}/64\"]}}"
            ));
        }
        let vrfs = if with_vrf { "red: {table: 101, fallthrough: true}" } else { "" };
        let filter = if self.one_in(4) { ", net.ipv4.conf.all.rp_filter: 1" } else { "" };
        let mut settings = String::new();
        if self.one_in(4) {
            settings += ", net.ipv4.conf.all.proxy_arp: 1";
        }
        if self.one_in(6) {
            settings += ", net.ipv4.conf.all.accept_local: 1";
        }
        let routes = match (with_vrf, self.one_in(2)) {
            (true, true) => {
                "10.0.20.0/24 vrf red dev eth0.20 metric 9, 10.0.20.0/24 dev eth0.20, \"fd00:0:0:20::/64 dev eth0.20\", 10.0.10.0/24 vrf red dev eth0.10"
            }
            _ => "",
        };
        self.nodes.push(format!(
            "r{at}: {{role: router, loopback: [192.0.2.{}], vrfs: {{{vrfs}}}, interfaces: {{{}}}, sysctls: {{{UNLIMITED}{filter}{settings}}}, routes: [{routes}]{}}}",
            at + 1,
            interfaces.join(", "),
            ruleset(self.rng),
        ));
    }

    fn host(&mut self, at: usize) {
        let switch = self.rng.usize(..self.switches.len());
        let vlan = self.vlan();
        let subnet = if self.one_in(8) { self.vlan() } else { vlan };
        let port = self.port(switch, format!("{vlan} pvid untagged"));
        let own = self.fresh(subnet);
        self.links.push(format!("{{ends: [\"h{at}:eth0\", \"{port}\"], tailaddresses: {own}}}"));
        let gateway = if self.one_in(4) { 253 } else { 254 };
        let mut interfaces = String::new();
        let mut vrfs = "";
        if self.one_in(5) {
            let mode = ["bridge", "private", "vepa"][self.rng.usize(..3)];
            vrfs = "red: {table: 101}";
            self.taken += 1;
            let own = self.addresses(subnet);
            interfaces = format!(
                "m0: {{kind: macvlan, parent: eth0, mode: {mode}, vrf: red, addresses: {own}}}"
            );
        }
        let routes = match self.one_in(10) {
            true => String::new(),
            false => format!(
                "default via 10.0.{subnet}.{gateway}, \"default via fd00:0:0:{subnet}::{gateway}\""
            ),
        };
        self.nodes.push(format!(
            "h{at}: {{role: host, vrfs: {{{vrfs}}}, interfaces: {{{interfaces}}}, sysctls: {{{UNLIMITED}}}, routes: [{routes}]}}"
        ));
    }

    fn print(&self) -> String {
        let mut text = "routing: none\nfamily: dual\nnodes:\n".to_owned();
        for (at, switch) in self.switches.iter().enumerate() {
            let _ = writeln!(
                text,
                "  s{at}: {{role: switch, interfaces: {{{}}}}}",
                switch.interfaces.join(", ")
            );
        }
        self.nodes.iter().for_each(|node| text += &format!("  {node}\n"));
        text += "links:\n";
        self.links.iter().for_each(|link| text += &format!("  - {link}\n"));
        text
    }
}
