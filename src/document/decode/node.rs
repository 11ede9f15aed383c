//! A node, its VRFs and its interfaces.

use super::super::keys::{COMMAND, CONTENT, INTERFACE, NODE, VRF};
use super::super::tree::{Entry, Tree};
use super::super::{Command, Content, Interface, Node, Vrf};
use super::Contents;
use super::fields::Fields;
use super::{names, values};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Notation, Spanned, Text};
use crate::iproute::{FdbEntry, Netem, Tbf, Vlan};
use crate::link::{self, BridgePort};
use crate::vocabulary::Level;

/// Reads a node from its map, in which its defaults are already.
pub(super) fn node(
    name: Text,
    tree: &Tree,
    files: &mut Contents<'_>,
    errors: &mut Diagnostics,
) -> Node {
    let fields = Fields::new(tree, &NODE, errors);
    Node {
        name,
        role: fields.choice("role", errors),
        forwarding: fields.flag("forwarding", errors),
        stp: fields.flag("stp", errors),
        routing: fields.choice("routing", errors),
        subnets: fields.subnets("subnet", errors),
        loopback: fields.loopbacks("loopback", errors),
        vrfs: vrfs(&fields, errors),
        interfaces: interfaces(&fields, errors),
        tables: tables(&fields, errors),
        routes: fields.lines("routes", errors).unwrap_or_default(),
        nexthops: fields.lines("nexthops", errors).unwrap_or_default(),
        rules: fields.lines("rules", errors).unwrap_or_default(),
        local_rule: fields.number("local_rule", errors),
        mpls: fields.lines("mpls", errors).unwrap_or_default(),
        neighbours: fields.lines("neighbours", errors).unwrap_or_default(),
        sysctls: sysctls(&fields, errors),
        nft: nft(&fields, files, errors),
        etc: etc(&fields, files, errors),
        run: run(&fields, errors),
    }
}

fn vrfs(fields: &Fields, errors: &mut Diagnostics) -> Vec<Vrf> {
    let mut vrfs = Vec::new();
    for Entry { key, value } in fields.named("vrfs", errors) {
        errors.keep(names::vrf(&key));
        let value = in_full(value, &VRF);
        let fields = Fields::new(&value, &VRF, errors);
        vrfs.push(Vrf {
            name: key,
            table: fields.number("table", errors),
            addresses: fields.loopbacks("addresses", errors).unwrap_or_default(),
            import: fields.lines("import", errors).unwrap_or_default(),
            fallthrough: fields.flag("fallthrough", errors),
            mtu: fields.number("mtu", errors),
            netem: fields.parsed("netem", errors, Netem::parse),
            tbf: fields.parsed("tbf", errors, Tbf::parse),
            traffic: fields.traffic("", errors),
            up: fields.flag("up", errors),
        });
    }
    vrfs
}

fn interfaces(fields: &Fields, errors: &mut Diagnostics) -> Vec<Interface> {
    let mut interfaces = Vec::new();
    for Entry { key, value } in fields.named("interfaces", errors) {
        errors.keep(names::interface(&key));
        let fields = Fields::new(&value, &INTERFACE, errors);
        let mut interface = Interface {
            name: key,
            addresses: fields.addresses("addresses", errors),
            vrf: fields.checked("vrf", errors, names::vrf),
            mtu: fields.number("mtu", errors),
            mac: fields.mac("mac", errors),
            mpls: fields.flag("mpls", errors),
            netem: fields.parsed("netem", errors, Netem::parse),
            tbf: fields.parsed("tbf", errors, Tbf::parse),
            traffic: fields.traffic("", errors),
            offload: fields.flag("offload", errors),
            up: fields.flag("up", errors),
            kind: fields.choice("kind", errors),
            own: fields.given(link::keys(), errors),
            vlans: fields.all_parsed("vlans", errors, Vlan::parse),
            fdb: fields.all_parsed("fdb", errors, FdbEntry::parse).unwrap_or_default(),
            bridge_port: fields.parsed("bridge_port", errors, BridgePort::parse),
        };
        if interface.kind.is_none() && fields.tree("kind").is_some() {
            // That there is no such kind was said, and nothing follows from it.
            let (name, addresses, vrf) = (interface.name, interface.addresses, interface.vrf);
            interface = Interface { addresses, vrf, ..Interface::dummy(name) };
        }
        interfaces.push(interface);
    }
    interfaces
}

fn tables(fields: &Fields, errors: &mut Diagnostics) -> Vec<(Text, Spanned<u32>)> {
    let mut tables = Vec::new();
    for Entry { key, value } in fields.named("tables", errors) {
        if let Some(why) = table_name(&key) {
            errors.push(
                Diagnostic::error(Code::BadName, format!("`{key}` cannot be the name of a table"))
                    .at(key.span, "")
                    .note(why),
            );
        }
        match &value {
            Tree::Scalar(number) => {
                let number = errors.keep(values::number(key.as_str(), number, &values::ANY));
                tables.extend(number.map(|number| (key, number)));
            }
            Tree::Null(_) | Tree::List(..) | Tree::Map(..) => {
                errors.push(values::wrong(key.as_str(), &value, "the number of a table"));
            }
        }
    }
    tables
}

/// Why a table cannot have this name.
fn table_name(name: &Text) -> Option<&'static str> {
    let text = name.as_str();
    if matches!(text, "main" | "local" | "default" | "unspec") {
        Some("it is the kernel's name for a table of its own")
    } else if text.is_empty() || text.contains(char::is_whitespace) {
        Some("a name is one word")
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Some("in a route or rule it would be a number")
    } else {
        None
    }
}

fn sysctls(fields: &Fields, errors: &mut Diagnostics) -> Vec<(Text, Text)> {
    let mut sysctls = Vec::new();
    if let Some(Tree::Scalar(written)) = fields.tree("sysctls")
        && written.value.contains('=')
    {
        errors.push(not_a_setting(written));
        return sysctls;
    }
    for Entry { key, value } in fields.named("sysctls", errors) {
        if let Some(written) = assignment(&key, &value) {
            errors.push(not_a_setting(&written));
            continue;
        }
        match value {
            Tree::Scalar(value) => sysctls.push((key, value)),
            Tree::Null(_) | Tree::List(..) | Tree::Map(..) => {
                errors.push(values::wrong(key.as_str(), &value, "a value for the kernel"));
            }
        }
    }
    sysctls
}

/// What was written as `sysctl -w` and `sysctl.conf` have it, `name=value`, with spaces or without.
fn assignment(key: &Text, value: &Tree) -> Option<Text> {
    match value {
        Tree::Null(_) => key.value.contains('=').then(|| key.clone()),
        Tree::Scalar(setting) if key.value.ends_with('=') || setting.value.starts_with('=') => {
            Some(Text::new(format!("{key} {setting}"), key.span.with(setting.span)))
        }
        Tree::Scalar(_) | Tree::List(..) | Tree::Map(..) => None,
    }
}

fn not_a_setting(written: &Text) -> Diagnostic {
    let (name, setting) = written.as_str().split_once('=').unwrap_or((written.as_str(), ""));
    let (name, setting) = (name.trim(), setting.trim());
    Diagnostic::error(Code::BadValue, format!("`{written}` is not the name of a setting"))
        .at(written.span, "")
        .help_in(|notation| match notation {
            Notation::Yaml => format!("write `{name}: {setting}`"),
            Notation::Dot => format!("write `sysctls=\"{name} {setting}\"`"),
        })
}

/// Files below `/etc`: a path has no way out of it.
fn etc(
    fields: &Fields,
    files: &mut Contents<'_>,
    errors: &mut Diagnostics,
) -> Vec<(Text, Content)> {
    let mut etc = Vec::new();
    for Entry { key, value } in fields.named("etc", errors) {
        let parts = || key.as_str().split('/');
        if parts().any(|part| matches!(part, "" | "." | "..")) {
            errors.push(
                Diagnostic::error(Code::BadName, format!("`{key}` is no file below /etc"))
                    .at(key.span, "")
                    .help("write it as it stands below /etc, as in `frr/frr.conf`"),
            );
        }
        etc.extend(content(&value, files, errors).map(|content| (key, content)));
    }
    etc
}

/// A ruleset. A line that names a file is none, so that `nft: "file: PATH"` means what it says.
fn nft(fields: &Fields, files: &mut Contents<'_>, errors: &mut Diagnostics) -> Option<Content> {
    let tree = fields.tree("nft")?;
    if let Tree::Scalar(text) = tree
        && let Some(name) = text.as_str().strip_prefix("file:")
    {
        let start = text.value.len() - name.trim_start().len();
        let file = text.slice(start, text.value.trim_end().len());
        let key = Text::new("file", text.span);
        let tree = Tree::Map(vec![Entry { key, value: Tree::Scalar(file) }], text.span);
        return content(&tree, files, errors);
    }
    content(tree, files, errors)
}

/// A text, in place or in a file of its own.
fn content(tree: &Tree, files: &mut Contents<'_>, errors: &mut Diagnostics) -> Option<Content> {
    let full = in_full(tree.clone(), &CONTENT);
    let fields = Fields::new(&full, &CONTENT, errors);
    match (fields.line("text", errors), fields.line("file", errors)) {
        (Some(text), None) => Some(Content { text, file: None }),
        (None, Some(file)) => {
            let text = errors.keep(files.read(&file))?;
            Some(Content { text: Text::new(text, file.span), file: Some(file) })
        }
        (None, None) => {
            // What is no map was said to be wrong; an empty one says nothing.
            if let Tree::Null(span) | Tree::Map(_, span) = tree {
                errors.push(
                    Diagnostic::error(Code::BadValue, "neither a text nor a file")
                        .at(*span, "")
                        .help("write the text itself, or the `file` that holds it"),
                );
            }
            None
        }
        (Some(text), Some(file)) => {
            errors.push(
                Diagnostic::error(Code::BadValue, "both a text and a file")
                    .at(file.span, "it would have to be the one or the other")
                    .beside(text.span, "the text"),
            );
            None
        }
    }
}

fn run(fields: &Fields, errors: &mut Diagnostics) -> Vec<Command> {
    let items = match fields.tree("run") {
        None | Some(Tree::Null(_)) => &[],
        Some(Tree::List(items, _)) => items.as_slice(),
        Some(one @ (Tree::Scalar(_) | Tree::Map(..))) => std::slice::from_ref(one),
    };
    let mut commands = Vec::new();
    for item in items {
        let item = in_full(item.clone(), &COMMAND);
        let fields = Fields::new(&item, &COMMAND, errors);
        let vrf = fields.checked("vrf", errors, names::vrf);
        match fields.line("command", errors) {
            Some(line) if !line.as_str().trim().is_empty() => commands.push(Command { line, vrf }),
            Some(_) | None => errors.push(
                Diagnostic::error(Code::BadValue, "a command that says nothing")
                    .at(item.span(), ""),
            ),
        }
    }
    commands
}

/// A map in which a lone value stands under the key that it is short for.
fn in_full(value: Tree, level: &Level) -> Tree {
    match (value, level.short) {
        (Tree::Scalar(lone), Some(short)) => {
            let (key, span) = (Text::new(short, lone.span), lone.span);
            Tree::Map(vec![Entry { key, value: Tree::Scalar(lone) }], span)
        }
        (other, Some(_) | None) => other,
    }
}
