//! A link and its two ends.

use super::super::keys::{END, LINK};
use super::super::tree::{Entry, Tree};
use super::super::{End, EndAddress, EndVrf, Link};
use super::fields::Fields;
use super::{names, values};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Notation, Span, Spanned, Text};
use crate::iproute::{Netem, Tbf};

const HELP: &str = "write `h1:eth0 -- r1:eth1`, or a map with `ends: [h1:eth0, r1:eth1]`";

/// Reads the defaults of links, for what is wrong with them.
pub(super) fn defaults(tree: &Tree, errors: &mut Diagnostics) {
    let fields = Fields::new(tree, &LINK, errors);
    if let Some(ends) = fields.tree("ends") {
        let title = "a default for links cannot say what they link";
        errors.push(Diagnostic::error(Code::BadValue, title).at(ends.span(), ""));
    }
    read(&fields, nowhere(), tree.span(), errors);
}

/// Ends in the place of those that are missing or wrong, so that the rest of a link is read.
fn nowhere() -> [Place; 2] {
    ["a", "b"].map(|node| (Text::filled(node), None))
}

/// A node and an interface of it.
type Place = (Text, Option<Text>);

/// Reads a link: a map, or its two ends in a string.
pub(super) fn link(tree: &Tree, defaults: &Tree, errors: &mut Diagnostics) -> Option<Link> {
    let span = tree.span();
    let tree = match tree {
        Tree::Scalar(text) => {
            let ends = errors.keep(halves(text))?;
            let ends = Tree::List(ends.map(Tree::Scalar).into(), text.span);
            let key = Text::new("ends", text.span);
            Tree::Map(vec![Entry { key, value: ends }], text.span)
        }
        Tree::Map(..) => tree.clone(),
        Tree::Null(_) | Tree::List(..) => {
            let title = format!("a link must be a string or a map, not {}", tree.what());
            errors.push(Diagnostic::error(Code::WrongType, title).at(span, "").help(HELP));
            return None;
        }
    };
    let tree = tree.above(defaults);
    let fields = Fields::new(&tree, &LINK, errors);
    let Some(ends) = fields.tree("ends") else {
        let title = "a link without `ends`";
        errors.push(Diagnostic::error(Code::WrongType, title).at(span, "").help(HELP));
        read(&fields, nowhere(), span, errors);
        return None;
    };
    let places = match ends {
        Tree::List(items, _) => match &items[..] {
            [tail, head] => Ok([end(tail, errors), end(head, errors)]),
            other => Err(format!("a link has two ends, not {}", other.len())),
        },
        Tree::Null(_) | Tree::Scalar(_) | Tree::Map(..) => {
            Err(format!("`ends` must be a list of two ends, not {}", ends.what()))
        }
    };
    match places {
        Ok([Some(tail), Some(head)]) => Some(read(&fields, [tail, head], span, errors)),
        Ok(_) => {
            read(&fields, nowhere(), span, errors);
            None
        }
        Err(title) => {
            errors.push(Diagnostic::error(Code::WrongType, title).at(ends.span(), "").help(HELP));
            read(&fields, nowhere(), span, errors);
            None
        }
    }
}

/// An end: `node`, `node:interface`, or a map that has the two apart.
fn end(tree: &Tree, errors: &mut Diagnostics) -> Option<Place> {
    let (node, interface) = match tree {
        Tree::Scalar(text) => match text.value.find(':') {
            Some(colon) => {
                let interface = text.slice(colon + 1, text.value.len());
                (text.slice(0, colon), Some(interface))
            }
            None => (text.clone(), None),
        },
        Tree::Null(_) | Tree::List(..) | Tree::Map(..) => {
            let fields = Fields::new(tree, &END, errors);
            let Some(node) = fields.line("node", errors) else {
                let title = "an end of a link must name a node";
                errors.push(Diagnostic::error(Code::WrongType, title).at(tree.span(), ""));
                return None;
            };
            (node, fields.line("interface", errors))
        }
    };
    if let Some(interface) = &interface {
        errors.keep(names::interface(interface));
    }
    Some((node, interface))
}

/// The two ends of `h1:eth0 -- r1:eth1`.
fn halves(text: &Text) -> Result<[Text; 2], Diagnostic> {
    let value = text.as_str();
    let words: Vec<_> = value.split_whitespace().collect();
    match words[..] {
        [_, "--" | "->", _] => {
            let at = value.find([' ', '\t', '\n']).unwrap_or(0);
            let middle = at + value[at..].find(words[1]).unwrap_or(0);
            Ok([trimmed(text, 0, middle), trimmed(text, middle + 2, value.len())])
        }
        _ => Err(Diagnostic::error(Code::BadValue, format!("`{text}` is not a link"))
            .at(text.span, "")
            .help(HELP)),
    }
}

fn trimmed(text: &Text, start: usize, end: usize) -> Text {
    let part = &text.value[start..end];
    let from = start + (part.len() - part.trim_start().len());
    text.slice(from, from + part.trim().len())
}

fn read(fields: &Fields, ends: [Place; 2], span: Span, errors: &mut Diagnostics) -> Link {
    let vrf = fields.checked("vrf", errors, names::vrf).map(EndVrf::WherePossible);
    let mtu = fields.number("mtu", errors);
    let mpls = fields.flag("mpls", errors);
    let netem = fields.parsed("netem", errors, Netem::parse);
    let tbf = fields.parsed("tbf", errors, Tbf::parse);
    let traffic = fields.traffic("", errors);
    let offload = fields.flag("offload", errors);
    let up = fields.flag("up", errors);
    let both = both_addresses(fields, errors);
    let mut sides = ["tail", "head"].into_iter().zip(both);
    let ends = ends.map(|(node, interface)| {
        let (side, addresses) = sides.next().expect("a link has two sides");
        let own = |key: &str| format!("{side}{key}");
        let vrf_here = fields.checked(&own("vrf"), errors, names::vrf);
        End {
            node,
            interface,
            addresses: fields.end_addresses(&own("addresses"), errors).or(addresses),
            vrf: vrf_here.map(EndVrf::Here).or(vrf.clone()),
            mtu: fields.number(&own("mtu"), errors).or(mtu),
            mac: fields.mac(&own("mac"), errors),
            mpls: fields.flag(&own("mpls"), errors).or(mpls),
            netem: fields.parsed(&own("netem"), errors, Netem::parse).or(netem.clone()),
            tbf: fields.parsed(&own("tbf"), errors, Tbf::parse).or(tbf.clone()),
            traffic: fields.traffic(side, errors).or(&traffic),
            offload: fields.flag(&own("offload"), errors).or(offload),
            up: fields.flag(&own("up"), errors).or(up),
        }
    });
    let cost = fields.number("cost", errors);
    Link { span, ends, cost, subnets: fields.subnets("subnet", errors) }
}

/// `addresses`: an item for each end, which is one address, a list of them, or `~` for none.
fn both_addresses(
    fields: &Fields,
    errors: &mut Diagnostics,
) -> [Option<Vec<Spanned<EndAddress>>>; 2] {
    match fields.tree("addresses") {
        None => [None, None],
        Some(Tree::Null(_)) => [Some(Vec::new()), Some(Vec::new())],
        Some(Tree::List(items, _)) if items.len() == 2 => {
            let mut read =
                |item| Some(values::list("addresses", item, errors, &mut values::at_an_end));
            [read(&items[0]), read(&items[1])]
        }
        Some(other) => {
            errors.push(
                Diagnostic::error(Code::WrongType, "`addresses` needs one item per end")
                    .at(other.span(), "")
                    .help_in(|notation| {
                        let example = match notation {
                            Notation::Yaml => "addresses: [10.1.1.1/24, 10.1.1.2/24]",
                            Notation::Dot => "addresses=\"10.1.1.1/24; 10.1.1.2/24\"",
                        };
                        format!("as in `{example}`; `~` for an end without")
                    })
                    .help_in(|notation| {
                        let example = match notation {
                            Notation::Yaml => "are a list: `[[10.1.1.1/24, 10.1.2.1/24], ~]`",
                            Notation::Dot => "go by `tailaddresses=\"10.1.1.1/24; 10.1.2.1/24\"`",
                        };
                        format!("several addresses of one end {example}")
                    }),
            );
            [None, None]
        }
    }
}
