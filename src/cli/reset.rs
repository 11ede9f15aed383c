//! `vrflab reset`: brings a lab back to what its file said when it came up.

use super::change::change;
use super::exit::{Exit, cannot, unopened, wrong};
use super::interrupt::{self, Interrupt};
use super::output::{err, out};
use super::place::{Kernel, Place};
use super::progress::Watch;
use super::request::{Manner, Request};
use super::{count, labs, up};
use crate::document::LabName;
use crate::lifecycle::{OpenError, ResetError, ResetOptions, RunningLab, Verify};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  vrflab reset
  vrflab reset l3vpn
  vrflab reset --no-verify l3vpn
  vrflab reset --in-place";

/// The arguments of `vrflab reset`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The lab; optional if there is only one [env: VRFLAB_LAB]
    lab: Option<String>,
    /// Apply only the differences between lab and file; processes in nodes keep running
    #[arg(long)]
    in_place: bool,
    /// Do not read back from the kernel what was made [default: as when the lab came up]
    #[arg(long, conflicts_with = "in_place")]
    no_verify: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    let manner = match arguments.in_place {
        true => Manner::InPlace,
        false => Manner::Rebuild { verify: arguments.no_verify.then_some(Verify::Never) },
    };
    match labs::find(arguments.lab.as_deref(), None, kernel) {
        Ok((lab, Place::Here)) => here(&lab, manner),
        Ok((lab, Place::Vm)) => Request::Reset { lab, manner }.hand_on(),
        Err(exit) => exit,
    }
}

pub(super) fn here(lab: &LabName, manner: Manner) -> Exit {
    match manner {
        Manner::InPlace => heal(lab).unwrap_or_else(|exit| exit),
        Manner::Rebuild { verify } => {
            let options = ResetOptions { verify };
            interrupt::listening(|interrupt| reset(lab, &options, interrupt)).unwrap_or_else(cannot)
        }
    }
}

fn heal(lab: &LabName) -> Result<Exit, Exit> {
    let healed = change(lab, |running, watch| running.heal(watch))?;
    match healed {
        0 => out!("{lab}: matches its file already"),
        healed => out!("{lab}: restored, {} applied", count(healed, "step")),
    }
    Ok(Exit::Done)
}

fn reset(lab: &LabName, options: &ResetOptions, interrupt: &Interrupt) -> Exit {
    let mut watch = Watch::of_reset(interrupt);
    let reset = RunningLab::reset_by_name(lab, options, &mut watch);
    let error = match reset.and_then(|running| Ok(running.lab()?)) {
        Ok(lab) => {
            watch.built(&lab);
            return Exit::Done;
        }
        Err(error) => error,
    };
    watch.clear();
    match error {
        ResetError::Open(OpenError::Foreign { namespace }) => up::taken(&namespace),
        ResetError::Open(error) => unopened(error),
        ResetError::Outside(error) => wrong(error),
        ResetError::OpenFiles(_) | ResetError::Plan(_) => cannot(error),
        ResetError::Build { error, file } => {
            let how = match up::differs(&error) {
                true => format!("`vrflab reset --no-verify {lab}` builds it as it is"),
                false => format!("`vrflab reset {lab}` builds it"),
            };
            let (exit, is_gone) = up::stopped(error, lab, &file);
            if is_gone {
                err!(
                    "{lab}: is not up, and its text is kept: {how}, `vrflab down {lab}` forgets it"
                );
            }
            exit
        }
    }
}
