//! Attributes that are not the language's: most mean something to Graphviz or to another program,
//! some are slips.

use super::super::keys::{LAB, LINK, NODE};
use super::super::{Format, slips};
use super::drawing::COMPASS;
use super::lexer::{Id, Style};
use super::parser::{Attribute, Member, Statement, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Text, nearest};
use crate::vocabulary::Level;

/// The names of Graphviz's attributes, as its documentation lists them, in order.
const GRAPHVIZ: &[&str] = &[
    "Damping",
    "K",
    "TBbalance",
    "URL",
    "_background",
    "area",
    "arrowhead",
    "arrowsize",
    "arrowtail",
    "bb",
    "beautify",
    "bgcolor",
    "center",
    "charset",
    "class",
    "cluster",
    "clusterrank",
    "color",
    "colorscheme",
    "comment",
    "compound",
    "concentrate",
    "constraint",
    "decorate",
    "defaultdist",
    "dim",
    "dimen",
    "dir",
    "diredgeconstraints",
    "distortion",
    "dpi",
    "edgeURL",
    "edgehref",
    "edgetarget",
    "edgetooltip",
    "epsilon",
    "esep",
    "fillcolor",
    "fixedsize",
    "fontcolor",
    "fontname",
    "fontnames",
    "fontpath",
    "fontsize",
    "forcelabels",
    "gradientangle",
    "group",
    "headURL",
    "head_lp",
    "headclip",
    "headhref",
    "headlabel",
    "headport",
    "headtarget",
    "headtooltip",
    "height",
    "href",
    "id",
    "image",
    "imagepath",
    "imagepos",
    "imagescale",
    "inputscale",
    "key",
    "label",
    "labelURL",
    "label_scheme",
    "labelangle",
    "labeldistance",
    "labelfloat",
    "labelfontcolor",
    "labelfontname",
    "labelfontsize",
    "labelhref",
    "labeljust",
    "labelloc",
    "labeltarget",
    "labeltooltip",
    "landscape",
    "layer",
    "layerlistsep",
    "layers",
    "layerselect",
    "layersep",
    "layout",
    "len",
    "levels",
    "levelsgap",
    "lhead",
    "lheight",
    "linelength",
    "lp",
    "ltail",
    "lwidth",
    "margin",
    "maxiter",
    "mclimit",
    "mindist",
    "minlen",
    "mode",
    "model",
    "newrank",
    "nodesep",
    "nojustify",
    "normalize",
    "notranslate",
    "nslimit",
    "nslimit1",
    "oneblock",
    "ordering",
    "orientation",
    "outputorder",
    "overlap",
    "overlap_scaling",
    "overlap_shrink",
    "pack",
    "packmode",
    "pad",
    "page",
    "pagedir",
    "pencolor",
    "penwidth",
    "peripheries",
    "pin",
    "pos",
    "quadtree",
    "quantum",
    "radius",
    "rank",
    "rankdir",
    "ranksep",
    "ratio",
    "rects",
    "regular",
    "remincross",
    "repulsiveforce",
    "resolution",
    "root",
    "rotate",
    "rotation",
    "samehead",
    "sametail",
    "samplepoints",
    "scale",
    "searchsize",
    "sep",
    "shape",
    "shapefile",
    "showboxes",
    "sides",
    "size",
    "skew",
    "smoothing",
    "sortv",
    "splines",
    "start",
    "style",
    "stylesheet",
    "tailURL",
    "tail_lp",
    "tailclip",
    "tailhref",
    "taillabel",
    "tailport",
    "tailtarget",
    "tailtooltip",
    "target",
    "tooltip",
    "truecolor",
    "vertices",
    "viewport",
    "voro_margin",
    "weight",
    "width",
    "xdotversion",
    "xlabel",
    "xlp",
    "z",
];

/// Those of Graphviz's attributes of an edge that the language reads.
const LABELS: &[&str] = &["taillabel", "headlabel", "tailport", "headport"];

/// Whether the key's value is drawn in a DOT file and not written.
pub(super) fn drawn(key: &str) -> bool {
    matches!(key, "nodes" | "links" | "defaults" | "ends")
}

/// Warns of attributes that have no effect and look as if they were meant to, each once, where it
/// stands.
pub(super) fn judge(body: &[Statement], errors: &mut Diagnostics) {
    statements(body, true, errors);
}

fn statements(body: &[Statement], whole: bool, errors: &mut Diagnostics) {
    for statement in body {
        match statement {
            Statement::Default(Target::Graph, attributes) if !whole => {
                attributes.iter().for_each(|attribute| subgraph(attribute, errors));
            }
            Statement::Default(Target::Graph, attributes) => each(attributes, &LAB, errors),
            Statement::Default(Target::Node, attributes) => each(attributes, &NODE, errors),
            Statement::Default(Target::Edge, attributes) => each(attributes, &LINK, errors),
            Statement::Chain { groups, attributes } => {
                let level = if groups.len() > 1 { &LINK } else { &NODE };
                each(attributes, level, errors);
                let is_edge = groups.len() > 1;
                for member in groups.iter().flat_map(|group| &group.members) {
                    match member {
                        Member::Node { id, ports } if is_edge => errors.extend(side(id, ports)),
                        Member::Node { .. } => {}
                        Member::Subgraph { body, .. } => statements(body, false, errors),
                    }
                }
            }
        }
    }
}

fn each(attributes: &[Attribute], level: &'static Level, errors: &mut Diagnostics) {
    for Attribute { key, value } in attributes {
        if let Some(warning) = attribute(key, value.text.as_str(), level) {
            errors.push(warning);
        }
    }
}

fn attribute(key: &Text, value: &str, level: &'static Level) -> Option<Diagnostic> {
    let name = key.as_str();
    if drawn(name) && level.key(name).is_some() {
        return Some(
            warning(key, format!("the attribute `{key}` has no effect"))
                .note("in a DOT file nodes and links are drawn, and `node [..]` and `edge [..]` are their defaults"),
        );
    }
    if level.key(name).is_some() {
        return None;
    }
    // An image is Graphviz's to draw, unless it cannot be one.
    if let Some(advice) = slips::advice(level, name, value, Format::Dot) {
        let slip = warning(key, format!("the attribute `{key}` has no effect"));
        return Some(slip.help(advice));
    }
    if GRAPHVIZ.contains(&name) {
        return None;
    }
    let elsewhere = [&LAB, &NODE, &LINK].into_iter().find(|other| other.key(name).is_some());
    if let Some(other) = elsewhere {
        return Some(
            warning(key, format!("the attribute `{key}` has no effect here"))
                .note(format!("it belongs to {}, not to {}", other.what, level.what)),
        );
    }
    // The labels at an edge's ends are Graphviz's, and their addresses are the language's.
    let labels = if std::ptr::eq(level, &LINK) { LABELS } else { &[] };
    let near = nearest(name, level.names().chain(labels.iter().copied()))?;
    Some(
        warning(key, format!("the attribute `{key}` has no effect"))
            .help(format!("did you mean `{near}`?")),
    )
}

/// An attribute of a subgraph: those of the whole lab have no effect there.
fn subgraph(attribute: &Attribute, errors: &mut Diagnostics) {
    let key = &attribute.key;
    if LAB.key(key.as_str()).is_some() {
        errors.push(
            warning(key, format!("the attribute `{key}` has no effect here"))
                .note("it belongs to the whole graph, and this is one of a subgraph"),
        );
    }
}

/// Warns of a bare compass point behind a node, which looks like an interface and names a side.
fn side(id: &Id, ports: &[Id]) -> Option<Diagnostic> {
    let [port] = ports else { return None };
    let (node, name) = (&id.text, &port.text);
    (port.style == Style::Bare && COMPASS.contains(&name.as_str())).then(|| {
        let title = format!("`{name}` is a side of `{node}` here, and no interface");
        Diagnostic::warning(Code::CompassPoint, title)
            .at(name.span, "")
            .note(format!("without quotes, {} are where an edge is drawn", COMPASS.join(", ")))
            .help(format!("an interface with that name needs quotes: {node}:\"{name}\""))
            .help(format!("a side on purpose is said by `tailport={name}` or `headport={name}`"))
    })
}

fn warning(key: &Text, title: String) -> Diagnostic {
    Diagnostic::warning(Code::MisspelledKey, title).at(key.span, "")
}
