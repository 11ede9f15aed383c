//! A node with all that is in it.

use crate::compile::interface::{Interface, InterfaceKind};
use crate::compile::lab::{Command, Imports, Node, Sysctl, Vrf};
use crate::compile::sysctl_name;
use crate::document::{Content, Entries, Role, Traffic, Value};
use crate::link::Bridge;
use crate::vocabulary;

pub(super) fn print(node: &Node) -> (String, Entries) {
    let Node {
        name,
        span: _,
        // The pattern of the whole lab says it.
        namespace: _,
        role,
        forwarding,
        loopback,
        vrfs,
        interfaces,
        tables,
        nexthops,
        routes,
        rules,
        label_routes,
        neighbours,
        local_rule,
        early_sysctls,
        late_sysctls,
        nft,
        etc,
        run,
    } = node;
    let interfaces = interfaces.iter().filter(|it| !made_by_role(*role, it));
    let numbers = tables.iter().map(|(name, table)| (name.clone(), Value::Number((*table).into())));
    let settings = early_sysctls.iter().chain(late_sysctls).map(|it| sysctl(&it.value));
    let keys = [
        ("role", Value::line(role.word())),
        ("forwarding", Value::Flag(*forwarding)),
        ("loopback", Value::lines(loopback)),
        ("vrfs", Value::Map(vrfs.iter().map(vrf).collect())),
        ("interfaces", Value::Map(interfaces.map(|it| interface(node, it)).collect())),
        ("tables", Value::Map(numbers.collect())),
        ("nexthops", Value::lines(nexthops)),
        ("routes", Value::lines(routes)),
        ("rules", Value::lines(rules)),
        ("local_rule", Value::Number(u64::from(local_rule.value))),
        ("mpls", Value::lines(label_routes)),
        ("neighbours", Value::lines(neighbours)),
        ("sysctls", Value::Map(settings.collect())),
        ("nft", nft.as_ref().map_or(Value::Map(Entries::new()), content)),
        (
            "etc",
            Value::Map(etc.iter().map(|(path, it)| (path.value.clone(), content(it))).collect()),
        ),
        ("run", Value::List(run.iter().map(command).collect())),
    ];
    // Without any of most things there is nothing to say; loopbacks would be given out.
    (name.to_string(), said(keys, |key| key == "loopback"))
}

/// Those keys that say something, or that say by an empty value that there is nothing.
fn said<const N: usize>(keys: [(&str, Value); N], even_empty: impl Fn(&str) -> bool) -> Entries {
    let keys = keys.into_iter().filter(|(key, value)| even_empty(key) || !value.is_empty());
    keys.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Whether an interface is there for the node's role, and cannot be said again.
fn made_by_role(role: Role, interface: &Interface) -> bool {
    // Unless something is said of it, which stands under its name.
    let plain = interface.kind.as_bridge().is_some_and(|it| *it == Bridge::plain(false));
    let Interface { mtu, mac, up, .. } = interface;
    role == Role::Switch && plain && mtu.is_none() && mac.is_none() && *up
}

fn vrf(vrf: &Vrf) -> (String, Value) {
    let Vrf { name, span: _, table, addresses, imports, fallthrough, mtu, netem, tbf, traffic, up } =
        vrf;
    let Imports { vpns, main, default } = imports;
    let words = [(main, "main"), (default, "default")];
    let words = words.into_iter().filter(|(said, _)| **said).map(|(_, word)| word.to_owned());
    let import = vpns.iter().map(ToString::to_string).chain(words);
    let keys = [
        ("table", Value::Number(u64::from(*table))),
        ("addresses", Value::lines(addresses)),
        ("import", Value::lines(import)),
        ("fallthrough", Value::Flag(*fallthrough)),
    ];
    let mut keys = said(keys, |_| false);
    let mut say = |key: &str, value| keys.push((key.to_owned(), value));
    if let Some(mtu) = mtu {
        say("mtu", Value::Number(u64::from(mtu.value)));
    }
    if let Some(netem) = netem {
        say("netem", Value::line(netem));
    }
    if let Some(tbf) = tbf {
        say("tbf", Value::line(tbf));
    }
    self::traffic(traffic, &mut say);
    say("up", Value::Flag(*up));
    (name.to_string(), Value::Map(keys))
}

fn interface(node: &Node, interface: &Interface) -> (String, Value) {
    let role = node.role;
    let Interface {
        name,
        span: _,
        kind,
        master,
        addresses,
        mtu,
        mac,
        mpls,
        up,
        netem,
        tbf,
        traffic,
        offload,
        vlans,
        fdb,
        bridge_port,
    } = interface;
    let mut keys = Entries::new();
    let mut say = |key: &str, value| keys.push((key.to_owned(), value));
    if let InterfaceKind::Device { kind, lower } = kind {
        let of_role = kind.as_bridge().is_some() && role == Role::Switch;
        if !of_role {
            let ports: Vec<_> = node.interfaces.iter().filter(|it| it.is_port_of(name)).collect();
            say("kind", Value::line(kind.name().word()));
            if kind.has_ports() {
                say("ports", Value::lines(ports.iter().map(|port| &port.name)));
            }
        }
        let lower = lower.as_ref().map(|lower| node.lower_name(lower));
        if let Some((key, lower)) = kind.description().lower.key().zip(lower) {
            say(key, Value::line(lower));
        }
        for (key, value) in kind.keys() {
            say(key, given(value));
        }
        // Those of a link's end are at the link.
        if !of_role {
            say("addresses", Value::lines(addresses));
        }
    }
    let bridge = master.as_ref().and_then(|it| node.interface(it.value.as_str()));
    let bridge = bridge.map_or(interface, |bridge| &node.interfaces[bridge.0]);
    if bridge.minds_vlans() {
        say("vlans", Value::lines(vlans));
    }
    if !fdb.is_empty() {
        say("fdb", Value::lines(fdb));
    }
    if let Some(port) = bridge_port {
        say("bridge_port", Value::line(port));
    }
    match (master, role) {
        // The role makes its interfaces ports.
        (None, _) | (Some(_), Role::Switch) => {}
        (Some(vrf), Role::Host | Role::Router | Role::Ce | Role::Pe | Role::P) => {
            // A bridge names its ports.
            if node.vrf(vrf.value.as_str()).is_some() {
                say("vrf", Value::line(vrf));
            }
        }
    }
    // Where there is no value it is the kernel's.
    if let Some(mtu) = mtu {
        say("mtu", Value::Number(u64::from(mtu.value)));
    }
    if let Some(mac) = mac {
        let bytes = mac.value.map(|byte| format!("{byte:02x}"));
        say("mac", Value::Line(bytes.join(":")));
    }
    if let Some(netem) = netem {
        say("netem", Value::line(netem));
    }
    if let Some(tbf) = tbf {
        say("tbf", Value::line(tbf));
    }
    self::traffic(traffic, &mut say);
    say("offload", Value::Flag(offload.value));
    say("mpls", Value::Flag(*mpls));
    say("up", Value::Flag(*up));
    (name.to_string(), Value::Map(keys))
}

/// The queue behind `netem` and `tbf`, its classes, and how much may come in.
fn traffic(traffic: &Traffic, say: &mut impl FnMut(&str, Value)) {
    let Traffic { qdisc, classes, filters, police } = traffic;
    if let Some(qdisc) = qdisc {
        say("qdisc", Value::line(qdisc));
    }
    if let Some(classes) = classes {
        say("classes", Value::lines(classes));
    }
    if let Some(filters) = filters {
        say("filters", Value::lines(filters));
    }
    if let Some(police) = police {
        say("police", Value::line(police));
    }
}

/// A value as a file gives it.
fn given(value: vocabulary::Value) -> Value {
    match value {
        vocabulary::Value::Flag(flag) => Value::Flag(flag),
        vocabulary::Value::Number(number) => Value::Number(number.into()),
        vocabulary::Value::Line(line) => Value::line(line),
        vocabulary::Value::Ip(address) => Value::line(address),
        vocabulary::Value::Lines(lines) => Value::lines(lines),
    }
}

/// A text, in place: the printed file needs no other.
fn content(content: &Content) -> Value {
    let Content { text, file: _ } = content;
    Value::Map(vec![("text".to_owned(), Value::line(text))])
}

fn command(command: &Command) -> Value {
    let Command { line, vrf } = command;
    let vrf = vrf.as_ref().map(|vrf| ("vrf".to_owned(), Value::line(vrf)));
    Value::Map(std::iter::once(("command".to_owned(), Value::line(line))).chain(vrf).collect())
}

fn sysctl(sysctl: &Sysctl) -> (String, Value) {
    let Sysctl { key, value } = sysctl;
    (sysctl_name(key), Value::setting(value))
}
