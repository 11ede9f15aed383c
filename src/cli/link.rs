//! `vrflab link`: brings an end of a link of a lab that stands down and up again.

use super::change::{self, Words};
use super::count;
use super::exit::{Exit, wrong};
use super::output::{err, out};
use super::place::{Kernel, Place};
use super::request::Request;
use crate::document::LabName;
use crate::lifecycle::{Changed, LinkChange};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  vrflab link r1:eth0 down --reroute
  vrflab link l3vpn pe1:p up";

/// The arguments of `vrflab link`.
#[derive(Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "vrflab link [OPTIONS] [LAB] NODE:IF up|down"
)]
pub(super) struct Arguments {
    /// The interface, with its lab in front where several are up, and `up` or `down`
    #[arg(value_names = ["[LAB] NODE:IF", "up|down"], required = true, num_args = 2..=3)]
    words: Vec<String>,
    /// With `down`: move filled-in routes to paths that avoid the link, as a routing protocol would
    #[arg(long)]
    reroute: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    set(arguments, kernel).unwrap_or_else(|exit| exit)
}

fn set(arguments: &Arguments, kernel: Kernel) -> Result<Exit, Exit> {
    let words = Words::of(&arguments.words)?;
    let up = match words.rest {
        [word] if word == "up" && !arguments.reroute => true,
        [word] if word == "down" => false,
        _ => return Err(wrong("say `up`, `down` or `down --reroute` after the interface")),
    };
    let change = match (up, arguments.reroute) {
        (true, _) => LinkChange::Up,
        (false, true) => LinkChange::DownAndRerouted,
        (false, false) => LinkChange::Down,
    };
    let (lab, place) = words.find(kernel)?;
    let (node, interface) = (words.node.to_owned(), words.interface.to_owned());
    Ok(match place {
        Place::Here => here(&lab, &node, &interface, change),
        Place::Vm => Request::Link { lab, node, interface, change }.hand_on(),
    })
}

pub(super) fn here(lab: &LabName, node: &str, interface: &str, change: LinkChange) -> Exit {
    let changed =
        change::change(lab, |running, watch| running.link(node, interface, change, watch));
    let Changed { routes, is_vrf } = match changed {
        Ok(changed) => changed,
        Err(exit) => return exit,
    };
    let (place, routes) = (format!("{node}:{interface}"), count(routes, "route"));
    match change {
        LinkChange::Up => out!("{lab}: {place} is up; {routes} brought back"),
        LinkChange::DownAndRerouted => {
            out!("{lab}: {place} is down; {routes} changed to lead round it");
        }
        LinkChange::Down => {
            out!("{lab}: {place} is down");
            if !is_vrf {
                err!(
                    "{lab}: its routes are static and do not avoid the link; `--reroute` moves them, \
                     `vrflab link {lab} {place} up` brings the link back"
                );
            }
        }
    }
    Exit::Done
}
