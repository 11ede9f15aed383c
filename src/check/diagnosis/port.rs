//! Who listens on the port that a probe goes to.

use crate::check::probe::Probe;
use crate::check::server::Serving;
use crate::compile::{Answerer, Check, Lab, NodeId, Protocol};

/// The far sides, as they were when the probe was sent for the last time.
fn servers(probe: &Probe) -> &[(NodeId, Serving)] {
    probe.attempts.last().map(|attempt| attempt.servers.as_slice()).unwrap_or_default()
}

/// The port as a check writes it.
fn port(check: &Check) -> String {
    match check.protocol() {
        Protocol::Echo => "no port".to_owned(),
        Protocol::Tcp(port) => format!("tcp port {port}"),
        Protocol::Udp(port) => format!("udp port {port}"),
    }
}

/// Says that nobody listens, where somebody of the lab was to.
pub(super) fn nobody(lab: &Lab, check: &Check, probe: &Probe) -> Option<String> {
    if check.arrival().is_some_and(|arrival| arrival.answerer == Answerer::Refusal) {
        return None;
    }
    let is_nobody = |(_, serving): &&(NodeId, Serving)| match serving {
        Serving::Missing | Serving::Awaited(_) | Serving::Ended(_) => true,
        Serving::Opened | Serving::Found(_) | Serving::Failed(_) => false,
    };
    let (node, _) = servers(probe).iter().find(is_nobody)?;
    Some(format!("nobody listens on {} of {}", port(check), lab[*node].name))
}

/// Says who answers where nobody was to.
pub(super) fn accepted(lab: &Lab, check: &Check, probe: &Probe) -> String {
    let found = servers(probe).iter().find_map(|(node, serving)| match serving {
        Serving::Found(process) => Some((node, process.as_ref())),
        Serving::Opened
        | Serving::Missing
        | Serving::Awaited(_)
        | Serving::Ended(_)
        | Serving::Failed(_) => None,
    });
    let port = port(check);
    match found {
        Some((node, Some(process))) => {
            let node = &lab[*node].name;
            format!("`{}` (process {}) listens on {port} of {node}", process.command, process.pid)
        }
        Some((node, None)) => format!("a server listens on {port} of {}", lab[*node].name),
        None => format!("{} answers on {port}", probe.to),
    }
}

/// Who answers at each node that has the address, and why nobody does.
pub(super) fn explain(lab: &Lab, check: &Check, probe: &Probe) -> Vec<String> {
    if check.protocol() == Protocol::Echo {
        return Vec::new();
    }
    let (to, port) = (probe.to, port(check));
    if servers(probe).is_empty() && lab.holders(to).is_empty() {
        return vec![format!("No node of the lab has {to}, so its {port} was not opened.")];
    }
    let said = servers(probe).iter().filter_map(|(node, serving)| {
        let name = &lab[*node].name;
        match serving {
            Serving::Opened | Serving::Missing => None,
            Serving::Found(Some(process)) => Some(format!(
                "`{}` (process {}) has {port} of {name}, so it was left to answer.",
                process.command, process.pid
            )),
            Serving::Found(None) => Some(format!(
                "A server that runs in {name} has {port} of {to}, so it was left to answer."
            )),
            Serving::Awaited(commands) => Some(format!(
                "{name} runs {}, which may still come to listen there, so vrflab opens the port only if \
                 the check says `{} opened`.",
                list(commands.iter().map(|command| format!("`{command}`"))),
                port.replace(" port", "")
            )),
            Serving::Ended(commands) => Some(format!(
                "All commands of {name} have ended: {} (`vrflab logs {} {name}`). vrflab does not \
                 listen in their place.",
                list(commands.iter().cloned()),
                lab.name
            )),
            Serving::Failed(error) => {
                Some(format!("The {port} of {to} could not be opened in {name}: {error}."))
            }
        }
    });
    said.collect()
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
