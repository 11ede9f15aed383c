//! An action as the command that does the same.

use super::between::fresh;
use super::{Action, Family, Qdisc, QueuePlace, Resource, VethEnd};
use crate::compile::sysctl_name;
use crate::diagnostic::is_obeyed;
use crate::iproute::{Neighbour, NeighbourEntry, Vlan};
use crate::link::{BridgePort, ETHERNET_MTU};
use std::fmt;

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What takes another form in place takes the same command, but where `ip` has a word for it.
        let (verb, is_made) = match self {
            Action::Add(_) => ("add", true),
            Action::Replace { .. } => ("replace", true),
            Action::Delete(_) => ("del", false),
        };
        match self.resource() {
            Resource::Namespace { namespace } if is_made => write!(f, "ip netns add {namespace}"),
            Resource::Namespace { namespace } => write!(f, "ip netns del {namespace}"),
            Resource::Sysctl { namespace, key, value, optional } => {
                let name = sysctl_name(key);
                let Some(value) = (if is_made { Some(value.as_str()) } else { fresh(key) }) else {
                    return write!(f, "# {name} of {namespace} goes with what it is of");
                };
                let ignore = if *optional { "e" } else { "" };
                let setting = format!("{name}={value}");
                let setting = match value.contains(|it: char| it.is_whitespace() || is_obeyed(it)) {
                    true => quoted(&setting),
                    false => setting,
                };
                write!(f, "ip netns exec {namespace} sysctl -{ignore}qw {setting}")
            }
            Resource::Veth { ends: [near, far] } if is_made => {
                f.write_str("ip link add ")?;
                end(f, near)?;
                f.write_str(" type veth peer ")?;
                end(f, far)
            }
            Resource::Veth { ends: [VethEnd { namespace, name, .. }, _] } => {
                write!(f, "ip -n {namespace} link del dev {name}")
            }
            Resource::Device { namespace, device } if is_made => {
                write!(f, "ip -n {namespace} link add name {}", device.name)?;
                hardware(f, device.mtu, device.mac)?;
                f.write_str(&device.words())
            }
            Resource::Device { namespace, device } => {
                write!(f, "ip -n {namespace} link del dev {}", device.name)
            }
            // Its key is the lab's, and stands in a file of the reader's.
            Resource::Wireguard { namespace, device, settings } if is_made => {
                let file = |peer: Option<usize>| {
                    let peer = peer.map(|number| format!(".{number}")).unwrap_or_default();
                    format!("\"${{KEYS:?}}/{namespace}-{device}{peer}\"")
                };
                let words = settings.words(file);
                write!(f, "ip netns exec {namespace} wg set {device} {words}")
            }
            Resource::Wireguard { namespace, device, settings: _ } => {
                write!(f, "ip netns exec {namespace} wg setconf {device} /dev/null")
            }
            Resource::Master { namespace, port, master } if is_made => {
                write!(f, "ip -n {namespace} link set dev {port} master {master}")
            }
            Resource::Master { namespace, port, master: _ } => {
                write!(f, "ip -n {namespace} link set dev {port} nomaster")
            }
            Resource::BridgeVlan { namespace, device, own, vlan } => {
                let own = if *own { " self" } else { "" };
                write!(f, "bridge -n {namespace} vlan ")?;
                match (is_made, vlan.tunnel) {
                    // `bridge` adds a VLAN, or a VNI to one.
                    (true, Some(_)) => {
                        let plain = Vlan { tunnel: None, ..*vlan };
                        let both = Vlan { pvid: false, ..*vlan };
                        write!(f, "add dev {device} vid {plain}; ")?;
                        write!(f, "bridge -n {namespace} vlan add dev {device} vid {both}")
                    }
                    (true, None) => write!(f, "add dev {device} vid {vlan}{own}"),
                    (false, _) => write!(f, "del dev {device} vid {}{own}", vlan.first),
                }
            }
            Resource::BridgePort { namespace, device, port } => {
                write!(f, "bridge -n {namespace} link set dev {device} ")?;
                let plain = BridgePort::default();
                let before = match self {
                    Action::Replace { before, .. } => before.as_deref(),
                    Action::Add(_) | Action::Delete(_) => None,
                };
                let words = match before {
                    Some(Resource::BridgePort { port: before, .. }) => port.words(before),
                    _ if is_made => port.words(&plain),
                    _ => plain.words(port),
                };
                f.write_str(&words)
            }
            Resource::Mtu { namespace, device, mtu } => {
                let mtu = if is_made { *mtu } else { ETHERNET_MTU };
                write!(f, "ip -n {namespace} link set dev {device} mtu {mtu}")
            }
            Resource::Qdisc { namespace, device, qdisc } => {
                let tc = format!("tc -n {namespace}");
                let major = qdisc.place().major();
                let place = match qdisc.place() {
                    QueuePlace::Class { .. } | QueuePlace::Filter { .. } => [""; 2],
                    QueuePlace::Behind(0) => ["root", " handle 1:"],
                    QueuePlace::Behind(1) => ["parent 1:1", " handle 10:"],
                    QueuePlace::Behind(_) => ["parent 10:1", " handle 20:"],
                    QueuePlace::Ingress => ["ingress", ""],
                    QueuePlace::Police => ["ingress", " protocol all prio 1 matchall"],
                };
                let [place, handle] = if is_made { place } else { [place[0], ""] };
                match (qdisc, is_made) {
                    (Qdisc::Class { class, .. }, true) => {
                        write!(f, "{tc} class {verb} dev {device} {}", class.words(major))
                    }
                    (Qdisc::Class { class, .. }, false) => {
                        write!(f, "{tc} class del dev {device} classid {major:x}:{:x}", class.id)
                    }
                    (Qdisc::Filter { filter, prio, .. }, true) => {
                        write!(f, "{tc} filter {verb} dev {device} {}", filter.words(major, *prio))
                    }
                    (Qdisc::Filter { prio, .. }, false) => {
                        write!(f, "{tc} filter del dev {device} parent {major:x}: prio {prio}")
                    }
                    (Qdisc::Police(_), false) => {
                        write!(f, "{tc} filter del dev {device} {place} prio 1")
                    }
                    (Qdisc::Police(police), true) => {
                        write!(
                            f,
                            "{tc} filter {verb} dev {device} {place}{handle} action police {police}"
                        )
                    }
                    (_, false) | (Qdisc::Ingress, true) => {
                        write!(f, "{tc} qdisc {verb} dev {device} {place}{handle}")
                    }
                    (Qdisc::Netem(it), true) => {
                        write!(f, "{tc} qdisc {verb} dev {device} {place}{handle} netem {it}")
                    }
                    (Qdisc::Tbf { tbf, .. }, true) => {
                        write!(f, "{tc} qdisc {verb} dev {device} {place}{handle} tbf {tbf}")
                    }
                    (Qdisc::Leaf { leaf, .. }, true) => {
                        write!(f, "{tc} qdisc {verb} dev {device} {place}{handle} {leaf}")
                    }
                }
            }
            Resource::NoOffload { namespace, device } => {
                let to = if is_made { "off" } else { "on" };
                write!(
                    f,
                    "ip netns exec {namespace} ethtool -K {device} rx {to} tx {to} tso {to} gso \
                     {to} gro {to}"
                )
            }
            Resource::Up { namespace, device } => {
                let to = if is_made { "up" } else { "down" };
                write!(f, "ip -n {namespace} link set dev {device} {to}")
            }
            Resource::Address { namespace, device, address, peer } => {
                write!(f, "ip -n {namespace} addr {verb} ")?;
                match peer {
                    Some(peer) => write!(f, "{} peer {peer}", address.addr())?,
                    None => write!(f, "{address}")?,
                }
                write!(f, " dev {device}")?;
                if !is_made {
                    return Ok(());
                }
                if address.addr().is_loopback() {
                    f.write_str(" scope host")?;
                }
                match Family::of(*address) {
                    Family::V4 => Ok(()),
                    Family::V6 => f.write_str(" nodad"),
                }
            }
            Resource::Fdb { namespace, device, entry } => {
                let verb = match self {
                    Action::Add(_) if entry.is_of_many() => "append",
                    Action::Add(_) => "add",
                    Action::Replace { .. } => "replace",
                    Action::Delete(_) => "del",
                };
                let words = entry.to_string();
                let (lladdr, rest) = words.split_once(' ').unwrap_or((&words, ""));
                write!(f, "bridge -n {namespace} fdb {verb} {lladdr} dev {device} {rest}")
            }
            Resource::Neighbour { namespace, neighbour } if is_made => {
                write!(f, "ip -n {namespace} neigh {verb} {neighbour}")
            }
            Resource::Neighbour { namespace, neighbour } => {
                let Neighbour { address, dev, entry } = neighbour;
                let proxy = if *entry == NeighbourEntry::Proxy { "proxy " } else { "" };
                write!(f, "ip -n {namespace} neigh del {proxy}{address} dev {dev}")
            }
            Resource::Rule { namespace, rule } => {
                // There is no other form of a rule.
                let verb = if is_made { "add" } else { "del" };
                let family = flag(if rule.v4 { Family::V4 } else { Family::V6 });
                let words = without_family(rule.to_string());
                write!(f, "ip -n {namespace}{family} rule {verb} {words}")
            }
            Resource::NexthopObject { namespace, object } if is_made => {
                let words = object.to_string();
                let family = if words.starts_with("-6 ") { flag(Family::V6) } else { "" };
                write!(f, "ip -n {namespace}{family} nexthop {verb} {}", without_family(words))
            }
            Resource::NexthopObject { namespace, object } => {
                write!(f, "ip -n {namespace} nexthop del id {}", object.id)
            }
            Resource::Ruleset { namespace, ruleset } => {
                let text = match self {
                    Action::Add(_) => quoted(ruleset),
                    Action::Replace { .. } => quoted(&format!("flush ruleset\n{ruleset}")),
                    Action::Delete(_) => {
                        return write!(f, "ip netns exec {namespace} nft flush ruleset");
                    }
                };
                write!(f, "printf %s {text} | ip netns exec {namespace} nft -f -")
            }
            Resource::EtcFile { namespace, path, text } if is_made => {
                let text = quoted(text);
                write!(
                    f,
                    "printf %s {text} | install -D -m 644 /dev/stdin /etc/netns/{namespace}/{path}"
                )
            }
            Resource::EtcFile { namespace, path, text: _ } => {
                write!(f, "rm /etc/netns/{namespace}/{path}")
            }
            Resource::Command { namespace, line, vrf, .. } if is_made => {
                write!(f, "ip netns exec {namespace} ")?;
                if let Some(vrf) = vrf {
                    write!(f, "ip vrf exec {vrf} ")?;
                }
                write!(f, "sh -c {} &", quoted(line))
            }
            Resource::Command { namespace, line, .. } => {
                write!(
                    f,
                    "ip netns exec {namespace} pkill -xf {}",
                    quoted(&format!("sh -c {line}"))
                )
            }
            Resource::Route { namespace, route } => {
                let family = match Family::of(route.destination) {
                    Family::V4 => "",
                    family @ Family::V6 => flag(family),
                };
                let words = without_family(route.to_string());
                write!(f, "ip -n {namespace}{family} route {verb} {words}")
            }
            Resource::MplsRoute { namespace, route } => {
                write!(f, "ip -n {namespace} -f mpls route {verb} {route}")
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
