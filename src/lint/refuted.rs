//! Checks by which something must not arrive, and of which the model proves that it does.
//!
//! What must arrive and does not is no fault of the file: a program or a person may add what it lacks. A way that is
//! there is one that the file itself asks for.

use crate::compile::{Check, Expect, Lab};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, listed};
use crate::forward::Network;
use crate::verify::{CheckResult, EndKind, ExchangeResult, Judge, Word};

/// Whether a check can be refuted here: it stands in the file and wants nothing to arrive.
pub(super) fn is_promise(check: &Check) -> bool {
    let forbids = match check.expect {
        Expect::Lost => true,
        Expect::Arrives(_) | Expect::Spreads(_) | Expect::Rejected(_) => false,
    };
    forbids && !check.span.is_none()
}

pub(super) fn check(lab: &Lab, network: &Network<'_>, diagnostics: &mut Diagnostics) {
    let judge = Judge::new(lab, network);
    for check in lab.checks.iter().filter(|check| is_promise(check)) {
        let result = judge.result(check, None);
        if result.verdict == Word::Refuted && !may_be_mended(lab, &result) {
            diagnostics.push(error(check, result));
        }
    }
}

/// Whether commands run on the way, which may yet bar it.
fn may_be_mended(lab: &Lab, result: &CheckResult) -> bool {
    let exchanges = result.probes.iter().flat_map(|probe| &probe.outcomes);
    let walks = exchanges.flat_map(ExchangeResult::walks);
    let nodes = walks.flat_map(|walk| &walk.path).filter_map(|visit| lab.node(&visit.node));
    nodes.into_iter().any(|node| !lab[node].run.is_empty())
}

fn error(check: &Check, result: CheckResult) -> Diagnostic {
    let probe = result.probes.iter().find(|probe| probe.verdict == Word::Refuted);
    let way = probe
        .and_then(|probe| probe.outcomes.iter().find(|it| it.request.end == EndKind::Delivered));
    let reason = result.reason.unwrap_or_default();
    let title = format!("`{check}` does not hold: {reason}");
    let error = Diagnostic::error(Code::CheckRefuted, title).at(check.span, "this must not arrive");
    let error = match result.decided_by {
        Some(label) => error.beside(label.span, label.text),
        None => error,
    };
    let error = match way {
        Some(way) => {
            let nodes = way.request.path.iter().map(|visit| format!("`{}`", visit.node));
            error.note(format!("its way leads through {}", listed(nodes)))
        }
        None => error,
    };
    error.help(
        "`vrflab verify FILE` shows the way hop by hop; `vrflab up --no-check FILE` builds the lab as it is",
    )
}
