//! Queues with classes: which there are, and which packets go to them.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned};
use crate::document::Traffic;
use crate::iproute::{Htb, HtbClass, Leaf};
use std::collections::HashMap;

/// How many classes the kernel takes one below the other.
const DEPTH: usize = 8;

/// How many filters a queue takes: the place of each is its priority, of 16 bits.
const FILTERS: usize = u16::MAX as usize;

/// What a file says of an interface's queue, with what the kernel would choose filled in.
pub(super) fn completed(traffic: Traffic, errors: &mut Diagnostics) -> Traffic {
    let Traffic { qdisc, mut classes, filters, police } = traffic;
    let htb = match qdisc.map(|leaf| leaf.value) {
        Some(Leaf::Htb(htb)) => Some(htb),
        Some(Leaf::FqCodel(_) | Leaf::Prio(_)) | None => None,
    };
    let of_filters = filters.iter().flatten().map(|filter| ("filters", filter.span));
    let of_classes = classes.iter().flatten().map(|class| ("classes", class.span));
    match (htb, of_classes.chain(of_filters).next()) {
        (None, None) => {}
        (None, Some((what, span))) => {
            errors.push(
                Diagnostic::error(
                    Code::BadValue,
                    format!("`{what}` of a queue that has no classes"),
                )
                .at(span, "")
                .help_in(|notation| format!("say {}", notation.value("qdisc", "htb"))),
            );
        }
        (Some(htb), _) => {
            let at = qdisc.map_or(Span::NONE, |leaf| leaf.span);
            let known = known(classes.as_deref().unwrap_or_default(), errors);
            let mut children: HashMap<u16, Span> = HashMap::new();
            for class in classes.iter().flatten() {
                if let Some(parent) = class.value.parent {
                    children.entry(parent).or_insert(class.span);
                }
            }
            let default = (htb.default != 0).then_some((htb.default, at));
            let wanted = filters.iter().flatten().map(|filter| (filter.value.class, filter.span));
            for (id, span) in default.into_iter().chain(wanted) {
                errors.keep(leads_to(id, span, &known, &children));
            }
            classes.iter_mut().flatten().for_each(|class| fill(class, htb));
        }
    }
    if let Some(first) = filters.iter().flatten().nth(FILTERS) {
        let title = format!("a queue takes {FILTERS} filters");
        errors.push(Diagnostic::error(Code::BadValue, title).at(first.span, "one more"));
    }
    // An empty list at one end is there to be no list of the whole link's.
    let (classes, filters) =
        (classes.filter(|it| !it.is_empty()), filters.filter(|it| !it.is_empty()));
    Traffic { qdisc, classes, filters, police }
}

/// Says the quantum that the kernel would compute.
fn fill(class: &mut Spanned<HtbClass>, htb: Htb) {
    class.value.quantum.get_or_insert_with(|| htb.quantum(class.value.rate));
}

/// The classes by number, after what is wrong with them has been said.
fn known(
    classes: &[Spanned<HtbClass>],
    errors: &mut Diagnostics,
) -> HashMap<u16, Spanned<HtbClass>> {
    let mut known: HashMap<u16, Spanned<HtbClass>> = HashMap::new();
    for class in classes {
        let HtbClass { id, .. } = class.value;
        if let Some(first) = known.insert(id, *class) {
            errors.push(
                Diagnostic::error(Code::BadValue, format!("two classes 1:{id:x}"))
                    .at(class.span, "the second one")
                    .beside(first.span, "the first one"),
            );
        }
    }
    for class in classes {
        let mut depth = 1;
        let mut above = class.value.parent;
        while let Some(parent) = above {
            depth += 1;
            let Some(next) = known.get(&parent) else {
                let title = format!("the queue has no class 1:{parent:x}");
                // Those above have it said of themselves.
                if depth == 2 {
                    errors.push(Diagnostic::error(Code::BadValue, title).at(class.span, ""));
                }
                break;
            };
            let is_below_itself = next.value.id == class.value.id;
            if is_below_itself || depth > DEPTH {
                let title = match is_below_itself {
                    true => format!("class 1:{:x} is below itself", class.value.id),
                    false => format!("more than {DEPTH} classes one below the other"),
                };
                errors.push(Diagnostic::error(Code::BadValue, title).at(class.span, ""));
                break;
            }
            above = next.value.parent;
        }
    }
    known
}

/// Refuses a class that packets cannot go to: the kernel would let them leave at once.
fn leads_to(
    id: u16,
    span: Span,
    known: &HashMap<u16, Spanned<HtbClass>>,
    children: &HashMap<u16, Span>,
) -> Result<(), Diagnostic> {
    let wrong = |title: String| {
        Diagnostic::error(Code::BadValue, title)
            .at(span, "packets that go there would leave at once, at no rate")
    };
    if !known.contains_key(&id) {
        return Err(wrong(format!("the queue has no class 1:{id:x}")));
    }
    match children.get(&id) {
        Some(child) => {
            let title = format!("class 1:{id:x} has classes of its own");
            Err(wrong(title).beside(*child, "as this one"))
        }
        None => Ok(()),
    }
}
