//! Where a lab is: on the host's kernel, or in the micro-VM.

use super::exit::{Exit, cannot, wrong};
use super::output::err;
use crate::executor;
use crate::kernel::{feature, on_worker};
use crate::plan::Plan;
use crate::state::{self, Phase, Record};
use crate::vm;
use clap::ValueEnum;
use std::ffi::OsString;
use std::io;

/// The user's choice of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kernel {
    /// The host's where it has all that the lab needs and the user may use it, else the VM's.
    Auto,
    /// The host's.
    Host,
    /// The micro-VM's.
    Vm,
}

/// Where a lab is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// On this kernel.
    Here,
    /// In the micro-VM.
    Vm,
}

/// Decides where a lab is built, and says so where it is not here.
pub(super) fn for_plan(plan: &Plan, kernel: Kernel) -> Result<Place, Exit> {
    if vm::inside_guest() {
        return lacks(plan).map_or(Ok(Place::Here), |lack| Err(cannot(lack)));
    }
    match kernel {
        Kernel::Vm => Ok(Place::Vm),
        Kernel::Host => match lacks(plan) {
            None => Ok(Place::Here),
            Some(lack) => {
                let exit = cannot(lack);
                err!("help: `--kernel vm` builds the lab in a micro-VM that has it");
                Err(exit)
            }
        },
        Kernel::Auto => match lacks(plan) {
            None => Ok(Place::Here),
            Some(lack) => match vm::ready() {
                vm::Readiness::Ready(_) => {
                    err!("{}: the lab goes into the micro-VM", lack.brief);
                    Ok(Place::Vm)
                }
                vm::Readiness::NotReady(error) => {
                    let exit = cannot(lack);
                    err!("vrflab: nor is there a micro-VM: {error}");
                    Err(exit)
                }
            },
        },
    }
}

/// What this kernel, or this user, lacks for a plan.
#[derive(Debug)]
struct Lacks {
    brief: String,
    details: Vec<String>,
}

impl std::fmt::Display for Lacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.brief)?;
        self.details.iter().try_for_each(|detail| write!(f, "\n  {detail}"))
    }
}

fn lacks(plan: &Plan) -> Option<Lacks> {
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
            "help: `modprobe -a {}`; on Ubuntu the modules are in linux-modules-extra-$(uname -r)",
            modules.join(" ")
        )
    });
    Some(Lacks {
        brief: format!("this kernel has no {}", titles.join(", no ")),
        details: details.chain(help).collect(),
    })
}

/// Says why a lab that has a record is not to be worked on, where it was not built to its end or is
/// being taken away.
pub(super) fn standing(record: &Record) -> Result<(), String> {
    let lab = record.lab();
    match record.phase {
        Phase::Up => match executor::elsewhere(&record.footprint) {
            Ok(Some(process)) => Err(super::down::elsewhere(lab, process)),
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        Phase::Begun => Err(format!(
            "{lab} was left half-built: `vrflab reset {lab}` builds it, `vrflab down {lab}` takes \
             away what there is"
        )),
        Phase::Going => Err(format!(
            "{lab} was left half taken down: `vrflab down {lab}` takes away what there is, `vrflab \
             reset {lab}` builds it anew"
        )),
    }
}

/// Refuses to make a lab from within a node of one.
pub(super) fn outside_of_nodes() -> Result<(), Exit> {
    match executor::within().map_err(state_error)? {
        None => Ok(()),
        Some(node) => Err(wrong(format!(
            "this is in the node `{node}` of a lab, where nobody else would see a lab's namespaces; \
             make it outside of the node"
        ))),
    }
}

/// Does a verb in the micro-VM: the same program with these arguments, its streams passed on.
pub(super) fn forward(arguments: Vec<OsString>, input: vm::Input) -> Result<Exit, vm::Error> {
    let arguments = [OsString::from("--kernel"), "host".into()].into_iter().chain(arguments);
    let request = vm::Request { input, ..vm::Request::new(vm::Program::Vrflab, arguments) };
    let options = vm::Options::from_environment()?;
    let end = vm::run(&request, &options, &mut |what| err!("{what} ..."))?;
    Ok(Exit::Command(end.code()))
}

/// [`forward`] for verbs that read nothing.
pub(super) fn forward_verb(arguments: Vec<OsString>) -> Exit {
    forward(arguments, vm::Input::Inherit).unwrap_or_else(cannot)
}

/// Says that a lab's directory or lock cannot be used.
pub(super) fn state_error(error: impl Into<io::Error>) -> Exit {
    let error = error.into();
    // One that is put in words names its path.
    let said = match error.get_ref() {
        Some(_) => error.to_string(),
        None => format!("{}: {error}", state::DIRECTORY),
    };
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            cannot(format!("{said}; labs on this kernel are root's, run it with sudo"))
        }
        _ => cannot(said),
    }
}
