//! A step as the command that does the same.

use super::{Family, Op, Qdisc, RuleChange, VethEnd};
use crate::compile::sysctl_name;
use crate::diagnostic::is_obeyed;
use std::fmt;

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Namespace { namespace } => write!(f, "ip netns add {namespace}"),
            Op::Sysctl { namespace, key, value, optional } => {
                let ignore = if *optional { "e" } else { "" };
                let name = sysctl_name(key);
                let setting = format!("{name}={value}");
                let setting = match value.contains(|it: char| it.is_whitespace() || is_obeyed(it)) {
                    true => quoted(&setting),
                    false => setting,
                };
                write!(f, "ip netns exec {namespace} sysctl -{ignore}qw {setting}")
            }
            Op::Veth { ends: [near, far] } => {
                f.write_str("ip link add ")?;
                end(f, near)?;
                f.write_str(" type veth peer ")?;
                end(f, far)
            }
            Op::Device { namespace, device } => {
                write!(f, "ip -n {namespace} link add name {}", device.name)?;
                hardware(f, device.mtu, device.mac)?;
                f.write_str(&device.words())
            }
            Op::Enslave { namespace, port, master } => {
                write!(f, "ip -n {namespace} link set dev {port} master {master}")
            }
            Op::BridgeVlan { namespace, device, own, vlan } => {
                let own = if *own { " self" } else { "" };
                write!(f, "bridge -n {namespace} vlan add dev {device} vid {vlan}{own}")
            }
            Op::Qdisc { namespace, device, qdisc } => {
                let place = match qdisc {
                    Qdisc::Tbf { behind_netem: true, .. } => "parent 1:1 handle 10:",
                    Qdisc::Netem(_) | Qdisc::Tbf { behind_netem: false, .. } => "root handle 1:",
                };
                write!(f, "tc -n {namespace} qdisc add dev {device} {place} ")?;
                match qdisc {
                    Qdisc::Netem(netem) => write!(f, "netem {netem}"),
                    Qdisc::Tbf { tbf, .. } => write!(f, "tbf {tbf}"),
                }
            }
            Op::NoOffload { namespace, device } => write!(
                f,
                "ip netns exec {namespace} ethtool -K {device} rx off tx off tso off gso off gro off"
            ),
            Op::Up { namespace, device } => write!(f, "ip -n {namespace} link set dev {device} up"),
            Op::Address { namespace, device, address } => {
                write!(f, "ip -n {namespace} addr add {address} dev {device}")?;
                if address.addr().is_loopback() {
                    f.write_str(" scope host")?;
                }
                match Family::of(*address) {
                    Family::V4 => Ok(()),
                    Family::V6 => f.write_str(" nodad"),
                }
            }
            Op::Rule { namespace, change, rule } => {
                let verb = match change {
                    RuleChange::Add => "add",
                    RuleChange::Delete => "del",
                };
                let family = flag(if rule.v4 { Family::V4 } else { Family::V6 });
                let words = without_family(rule.to_string());
                write!(f, "ip -n {namespace}{family} rule {verb} {words}")
            }
            Op::NexthopObject { namespace, object } => {
                let words = object.to_string();
                let family = if words.starts_with("-6 ") { flag(Family::V6) } else { "" };
                write!(f, "ip -n {namespace}{family} nexthop add {}", without_family(words))
            }
            Op::Filter { namespace, ruleset } => {
                write!(f, "printf %s {} | ip netns exec {namespace} nft -f -", quoted(ruleset))
            }
            Op::Etc { namespace, path, text } => {
                let text = quoted(text);
                write!(
                    f,
                    "printf %s {text} | install -D -m 644 /dev/stdin /etc/netns/{namespace}/{path}"
                )
            }
            Op::Run { namespace, line, vrf, .. } => {
                write!(f, "ip netns exec {namespace} ")?;
                if let Some(vrf) = vrf {
                    write!(f, "ip vrf exec {vrf} ")?;
                }
                write!(f, "sh -c {} &", quoted(line))
            }
            Op::Route { namespace, route } => {
                let family = match Family::of(route.destination) {
                    Family::V4 => "",
                    family @ Family::V6 => flag(family),
                };
                let words = without_family(route.to_string());
                write!(f, "ip -n {namespace}{family} route add {words}")
            }
            Op::LabelRoute { namespace, route } => {
                write!(f, "ip -n {namespace} -f mpls route add {route}")
            }
        }
    }
}

/// A text as one word of a shell's: one that a terminal would obey is not sent to it.
fn quoted(text: &str) -> String {
    if !text.contains(is_obeyed) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let mut word = "$'".to_owned();
    for character in text.chars() {
        match character {
            '\'' | '\\' => word.extend(['\\', character]),
            '\r' => word += "\\r",
            '\u{1b}' => word += "\\e",
            obeyed if is_obeyed(obeyed) => {
                let mut bytes = [0; 4];
                let bytes = obeyed.encode_utf8(&mut bytes).bytes();
                word.extend(bytes.map(|byte| format!("\\{byte:03o}")));
            }
            other => word.push(other),
        }
    }
    word + "'"
}

/// The words without their own mark of the family, which stands as an option of `ip` instead.
fn without_family(words: String) -> String {
    let bare = words.strip_prefix("-4 ").or_else(|| words.strip_prefix("-6 "));
    bare.map(str::to_owned).unwrap_or(words)
}

fn flag(family: Family) -> &'static str {
    match family {
        Family::V4 => " -4",
        Family::V6 => " -6",
    }
}

fn end(f: &mut fmt::Formatter<'_>, end: &VethEnd) -> fmt::Result {
    write!(f, "name {} netns {}", end.name, end.namespace)?;
    hardware(f, end.mtu, end.mac)?;
    // A queue per possible processor doubles the time that a pair takes, and no lab needs them.
    f.write_str(" numtxqueues 1 numrxqueues 1")
}

fn hardware(f: &mut fmt::Formatter<'_>, mtu: Option<u32>, mac: Option<[u8; 6]>) -> fmt::Result {
    if let Some(mtu) = mtu {
        write!(f, " mtu {mtu}")?;
    }
    if let Some([a, b, c, d, e, g]) = mac {
        write!(f, " address {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")?;
    }
    Ok(())
}
