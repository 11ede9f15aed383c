//! IPv6 addresses where the settings have IPv6 disabled.

use super::listed;
use crate::compile::Node;
use crate::compile::lab::Lab;
use crate::compile::{Sysctl, sysctl_name};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use crate::document::Address;
use std::collections::BTreeMap;

pub(super) fn check(lab: &Lab, errors: &mut Diagnostics) {
    for node in &lab.nodes {
        let settings: Vec<&Spanned<Sysctl>> = node
            .early_sysctls
            .iter()
            .chain(&node.late_sysctls)
            .filter(|it| it.value.key.ends_with("/disable_ipv6"))
            .collect();
        if settings.is_empty() {
            continue;
        }
        // By the place of the setting: the setting, and what it is wrong for.
        let mut wrong: BTreeMap<Span, (&Spanned<Sysctl>, Vec<String>, Span)> = BTreeMap::new();
        for (device, addresses) in devices(node) {
            let Some(address) = addresses.iter().find(|it| it.value.addr().is_ipv6()) else {
                continue;
            };
            let of = |names: &[&str]| {
                let keys = names.iter().map(|name| format!("net/ipv6/conf/{name}/disable_ipv6"));
                let keys: Vec<String> = keys.collect();
                settings.iter().rev().find(|it| keys.contains(&it.value.key)).copied()
            };
            // Those of all and of new interfaces are written before an interface is there.
            let general: &[&str] = if device == "lo" { &["all"] } else { &["all", "default"] };
            let decides = of(&[device]).or_else(|| of(general));
            if let Some(setting) = decides.filter(|it| it.value.value != "0") {
                let (_, devices, _) = wrong
                    .entry(setting.span)
                    .or_insert_with(|| (setting, Vec::new(), address.span));
                devices.push(format!("`{device}`"));
            }
        }
        for (setting, devices, address) in wrong.into_values() {
            let name = sysctl_name(&setting.value.key);
            let title = format!("`{}` has IPv6 addresses at {}", node.name, listed(devices));
            errors.push(
                Diagnostic::error(Code::BadValue, title)
                    .at(setting.span, format!("and `{name}` disables IPv6"))
                    .beside(address, "an address")
                    .note("the kernel answers EACCES to an address where IPv6 is disabled"),
            );
        }
    }
}

/// The devices of a node and their addresses.
fn devices(node: &Node) -> impl Iterator<Item = (&str, &[Spanned<Address>])> {
    let lo = std::iter::once(("lo", node.loopback.as_slice()));
    let vrfs = node.vrfs.iter().map(|vrf| (vrf.name.as_str(), vrf.addresses.as_slice()));
    let interfaces = node.interfaces.iter().map(|it| (it.name.as_str(), it.addresses.as_slice()));
    lo.chain(vrfs).chain(interfaces)
}
