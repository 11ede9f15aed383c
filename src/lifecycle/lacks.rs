//! What this kernel, or this user, lacks for a lab.

use crate::kernel::{feature, on_worker};
use crate::plan::Plan;
use std::fmt;

/// What this kernel, or this user, lacks for a lab.
#[derive(Debug, Clone)]
pub struct Lacks {
    /// All of it in half a sentence.
    pub brief: String,
    /// What was refused, who needs it and what helps, a line each.
    pub details: Vec<String>,
}

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.brief)?;
        self.details.iter().try_for_each(|detail| write!(f, "\n  {detail}"))
    }
}

impl std::error::Error for Lacks {}

impl Lacks {
    /// What is lacking for a plan.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return Some(Lacks {
                brief: "only root can make network namespaces here".to_owned(),
                details: vec!["help: run it with sudo".to_owned()],
            });
        }
        let needs = plan.needs();
        let lacks =
            on_worker(|worker| feature::lacks(worker, needs.iter().map(|(feature, _)| feature)));
        let lacks = match lacks {
            Ok(lacks) if lacks.is_empty() => return None,
            Ok(lacks) => lacks,
            Err(error) => {
                return Some(Lacks {
                    brief: format!("no network namespace can be made here: {error}"),
                    details: Vec::new(),
                });
            }
        };
        let titles: Vec<_> = lacks.iter().map(|lack| lack.feature.title()).collect();
        let details = lacks.iter().map(|lack| {
            let nodes = needs.iter().find(|(feature, _)| *feature == lack.feature);
            let nodes: Vec<&str> =
                nodes.into_iter().flat_map(|(_, nodes)| nodes).map(String::as_str).collect();
            let module = lack.feature.module().map(|module| format!(" or module {module}"));
            format!(
                "{}: {}; {}{}; needed by {}",
                lack.feature.title(),
                lack.refusal,
                lack.feature.config(),
                module.unwrap_or_default(),
                nodes.join(", ")
            )
        });
        let modules: Vec<_> = lacks.iter().filter_map(|lack| lack.feature.module()).collect();
        let help = (!modules.is_empty()).then(|| {
            format!(
                "help: `modprobe -a {}`; on Ubuntu the modules are in \
                 linux-modules-extra-$(uname -r)",
                modules.join(" ")
            )
        });
        Some(Lacks {
            brief: format!("this kernel has no {}", titles.join(", no ")),
            details: details.chain(help).collect(),
        })
    }
}
