//! A lab as a file in which nothing is left to the compiler: compiled again, it is the same lab.
//!
//! Every struct of the lab is taken apart whole, so that a part that is added to it and not printed is
//! an error of the compiler of this program.

mod node;

use super::lab::{Lab, Link, NodeId};
use crate::document::{LinkSheet, Sheet, Value};

/// The lab as a file is to say it.
pub fn print(lab: &Lab) -> Sheet {
    // A sample is of what a file leaves out; the printed one has its checks.
    let Lab { name, netns, nodes, links, checks, sample: _, allocations: _ } = lab;
    Sheet {
        name: name.to_string(),
        lab: vec![
            ("netns".to_owned(), Value::line(netns)),
            // All routes are there.
            ("routing".to_owned(), Value::line("none")),
        ],
        nodes: nodes.iter().map(node::print).collect(),
        links: links.iter().map(|it| link(lab, it)).collect(),
        checks: checks.iter().map(ToString::to_string).collect(),
    }
}

fn link(lab: &Lab, link: &Link) -> LinkSheet {
    let Link { span: _, ends, cost } = link;
    let at = |(node, interface): (NodeId, super::lab::InterfaceId)| {
        (&lab[node].name, &lab[node].interfaces[interface.0])
    };
    LinkSheet {
        ends: ends.map(at).map(|(node, port)| (node.to_string(), port.name.to_string())),
        addresses: ends
            .map(at)
            .map(|(_, port)| port.addresses.iter().map(ToString::to_string).collect()),
        keys: vec![("cost".to_owned(), Value::Number(u64::from(*cost)))],
    }
}
