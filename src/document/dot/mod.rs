//! A DOT file as a tree.

mod drawing;
mod foreign;
mod label;
mod lexer;
mod notation;
mod parser;

pub(super) use drawing::COMPASS;
pub(super) use lexer::is_keyword;

use super::keys::{LAB, LINK, NODE};
use super::tree::{Entry, Reading, Tree};
use super::{LabName, Role};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, Span, Text};
use crate::vocabulary::Level;
use drawing::{Attributes, Edge};
use lexer::{Keyword, Lexer, Style, TokenKind};
use parser::Attribute;

/// Reads the text.
pub(super) fn read(source: &Source, errors: &mut Diagnostics) -> Option<Reading> {
    let graph = parser::graph(source, errors)?;
    foreign::judge(&graph.body, errors);
    let drawing = drawing::draw(&graph, errors)?;
    let mut entries = ours(&drawing.attributes, &LAB, errors);
    if let Some(id) = &graph.id
        && !entries.iter().any(|entry| entry.key.as_str() == "name")
        && let Some(name) = LabName::fold(id.text.as_str())
    {
        entries.push(entry("name", Tree::Scalar(Text::new(name.as_str(), id.text.span))));
    }
    let whole = Span::new(0, source.text.len());
    let edges = &drawing.edges;
    let links = edges.iter().map(|edge| link(edge, errors)).collect();
    let nodes = drawing.nodes.into_iter().map(|node| {
        let mut entries = ours(&node.attributes, &NODE, errors);
        let role = node.attributes.get("role").map(|role| role.value.text.as_str());
        if role == Some(Role::Switch.word()) {
            labelled_subnet(&mut entries, &node.attributes);
        }
        Entry { value: Tree::Map(entries, node.name.span), key: node.name }
    });
    entries.push(entry("nodes", Tree::Map(nodes.collect(), whole)));
    entries.push(entry("links", Tree::List(links, whole)));
    Some(Reading { tree: Tree::Map(entries, whole), whole: graph.whole })
}

/// Whether the text begins as a DOT file does: `strict`, `graph` or `digraph`, and what may follow
/// that.
pub(super) fn begins(source: &Source) -> bool {
    let mut silent = Diagnostics::default();
    let mut lexer = Lexer::new(source);
    let mut token = lexer.next(&mut silent);
    if token.kind == TokenKind::Keyword(Keyword::Strict) {
        token = lexer.next(&mut silent);
    }
    let graph = TokenKind::Keyword(Keyword::Graph);
    let digraph = TokenKind::Keyword(Keyword::Digraph);
    (token.kind == graph || token.kind == digraph)
        && matches!(lexer.next(&mut silent).kind, TokenKind::Id(_) | TokenKind::Mark('{'))
}

/// The attributes that are keys of the level, as its entries. An empty value takes a default back.
fn ours(attributes: &Attributes, level: &'static Level, errors: &mut Diagnostics) -> Vec<Entry> {
    let mut entries = Vec::new();
    for Attribute { key, value } in attributes.values() {
        let Some(shape) = level.key(key.as_str()).map(|key| &key.shape) else { continue };
        if !foreign::drawn(key.as_str()) && !value.text.value.is_empty() {
            let value = match value.style {
                Style::Bare | Style::Quoted => notation::tree(&value.text, shape, errors),
                Style::Html => {
                    let title = format!("`{key}` cannot be an HTML string");
                    errors.push(
                        Diagnostic::error(Code::WrongType, title)
                            .at(value.text.span, "")
                            .help("write it between double quotes"),
                    );
                    continue;
                }
            };
            entries.push(Entry { key: key.clone(), value });
        }
    }
    entries
}

fn link(edge: &Edge, errors: &mut Diagnostics) -> Tree {
    let mut entries = ours(&edge.attributes, &LINK, errors);
    for (label, key) in [("taillabel", "tailaddresses"), ("headlabel", "headaddresses")] {
        let written = entries.iter().any(|entry| entry.key.as_str() == key);
        let label = edge.attributes.get(label).filter(|_| !written);
        if let Some(addresses) = label.and_then(|label| label::addresses(&label.value)) {
            entries.push(entry(key, addresses));
        }
    }
    labelled_subnet(&mut entries, &edge.attributes);
    let attributes = ["tailport", "headport"].map(|key| edge.attributes.get(key));
    let ends =
        edge.names.iter().zip(&edge.ports).zip(attributes).map(|((name, port), attribute)| {
            let node = entry("node", Tree::Scalar(name.clone()));
            let port = port.clone().or_else(|| drawing::port(&attribute?.value.text));
            let port = port.map(|port| entry("interface", Tree::Scalar(port)));
            Tree::Map(std::iter::once(node).chain(port).collect(), name.span)
        });
    entries.push(entry("ends", Tree::List(ends.collect(), edge.span)));
    Tree::Map(entries, edge.span)
}

/// Adds the subnet that the label in the middle of an edge, or of a switch, draws, where none is written.
fn labelled_subnet(entries: &mut Vec<Entry>, attributes: &Attributes) {
    let written = entries.iter().any(|entry| entry.key.as_str() == "subnet");
    let label = attributes.get("label").filter(|_| !written);
    let subnets = label.and_then(|label| label::subnets(&label.value));
    entries.extend(subnets.map(|subnets| entry("subnet", subnets)));
}

/// An entry whose key nobody wrote.
fn entry(key: &str, value: Tree) -> Entry {
    Entry { key: Text::new(key, value.span()), value }
}
