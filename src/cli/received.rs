//! `vrflab request`: what a `vrflab` outside of the micro-VM was asked for, carried out here.

use super::exit::{Exit, cannot};
use super::request::Request;
use super::{check, down, exec, explain, impair, link, logs, reset, up, verify};
use clap::Args;

/// The arguments of the verb by which a request arrives.
#[derive(Args)]
pub(super) struct Arguments {
    /// The request, in as many parts as it takes
    #[arg(allow_hyphen_values = true)]
    parts: Vec<String>,
}

impl Arguments {
    fn read(&self) -> serde_json::Result<Request> {
        serde_json::from_str(&self.parts.concat())
    }

    /// Whether a command in a node is asked for.
    pub fn is_command(&self) -> bool {
        matches!(self.read(), Ok(Request::Exec { .. }))
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    arguments.read().map_or_else(cannot, |request| carry_out(&request))
}

fn carry_out(request: &Request) -> Exit {
    match request {
        Request::Up(wishes) => up::received(wishes),
        Request::Down { labs, by_marks } => down::here(labs, *by_marks),
        Request::Reset { lab, manner } => reset::here(lab, *manner),
        Request::Check { lab, options, json } => check::here(lab, options, *json),
        Request::Verify { lab, json } => verify::here(lab, *json),
        Request::Explain { lab, question, json } => explain::here(lab, question, *json),
        Request::Link { lab, node, interface, change } => link::here(lab, node, interface, *change),
        Request::Impair { lab, node, interface, impairment } => {
            impair::here(lab, node, interface, impairment.as_ref())
        }
        Request::Exec { lab, execution } => exec::here(lab, execution),
        Request::Logs { lab, node } => logs::here(lab, node.as_deref()),
    }
}
