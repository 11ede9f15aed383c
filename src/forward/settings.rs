//! The settings of a namespace as typed values, each with what it is read from.

use super::evidence::{Evidence, KernelFact};
use std::collections::HashMap;

/// The settings of a namespace that are not the kernel's default.
#[derive(Debug, Default)]
pub(super) struct Settings<'a> {
    values: HashMap<Key<'a>, (u32, Evidence<'a>)>,
}

/// The path of a setting below `/proc/sys`, taken apart so that it can be looked up without being put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'k> {
    /// Of a device, of `all` or of `default`: the family, that name and the setting's own.
    Conf(&'k str, &'k str, &'k str),
    /// The whole path of another one.
    Whole(&'k str),
}

impl<'k> Key<'k> {
    fn of(path: &'k str) -> Self {
        let conf = || {
            let (family, rest) = path.strip_prefix("net/")?.split_once("/conf/")?;
            let (device, name) = rest.split_once('/')?;
            Some(Key::Conf(family, device, name))
        };
        conf().unwrap_or(Key::Whole(path))
    }
}

/// A value, and what it is read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub value: u32,
    pub evidence: Evidence<'a>,
}

impl<'a> Settings<'a> {
    pub(super) fn set(&mut self, key: &'a str, value: &str, evidence: Evidence<'a>) {
        if let Ok(value) = value.trim().parse() {
            self.values.insert(Key::of(key), (value, evidence));
        }
    }

    /// Whether what comes in through a device is forwarded. IPv6 asks for the whole namespace.
    pub(super) fn forwarding(&self, v4: bool, device: &str) -> Setting<'a> {
        if !v4 {
            return self.first(
                &[Key::Conf("ipv6", "all", "forwarding")],
                0,
                "net.ipv6.conf.all.forwarding",
            );
        }
        // Writing `ip_forward`, or `all`, writes every device and `default`.
        let keys = [
            Key::Conf("ipv4", device, "forwarding"),
            Key::Whole("net/ipv4/ip_forward"),
            Key::Conf("ipv4", "all", "forwarding"),
            Key::Conf("ipv4", "default", "forwarding"),
        ];
        self.first(&keys, 0, "net.ipv4.ip_forward")
    }

    /// The stricter of what `all` and the device say.
    pub(super) fn rp_filter(&self, device: &str) -> Setting<'a> {
        let all =
            self.first(&[Key::Conf("ipv4", "all", "rp_filter")], 0, "net.ipv4.conf.all.rp_filter");
        let own = self.of_device("ipv4", device, "rp_filter", 0, "net.ipv4.conf.default.rp_filter");
        if own.value > all.value { own } else { all }
    }

    /// Whether packets from the namespace's own addresses may come in.
    pub(super) fn accept_local(&self, device: &str) -> bool {
        self.either(device, "accept_local")
    }

    /// Whether the mark counts in the lookup of the source.
    pub(super) fn src_valid_mark(&self, device: &str) -> bool {
        self.either(device, "src_valid_mark")
    }

    /// Whether the node answers for addresses that it has a route to.
    pub(super) fn proxy_arp(&self, device: &str) -> bool {
        self.either(device, "proxy_arp")
    }

    /// Whether nexthops without carrier are passed over.
    pub(super) fn ignores_linkdown(&self, v4: bool, device: &str) -> bool {
        let (family, name) = (if v4 { "ipv4" } else { "ipv6" }, "ignore_routes_with_linkdown");
        let all = Key::Conf(family, "all", name);
        self.first(&[all], 0, "ignore_routes_with_linkdown").value != 0
            || self.of_device(family, device, name, 0, "ignore_routes_with_linkdown").value != 0
    }

    /// Whether labelled packets may come in.
    pub(super) fn mpls_input(&self, device: &str) -> Setting<'a> {
        self.first(&[Key::Conf("mpls", device, "input")], 0, "net.mpls.conf.DEVICE.input")
    }

    /// How many labels there are.
    pub(super) fn platform_labels(&self) -> Setting<'a> {
        self.first(&[Key::Whole("net/mpls/platform_labels")], 0, "net.mpls.platform_labels")
    }

    /// Whether labels and packets share their TTL.
    pub(super) fn ttl_propagate(&self) -> Setting<'a> {
        self.first(&[Key::Whole("net/mpls/ip_ttl_propagate")], 1, "net.mpls.ip_ttl_propagate")
    }

    /// The TTL of labels that do not take that of the packet.
    pub(super) fn label_ttl(&self) -> u8 {
        let ttl =
            self.first(&[Key::Whole("net/mpls/default_ttl")], 255, "net.mpls.default_ttl").value;
        u8::try_from(ttl).unwrap_or(u8::MAX)
    }

    /// The TTL, or hop limit, of packets whose socket says none.
    pub(super) fn ttl(&self, v4: bool, device: &str) -> u8 {
        let ttl = match v4 {
            true => {
                self.first(&[Key::Whole("net/ipv4/ip_default_ttl")], 64, "net.ipv4.ip_default_ttl")
            }
            false => self.of_device("ipv6", device, "hop_limit", 64, "hop_limit"),
        };
        u8::try_from(ttl.value).unwrap_or(64)
    }

    /// Whether the source of an ICMP error is an address of the interface that its packet came in by.
    pub(super) fn errors_use_inbound(&self) -> bool {
        let key = "net/ipv4/icmp_errors_use_inbound_ifaddr";
        self.first(&[Key::Whole(key)], 0, "net.ipv4.icmp_errors_use_inbound_ifaddr").value != 0
    }

    /// Whether IPv6 is off at a device.
    pub(super) fn disable_ipv6(&self, device: &str) -> bool {
        let all =
            self.first(&[Key::Conf("ipv6", "all", "disable_ipv6")], 0, "disable_ipv6").value != 0;
        all || self.of_device("ipv6", device, "disable_ipv6", 0, "disable_ipv6").value != 0
    }

    fn either(&self, device: &str, name: &'static str) -> bool {
        self.first(&[Key::Conf("ipv4", "all", name)], 0, name).value != 0
            || self.of_device("ipv4", device, name, 0, name).value != 0
    }

    fn of_device(
        &self,
        family: &str,
        device: &str,
        name: &str,
        default: u32,
        fact: &'static str,
    ) -> Setting<'a> {
        let keys = [device, "default"].map(|of| Key::Conf(family, of, name));
        self.first(&keys, default, fact)
    }

    /// The value of the first of these that is said.
    pub(super) fn value(&self, keys: &[&str], default: u32) -> u32 {
        let said = keys.iter().find_map(|key| self.values.get(&Key::of(key)));
        said.map_or(default, |(value, _)| *value)
    }

    fn first(&self, keys: &[Key<'_>], default: u32, fact: &'static str) -> Setting<'a> {
        let said = keys.iter().find_map(|key| self.values.get(key));
        let (value, evidence) =
            said.copied().unwrap_or((default, Evidence::Kernel(KernelFact::Default(fact))));
        Setting { value, evidence }
    }
}
