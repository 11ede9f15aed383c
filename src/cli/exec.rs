//! `vrflab exec`: runs a command in a node.

use super::exit::Exit;
use super::input;
use super::output::err;
use super::place::{self, Kernel, Missing, Place};
use crate::compile::Lab;
use crate::document::LabName;
use crate::executor;
use crate::kernel::{Entry, Home, Namespace};
use crate::state::{self, Record};
use crate::vm;
use clap::Args;
use std::ffi::OsString;
use std::fs;
use std::io;

/// The arguments of `vrflab exec`.
#[derive(Args)]
pub(super) struct Arguments {
    /// The node, with its lab in front where several are up
    #[arg(value_name = "[LAB] NODE", required = true, num_args = 1..=2)]
    place: Vec<String>,
    /// Bind the command's sockets to this VRF
    #[arg(long)]
    vrf: Option<String>,
    /// The command and its arguments; a shell where none is given
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(arguments: &Arguments, kernel: Kernel) -> Exit {
    let (lab, node) = match arguments.place.as_slice() {
        [node] => (None, node),
        [lab, node, ..] => (Some(lab.as_str()), node),
        [] => unreachable!("a node is required"),
    };
    match place::find(lab, kernel, Missing::Said) {
        Ok((lab, Place::Here)) => match enter(&lab, node, arguments) {
            Ok(never) => match never {},
            Err(exit) => exit,
        },
        Ok((lab, Place::Vm)) => {
            let mut line: Vec<OsString> = vec!["exec".into(), lab.as_str().into(), node.into()];
            if let Some(vrf) = &arguments.vrf {
                line.extend(["--vrf".into(), vrf.into()]);
            }
            if !arguments.command.is_empty() {
                line.push("--".into());
                line.extend(arguments.command.iter().cloned());
            }
            place::forward(line, vm::Input::Inherit).unwrap_or_else(not_started)
        }
        Err(_) => Exit::NotStarted,
    }
}

fn not_started(error: impl std::fmt::Display) -> Exit {
    err!("vrflab: {error}");
    Exit::NotStarted
}

/// Becomes the command; returns only when that fails.
fn enter(
    lab: &LabName,
    node: &str,
    arguments: &Arguments,
) -> Result<std::convert::Infallible, Exit> {
    let record = Record::load(lab)
        .map_err(not_started)?
        .ok_or_else(|| not_started(format!("{lab} is down")))?;
    let compiled = input::reload(&record).map_err(|_| Exit::NotStarted)?.lab;
    let id = compiled.node(node).ok_or_else(|| {
        let known = compiled.nodes.iter().map(|node| node.name.as_str());
        let near = crate::diagnostic::nearest(node, known);
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        not_started(format!("{lab} has no node `{node}`{near}"))
    })?;
    let node = &compiled[id];
    let vrf = match &arguments.vrf {
        None => None,
        Some(name) => Some(node.vrf(name).ok_or_else(|| {
            let known: Vec<_> = node.vrfs.iter().map(|vrf| vrf.name.as_str()).collect();
            let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            not_started(format!("{} has no VRF `{name}`; it has {has}", node.name))
        })?),
    };
    let namespace = Namespace::open(&node.namespace)
        .map_err(|error| not_started(format!("cannot open `{}`: {error}", node.namespace)))?;
    let strange = executor::strangers(&record, [node.namespace.as_str()]);
    if !strange.map_err(not_started)?.is_empty() {
        return Err(not_started(format!(
            "the namespace `{}` is there, and it is not this lab's",
            node.namespace
        )));
    }
    let entry = Entry {
        namespace: &namespace,
        home: Home::of(state::directory(lab)),
        vrf: vrf.map(|vrf| vrf.name.as_str()),
        cgroup: format!("vrflab/{lab}/{}", node.namespace),
    };
    let command = match arguments.command.as_slice() {
        [] => vec![std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())],
        command => command.to_vec(),
    };
    let error = match entry.become_command(&command) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    err!("vrflab: {error}");
    // As shells do: 127 for a command that is not there, 126 for one that cannot be run.
    Err(Exit::Command(error.status()))
}

/// Writes the names of a lab's nodes the way `/etc/hosts` has them, which nodes see in its place.
pub(super) fn write_hosts(lab: &Lab) -> io::Result<()> {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost\n");
    for node in &lab.nodes {
        // An address in a VRF is its customer's: the node itself is known by one in main.
        let (main, in_vrfs): (Vec<_>, Vec<_>) =
            node.interfaces.iter().partition(|interface| node.vrf_of(interface).is_none());
        let on = |interfaces: Vec<_>| {
            interfaces
                .into_iter()
                .flat_map(|interface: &crate::compile::Interface| &interface.addresses)
        };
        let addresses = on(main).chain(&node.loopback).chain(on(in_vrfs));
        let addresses = addresses.map(|address| address.value.addr());
        for v4 in [true, false] {
            if let Some(address) = addresses.clone().find(|address| address.is_ipv4() == v4) {
                text += &format!("{address} {}\n", node.name);
            }
        }
    }
    fs::write(Home::of(state::directory(&lab.name)).hosts(), text)
}
