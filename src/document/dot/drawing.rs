//! The nodes and edges that a DOT file draws, with Graphviz's rules of what applies to what.
//!
//! A default applies to the nodes that are first named, and to the edges that are drawn, after it
//! in its subgraph or in one inside that.

use super::lexer::{Id, Style};
use super::parser::{Attribute, Graph, Group, Member, Statement, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Text};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Attributes by their keys.
pub(super) type Attributes = BTreeMap<String, Attribute>;

/// What a file draws.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    /// The attributes of the graph itself.
    pub attributes: Attributes,
    /// The nodes in the order in which they are first named.
    pub nodes: Vec<Node>,
    /// The edges in the order in which they are drawn.
    pub edges: Vec<Edge>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    /// Its name, where it stands first.
    pub name: Text,
    /// Its attributes, defaults included.
    pub attributes: Attributes,
}

/// An edge.
#[derive(Debug)]
pub(super) struct Edge {
    /// Its two nodes, tail first.
    pub nodes: [usize; 2],
    /// Where they were named for this edge.
    pub names: [Text; 2],
    /// The interfaces at its ends.
    pub ports: [Option<Text>; 2],
    /// Its attributes, defaults included.
    pub attributes: Attributes,
    /// Where it stands.
    pub span: Span,
}

/// Draws the graph.
pub(super) fn draw(graph: &Graph, errors: &mut Diagnostics) -> Drawing {
    let mut pen = Pen {
        strict: graph.strict,
        directed: graph.directed,
        drawing: Drawing::default(),
        by_name: HashMap::new(),
        by_ends: HashMap::new(),
        scopes: vec![Scope::default()],
        errors,
    };
    pen.body(&graph.body, 0);
    pen.drawing
}

/// The graph or a subgraph.
#[derive(Default)]
struct Scope {
    parent: Option<usize>,
    named: HashMap<String, usize>,
    node: Attributes,
    edge: Attributes,
    members: BTreeSet<usize>,
}

struct Pen<'e> {
    strict: bool,
    directed: bool,
    drawing: Drawing,
    by_name: HashMap<String, usize>,
    /// Edges that another one may turn out to be: in a strict graph all of them, else those with a
    /// `key`.
    by_ends: HashMap<([usize; 2], Option<String>), usize>,
    scopes: Vec<Scope>,
    errors: &'e mut Diagnostics,
}

/// A node on one side of an edge.
#[derive(Clone)]
struct Foot {
    node: usize,
    name: Text,
    port: Option<Text>,
}

impl Pen<'_> {
    fn body(&mut self, body: &[Statement], scope: usize) {
        for statement in body {
            match statement {
                Statement::Default(target, attributes) => self.default(*target, attributes, scope),
                Statement::Chain { groups, attributes } => self.chain(groups, attributes, scope),
            }
        }
    }

    fn default(&mut self, target: Target, attributes: &[Attribute], scope: usize) {
        let into = match target {
            // A subgraph's own attributes are for the picture.
            Target::Graph if scope > 0 => return,
            Target::Graph => &mut self.drawing.attributes,
            Target::Node => &mut self.scopes[scope].node,
            Target::Edge => &mut self.scopes[scope].edge,
        };
        apply(into, attributes);
    }

    fn chain(&mut self, groups: &[Group], attributes: &[Attribute], scope: usize) {
        let feet: Vec<_> = groups.iter().map(|group| self.feet(group, scope)).collect();
        if let [only] = &feet[..] {
            // The attributes after a node are the node's; after a subgraph they are nobody's.
            if groups[0].members.iter().all(|it| matches!(it, Member::Node { .. })) {
                for foot in only {
                    apply(&mut self.drawing.nodes[foot.node].attributes, attributes);
                }
            }
            return;
        }
        for (at, sides) in feet.windows(2).enumerate() {
            let span = groups[at].span.with(groups[at + 1].span);
            for tail in &sides[0] {
                for head in &sides[1] {
                    self.edge([tail.clone(), head.clone()], attributes, scope, span);
                }
            }
        }
    }

    /// The nodes of one side of an edge: each drawn, if it was not yet.
    fn feet(&mut self, group: &Group, scope: usize) -> Vec<Foot> {
        let mut feet = Vec::new();
        for member in &group.members {
            match member {
                Member::Node { id, ports } => {
                    let node = self.node(id, scope);
                    feet.push(Foot { node, name: id.text.clone(), port: interface(ports) });
                }
                Member::Subgraph { id, body } => {
                    let inner = self.subgraph(id.as_ref(), scope);
                    self.body(body, inner);
                    let members = self.scopes[inner].members.iter();
                    feet.extend(members.map(|&node| {
                        let name = self.drawing.nodes[node].name.clone();
                        Foot { node, name, port: None }
                    }));
                }
            }
        }
        feet
    }

    /// The subgraph of this name: opened again, it goes on with the defaults it had.
    fn subgraph(&mut self, id: Option<&Id>, parent: usize) -> usize {
        let name = id.map(|id| id.text.value.clone());
        if let Some(known) = name.as_ref().and_then(|name| self.scopes[parent].named.get(name)) {
            return *known;
        }
        let scope = self.scopes.len();
        self.scopes.push(Scope { parent: Some(parent), ..Scope::default() });
        self.scopes[parent].named.extend(name.map(|name| (name, scope)));
        scope
    }

    fn node(&mut self, id: &Id, scope: usize) -> usize {
        let node = match self.by_name.get(&id.text.value) {
            Some(node) => *node,
            None => {
                let node = self.drawing.nodes.len();
                let attributes = self.defaults(scope, |scope| &scope.node);
                self.drawing.nodes.push(Node { name: id.text.clone(), attributes });
                self.by_name.insert(id.text.value.clone(), node);
                node
            }
        };
        let mut inside = Some(scope);
        while let Some(scope) = inside {
            self.scopes[scope].members.insert(node);
            inside = self.scopes[scope].parent;
        }
        node
    }

    /// What holds in a subgraph, the innermost word last.
    fn defaults(&self, scope: usize, of: impl Fn(&Scope) -> &Attributes) -> Attributes {
        let mut line = vec![scope];
        while let Some(parent) = self.scopes[line[line.len() - 1]].parent {
            line.push(parent);
        }
        let mut defaults = Attributes::new();
        for scope in line.into_iter().rev() {
            let own = of(&self.scopes[scope]).iter();
            defaults.extend(own.map(|(key, attribute)| (key.clone(), attribute.clone())));
        }
        defaults
    }

    fn edge(&mut self, feet: [Foot; 2], attributes: &[Attribute], scope: usize, span: Span) {
        let key = attributes.iter().rfind(|attribute| attribute.key.as_str() == "key");
        let key = key.map(|attribute| attribute.value.text.value.clone());
        let mut nodes = [feet[0].node, feet[1].node];
        if !self.directed {
            nodes.sort_unstable();
        }
        let one = self.strict || key.is_some();
        let key = if self.strict { None } else { key };
        if one && let Some(&edge) = self.by_ends.get(&(nodes, key.clone())) {
            return self.again(edge, feet, attributes, span);
        }
        if one {
            self.by_ends.insert((nodes, key), self.drawing.edges.len());
        }
        let mut all = self.defaults(scope, |scope| &scope.edge);
        apply(&mut all, attributes);
        let [tail, head] = feet;
        self.drawing.edges.push(Edge {
            nodes: [tail.node, head.node],
            names: [tail.name, head.name],
            ports: [tail.port, head.port],
            attributes: all,
            span,
        });
    }

    /// An edge that is there already: what is said of it now wins, its ports too.
    fn again(&mut self, edge: usize, feet: [Foot; 2], attributes: &[Attribute], span: Span) {
        let edge = &mut self.drawing.edges[edge];
        let [tail, head] = feet;
        let turned = edge.nodes != [tail.node, head.node];
        let ports = if turned { [head.port, tail.port] } else { [tail.port, head.port] };
        let differ = edge.ports.iter().zip(&ports).any(|(old, new)| match (old, new) {
            (Some(old), Some(new)) => old.value != new.value,
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        });
        if differ {
            let why = if self.strict { "`strict` makes" } else { "one `key` makes" };
            self.errors.push(
                Diagnostic::warning(Code::StrictMerge, format!("{why} these edges one link"))
                    .at(span, "this edge, with other interfaces,")
                    .beside(edge.span, "is the same link as this one")
                    .help("remove `strict` or the `key` if these are two links"),
            );
        }
        for (old, new) in edge.ports.iter_mut().zip(ports) {
            *old = new.or(old.take());
        }
        apply(&mut edge.attributes, attributes);
    }
}

fn apply(to: &mut Attributes, attributes: &[Attribute]) {
    for attribute in attributes {
        to.insert(attribute.key.value.clone(), attribute.clone());
    }
}

/// Graphviz's words for the sides of a node.
pub(in super::super) const COMPASS: &[&str] =
    &["n", "ne", "e", "se", "s", "sw", "w", "nw", "c", "_"];

/// The interface that the ports of an edge's end name. A bare compass point says on which side of
/// the node Graphviz draws the edge; an interface with such a name is written in quotes.
fn interface(ports: &[Id]) -> Option<Text> {
    let port = ports.first()?;
    let compass = COMPASS.contains(&port.text.as_str());
    let side = ports.len() == 1 && port.style == Style::Bare && compass;
    (!side).then(|| port.text.clone())
}

/// The interface that the attribute `tailport` or `headport` names: Graphviz's other spelling of a
/// port, `interface`, `interface:side` or `side`.
pub(super) fn port(value: &Text) -> Option<Text> {
    let end = value.value.find(':').unwrap_or(value.value.len());
    let interface = value.slice(0, end);
    let none = interface.value.is_empty() || COMPASS.contains(&interface.as_str());
    (!none).then_some(interface)
}
