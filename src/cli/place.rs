//! Where a lab is: on the host's kernel, or in the micro-VM.

use super::exit::{Exit, cannot};
use super::output::err;
use crate::lifecycle::CompiledLab;
use crate::vm;
use clap::ValueEnum;
use std::ffi::OsString;

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
pub(super) fn for_lab(lab: &CompiledLab, kernel: Kernel) -> Result<Place, Exit> {
    if vm::inside_guest() {
        return lab.lacks().map_or(Ok(Place::Here), |lack| Err(cannot(lack)));
    }
    match kernel {
        Kernel::Vm => Ok(Place::Vm),
        Kernel::Host => match lab.lacks() {
            None => Ok(Place::Here),
            Some(lack) => {
                let exit = cannot(lack);
                err!("help: `--kernel vm` builds the lab in a micro-VM that has it");
                Err(exit)
            }
        },
        Kernel::Auto => match lab.lacks() {
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

/// Does a verb in the micro-VM: the same program with these arguments, its streams passed on.
pub(super) fn forward(arguments: Vec<OsString>, input: vm::Input) -> Result<Exit, vm::Error> {
    let arguments = [OsString::from("--kernel"), "host".into()].into_iter().chain(arguments);
    let request = vm::Request { input, ..vm::Request::new(vm::Program::Vrflab, arguments) };
    let options = vm::Options::from_environment()?;
    let end = vm::run(&request, &options, &mut |what| err!("{what} ..."))?;
    Ok(Exit::Command(end.code()))
}
