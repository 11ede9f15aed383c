//! A node, its VRFs and its interfaces.

use super::super::keys::{INTERFACE, NODE, VRF};
use super::super::tree::{Entry, Tree};
use super::super::{Interface, Node, Vrf};
use super::fields::{Fields, wrong};
use super::{names, values};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spanned, Text};

/// Reads a node from its map, in which its defaults are already.
pub(super) fn node(name: Text, tree: &Tree, errors: &mut Diagnostics) -> Node {
    let fields = Fields::new(tree, &NODE, errors);
    Node {
        name,
        role: fields.choice("role", errors),
        forwarding: fields.flag("forwarding", errors),
        loopback: fields.loopbacks("loopback", errors),
        vrfs: vrfs(&fields, errors),
        interfaces: interfaces(&fields, errors),
        tables: tables(&fields, errors),
        routes: fields.lines("routes", errors).unwrap_or_default(),
        nexthops: fields.lines("nexthops", errors).unwrap_or_default(),
        rules: fields.lines("rules", errors).unwrap_or_default(),
        local_rule: fields.number("local_rule", errors),
        mpls: fields.lines("mpls", errors).unwrap_or_default(),
        sysctls: sysctls(&fields, errors),
    }
}

fn vrfs(fields: &Fields, errors: &mut Diagnostics) -> Vec<Vrf> {
    let mut vrfs = Vec::new();
    for Entry { key, value } in fields.named("vrfs", errors) {
        errors.keep(names::vrf(&key));
        // A lone value is the table.
        let value = match value {
            Tree::Scalar(table) => {
                let key = Text::new("table", table.span);
                let span = table.span;
                Tree::Map(vec![Entry { key, value: Tree::Scalar(table) }], span)
            }
            other @ (Tree::Null(_) | Tree::List(..) | Tree::Map(..)) => other,
        };
        let fields = Fields::new(&value, &VRF, errors);
        vrfs.push(Vrf {
            name: key,
            table: fields.number("table", errors),
            addresses: fields.loopbacks("addresses", errors).unwrap_or_default(),
            import: fields.lines("import", errors).unwrap_or_default(),
            fallthrough: fields.flag("fallthrough", errors),
        });
    }
    vrfs
}

fn interfaces(fields: &Fields, errors: &mut Diagnostics) -> Vec<Interface> {
    let mut interfaces = Vec::new();
    for Entry { key, value } in fields.named("interfaces", errors) {
        errors.keep(names::interface(&key));
        let fields = Fields::new(&value, &INTERFACE, errors);
        interfaces.push(Interface {
            name: key,
            addresses: fields.addresses("addresses", errors),
            vrf: fields.checked("vrf", errors, names::vrf),
            mtu: fields.number("mtu", errors),
            mac: fields.mac("mac", errors),
            mpls: fields.flag("mpls", errors),
            up: fields.flag("up", errors),
            kind: fields.kind(errors),
        });
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
                errors.push(wrong(key.as_str(), &value, "the number of a table"));
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
    for Entry { key, value } in fields.named("sysctls", errors) {
        match value {
            Tree::Scalar(value) => sysctls.push((key, value)),
            Tree::Null(_) | Tree::List(..) | Tree::Map(..) => {
                errors.push(wrong(key.as_str(), &value, "a value for the kernel"));
            }
        }
    }
    sysctls
}
