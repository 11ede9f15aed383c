//! Verbs of other programs: what does the same here is said.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Words that somebody may try, and the command that is meant.
const VERBS: [(&[&str], &str); 10] = [
    (&["deploy", "start", "create", "apply", "run", "build", "launch"], "vrflab up FILE"),
    (&["destroy", "stop", "rm", "remove", "delete", "cleanup", "clean", "kill"], "vrflab down LAB"),
    (&["status", "list", "ps", "inspect", "show", "info"], "vrflab ls"),
    (&["redeploy", "restart", "reload", "rebuild"], "vrflab reset LAB"),
    (&["repair", "heal", "fix", "sync", "reconcile"], "vrflab reset --in-place LAB"),
    (&["shell", "enter", "attach", "connect", "ssh", "console", "sh", "login"], "vrflab exec NODE"),
    (&["test", "verify", "ping", "checks"], "vrflab check"),
    (&["graph", "draw", "dot"], "vrflab compile --to dot FILE | dot -q -Tsvg"),
    (&["lint", "parse", "validation"], "vrflab validate FILE"),
    (&["delay", "netem", "tc", "loss"], "vrflab impair NODE:IF delay 10ms loss 1%"),
];

/// The error with a hint, where the verb is another program's.
pub(super) fn hinted(mut error: clap::Error) -> clap::Error {
    let verb = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(verb))) => verb.to_lowercase(),
        _ => return error,
    };
    if let Some((_, ours)) = VERBS.iter().find(|(words, _)| words.contains(&verb.as_str())) {
        // In the place of verbs that are only spelled alike.
        error.remove(ContextKind::SuggestedSubcommand);
        let hint = StyledStr::from(format!("here that is `{ours}`"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint]));
    }
    error
}
