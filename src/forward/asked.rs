//! The settings and the kernel's own rules that decide about packets.

use super::evidence::{Evidence, KernelFact};
use super::network::Network;
use super::settings::Settings;
use crate::compile::Rule;

/// A setting of a namespace that decides about packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedSetting {
    /// The namespace.
    pub namespace: String,
    /// The path below `/proc/sys`, with slashes.
    pub key: String,
    /// Its value.
    pub value: u32,
}

/// Settings of which no plan speaks and that decide whether a node answers, with the kernel's defaults.
const OF_SOCKETS: [(&str, u32); 6] = [
    ("net/ipv4/icmp_echo_ignore_all", 0),
    ("net/ipv6/icmp/echo_ignore_all", 0),
    ("net/ipv4/tcp_l3mdev_accept", 0),
    ("net/ipv4/udp_l3mdev_accept", 0),
    ("net/ipv4/raw_l3mdev_accept", 1),
    ("net/ipv4/icmp_errors_use_inbound_ifaddr", 0),
];

impl Network<'_> {
    /// All settings that decide about packets in some namespace of the network, those too of which nothing was
    /// said, with the values that they have then.
    pub fn settings(&self) -> Vec<AskedSetting> {
        let of_node = |node: &super::node::Node<'_>| {
            let mut asked = of_namespace(&node.settings);
            let mut devices: Vec<&&str> =
                node.devices.keys().filter(|name| **name != "lo").collect();
            devices.sort_unstable();
            asked.extend(devices.into_iter().flat_map(|device| of_device(&node.settings, device)));
            let namespace = node.namespace;
            asked
                .into_iter()
                .map(|(key, value)| AskedSetting { namespace: namespace.to_owned(), key, value })
                .collect::<Vec<_>>()
        };
        self.nodes.iter().flat_map(of_node).collect()
    }

    /// The rules that the kernel has by itself, with their namespaces, but those for the local table.
    pub fn own_rules(&self) -> Vec<(&str, Rule)> {
        let of_node = |node: &super::node::Node<'_>| {
            let is_own = |evidence: &Evidence<'_>| match evidence {
                Evidence::Kernel(fact) => matches!(
                    fact,
                    KernelFact::VrfRule | KernelFact::MainRule | KernelFact::DefaultRule
                ),
                Evidence::Resource { .. } | Evidence::Absent(_) => false,
            };
            let own = node.rules.iter().filter(|entry| is_own(&entry.evidence));
            let said = |entry: &super::node::RuleEntry<'_>| Rule {
                priority: Some(entry.priority),
                ..entry.rule.clone()
            };
            own.map(said).collect::<Vec<Rule>>()
        };
        let rules = self.nodes.iter().map(|node| (node.namespace, of_node(node)));
        rules.flat_map(|(at, rules)| rules.into_iter().map(move |rule| (at, rule))).collect()
    }
}

pub(super) fn of_namespace(settings: &Settings<'_>) -> Vec<(String, u32)> {
    let all = |name: &str| {
        let key = format!("net/ipv4/conf/all/{name}");
        let value = settings.value(&[&key], 0);
        (key, value)
    };
    let own = |key: &str, default: u32| (key.to_owned(), settings.value(&[key], default));
    let mut asked = vec![
        own("net/ipv6/conf/all/forwarding", 0),
        own("net/ipv4/ip_default_ttl", 64),
        own("net/mpls/platform_labels", 0),
        own("net/mpls/ip_ttl_propagate", 1),
        own("net/mpls/default_ttl", 255),
    ];
    asked.extend(["rp_filter", "accept_local", "src_valid_mark", "proxy_arp"].map(all));
    asked.push(all("ignore_routes_with_linkdown"));
    asked.extend(OF_SOCKETS.map(|(key, default)| own(key, default)));
    asked
}

pub(super) fn of_device(settings: &Settings<'_>, device: &str) -> Vec<(String, u32)> {
    let own = |family: &str, name: &str, value: u32| {
        (format!("net/{family}/conf/{device}/{name}"), value)
    };
    let v4 =
        ["rp_filter", "accept_local", "src_valid_mark", "proxy_arp", "ignore_routes_with_linkdown"];
    let v4 = v4.map(|name| {
        let [this, of_all] = [device, "default"].map(|of| format!("net/ipv4/conf/{of}/{name}"));
        own("ipv4", name, settings.value(&[&this, &of_all], 0))
    });
    let mut asked = v4.to_vec();
    asked.extend([
        own("ipv4", "forwarding", settings.forwarding(true, device).value),
        own("ipv6", "ignore_routes_with_linkdown", settings.ignores_linkdown(false, device).into()),
        own("ipv6", "disable_ipv6", settings.disable_ipv6(device).into()),
        own("ipv6", "hop_limit", settings.ttl(false, device).into()),
        own("mpls", "input", settings.mpls_input(device).value),
    ]);
    asked
}
