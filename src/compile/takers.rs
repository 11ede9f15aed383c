//! Who takes what comes in through an interface. The kernel hands it to one: a bridge, a bond, or the
//! macvlans or the ipvlans on it.

use super::interface::Interface;
use super::lab::{InterfaceId, Node};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::link::{Kind, MacvlanMode, Medium};
use std::collections::BTreeMap;

/// Who takes frames.
struct Taker<'a> {
    /// As a sentence has it.
    name: String,
    span: Span,
    kind: Taking<'a>,
}

/// How frames are taken.
#[derive(PartialEq, Eq)]
enum Taking<'a> {
    /// By the device that the interface is a port of.
    Master,
    /// By devices on it, which share the interface if they are alike.
    Stacked(&'a Kind),
}

impl Taker<'_> {
    /// Whether the kernel lets both take the frames of one interface.
    fn goes_with(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Taking::Stacked(Kind::Macvlan(one)), Taking::Stacked(Kind::Macvlan(other))) => {
                [one.mode, other.mode].iter().all(|mode| *mode != MacvlanMode::Passthru)
            }
            // All have the mode of the last.
            (Taking::Stacked(one @ Kind::Ipvlan(_)), Taking::Stacked(other)) => one == other,
            (Taking::Stacked(_) | Taking::Master, _) => false,
        }
    }
}

/// Reports interfaces whose frames two are to take, and addresses at those whose frames another has.
pub(super) fn check(node: &Node, errors: &mut Diagnostics) {
    let mut takers: BTreeMap<InterfaceId, Vec<Taker<'_>>> = BTreeMap::new();
    for (place, interface) in node.interfaces.iter().enumerate() {
        let id = InterfaceId(place);
        if let Some(master) = node.bridge_of(id) {
            let span = interface.master.as_ref().map_or(Span::NONE, |master| master.span);
            let name = said(&node.interfaces[master.0]);
            takers.entry(id).or_default().push(Taker { name, span, kind: Taking::Master });
        }
        let Some(kind @ (Kind::Macvlan(_) | Kind::Ipvlan(_))) = interface.kind.of_device() else {
            continue;
        };
        if let Some(parent) = interface.kind.parent() {
            let (name, span) = (said(interface), interface.span);
            takers.entry(parent).or_default().push(Taker {
                name,
                span,
                kind: Taking::Stacked(kind),
            });
        }
    }
    on_ipvlans(node, errors);
    beside(node, errors);
    let passed = node.passed_through();
    for (id, mut takers) in takers {
        takers.sort_by_key(|taker| taker.span);
        let [first, others @ ..] = &takers[..] else { continue };
        let interface = &node.interfaces[id.0];
        if let Some(second) = others.iter().find(|other| !first.goes_with(other)) {
            let (one, other) = (&first.name, &second.name);
            let title = format!("{one} and {other} cannot both have `{}`", interface.name);
            errors.push(
                Diagnostic::error(Code::BadValue, title)
                    .at(second.span.or(interface.span), "the second one")
                    .beside(first.span, "the first one")
                    .note(
                        "what comes in through an interface goes to one bridge or bond, to its \
                         macvlans, one of them if that is passthru, or to its ipvlans, all of one mode",
                    ),
            );
        }
        let address = interface.addresses.first();
        if let (Some(taker), Some(address)) = (passed.get(&id), address) {
            let taker = &node.interfaces[taker.0];
            errors.push(
                Diagnostic::error(
                    Code::BadValue,
                    format!("`{}` hears nothing, and has no addresses", interface.name),
                )
                .at(address.span, "")
                .beside(taker.span, "all frames go to this one")
                .help(format!("give the address to `{}`", taker.name)),
            );
        }
    }
}

/// Refuses VLANs on ipvlans, whose packets have no headers of Ethernet of their own.
fn on_ipvlans(node: &Node, errors: &mut Diagnostics) {
    for interface in &node.interfaces {
        let Some(Kind::Vlan(_)) = interface.kind.of_device() else { continue };
        let Some(parent) = interface.kind.parent().map(|it| &node.interfaces[it.0]) else {
            continue;
        };
        if let Some(Kind::Ipvlan(_)) = parent.kind.of_device() {
            let title = format!("no VLAN can be on the ipvlan `{}`", parent.name);
            errors.push(
                Diagnostic::error(Code::BadValue, title)
                    .at(interface.span, "this one")
                    .beside(parent.span, "the ipvlan")
                    .note("the kernel answers EOPNOTSUPP: \"VLANs not supported on device\"")
                    .help("a macvlan carries VLANs"),
            );
        }
    }
}

/// Refuses macvlans on macvlans and ipvlans on ipvlans.
fn beside(node: &Node, errors: &mut Diagnostics) {
    for interface in &node.interfaces {
        let Some(parent) = interface.kind.parent().map(|it| &node.interfaces[it.0]) else {
            continue;
        };
        let kinds = (interface.kind.of_device(), parent.kind.of_device());
        if let (Some(Kind::Macvlan(_)), Some(Kind::Macvlan(_)))
        | (Some(Kind::Ipvlan(_)), Some(Kind::Ipvlan(_))) = kinds
            && let Some(below) = parent.kind.parent().map(|it| &node.interfaces[it.0].name)
        {
            let title = format!("`{}` cannot be on {}", interface.name, said(parent));
            errors.push(
                Diagnostic::error(Code::BadValue, title)
                    .at(interface.span, "this one")
                    .beside(parent.span, "its parent")
                    .note(format!("the kernel puts it on `{below}`, beside `{}`", parent.name))
                    .help(format!("name `{below}` as its parent")),
            );
        }
    }
}

fn said(interface: &Interface) -> String {
    let word = interface.kind.of_device().map_or("link", |kind| kind.name().word());
    format!("the {word} `{}`", interface.name)
}

impl Node {
    /// The interfaces all of whose frames another one has, each with that one.
    pub fn passed_through(&self) -> BTreeMap<InterfaceId, InterfaceId> {
        let mut passed = BTreeMap::new();
        for (place, interface) in self.interfaces.iter().enumerate() {
            if let Some(lower) = interface.kind.parent()
                && interface.kind.of_device().map(Kind::medium) == Some(Medium::Whole)
            {
                passed.entry(lower).or_insert(InterfaceId(place));
            }
        }
        passed
    }
}
