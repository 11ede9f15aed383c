//! `vrflab plan`: shows the steps that build a lab.

use super::exit::Exit;
use super::input::{self, LabFile};
use super::output::{self, out};
use super::report::Amount;
use crate::compile::Lab;
use crate::lifecycle::Promises;
use crate::plan::Plan;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  vrflab plan lab.dot
  vrflab plan --json lab.dot";

/// The arguments of `vrflab plan`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: LabFile,
    /// Print JSON: each step with its command and the steps it needs before it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    amount: Amount,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let input = match input::load(&arguments.file, Promises::Held, arguments.amount) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    match arguments.json {
        true => output::json(&json(input.lab(), input.plan())),
        false => out!("{}", commands(input.plan()).trim_end()),
    }
    Exit::Done
}

fn commands(plan: &Plan) -> String {
    plan.steps().map(|step| format!("{}\n", step.action)).collect()
}

fn json(lab: &Lab, plan: &Plan) -> serde_json::Value {
    let graph = plan.graph();
    let steps: Vec<_> = plan
        .steps()
        .enumerate()
        .map(|(place, step)| {
            serde_json::json!({
                "command": step.action.to_string(),
                "namespace": step.action.namespace(),
                "after": graph.edges_to(place).iter().map(|edge| edge.from).collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::json!({ "lab": lab.name.as_str(), "steps": steps })
}
