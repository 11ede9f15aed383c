//! What needs a kernel with VRF and MPLS, and root: these tests run in the micro-VM, with
//! `vrflab vm run --` as cargo's runner (see `ci/test`).
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod bridges;
mod change;
mod checks;
mod commands;
mod devices;
mod diagnosis;
mod edit;
mod explain;
mod faults;
mod gateways;
mod grammar;
#[allow(dead_code)]
#[path = "../host/host.rs"]
mod host;
mod htb;
mod impair;
mod kernel;
mod l3vpn;
mod labs;
mod model;
mod multipath;
mod neighbours;
mod oracle;
mod programs;
#[path = "../iproute/queues.rs"]
mod queues;
mod routing;
mod selftests;
mod sentences;
mod standing;
mod traps;
mod vpn;
mod vrfs;
mod vxlans;
