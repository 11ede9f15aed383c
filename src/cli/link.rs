//! `vrflab link`: brings an end of a link of a lab that stands down and up again.

use super::change::{Standing, Words};
use super::exit::{Exit, wrong};
use super::output::{err, out};
use super::place::Kernel;
use super::{count, exit};
use crate::state::LinkChange;
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
    /// With `down`: lead the routes that the compiler filled in round the link, as a routing protocol
    /// would
    #[arg(long)]
    reroute: bool,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    set(arguments, kernel).unwrap_or_else(|exit| exit)
}

fn set(arguments: &Arguments, kernel: Kernel) -> Result<exit::Exit, Exit> {
    let words = Words::of(&arguments.words)?;
    let up = match words.rest {
        [word] if word == "up" && !arguments.reroute => true,
        [word] if word == "down" => false,
        _ => return Err(wrong("say `up`, `down` or `down --reroute` after the interface")),
    };
    let options: &[&str] = if arguments.reroute { &["--reroute"] } else { &[] };
    let lab = words.find("link", options, kernel)?;
    let standing = Standing::open(&lab, &words)?;
    if standing.is_vrf() && arguments.reroute {
        let place = words.place();
        return Err(wrong(format!("{place} is a VRF device, and no link to lead routes round")));
    }
    let as_in_file = standing.is_up_in_file() == up;
    let is_vrf = standing.is_vrf();
    let changed = standing.change(up, |change| {
        change.link = match (as_in_file, up) {
            (_, false) if arguments.reroute => Some(LinkChange::DownAndRerouted),
            (true, _) => None,
            (false, true) => Some(LinkChange::Up),
            (false, false) => Some(LinkChange::Down),
        };
    })?;
    let (place, routes) = (words.place(), count(changed, "route"));
    match (up, arguments.reroute) {
        (true, _) => out!("{lab}: {place} is up; {routes} brought back"),
        (false, true) => out!("{lab}: {place} is down; {routes} changed to lead round it"),
        (false, false) if is_vrf => out!("{lab}: {place} is down"),
        (false, false) => {
            out!("{lab}: {place} is down");
            err!(
                "{lab}: its routes are static: none finds a way round the link; `--reroute` leads \
                 them round, `vrflab link {lab} {place} up` brings them back"
            );
        }
    }
    Ok(Exit::Done)
}
