//! The tree read as a document, every fault of it collected on the way.

mod fields;
mod link;
mod names;
mod node;
mod undeclared;
mod values;

pub(super) use values::address;

use super::keys::{ADDRESSING, DEFAULTS, LAB, VPN};
use super::tree::{Entry, Tree};
use super::{Addressing, Counter, Document, Files, Limits, Link, Node, Quantity, Vpn};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Text};
use fields::Fields;
use std::collections::HashSet;

/// Reads a whole lab. What is wrong is left out of the document and said in the errors; of more nodes or
/// links than the limits allow none is read.
pub(super) fn lab(
    tree: &Tree,
    files: &Files,
    limits: &Limits,
    errors: &mut Diagnostics,
) -> Option<Document> {
    let clab = tree.entries().iter().find(|entry| entry.key.as_str() == "topology");
    if let Some(Entry { key, value: Tree::Map(..) }) = clab {
        errors.push(containerlab(key));
        return Some(Document::default());
    }
    let files = &mut Contents { files, bytes: limits.counter(Quantity::Bytes) };
    let fields = Fields::new(tree, &LAB, errors);
    let nothing = Tree::Null(Span::NONE);
    let defaults = Fields::new(fields.tree("defaults").unwrap_or(&nothing), &DEFAULTS, errors);
    let node_defaults = defaults.tree("node").unwrap_or(&nothing);
    let link_defaults = defaults.tree("link").unwrap_or(&nothing);
    // Faults of a default are found even where there is nothing that it applies to.
    node::node(Text::filled("defaults"), node_defaults, files, errors);
    link::defaults(link_defaults, errors);

    let count = |name| match fields.tree(name) {
        Some(Tree::List(items, _)) => items.len(),
        Some(Tree::Map(entries, _)) => entries.len(),
        Some(Tree::Null(_) | Tree::Scalar(_)) | None => 0,
    };
    let (links_there, nodes_there) = (count("links"), count("nodes"));
    errors.keep(limits.hold(Quantity::Links, links_there))?;
    let link_defaults = bounded(link_defaults, links_there, &nothing, errors);
    // Links can name two nodes each that stand nowhere else.
    let node_defaults = bounded(node_defaults, nodes_there + 2 * links_there, &nothing, errors);
    let links = links(&fields, link_defaults, errors);
    errors.keep(limits.hold(Quantity::Nodes, count_names(&fields, &links)))?;
    let nodes = nodes(&fields, &links, node_defaults, files, errors);
    Some(Document {
        name: fields.checked("name", errors, names::lab),
        netns: fields.checked("netns", errors, pattern),
        family: fields.choice("family", errors),
        addressing: addressing(fields.tree("addressing").unwrap_or(&nothing), errors),
        routing: fields.choice("routing", errors),
        vpn: vpn(fields.tree("vpn").unwrap_or(&nothing), errors),
        nodes,
        links,
        checks: fields.lines("checks", errors),
    })
}

fn containerlab(key: &Text) -> Diagnostic {
    Diagnostic::error(Code::UnknownKey, "this looks like a containerlab file")
        .at(key.span, "a lab here has its `nodes` and `links` at the top")
        .note("nodes are namespaces of this machine's kernel and have roles, not kinds and images")
        .help("as in `nodes: {r1: {role: router}}` and `links: [r1:eth1 -- r2:eth1]`")
}

/// How many bytes all nodes, or all links, may get by default, a value counting as some.
const MOST: usize = 128 << 20;
const VALUE: usize = 40;

/// The defaults, or nothing in their place where there is too much that they would be repeated for.
fn bounded<'t>(
    defaults: &'t Tree,
    count: usize,
    nothing: &'t Tree,
    errors: &mut Diagnostics,
) -> &'t Tree {
    if weight(defaults).saturating_mul(count) <= MOST {
        return defaults;
    }
    errors.push(
        Diagnostic::error(Code::TooLarge, "these defaults repeat too much")
            .at(defaults.span(), "")
            .note(format!("what all nodes or links get by default may come to {} MiB", MOST >> 20)),
    );
    nothing
}

fn weight(tree: &Tree) -> usize {
    VALUE
        + match tree {
            Tree::Null(_) => 0,
            Tree::Scalar(text) => text.value.len(),
            Tree::List(items, _) => items.iter().map(weight).sum(),
            Tree::Map(entries, _) => {
                entries.iter().map(|entry| entry.key.value.len() + weight(&entry.value)).sum()
            }
        }
}

fn vpn(tree: &Tree, errors: &mut Diagnostics) -> Vpn {
    let fields = Fields::new(tree, &VPN, errors);
    Vpn { php: fields.flag("php", errors), ttl: fields.choice("ttl", errors) }
}

fn addressing(tree: &Tree, errors: &mut Diagnostics) -> Addressing {
    let fields = Fields::new(tree, &ADDRESSING, errors);
    let mut pool = |name: &str, ipv6: bool| {
        let pool = fields.prefix(name, errors)?;
        if pool.value.addr().is_ipv6() == ipv6 {
            return Some(pool);
        }
        let family = if ipv6 { "IPv6" } else { "IPv4" };
        let title = format!("`{name}` must be an {family} prefix, not {pool}");
        errors.push(Diagnostic::error(Code::BadValue, title).at(pool.span, ""));
        None
    };
    Addressing {
        links: pool("links", false),
        lans: pool("lans", false),
        loopbacks: pool("loopbacks", false),
        links6: pool("links6", true),
        lans6: pool("lans6", true),
        loopbacks6: pool("loopbacks6", true),
    }
}

/// The nodes that the file describes, and after them those that only its links name.
fn nodes(
    fields: &Fields,
    links: &[Link],
    defaults: &Tree,
    files: &mut Contents<'_>,
    errors: &mut Diagnostics,
) -> Vec<Node> {
    let mut known = HashSet::new();
    let mut nodes = Vec::new();
    for Entry { key, value } in fields.named("nodes", errors) {
        errors.keep(names::node(&key));
        known.insert(key.value.clone());
        nodes.push(node::node(key, &value.above(defaults), files, errors));
    }
    undeclared::check(&known, links, errors);
    for name in links.iter().flat_map(|link| &link.ends).map(|end| &end.node) {
        if known.insert(name.value.clone()) {
            errors.keep(names::node(name));
            nodes.push(node::node(name.clone(), defaults, files, errors));
        }
    }
    nodes
}

/// The files that the lab's file names, their bytes counted.
struct Contents<'a> {
    files: &'a Files,
    bytes: Counter<'a>,
}

impl Contents<'_> {
    fn read(&mut self, name: &Text) -> Result<String, Diagnostic> {
        // Once there is too much no file is read any more.
        let past = |fault: Diagnostic| fault.at(name.span, "with this file");
        self.bytes.add(0).map_err(past)?;
        let text = self.files.read(name)?;
        self.bytes.add(text.len()).map_err(past)?;
        Ok(text)
    }
}

/// How many nodes the file names.
fn count_names(fields: &Fields, links: &[Link]) -> usize {
    let described = fields.tree("nodes").map_or(&[][..], Tree::entries);
    let of_links = links.iter().flat_map(|link| &link.ends).map(|end| end.node.as_str());
    described.iter().map(|entry| entry.key.as_str()).chain(of_links).collect::<HashSet<_>>().len()
}

fn links(fields: &Fields, defaults: &Tree, errors: &mut Diagnostics) -> Vec<Link> {
    match fields.tree("links") {
        None | Some(Tree::Null(_)) => Vec::new(),
        Some(Tree::List(items, _)) => {
            items.iter().filter_map(|item| link::link(item, defaults, errors)).collect()
        }
        Some(other @ (Tree::Scalar(_) | Tree::Map(..))) => {
            errors.push(
                values::wrong("links", other, "a list")
                    .help("write each link as an item: `- h1:eth0 -- r1:eth1`"),
            );
            Vec::new()
        }
    }
}

/// The pattern of the namespaces' names: files under /run/netns.
fn pattern(text: &Text) -> Result<(), Diagnostic> {
    let fault = |title: String| Diagnostic::error(Code::BadValue, title).at(text.span, "");
    let bare = text.value.replace("{lab}", "").replace("{node}", "");
    if bare.contains(['/', '{', '}'])
        || bare.chars().any(|it| it.is_whitespace() || it.is_control())
    {
        return Err(fault(format!("`{text}` cannot name namespaces"))
            .note("a namespace is a file under /run/netns")
            .help("use `{lab}` and `{node}`, letters, digits, `-`, `_` and `.`"));
    }
    if !text.value.contains("{node}") {
        return Err(fault(format!("`{text}` gives every node's namespace the same name"))
            .help("put `{node}` in it, as in `{lab}-{node}`"));
    }
    Ok(())
}
