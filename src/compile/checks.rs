//! The lines of `checks`, and the checks of a file that has none.

use super::check::{Check, Expect, Hop, Sender, Target};
use super::hosts;
use super::lab::{Lab, MAIN, Node, NodeId};
use super::layout::{Context, Layout};
use super::routes::unknown;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Text, nearest};
use crate::document::{DeviceName, Routing};
use crate::iproute::parse_labels;
use crate::topology::Topology;
use std::net::IpAddr;

/// Reads the file's checks, or makes some where the file has none and the compiler routes.
pub(super) fn fill(topology: &Topology, layout: &Layout, lab: &mut Lab, errors: &mut Diagnostics) {
    match &topology.checks {
        Some(lines) => {
            // Whoever wrote the routes, one VRF name is one VPN, and its hosts are meant by the
            // addresses that they have in it.
            let joined;
            let layout = match topology.routing {
                Routing::Auto => layout,
                Routing::None => {
                    joined = Layout::of(lab, Routing::Auto);
                    &joined
                }
            };
            let reader = Reader { lab, layout };
            let checks = lines.iter().filter_map(|line| errors.keep(reader.read(line))).collect();
            lab.checks = checks;
        }
        None if topology.routing == Routing::Auto => {
            let (checks, sample) = hosts::pairs(lab, layout);
            lab.checks = checks;
            lab.sample = sample;
        }
        None => {}
    }
}

/// A check that the compiler makes of two hosts; nothing where one has no address for the other.
pub(super) fn between(
    lab: &Lab,
    layout: &Layout,
    from: NodeId,
    to: NodeId,
    expect: Expect,
) -> Option<Check> {
    let reader = Reader { lab, layout };
    let sender = Sender { node: from, vrf: None };
    let target = reader.node_target(&sender, to, None)?;
    let arrow = match expect {
        Expect::Arrives => "->",
        Expect::Lost => "!>",
    };
    Some(Check {
        span: lab[from].span,
        text: format!("{} {arrow} {}", lab[from].name, lab[to].name),
        from: sender,
        expect,
        to: target,
        via: None,
        back: None,
    })
}

struct Reader<'a> {
    lab: &'a Lab,
    layout: &'a Layout,
}

impl Reader<'_> {
    fn read(&self, line: &Text) -> Result<Check, Diagnostic> {
        let mut words = split(line).into_iter().peekable();
        let usage = |at: Span| {
            Diagnostic::error(Code::BadCheck, format!("`{line}` is not a check"))
                .at(at, "not understood")
                .help(
                    "`h1 -> h3`, `h1 !> 10.2.1.10`, `pe1%blue -> h3 via p pe2[111] back via pe2 p`",
                )
        };
        let (Some(from), Some(arrow), Some(to)) = (words.next(), words.next(), words.next()) else {
            return Err(usage(line.span));
        };
        let expect = match arrow.as_str() {
            "->" => Expect::Arrives,
            "!>" => Expect::Lost,
            _ => return Err(usage(arrow.span)),
        };
        let (node, vrf) = self.place(&from)?;
        let from = Sender { node, vrf };
        let to = self.target(&from, &to)?;
        let mut check =
            Check { span: line.span, text: String::new(), from, expect, to, via: None, back: None };
        while let Some(word) = words.next() {
            let path = match word.as_str() {
                "via" => &mut check.via,
                "back" => {
                    if words.next().is_none_or(|next| next.as_str() != "via") {
                        return Err(
                            usage(word.span).help("`back` goes with `via`: `back via p pe1`")
                        );
                    }
                    &mut check.back
                }
                other => {
                    let error = usage(word.span);
                    return Err(match nearest(other, ["via", "back"]) {
                        Some(near) => error.help(format!("did you mean `{near}`?")),
                        None => error,
                    });
                }
            };
            if expect == Expect::Lost {
                return Err(usage(word.span).note("what does not arrive has no path"));
            }
            let mut hops = Vec::new();
            while let Some(hop) = words.next_if(|word| !matches!(word.as_str(), "via" | "back")) {
                hops.push(self.hop(&hop)?);
            }
            if path.replace(hops).is_some() {
                return Err(usage(word.span).note("a check has one path each way"));
            }
        }
        check.text = line.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(check)
    }

    /// `node` or `node%vrf`.
    fn place(&self, word: &Text) -> Result<(NodeId, Option<DeviceName>), Diagnostic> {
        let (name, vrf) = match word.as_str().find('%') {
            Some(at) => (word.slice(0, at), Some(word.slice(at + 1, word.as_str().len()))),
            None => (word.clone(), None),
        };
        let id = self.node(&name)?;
        let vrf = vrf
            .map(|vrf| {
                let node = &self.lab[id];
                let known = node.vrfs.iter().map(|vrf| vrf.name.as_str());
                let found = node.vrf(vrf.as_str());
                found
                    .map(|vrf| vrf.name.clone())
                    .ok_or_else(|| unknown(Code::UnknownVrf, node, "VRF", &vrf, known))
            })
            .transpose()?;
        Ok((id, vrf))
    }

    fn node(&self, name: &Text) -> Result<NodeId, Diagnostic> {
        self.lab.node(name.as_str()).ok_or_else(|| {
            let error = Diagnostic::error(Code::UnknownNode, format!("there is no node `{name}`"))
                .at(name.span, "no node of this file");
            let known = self.lab.nodes.iter().map(|node| node.name.as_str());
            match nearest(name.as_str(), known) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            }
        })
    }

    fn target(&self, from: &Sender, word: &Text) -> Result<Target, Diagnostic> {
        if let Ok(address) = word.as_str().parse::<IpAddr>() {
            return Ok(Target::Address(address));
        }
        let (node, vrf) = self.place(word)?;
        self.node_target(from, node, vrf).ok_or_else(|| {
            let (near, far) = (&self.lab[from.node].name, &self.lab[node].name);
            Diagnostic::error(
                Code::BadCheck,
                format!("`{far}` has no address that `{near}` can send to"),
            )
            .at(word.span, "no address of a family that both have")
        })
    }

    /// A node by its addresses, in each family that the sender has too: the first one in the
    /// sender's routing domain, else all but loopbacks.
    fn node_target(&self, from: &Sender, id: NodeId, vrf: Option<DeviceName>) -> Option<Target> {
        let sender = &self.lab[from.node];
        let table = from.vrf.as_ref().and_then(|vrf| sender.vrf(vrf.as_str()));
        let context = Context { node: from.node, table: table.map_or(MAIN, |vrf| vrf.table) };
        let domain = self.layout.domain(context);
        let has = own(sender, context.table);
        let node = &self.lab[id];
        let wanted = vrf.as_ref().and_then(|vrf| node.vrf(vrf.as_str())).map(|vrf| vrf.table);
        let mut near: Vec<IpAddr> = Vec::new();
        let mut all: Vec<IpAddr> = Vec::new();
        for interface in &node.interfaces {
            let table = node.table_of(interface);
            if wanted.is_some_and(|wanted| wanted != table) {
                continue;
            }
            let here = self.layout.domain(Context { node: id, table }) == domain;
            for address in &interface.addresses {
                let address = address.value.addr();
                if !has.iter().any(|own| own.is_ipv4() == address.is_ipv4()) {
                    continue;
                }
                all.push(address);
                if here && near.iter().all(|known| known.is_ipv4() != address.is_ipv4()) {
                    near.push(address);
                }
            }
        }
        let addresses = if near.is_empty() { all } else { near };
        (!addresses.is_empty()).then_some(Target::Node { node: id, vrf, addresses })
    }

    /// `p`, or `p[101]` with the labels that the packet arrives with.
    fn hop(&self, word: &Text) -> Result<Hop, Diagnostic> {
        let text = word.as_str();
        let Some((name, rest)) = text.split_once('[') else {
            return Ok(Hop { node: self.node(word)?, labels: None });
        };
        let stack = rest.strip_suffix(']').ok_or_else(|| {
            Diagnostic::error(Code::BadCheck, format!("`{word}` does not end in `]`"))
                .at(word.span, "labels stand between `[` and `]`")
        })?;
        let node = self.node(&word.slice(0, name.len()))?;
        let labels = match stack.is_empty() {
            true => Vec::new(),
            false => parse_labels(&word.slice(name.len() + 1, text.len() - 1))?,
        };
        Ok(Hop { node, labels: Some(labels) })
    }
}

/// A node's own addresses in a table.
fn own(node: &Node, table: u32) -> Vec<IpAddr> {
    let on_interfaces = node
        .interfaces
        .iter()
        .filter(|interface| node.table_of(interface) == table)
        .flat_map(|interface| &interface.addresses);
    let on_vrf = node.vrfs.iter().filter(|vrf| vrf.table == table).flat_map(|vrf| &vrf.addresses);
    on_interfaces.chain(on_vrf).map(|address| address.value.addr()).collect()
}

/// A line's words with their places.
fn split(line: &Text) -> Vec<Text> {
    let text = line.as_str();
    let start = text.as_ptr() as usize;
    text.split_whitespace()
        .map(|word| {
            let at = word.as_ptr() as usize - start;
            line.slice(at, at + word.len())
        })
        .collect()
}
